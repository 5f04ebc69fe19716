use ifr_frame::{Rate, Time, TimeBase};

/// Turns frames' times into delays in whole ticks: each instant is rounded once, so that rounding never adds up.
///
/// A frame's delay is known only when the next frame comes; so frames are handed back one later.
#[derive(Debug)]
pub(crate) struct Pace<T> {
    base: TimeBase,
    start: Option<Time>,
    held: Option<Held<T>>,
    rate: Option<Rate>,
    last_delay: i64,
    /// Frames that fell on the same tick as the next one, and so are never shown.
    pub(crate) dropped: u64,
}

#[derive(Debug)]
struct Held<T> {
    frame: T,
    tick: i64,
    time: Time,
    duration: Option<Time>,
}

impl<T> Pace<T> {
    pub(crate) fn new(base: TimeBase, rate: Option<Rate>) -> Self {
        Self { base, start: None, held: None, rate, last_delay: 0, dropped: 0 }
    }

    /// Takes a frame; returns the one before with its delay in ticks, at least 1.
    pub(crate) fn push(&mut self, frame: T, time: Time, duration: Option<Time>) -> Option<(T, i64)> {
        let start = *self.start.get_or_insert(time);
        let tick = (time - start).to_pts(self.base);
        let ready = match self.held.take() {
            Some(held) if tick > held.tick => {
                self.last_delay = tick - held.tick;
                Some((held.frame, self.last_delay))
            }
            Some(_) => {
                self.dropped += 1;
                None
            }
            None => None,
        };
        self.held = Some(Held { frame, tick, time: time - start, duration });
        ready
    }

    /// The last frame with its delay: as long as it is said to be shown; else a frame of the rate; else as long as the
    /// one before; else a tenth of a second.
    pub(crate) fn finish(&mut self) -> Option<(T, i64)> {
        let Held { frame, tick, time, duration } = self.held.take()?;
        let length = duration.filter(|&d| d > Time::ZERO).or(self.rate.map(Rate::period));
        let delay = match length {
            Some(length) => (time + length).to_pts(self.base) - tick,
            None if self.last_delay > 0 => self.last_delay,
            None => Time::new(1, 10).to_pts(self.base),
        };
        Some((frame, delay.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_does_not_add_up() {
        let rate = Rate::new(24_000, 1001).unwrap();
        let base = TimeBase::new(1, 100).unwrap();
        let mut pace = Pace::new(base, Some(rate));
        let mut delays = Vec::new();
        for i in 0..1000 {
            delays.extend(pace.push((), Time::new(7, 3) + rate.time_of(i), None).map(|(_, d)| d));
        }
        delays.extend(pace.finish().map(|(_, d)| d));
        assert_eq!(delays.len(), 1000);
        assert!(delays.iter().all(|d| (4..=5).contains(d)));
        assert_eq!(delays.iter().sum::<i64>(), rate.time_of(1000).to_pts(base));
    }

    #[test]
    fn frames_on_one_tick_give_way_to_the_last() {
        let mut pace = Pace::new(TimeBase::new(1, 100).unwrap(), None);
        assert_eq!(pace.push('a', Time::ZERO, None), None);
        assert_eq!(pace.push('b', Time::new(1, 1000), None), None);
        assert_eq!(pace.push('c', Time::new(3, 100), None), Some(('b', 3)));
        assert_eq!(pace.finish(), Some(('c', 3)));
        assert_eq!(pace.dropped, 1);
    }
}
