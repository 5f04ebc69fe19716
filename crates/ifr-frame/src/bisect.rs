//! Any instant from middles alone: the middle of two images, then the middle of that and one of them, and so on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::FrameError;

/// How often an interval may be halved: the instants that can be made are the multiples of 1/2^depth.
///
/// The default is 4. Then every factor that is a power of two up to 16 is exact, and any other instant is off by at most
/// 1/32 of the time between two frames (1.3 ms at 24 frames a second), or, nearer to a source frame than that, by less than
/// 1/16; each further level would cost one run more for almost every such frame, and make it from frames that are made
/// themselves once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BisectDepth(u8);

impl BisectDepth {
    /// The middle alone: every instant becomes 1/2.
    pub const LEAST: Self = Self(1);
    /// Multiples of 1/256: off by at most 1/512 of the time between two frames (0.08 ms at 24 frames a second) or, nearer to
    /// a source frame than that, by less than 1/256 (0.16 ms), which nobody sees.
    pub const MOST: Self = Self(8);

    /// A depth of 1 to 8.
    ///
    /// # Errors
    /// [`FrameError::BisectDepth`] for any other number.
    pub fn new(halvings: u8) -> Result<Self, FrameError> {
        let depth = Self(halvings);
        let possible = Self::LEAST <= depth && depth <= Self::MOST;
        if possible { Ok(depth) } else { Err(FrameError::BisectDepth(halvings.to_string())) }
    }

    /// How often an interval may be halved.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for BisectDepth {
    fn default() -> Self {
        Self(4)
    }
}

impl fmt::Display for BisectDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BisectDepth {
    type Err = FrameError;

    /// Reads a number from 1 to 8.
    fn from_str(text: &str) -> Result<Self, FrameError> {
        let number = text.parse::<u8>().ok().and_then(|n| Self::new(n).ok());
        number.ok_or_else(|| FrameError::BisectDepth(text.to_owned()))
    }
}

/// An instant between 0 and 1 that halving reaches: numerator/2^halvings, with an odd numerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dyadic {
    numerator: u16,
    halvings: u8,
}

impl Dyadic {
    /// The nearest to `t` (in (0, 1), which the caller has checked) that at most `depth` halvings reach.
    ///
    /// Of two that are equally near, the one with fewer halvings: it costs less and stands on fewer made frames. Never 0 or
    /// 1: a `t` next to a source frame becomes the first or last instant that can be made, since a copy of a source frame
    /// would stand still where the rest of the video moves.
    pub fn nearest(t: f32, depth: BisectDepth) -> Self {
        let parts = 1_u16 << depth.get();
        // Exact: a product with a power of two, below 2^8. Of two neighbours the even numerator has fewer halvings.
        let numerator = (t * f32::from(parts)).round_ties_even() as u16;
        let numerator = numerator.clamp(1, parts - 1);
        let shared = numerator.trailing_zeros() as u8;
        Self { numerator: numerator >> shared, halvings: depth.get() - shared }
    }

    /// The instant as a number, exact.
    pub fn value(self) -> f32 {
        f32::from(self.numerator) / f32::from(1_u16 << self.halvings)
    }

    /// How many halvings lead to it, at least 1.
    pub fn halvings(self) -> u8 {
        self.halvings
    }

    /// The instants on the way to it, itself last: each the middle of two of {0, 1, those before}.
    pub fn path(self) -> impl Iterator<Item = Self> {
        (1..=self.halvings).map(move |halvings| {
            // The middle of the interval of that level's length which holds the instant.
            let numerator = (self.numerator >> (self.halvings - halvings)) | 1;
            Self { numerator, halvings }
        })
    }
}

impl fmt::Display for Dyadic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, 1_u16 << self.halvings)
    }
}

/// The images between two, made by halving and kept while they may be of use.
///
/// `I` is whatever an engine makes middles of: an image in memory, or a handle to one elsewhere. Images stand in [`Arc`]s,
/// so that an engine can tell by the pointer that it has met one before and keep what it found out about it.
///
/// Every image is the middle of the same two whatever was asked for before it, so the order of requests changes no
/// image. It changes how often middles are made where the room is small: of the images made, `room` are kept, but at least those
/// on the way to the last request. That is enough for requests in ascending or descending order never to make one twice.
///
/// ```
/// use std::sync::Arc;
///
/// use ifr_frame::{Bisection, BisectDepth, Dyadic};
///
/// let mut runs = 0;
/// let mut between = Bisection::new(Arc::new(10.0), Arc::new(20.0), 0);
/// let made = [0.25, 0.5, 0.75].map(|t| {
///     let image = between.at(Dyadic::nearest(t, BisectDepth::default()), |first, second| {
///         runs += 1;
///         Ok::<_, ()>((**first + **second) / 2.0)
///     });
///     *image.unwrap()
/// });
/// assert_eq!((made, runs), ([12.5, 15.0, 17.5], 3));
/// ```
#[derive(Debug)]
pub struct Bisection<I> {
    ends: [Arc<I>; 2],
    /// What has been made, the last used at the end.
    kept: Vec<(Dyadic, Arc<I>)>,
    room: usize,
}

