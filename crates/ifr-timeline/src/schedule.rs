use std::num::NonZeroU32;

use ifr_frame::{Rate, Time};

/// Where output frames are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// Every interval between two source frames is divided into this many equal parts, so that each source frame
    /// stays in place and `n` frames become `parts·(n − 1) + 1`. Variable frame rates stay variable.
    Divide(NonZeroU32),
    /// Frames at a constant rate, counted from the first source frame.
    Rate(Rate),
}

/// How a frame relates to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// The same shot, moving: frames between the two can be made.
    Continuous,
    /// The same picture again: frames between are copies.
    Same,
    /// A new shot: nothing may be made between the two.
    Cut,
}

/// What stands in for the frames between two shots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtCut {
    /// The last frame of the old shot is held until the new one starts.
    #[default]
    Hold,
    /// The nearer of the two frames in time; the earlier one in the middle.
    Nearest,
}

/// A source frame (or a handle to one) with its place in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped<F> {
    /// The frame.
    pub frame: F,
    /// When it is shown.
    pub pts: Time,
    /// How long it is shown, where known.
    pub duration: Option<Time>,
}

/// What an output frame is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Make<F> {
    /// A source frame, untouched, at its own time.
    Source(F),
    /// A source frame again, at another time.
    Repeat(F),
    /// A new frame a share `t` in (0, 1) of the way from `first` to `second`.
    Between {
        /// The frame before.
        first: F,
        /// The frame after.
        second: F,
        /// The timestep, the nearest f32 to the exact position.
        t: f32,
    },
}

/// An output frame to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned<F> {
    /// When it is shown.
    pub pts: Time,
    /// How long it is shown.
    pub duration: Option<Time>,
    /// What it is made of.
    pub make: Make<F>,
}

/// Decides output frames in one pass; holds one frame back.
#[derive(Debug)]
pub struct Scheduler<F> {
    grid: Grid,
    at_cut: AtCut,
    last: Option<Stamped<F>>,
    /// The interval before `last`, in case `last` has no duration of its own.
    interval: Option<Time>,
    /// First frame's time: where a constant rate is counted from.
    origin: Time,
    /// Index of the next output frame at a constant rate.
    next: i64,
}

impl<F: Clone> Scheduler<F> {
    /// A scheduler for one video.
    pub fn new(grid: Grid, at_cut: AtCut) -> Self {
        Self { grid, at_cut, last: None, interval: None, origin: Time::ZERO, next: 0 }
    }

    /// Takes the next source frame and how it links to the one before (ignored for the first), and appends the
    /// output frames before it to `planned`. A frame that is not later than the one before is ignored: time only
    /// runs forward.
    pub fn push(&mut self, frame: Stamped<F>, link: Link, planned: &mut Vec<Planned<F>>) {
        let Some(first) = self.last.take() else {
            self.origin = frame.pts;
            self.last = Some(frame);
            return;
        };
        if frame.pts <= first.pts {
            self.last = Some(first);
            return;
        }
        match self.grid {
            Grid::Divide(parts) => self.divide(parts.get(), &first, &frame, link, planned),
            Grid::Rate(rate) => loop {
                let pts = self.origin + rate.time_of(self.next);
                if pts >= frame.pts {
                    break;
                }
                let make = self.make(&first, &frame, pts, link);
                planned.push(Planned { pts, duration: Some(rate.period()), make });
                self.next += 1;
            },
        }
        self.interval = Some(frame.pts - first.pts);
        self.last = Some(frame);
    }

