use ifr_frame::{Rate, Time, TimeBase};

/// Recovers a nominal frame rate's exact times from a container that rounds them.
///
/// Matroska counts in milliseconds, so film at 24000/1001 arrives as 0, 42, 83, 125 …; dividing these intervals would
/// make the output limp. Where the stated rate's period is no whole number of ticks, a time that fits the nominal grid
/// is moved onto it. Times off the grid stay as they are: a variable rate stays variable.
///
/// Where the grid starts is not known exactly either, for the first time is rounded too. Every further time narrows it
/// down: the phase is kept as an interval, and zero is taken for as long as it is inside. Each placed time rounds back to
/// the time it was given for.
#[derive(Debug)]
pub struct Cadence {
    grid: Option<Grid>,
    rounding: Time,
    last: Option<Time>,
}

#[derive(Debug)]
struct Grid {
    rate: Rate,
    /// What times were rounded to.
    tick: Time,
    /// Writers that round to the nearest tick: the true time lies half a tick to either side. (Those that cut mostly
    /// fit this too, with a phase half a tick early.)
    nearest: Phase,
    /// Writers that cut: the true time lies up to a tick later.
    cut: Phase,
}

/// Where the grid's zeroth point can lie, given what was seen: from `low` to `high`, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Phase(Option<(Time, Time)>);

impl Phase {
    /// The phase's best estimate.
    fn estimate(self) -> Option<Time> {
        let (low, high) = self.0?;
        let zero_inside = low <= Time::ZERO && Time::ZERO <= high;
        Some(if zero_inside { Time::ZERO } else { low.lerp(high, 1, 2) })
    }

    /// The exact time of one that was seen within `early` before to `late` after it; `None` if it is off the grid.
    fn place(&mut self, rate: Rate, seen: Time, early: Time, late: Time) -> Option<Time> {
        let (first, last) = (seen - early, seen + late);
        let Some(estimate) = self.estimate() else {
            // Nearest grid point of the grid through zero, so that a phase of zero can be recognised.
            let index = (seen + rate.period().scaled(1, 2)).div_floor(rate.period());
            self.0 = Some((first - rate.time_of(index), last - rate.time_of(index)));
            return Some(rate.time_of(index) + self.estimate()?);
        };
        let index = (seen - estimate + rate.period().scaled(1, 2)).div_floor(rate.period());
        let (low, high) = self.0?;
        let narrowed = (low.max(first - rate.time_of(index)), high.min(last - rate.time_of(index)));
        if narrowed.0 > narrowed.1 {
            return None;
        }
        self.0 = Some(narrowed);
        Some(rate.time_of(index) + self.estimate()?)
    }
}

/// Whether ticks are fine enough for a rate: with fewer than four a frame, "within a tick" says too little.
fn tells(tick: Time, rate: Rate) -> bool {
    tick.scaled(4, 1) <= rate.period()
}

impl Cadence {
    /// A cadence for a stream with this time base and stated rate.
    pub fn new(time_base: TimeBase, rate: Option<Rate>) -> Self {
        let tick = time_base.tick();
        // Nominal rates are short fractions; others are means over a file.
        let nominal = |r: &Rate| r.num() <= 1_000_000 && r.den() <= 10_010;
        let usable = |r: &Rate| nominal(r) && !time_base.holds(r.period()) && tells(tick, *r);
        let grid = |rate| Grid { rate, tick, nearest: Phase::default(), cut: Phase::default() };
        Self { grid: rate.filter(usable).map(grid), rounding: Time::ZERO, last: None }
    }

    /// The same where times were rounded to coarser ticks than the time base's, and may lie up to `rounding` from the true ones:
    /// what is made of rounded times, such as those of two fields, can be counted in finer ticks and is no truer for it.
    #[must_use]
    pub fn with_rounding(mut self, rounding: Time) -> Self {
        if let Some(grid) = &mut self.grid {
            grid.tick = grid.tick.max(rounding.scaled(2, 1));
        }
        self.grid = self.grid.filter(|grid| tells(grid.tick, grid.rate));
        self.rounding = rounding;
        self
    }

    /// The rate on whose grid times are placed; `None` where they are left as they are.
    pub fn rate(&self) -> Option<Rate> {
        self.grid.as_ref().map(|g| g.rate)
    }

    /// How far a placed time may lie from the true one: half a tick until more is seen. Where times are left as they are, what
    /// [`Cadence::with_rounding`] was told.
    pub fn slack(&self) -> Time {
        self.grid.as_ref().map_or(self.rounding, |g| g.tick.scaled(1, 2))
    }

    /// The true time of the next frame. Results increase strictly whenever the times given do.
    pub fn place(&mut self, pts: Time) -> Time {
        let Some(grid) = &mut self.grid else { return pts };
        let half = grid.tick.scaled(1, 2);
        // Both are followed throughout: only a long look tells the two kinds of writer apart.
        let nearest = grid.nearest.place(grid.rate, pts, half, half);
        let cut = grid.cut.place(grid.rate, pts, Time::ZERO, grid.tick);
        let placed = nearest.or(cut).unwrap_or(pts);
        // Two times close together may fall on one grid point, or a time off the grid lie just before it.
        let placed = if self.last.is_some_and(|last| placed <= last) { pts } else { placed };
        self.last = Some(placed);
        placed
    }