impl<I> Bisection<I> {
    /// Nothing made yet between the image at 0 and that at 1, and room for that many made ones.
    pub fn new(first: Arc<I>, second: Arc<I>, room: usize) -> Self {
        Self { ends: [first, second], kept: Vec::new(), room }
    }

    /// The image at that instant. `middle` makes the image half-way between two, the first of which is the earlier one.
    ///
    /// # Errors
    /// What `middle` returns; what was made before stays.
    pub fn at<E>(
        &mut self,
        instant: Dyadic,
        mut middle: impl FnMut(&Arc<I>, &Arc<I>) -> Result<I, E>,
    ) -> Result<Arc<I>, E> {
        let [mut before, mut after] = self.ends.clone();
        let mut image = Arc::clone(&before);
        for step in instant.path() {
            let known = self.kept.iter().position(|(at, _)| *at == step).map(|i| self.kept.remove(i).1);
            image = match known {
                Some(image) => image,
                None => {
                    // Before the new one comes: it is as large as any.
                    self.forget(usize::from(step.halvings).max(self.room) - 1);
                    Arc::new(middle(&before, &after)?)
                }
            };
            self.kept.push((step, Arc::clone(&image)));
            let side = if instant.value() < step.value() { &mut after } else { &mut before };
            *side = Arc::clone(&image);
        }
        Ok(image)
    }