    /// Ends the video: appends the last frame, which keeps its duration (that of the interval before it, where the
    /// source does not say). At a constant rate it is repeated for as long as it is shown.
    pub fn finish(&mut self, planned: &mut Vec<Planned<F>>) {
        let Some(last) = self.last.take() else { return };
        let duration = last.duration.filter(|&d| d > Time::ZERO).or(self.interval);
        match self.grid {
            Grid::Divide(_) => {
                planned.push(Planned { pts: last.pts, duration, make: Make::Source(last.frame) })
            }
            Grid::Rate(rate) => {
                let end = last.pts + duration.unwrap_or(rate.period());
                // A grid point less than half a period before the end would stretch the video past it, for
                // containers round: the end itself rounds to the grid.
                let half = rate.period().scaled(1, 2);
                let mut emitted = false;
                loop {
                    let pts = self.origin + rate.time_of(self.next);
                    let in_time = pts + half <= end || (self.next == 0 && !emitted);
                    if !in_time {
                        break;
                    }
                    let make = if pts == last.pts {
                        Make::Source(last.frame.clone())
                    } else {
                        Make::Repeat(last.frame.clone())
                    };
                    planned.push(Planned { pts, duration: Some(rate.period()), make });
                    self.next += 1;
                    emitted = true;
                }
            }
        }
    }

    fn divide(
        &self,
        parts: u32,
        first: &Stamped<F>,
        second: &Stamped<F>,
        link: Link,
        planned: &mut Vec<Planned<F>>,
    ) {
        let step = (second.pts - first.pts).scaled(1, parts.into());
        for k in 0..parts {
            let pts = first.pts.lerp(second.pts, k.into(), parts.into());
            planned.push(Planned { pts, duration: Some(step), make: self.make(first, second, pts, link) });
        }
    }