    /// The true length of a duration that the container rounded: the nominal period, where it is within a tick of it.
    pub fn span(&self, duration: Time) -> Time {
        match &self.grid {
            Some(Grid { rate, tick, .. }) if (rate.period() - duration).abs() <= *tick => rate.period(),
            _ => duration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: TimeBase = TimeBase::MILLIS;

    #[test]
    fn milliseconds_become_ntsc_again() {
        let rate: Rate = "23.976".parse().unwrap();
        let mut cadence = Cadence::new(MS, Some(rate));
        for i in 0..172_800 {
            let exact = rate.time_of(i);
            assert_eq!(cadence.place(Time::new(exact.to_pts(MS), 1000)), exact);
        }
        // Writers that cut instead of rounding: off by less than a tick, and even before long.
        let mut cadence = Cadence::new(MS, Some(rate));
        let mut last = Time::ZERO;
        for i in 0..1000 {
            let exact = rate.time_of(i);
            let placed = cadence.place(Time::new(exact.div_floor(MS.tick()), 1000));
            assert!((placed - exact).abs() <= MS.tick(), "{i}");
            let uneven = (placed - last - rate.period()).abs();
            assert!(i < 50 || uneven <= MS.tick().scaled(1, 50), "{i}: {uneven}");
            last = placed;
        }
    }

    #[test]
    fn a_start_off_the_grid_is_found_and_every_time_rounds_back() {
        for (rate, start) in [("29.97", (51_234, 100_000)), ("23.976", (1024, 44_100)), ("60", (7, 1000))] {
            let rate: Rate = rate.parse().unwrap();
            let start = Time::new(start.0, start.1);
            let mut cadence = Cadence::new(MS, Some(rate));
            for i in 0..500 {
                let exact = start + rate.time_of(i);
                let seen = exact.to_pts(MS);
                let placed = cadence.place(Time::new(seen, 1000));
                assert_eq!(placed.to_pts(MS), seen);
                assert!((placed - exact).abs() <= MS.tick().scaled(1, if i < 30 { 1 } else { 4 }), "{i}");
            }
        }
    }

    #[test]
    fn finer_ticks_of_rounded_times_are_no_truer() {
        let (rate, fine): (Rate, _) = ("59.94".parse().unwrap(), TimeBase::new(1, 2000).unwrap());
        let half = Time::new(1, 2000);
        let placed = |rounding| {
            let mut cadence = Cadence::new(fine, Some(rate)).with_rounding(rounding);
            // Fields: the second one of a picture lies between the rounded times of two pictures.
            let picture = |i: i64| Time::new(rate.time_of(2 * i).to_pts(MS), 1000);
            let fields = (0..200).flat_map(|i| [picture(i), picture(i).lerp(picture(i + 1), 1, 2)]);
            fields.enumerate().filter(|&(i, t)| cadence.place(t) == rate.time_of(i as i64)).count()
        };
        assert_eq!(placed(half), 400);
        assert!(placed(Time::ZERO) < 400);
        // Times that are even already stay, but are known no better.
        let even = TimeBase::new(1, 120_000).unwrap();
        let even = Cadence::new(even, Some("23.976".parse().unwrap())).with_rounding(half);
        assert_eq!((even.rate(), even.slack()), (None, half));
        // Four ticks a frame are needed of what times were rounded to.
        assert_eq!(Cadence::new(fine, Some(rate)).with_rounding(Time::new(1, 200)).rate(), None);
    }

    #[test]
    fn variable_rates_and_exact_time_bases_are_left_alone() {
        let rate = Rate::new(30, 1).unwrap();
        let mut cadence = Cadence::new(MS, Some(rate));
        for ms in [0, 33, 90, 133, 140, 203] {
            let placed = cadence.place(Time::new(ms, 1000));
            let snaps = [0, 33, 133].contains(&ms);
            assert_eq!(placed == Time::new(ms, 1000), !snaps || ms == 0, "{ms}");
        }
        let mut exact = Cadence::new(TimeBase::MPEG, Some(rate));
        assert_eq!(exact.place(Time::new(3001, 90_000)), Time::new(3001, 90_000));
        assert_eq!(Cadence::new(MS, None).place(Time::new(42, 1000)), Time::new(42, 1000));
    }

    #[test]
    fn times_stay_increasing() {
        let rate = Rate::new(30000, 1001).unwrap();
        let mut cadence = Cadence::new(MS, Some(rate));
        let mut last = None;
        for ms in [0, 1, 2, 33, 34, 35, 66, 67, 100, 101] {
            let placed = cadence.place(Time::new(ms, 1000));
            assert!(last < Some(placed), "{ms}");
            last = Some(placed);
        }
    }
}