    /// How many made images are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Leaves the `most` that were used last.
    fn forget(&mut self, most: usize) {
        let surplus = self.kept.len().saturating_sub(most);
        self.kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(n: u8) -> BisectDepth {
        BisectDepth::new(n).unwrap()
    }

    fn nearest(t: f32, n: u8) -> String {
        Dyadic::nearest(t, depth(n)).to_string()
    }

    #[test]
    fn instants_that_halving_reaches_are_exact() {
        for n in 1..=8 {
            let parts = 1 << n;
            for k in 1..parts {
                let t = k as f32 / parts as f32;
                assert_eq!(Dyadic::nearest(t, depth(n)).value(), t);
                assert_eq!(Dyadic::nearest(t, BisectDepth::MOST).value(), t);
            }
        }
        assert_eq!(
            (nearest(0.5, 1), nearest(0.5, 8), nearest(0.75, 4)),
            ("1/2".into(), "1/2".into(), "3/4".into())
        );
    }

    #[test]
    fn others_become_the_nearest() {
        for n in 1..=8 {
            let parts = 1 << n;
            let step = 1.0 / parts as f32;
            for i in 1..1000 {
                let t = i as f32 / 1000.0;
                let found = Dyadic::nearest(t, depth(n)).value();
                let best = (1..parts).map(|k| (k as f32 * step - t).abs()).fold(1.0, f32::min);
                assert!(((found - t).abs() - best).abs() < 1e-6, "{t} at depth {n}: {found}");
                assert!(best <= step / 2.0 + 1e-6 || t < step || t > 1.0 - step);
            }
        }
        assert_eq!((nearest(1.0 / 3.0, 4), nearest(0.4, 4)), ("5/16".into(), "3/8".into()));
    }

    #[test]
    fn of_two_equally_near_the_one_with_fewer_halvings() {
        assert_eq!(nearest(17.0 / 32.0, 4), "1/2");
        assert_eq!(nearest(15.0 / 32.0, 4), "1/2");
        assert_eq!(nearest(3.0 / 32.0, 4), "1/8");
        assert_eq!(nearest(0.625, 2), "1/2");
    }

    #[test]
    fn never_a_source_frame() {
        for n in 1..=8 {
            let first = 1.0 / f32::from(1_u16 << n);
            for t in [f32::MIN_POSITIVE, 1e-9, 0.001 * first, first / 2.0] {
                assert_eq!(Dyadic::nearest(t, depth(n)).value(), first, "{t}");
            }
            let last = 1.0 - first;
            for t in [1.0 - f32::EPSILON / 2.0, 1.0 - first / 2.0] {
                assert_eq!(Dyadic::nearest(t, depth(n)).value(), last, "{t}");
            }
        }
    }

    #[test]
    fn paths_go_by_halves() {
        let path =
            |t: f32| Dyadic::nearest(t, BisectDepth::MOST).path().map(|d| d.to_string()).collect::<Vec<_>>();
        assert_eq!(path(0.5), ["1/2"]);
        assert_eq!(path(5.0 / 16.0), ["1/2", "1/4", "3/8", "5/16"]);
        assert_eq!(path(7.0 / 8.0), ["1/2", "3/4", "7/8"]);
    }

    /// Numbers for images; the middle rounds, so that another way to the same instant would be another number.
    struct Counted {
        bisection: Bisection<f32>,
        runs: usize,
        most: usize,
    }

    impl Counted {
        fn new(room: usize) -> Self {
            Self { bisection: Bisection::new(Arc::new(0.1), Arc::new(0.7), room), runs: 0, most: 0 }
        }

        fn at(&mut self, t: f32, depth: BisectDepth) -> f32 {
            let runs = &mut self.runs;
            let image = self.bisection.at(Dyadic::nearest(t, depth), |a, b| {
                *runs += 1;
                Ok::<_, ()>((**a + **b) * 0.5)
            });
            self.most = self.most.max(self.bisection.kept());
            *image.unwrap()
        }
    }

    #[test]
    fn in_order_nothing_is_made_twice_in_the_least_room() {
        for n in 1..=8 {
            let parts = 1 << n;
            let mut ascending = Counted::new(0);
            let up: Vec<_> = (1..parts).map(|k| ascending.at(k as f32 / parts as f32, depth(n))).collect();
            assert_eq!((ascending.runs, ascending.most), (parts - 1, usize::from(depth(n).get())));
            let mut descending = Counted::new(0);
            let mut down: Vec<_> =
                (1..parts).rev().map(|k| descending.at(k as f32 / parts as f32, depth(n))).collect();
            down.reverse();
            assert_eq!((descending.runs, &down), (parts - 1, &up));
            for (k, value) in up.into_iter().enumerate() {
                let t = (k + 1) as f32 / parts as f32;
                assert!((value - (0.1 + 0.6 * t)).abs() < 1e-5, "{t}");
            }
        }
        // What was asked for before is made once more only where it was forgotten.
        let mut thirds = Counted::new(0);
        let first = thirds.at(1.0 / 3.0, BisectDepth::default());
        assert_eq!(thirds.runs, 4);
        assert_eq!(thirds.at(0.33, BisectDepth::default()), first);
        assert_eq!(thirds.runs, 4, "the same instant");
    }

    #[test]
    fn the_order_changes_no_image_and_room_saves_runs() {
        let all = |room: usize, step: usize| {
            let mut counted = Counted::new(room);
            let mut made = [0.0; 15];
            for i in 0..15 {
                let k = i * step % 15;
                made[k] = counted.at((k + 1) as f32 / 16.0, BisectDepth::default());
            }
            (made, counted.runs, counted.most)
        };
        let (in_order, runs, _) = all(15, 1);
        assert_eq!(runs, 15);
        for step in [2, 4, 7, 8, 11, 14] {
            let (made, runs, most) = all(15, step);
            assert_eq!((made, runs), (in_order, 15));
            assert!(most <= 15);
            let (made, runs, most) = all(0, step);
            assert_eq!(made, in_order);
            assert!(runs > 15, "step {step}: {runs}");
            assert!(most <= 4);
        }
    }

    #[test]
    fn an_error_passes_and_what_was_made_stays() {
        let mut bisection = Bisection::new(Arc::new(0.0_f32), Arc::new(1.0), 0);
        let mut left = 2;
        let mut middle = |a: &Arc<f32>, b: &Arc<f32>| {
            left -= 1;
            if left < 0 { Err("no more") } else { Ok((**a + **b) / 2.0) }
        };
        let eighth = Dyadic::nearest(0.125, BisectDepth::default());
        assert_eq!(bisection.at(eighth, &mut middle), Err("no more"));
        assert_eq!(bisection.kept(), 2);
        assert_eq!(bisection.at(eighth, |a, b| Ok::<_, &str>((**a + **b) / 2.0)).map(|v| *v), Ok(0.125));
    }

    #[test]
    fn depths_are_read() {
        assert_eq!("4".parse::<BisectDepth>().unwrap(), BisectDepth::default());
        for bad in ["0", "9", "-1", "x", "", "256"] {
            let error = bad.parse::<BisectDepth>().unwrap_err().to_string();
            assert!(error.contains("1 to 8"), "{error}");
        }
    }
}