    fn make(&self, first: &Stamped<F>, second: &Stamped<F>, pts: Time, link: Link) -> Make<F> {
        let Some(position) = pts.position(first.pts, second.pts).filter(|p| *p.numer() != 0) else {
            return Make::Source(first.frame.clone());
        };
        match link {
            Link::Continuous => {
                // Both parts are below 2^107 (see `Time`): f64 holds the quotient to 53 bits.
                let t = (*position.numer() as f64 / *position.denom() as f64) as f32;
                // A position that f32 cannot tell from an end is that end.
                if t <= 0.0 {
                    Make::Repeat(first.frame.clone())
                } else if t >= 1.0 {
                    Make::Repeat(second.frame.clone())
                } else {
                    Make::Between { first: first.frame.clone(), second: second.frame.clone(), t }
                }
            }
            Link::Cut if self.at_cut == AtCut::Nearest && *position.numer() * 2 > *position.denom() => {
                Make::Repeat(second.frame.clone())
            }
            Link::Same | Link::Cut => Make::Repeat(first.frame.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(grid: Grid, at_cut: AtCut, frames: &[(Time, Link)], last: Option<Time>) -> Vec<Planned<usize>> {
        let mut scheduler = Scheduler::new(grid, at_cut);
        let mut planned = Vec::new();
        for (i, &(pts, link)) in frames.iter().enumerate() {
            let duration = if i + 1 == frames.len() { last } else { None };
            scheduler.push(Stamped { frame: i, pts, duration }, link, &mut planned);
        }
        scheduler.finish(&mut planned);
        planned
    }

    fn constant(rate: Rate, n: i64) -> Vec<(Time, Link)> {
        (0..n).map(|i| (rate.time_of(i), Link::Continuous)).collect()
    }

    fn divide(n: u32) -> Grid {
        Grid::Divide(NonZeroU32::new(n).unwrap())
    }

    #[test]
    fn factor_gives_n_times_intervals_plus_one() {
        let rate: Rate = "24000/1001".parse().unwrap();
        for factor in 2..=16_u32 {
            let out = run(divide(factor), AtCut::Hold, &constant(rate, 10), Some(rate.period()));
            assert_eq!(out.len(), factor as usize * 9 + 1);
            for (k, p) in out.iter().enumerate() {
                assert_eq!(p.pts, rate.scaled(factor, 1).unwrap().time_of(k as i64));
                let source = k % factor as usize == 0;
                assert_eq!(matches!(p.make, Make::Source(_)), source);
            }
            assert_eq!(out.last().unwrap().duration, Some(rate.period()), "the last keeps its duration");
        }
    }

    #[test]
    fn ntsc_film_to_sixty_is_exact_after_two_hours() {
        let (film, sixty) = (Rate::new(24000, 1001).unwrap(), Rate::new(60, 1).unwrap());
        let n = 172_628; // two hours
        let out = run(Grid::Rate(sixty), AtCut::Hold, &constant(film, n), Some(film.period()));
        let end = film.time_of(n);
        assert_eq!(out.len() as i64, (end + sixty.period().scaled(1, 2)).div_floor(sixty.period()));
        for (k, p) in out.iter().enumerate().step_by(9973) {
            assert_eq!(p.pts, Time::new(k as i64, 60));
            if let Make::Between { first, t, .. } = p.make {
                let exact = k as f64 / 60.0 * 24000.0 / 1001.0 - first as f64;
                assert!((f64::from(t) - exact).abs() < 1e-6, "{k}: {t} {exact}");
            }
        }
    }

    #[test]
    fn variable_rate_divides_each_interval_on_its_own() {
        let times = [(0, 1), (1, 10), (4, 10)].map(|(n, d)| (Time::new(n, d), Link::Continuous));
        let out = run(divide(2), AtCut::Hold, &times, None);
        let pts: Vec<_> = out.iter().map(|p| p.pts).collect();
        assert_eq!(pts, [(0, 1), (1, 20), (1, 10), (1, 4), (2, 5)].map(|(n, d)| Time::new(n, d)));
        assert_eq!(out[4].duration, Some(Time::new(3, 10)), "the interval before, for want of better");
    }

    #[test]
    fn variable_rate_is_resampled_by_pts() {
        let times = [(0, 1), (1, 10), (4, 10)].map(|(n, d)| (Time::new(n, d), Link::Continuous));
        let out = run(Grid::Rate(Rate::new(10, 1).unwrap()), AtCut::Hold, &times, Some(Time::new(1, 10)));
        assert_eq!(out.len(), 5);
        assert_eq!(out[1].make, Make::Source(1));
        assert_eq!(out[2].make, Make::Between { first: 1, second: 2, t: 1.0 / 3.0 });
        assert_eq!(out[4].make, Make::Source(2));
    }

    #[test]
    fn nothing_is_made_across_a_cut_or_between_equal_pictures() {
        let mut frames = constant(Rate::new(10, 1).unwrap(), 3);
        frames[1].1 = Link::Cut;
        frames[2].1 = Link::Same;
        let hold = run(divide(4), AtCut::Hold, &frames, None);
        assert!(hold.iter().all(|p| !matches!(p.make, Make::Between { .. })));
        assert_eq!(hold[3].make, Make::Repeat(0));
        let nearest = run(divide(4), AtCut::Nearest, &frames, None);
        assert_eq!(nearest[2].make, Make::Repeat(0), "the earlier one in the middle");
        assert_eq!(nearest[3].make, Make::Repeat(1));
        assert_eq!(nearest[7].make, Make::Repeat(1), "same picture");
    }

    #[test]
    fn short_and_odd_inputs() {
        for grid in [divide(2), Grid::Rate(Rate::new(60, 1).unwrap())] {
            assert!(run(grid, AtCut::Hold, &[], None).is_empty());
            let one = run(grid, AtCut::Hold, &[(Time::new(1, 3), Link::Continuous)], None);
            assert_eq!(one.len(), 1);
            assert_eq!(one[0].make, Make::Source(0));
            // Time standing still or running backwards.
            let back = [(1, 10), (1, 10), (0, 10), (2, 10)].map(|(n, d)| (Time::new(n, d), Link::Continuous));
            let out = run(grid, AtCut::Hold, &back, None);
            assert!(out.windows(2).all(|w| w[0].pts < w[1].pts));
        }
    }

    #[test]
    fn one_long_frame_is_repeated_at_a_constant_rate() {
        let still = [(Time::ZERO, Link::Continuous)];
        let out = run(Grid::Rate(Rate::new(10, 1).unwrap()), AtCut::Hold, &still, Some(Time::new(1, 1)));
        assert_eq!(out.len(), 10);
        assert_eq!(out[9].make, Make::Repeat(0));
    }
}
