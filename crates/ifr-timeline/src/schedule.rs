use std::collections::VecDeque;
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
    /// A cross-fade from the last frame of the old shot to the first of the new one.
    Blend,
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
    /// A cross-fade between the frames on either side of a cut: a share 1 − `t` of `first` and `t` of `second`.
    Blend {
        /// The last frame of the old shot.
        first: F,
        /// The first frame of the new shot.
        second: F,
        /// The timestep, as in [`Make::Between`].
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
    /// Whether a frame that was left out started a new shot.
    cut: bool,
    /// The video's first time, where frames begin later.
    within: Option<Time>,
    /// How far from an instant of a constant rate a source frame is still taken for it.
    slack: Time,
}

/// Output frames, decided one by one as they are asked for: a long interval costs no memory. Those not asked for are
/// lost.
#[derive(Debug)]
pub struct Schedule<'a, F> {
    /// Index of the next output frame on the grid: of the interval, or of the video at a constant rate.
    next: &'a mut i64,
    origin: Time,
    grid: Grid,
    at_cut: AtCut,
    slack: Time,
    span: Option<Span<F>>,
}

#[derive(Debug)]
enum Span<F> {
    /// What lies from one frame up to the next.
    Between {
        first: Stamped<F>,
        second: Stamped<F>,
        link: Link,
        /// Times of frames between the two that were left out: the intervals between them are divided.
        passed: VecDeque<Time>,
        /// Where the interval begins that is being divided.
        from: Time,
    },
    /// The last frame, which is shown for a while.
    Last { frame: F, pts: Time, duration: Option<Time>, shown: bool },
}

impl<F: Clone> Scheduler<F> {
    /// A scheduler for one video.
    pub fn new(grid: Grid, at_cut: AtCut) -> Self {
        Self {
            grid,
            at_cut,
            last: None,
            interval: None,
            origin: Time::ZERO,
            next: 0,
            cut: false,
            within: None,
            slack: Time::ZERO,
        }
    }

    /// A scheduler that begins within a video whose first frame is shown at `origin`: with any source frame, and from its
    /// first interval on it yields what a scheduler for the whole video yields.
    pub fn within(grid: Grid, at_cut: AtCut, origin: Time) -> Self {
        Self { within: Some(origin), ..Self::new(grid, at_cut) }
    }

    /// The same, for source frames whose times are known to within `slack` only (see [`Cadence::slack`](crate::Cadence::slack)):
    /// one that lies no further than that from an instant of a constant rate is shown there untouched, instead of a frame made
    /// for a millionth of the way to the next.
    #[must_use]
    pub fn with_slack(mut self, slack: Time) -> Self {
        self.slack = slack;
        self
    }

    /// Takes the next source frame and how it links to the one before (ignored for the first), and yields the output
    /// frames before it. A frame that is not later than the one before is ignored: time only runs forward.
    pub fn push(&mut self, frame: Stamped<F>, link: Link) -> Schedule<'_, F> {
        self.push_over(VecDeque::new(), frame, link)
    }

    /// As [`push`](Self::push), where frames before it were left out because they repeat the one pushed last. Output
    /// instants are those that there would be with them, shown at the times `passed` (increasing, between the two), but
    /// what shows there is made of the two frames that are left.
    pub fn push_over(&mut self, passed: VecDeque<Time>, frame: Stamped<F>, link: Link) -> Schedule<'_, F> {
        let span = match self.last.take() {
            None => {
                self.origin = self.within.unwrap_or(frame.pts);
                if let Grid::Rate(rate) = self.grid {
                    // The first that is not before this frame.
                    self.next = -(self.origin - frame.pts).div_floor(rate.period());
                }
                self.last = Some(frame);
                None
            }
            Some(first) if frame.pts <= first.pts => {
                self.cut |= link == Link::Cut;
                self.last = Some(first);
                None
            }
            Some(first) => {
                let link = if std::mem::take(&mut self.cut) { Link::Cut } else { link };
                let from = first.pts;
                self.interval = Some(frame.pts - passed.back().copied().unwrap_or(from));
                self.last = Some(frame.clone());
                if let Grid::Divide(_) = self.grid {
                    self.next = 0;
                }
                Some(Span::Between { first, second: frame, link, passed, from })
            }
        };
        self.schedule(span)
    }

    /// Ends the video: yields the last frame, which keeps its duration (that of the interval before it, where the
    /// source does not say). At a constant rate it is repeated for as long as it is shown.
    pub fn finish(&mut self) -> Schedule<'_, F> {
        let interval = self.interval;
        let span = self.last.take().map(|last| {
            let duration = last.duration.filter(|&d| d > Time::ZERO).or(interval);
            // One frame is shown in any case.
            Span::Last { frame: last.frame, pts: last.pts, duration, shown: interval.is_some() }
        });
        self.schedule(span)
    }

    fn schedule(&mut self, span: Option<Span<F>>) -> Schedule<'_, F> {
        let Self { grid, at_cut, origin, next, slack, .. } = self;
        let slack = if let Grid::Rate(_) = grid { *slack } else { Time::ZERO };
        Schedule { next, origin: *origin, grid: *grid, at_cut: *at_cut, slack, span }
    }
}

