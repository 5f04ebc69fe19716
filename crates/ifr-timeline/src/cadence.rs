use ifr_frame::{Rate, Time, TimeBase};

/// Recovers a nominal frame rate's exact times from a container that rounds them.
///
/// Matroska counts in milliseconds, so film at 24000/1001 arrives as 0, 42, 83, 125 …; dividing these intervals would
/// make the output limp. Where the stated rate's period is no whole number of ticks, a time within one tick (some
/// writers round, others cut) of the nominal grid is moved onto it. Times off the grid stay as they are: a variable
/// rate stays variable.
#[derive(Debug)]
pub struct Cadence {
    grid: Option<(Rate, Time)>,
    /// Where the grid starts: zero, or the first frame if that is off the grid from zero.
    origin: Option<Time>,
    last: Option<Time>,
}

impl Cadence {
    /// A cadence for a stream with this time base and stated rate.
    pub fn new(time_base: TimeBase, rate: Option<Rate>) -> Self {
        let tick = time_base.tick();
        // With fewer than four ticks a frame, "within one tick" says too little.
        let usable = |r: &Rate| !time_base.holds(r.period()) && tick.scaled(4, 1) <= r.period();
        Self { grid: rate.filter(usable).map(|r| (r, tick)), origin: None, last: None }
    }

    /// The true time of the next frame. Results increase strictly whenever the times given do.
    pub fn place(&mut self, pts: Time) -> Time {
        let Some((rate, tick)) = self.grid else { return pts };
        let on_grid = |origin: Time| {
            let half = rate.period().scaled(1, 2);
            let snapped = origin + rate.time_of((pts - origin + half).div_floor(rate.period()));
            ((snapped - pts).abs() <= tick).then_some(snapped)
        };
        let origin =
            *self.origin.get_or_insert_with(|| if on_grid(Time::ZERO).is_some() { Time::ZERO } else { pts });
        let placed = on_grid(origin).unwrap_or(pts);
        // Two times close together may round to one grid point, or a time off the grid lie just before it.
        let placed = if self.last.is_some_and(|last| placed <= last) { pts } else { placed };
        self.last = Some(placed);
        placed
    }

    /// The true length of a duration that the container rounded: the nominal period, where it is within a tick of it.
    pub fn span(&self, duration: Time) -> Time {
        match self.grid {
            Some((rate, tick)) if (rate.period() - duration).abs() <= tick => rate.period(),
            _ => duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_ntsc_again() {
        for truncate in [false, true] {
            let rate: Rate = "23.976".parse().unwrap();
            let mut cadence = Cadence::new(TimeBase::MILLIS, Some(rate));
            for i in 0..172_800 {
                let exact = rate.time_of(i);
                let ms = if truncate {
                    exact.div_floor(Time::new(1, 1000))
                } else {
                    exact.to_pts(TimeBase::MILLIS)
                };
                assert_eq!(cadence.place(Time::new(ms, 1000)), exact);
            }
        }
    }

    #[test]
    fn a_start_offset_off_the_grid_is_kept() {
        let rate = Rate::new(30000, 1001).unwrap();
        let mut cadence = Cadence::new(TimeBase::MILLIS, Some(rate));
        let start = Time::new(512, 1000);
        for i in 0..100 {
            let rounded = Time::new((start + rate.time_of(i)).to_pts(TimeBase::MILLIS), 1000);
            assert_eq!(cadence.place(rounded), start + rate.time_of(i));
        }
    }

    #[test]
    fn variable_rates_and_exact_time_bases_are_left_alone() {
        let rate = Rate::new(30, 1).unwrap();
        let mut cadence = Cadence::new(TimeBase::MILLIS, Some(rate));
        for ms in [0, 33, 90, 133, 134, 203] {
            let placed = cadence.place(Time::new(ms, 1000));
            let snaps = [0, 33, 133].contains(&ms);
            assert_eq!(placed == Time::new(ms, 1000), !snaps || ms == 0, "{ms}");
        }
        let mut exact = Cadence::new(TimeBase::MPEG, Some(rate));
        assert_eq!(exact.place(Time::new(3001, 90_000)), Time::new(3001, 90_000));
        assert_eq!(Cadence::new(TimeBase::MILLIS, None).place(Time::new(42, 1000)), Time::new(42, 1000));
    }

    #[test]
    fn times_stay_increasing() {
        let rate = Rate::new(30000, 1001).unwrap();
        let mut cadence = Cadence::new(TimeBase::MILLIS, Some(rate));
        let mut last = None;
        for ms in [0, 1, 2, 33, 34, 35, 66, 67, 100, 101] {
            let placed = cadence.place(Time::new(ms, 1000));
            assert!(last < Some(placed), "{ms}");
            last = Some(placed);
        }
    }
}