impl<F: Clone> Iterator for Schedule<'_, F> {
    type Item = Planned<F>;

    fn next(&mut self) -> Option<Planned<F>> {
        match (self.span.as_mut()?, self.grid) {
            (Span::Between { first, second, link, passed, from }, grid) => {
                let (pts, step) = loop {
                    let (pts, step, end) = match grid {
                        Grid::Divide(parts) => {
                            let parts = i64::from(parts.get());
                            let end = passed.front().copied().unwrap_or(second.pts);
                            (from.lerp(end, *self.next, parts), (end - *from).scaled(1, parts), end)
                        }
                        Grid::Rate(rate) => {
                            (self.origin + rate.time_of(*self.next), rate.period(), second.pts)
                        }
                    };
                    if pts < end {
                        break (pts, step);
                    }
                    if end == second.pts {
                        self.span = None;
                        return None;
                    }
                    passed.pop_front();
                    (*from, *self.next) = (end, 0);
                };
                *self.next += 1;
                Some(Planned {
                    pts,
                    duration: Some(step),
                    make: make(first, second, pts, *link, self.at_cut, self.slack),
                })
            }
            (Span::Last { .. }, Grid::Divide(_)) => match self.span.take() {
                Some(Span::Last { frame, pts, duration, .. }) => {
                    Some(Planned { pts, duration, make: Make::Source(frame) })
                }
                _ => None,
            },
            (Span::Last { frame, pts: shown_at, duration, shown }, Grid::Rate(rate)) => {
                let end = *shown_at + duration.unwrap_or(rate.period());
                let pts = self.origin + rate.time_of(*self.next);
                // The end itself rounds to the grid: a frame less than half a period before it would stretch the video.
                if pts + rate.period().scaled(1, 2) > end && *shown {
                    self.span = None;
                    return None;
                }
                *shown = true;
                *self.next += 1;
                let frame = frame.clone();
                let make = if (pts - *shown_at).abs() <= self.slack {
                    Make::Source(frame)
                } else {
                    Make::Repeat(frame)
                };
                Some(Planned { pts, duration: Some(rate.period()), make })
            }
        }
    }
}

fn make<F: Clone>(
    first: &Stamped<F>,
    second: &Stamped<F>,
    pts: Time,
    link: Link,
    at_cut: AtCut,
    slack: Time,
) -> Make<F> {
    let after = pts - first.pts;
    if after <= slack {
        return Make::Source(first.frame.clone());
    }
    if second.pts - pts <= slack {
        return Make::Source(second.frame.clone());
    }
    let Some(position) = pts.position(first.pts, second.pts) else {
        return Make::Source(first.frame.clone());
    };
    let fade = link == Link::Cut && at_cut == AtCut::Blend;
    match link {
        _ if link == Link::Continuous || fade => {
            // f64 holds the quotient to 53 bits, whatever the size of its parts.
            let t = (*position.numer() as f64 / *position.denom() as f64) as f32;
            // A position that f32 cannot tell from an end is that end.
            if t <= 0.0 {
                Make::Repeat(first.frame.clone())
            } else if t >= 1.0 {
                Make::Repeat(second.frame.clone())
            } else if fade {
                Make::Blend { first: first.frame.clone(), second: second.frame.clone(), t }
            } else {
                Make::Between { first: first.frame.clone(), second: second.frame.clone(), t }
            }
        }
        Link::Cut if at_cut == AtCut::Nearest && *position.numer() * 2 > *position.denom() => {
            Make::Repeat(second.frame.clone())
        }
        _ => Make::Repeat(first.frame.clone()),
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
            planned.extend(scheduler.push(Stamped { frame: i, pts, duration }, link));
        }
        planned.extend(scheduler.finish());
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
        let blend = run(divide(4), AtCut::Blend, &frames, None);
        for (k, planned) in blend[1..4].iter().enumerate() {
            assert_eq!(planned.make, Make::Blend { first: 0, second: 1, t: (k + 1) as f32 / 4.0 });
        }
        assert_eq!(blend[7].make, Make::Repeat(1), "same picture");
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

    #[test]
    fn a_gap_of_a_year_costs_nothing_until_it_is_asked_for() {
        let mut scheduler = Scheduler::new(Grid::Rate(Rate::new(60, 1).unwrap()), AtCut::Hold);
        let at = |frame, pts| Stamped { frame, pts, duration: None };
        assert_eq!(scheduler.push(at(0, Time::ZERO), Link::Cut).count(), 0);
        let mut gap = scheduler.push(at(1, Time::new(31_557_600, 1)), Link::Continuous);
        assert_eq!(gap.next().unwrap().make, Make::Source(0));
        assert_eq!(gap.nth(58).unwrap().pts, Time::new(59, 60));
    }

    #[test]
    fn schedules_may_begin_anywhere() {
        let uneven: Vec<_> =
            (0..40_i64).map(|i| (Time::new(i * 10 + (i * i) % 7, 240), Link::Continuous)).collect();
        let rates = ["60", "24000/1001", "7"].map(|r| Grid::Rate(r.parse().unwrap()));
        for grid in rates.into_iter().chain([divide(3)]) {
            let all = run(grid, AtCut::Hold, &uneven, None);
            for begin in [0, 1, 7, 30] {
                let mut scheduler = Scheduler::within(grid, AtCut::Hold, uneven[0].0);
                let mut planned = Vec::new();
                for (i, &(pts, link)) in uneven.iter().enumerate().skip(begin) {
                    planned.extend(scheduler.push(Stamped { frame: i, pts, duration: None }, link));
                }
                planned.extend(scheduler.finish());
                assert_eq!(planned[..], all[all.len() - planned.len()..], "{grid:?} {begin}");
                let first = uneven[begin].0;
                assert_eq!(planned.len(), all.iter().filter(|p| p.pts >= first).count());
            }
        }
    }

    #[test]
    fn frames_within_slack_of_an_instant_are_shown_there() {
        // Milliseconds with a phase: a quarter of one early or late.
        let frames: Vec<_> = (0..5)
            .map(|i| Stamped {
                frame: i,
                pts: Time::new(i * 80 + [1, 0, 2, 1, 2][i as usize], 2000),
                duration: None,
            })
            .collect();
        let planned = |slack| {
            let mut scheduler =
                Scheduler::new(Grid::Rate(Rate::new(50, 1).unwrap()), AtCut::Hold).with_slack(slack);
            let mut out: Vec<Planned<i64>> = Vec::new();
            for frame in &frames {
                out.extend(scheduler.push(frame.clone(), Link::Continuous));
            }
            out.extend(scheduler.finish());
            out.into_iter().map(|p| p.make).collect::<Vec<_>>()
        };
        let snapped = planned(Time::new(1, 2000));
        let sources: Vec<usize> = (0..snapped.len())
            .filter(|&i| matches!(snapped[i], Make::Source(k) if k as usize == i / 2))
            .collect();
        assert_eq!(sources, [0, 2, 4, 6, 8]);
        assert_eq!(
            planned(Time::ZERO).iter().filter(|m| matches!(m, Make::Source(_))).count(),
            2,
            "the first, and one exact"
        );
    }

    #[test]
    fn repeats_left_out_leave_their_instants_behind() {
        // On threes: a picture at 0, repeated at 1 and 2, the next at 3 tenths.
        let at = |frame, n| Stamped { frame, pts: Time::new(n, 10), duration: None };
        for grid in [divide(2), Grid::Rate(Rate::new(20, 1).unwrap())] {
            let mut scheduler = Scheduler::new(grid, AtCut::Hold);
            assert_eq!(scheduler.push(at(0, 0), Link::Cut).count(), 0);
            let passed = VecDeque::from([Time::new(1, 10), Time::new(2, 10)]);
            let out: Vec<_> = scheduler.push_over(passed, at(3, 3), Link::Continuous).collect();
            let pts: Vec<_> = out.iter().map(|p| p.pts).collect();
            assert_eq!(pts, (0..6).map(|k| Time::new(k, 20)).collect::<Vec<_>>());
            assert!(out.iter().all(|p| p.duration == Some(Time::new(1, 20))));
            assert_eq!(out[0].make, Make::Source(0));
            for (k, planned) in out.iter().enumerate().skip(1) {
                let t = (k as f64 / 6.0) as f32;
                assert_eq!(planned.make, Make::Between { first: 0, second: 3, t });
            }
            assert_eq!(scheduler.push(at(4, 4), Link::Continuous).count(), 2);
        }
    }

    #[test]
    fn a_cut_on_a_frame_left_out_is_not_forgotten() {
        let mut scheduler = Scheduler::new(divide(2), AtCut::Hold);
        let at = |frame, n| Stamped { frame, pts: Time::new(n, 10), duration: None };
        scheduler.push(at(0, 0), Link::Cut).for_each(drop);
        scheduler.push(at(1, 0), Link::Cut).for_each(drop);
        let planned: Vec<_> = scheduler.push(at(2, 1), Link::Continuous).collect();
        assert_eq!(planned[1].make, Make::Repeat(0));
    }
}
