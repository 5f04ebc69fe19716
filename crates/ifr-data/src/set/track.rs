//! What is found out about a sequence: where shots and repeats are, how much changes from frame to frame; and from that,
//! which windows it holds.

use std::ops::Range;
use std::sync::Arc;

use ifr_frame::{ColorModel, Frame, Samples, Time};
use ifr_timeline::{CutDetector, Thumb, is_other_scene, is_same_picture};

use crate::random::Draw;
use crate::set::files::{Unread, bytes};

/// Mean change above noise (in 8-bit codes, summed over a window's steps) from which on a window counts fully. Of the usual
/// hand-held clip at 30 frames a second, that is reached by windows of about five frames.
const LIVELY: f64 = 8.0;
/// What a window without any change counts, against 1 of a lively one.
const STILL: f64 = 0.05;
/// A step that changes less than this share of its window's mean is a repeat that escaped, …
const UNEVEN_LOW: f64 = 0.25;
/// … one that changes more than this many times the mean a jump.
const UNEVEN_HIGH: f64 = 3.0;
/// Mean changes below this (in 8-bit codes) are noise, of which unevenness says nothing.
const NOISE: f64 = 0.25;
/// A frame counts as late or early when its distance to the one before is off the usual by more than this factor.
const IRREGULAR: f64 = 1.5;

/// How a frame follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The scene goes on.
    On,
    /// A new shot starts.
    Cut,
    /// The picture is the same but for coding noise.
    Same,
    /// The time between them is not the usual one, or the pictures are of different kinds.
    Break,
}

impl Step {
    pub(crate) const ALL: [(Self, char); 4] =
        [(Self::On, '.'), (Self::Cut, 'c'), (Self::Same, 's'), (Self::Break, 'b')];
}

/// A sequence as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Track {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Bytes of a decoded frame.
    pub(crate) frame_bytes: usize,
    /// For every frame, how it follows the one before; a cut for the first.
    pub(crate) steps: Vec<Step>,
    /// For every frame, its mean absolute difference from the one before, in hundredths of an 8-bit luma code.
    pub(crate) change: Vec<u16>,
}

/// Makes a [`Track`], frame by frame.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    detector: CutDetector,
    /// Frames of which the detector has said whether they start a shot.
    decided: usize,
    last: Option<Arc<Frame>>,
    times: Vec<Option<Time>>,
    steps: Vec<Step>,
    change: Vec<u16>,
}

impl Tracker {
    /// Takes the next frame.
    pub(crate) fn push(&mut self, frame: &Arc<Frame>, time: Option<Time>) -> Result<(), Unread> {
        let (step, change) = match &self.last {
            None => (Step::Cut, 0),
            Some(last) if !last.is_like(frame) => {
                let reason = format!(
                    "its pictures change from {}x{} {} to {}x{} {}",
                    last.width(),
                    last.height(),
                    last.format(),
                    frame.width(),
                    frame.height(),
                    frame.format()
                );
                return Err(Unread::Fault(reason));
            }
            Some(last) => {
                let step = if is_same_picture(last, frame) { Step::Same } else { Step::On };
                (step, (difference(last, frame) * 100.0).round().min(65535.0) as u16)
            }
        };
        self.detector.push(Thumb::of(frame));
        self.steps.push(step);
        self.change.push(change);
        self.mark_cuts();
        self.times.push(time);
        self.last = Some(Arc::clone(frame));
        Ok(())
    }

    /// Enters what the detector has decided by now.
    fn mark_cuts(&mut self) {
        while let Some(cut) = self.detector.pop() {
            if cut {
                self.steps[self.decided] = Step::Cut;
                self.change[self.decided] = u16::MAX;
            }
            self.decided += 1;
        }
    }

    /// What was found; `None` when there was no frame.
    pub(crate) fn finish(mut self) -> Option<Track> {
        self.detector.finish();
        self.mark_cuts();
        let last = self.last?;
        let gap = |i: usize| match (self.times[i - 1], self.times[i]) {
            (Some(a), Some(b)) => Some((b - a).as_secs_f64()),
            _ => None,
        };
        let mut gaps: Vec<f64> = (1..self.steps.len()).filter_map(gap).collect();
        gaps.sort_by(f64::total_cmp);
        if let Some(&usual) = gaps.get(gaps.len() / 2) {
            for i in 1..self.steps.len() {
                let odd = gap(i).is_some_and(|g| g > usual * IRREGULAR || g * IRREGULAR < usual);
                if odd && self.steps[i] == Step::On {
                    self.steps[i] = Step::Break;
                }
            }
        }
        Some(Track {
            width: last.width(),
            height: last.height(),
            frame_bytes: bytes(&last),
            steps: self.steps,
            change: self.change,
        })
    }
}

/// Mean absolute difference of two frames' luma (green, for RGB), in 8-bit codes.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let plane = usize::from(a.format().model == ColorModel::Rgb);
    let unit = f64::from(1_u32 << (a.format().depth - 8));
    let sum: u64 = match (&a.planes()[plane].samples, &b.planes()[plane].samples) {
        (Samples::U8(a), Samples::U8(b)) => {
            // Short runs, so that the sums fit vectors of 32 bits.
            let run = |(a, b): (&[u8], &[u8])| -> u32 {
                a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum()
            };
            a.chunks(4096).zip(b.chunks(4096)).map(|pair| u64::from(run(pair))).sum()
        }
        (Samples::U16(a), Samples::U16(b)) => a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum(),
        _ => 0,
    };
    sum as f64 / unit / (a.width() * a.height()) as f64
}

/// A window's ends, as numbers of frames, and how much it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) second: usize,
    /// How often it is chosen, against the others around its middle.
    pub(crate) weight: f64,
    /// 1 for lively windows, less for still ones.
    pub(crate) life: f64,
}

/// Which windows there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reach {
    /// The longest, in frames from the first to the last.
    pub(crate) longest: usize,
    /// Only those whose target stands in the middle: t = ½.
    pub(crate) midpoints: bool,
}

impl From<usize> for Reach {
    /// Windows of any middle.
    fn from(longest: usize) -> Self {
        Self { longest, midpoints: false }
    }
}

impl Track {
    /// Number of frames.
    pub(crate) fn frames(&self) -> usize {
        self.steps.len()
    }

    /// The windows around `middle` that lie in `range` and are within `reach`.
    ///
    /// None holds a cut, a repeat, an irregular time or uneven steps. A window of n frames' length is chosen in proportion
    /// to 1/n, shared among the n − 1 places that its middle can have: short windows (small motion, t = ½) come most often,
    /// and every place of the long ones comes up. What changes little counts less, down to a twentieth: slow scenes are seen in
    /// longer windows, still ones seldom. Where only midpoints count, a window has one place.
    pub(crate) fn spans(
        &self,
        middle: usize,
        range: &Range<usize>,
        reach: impl Into<Reach>,
        out: &mut Vec<Span>,
    ) {
        out.clear();
        let Reach { longest: reach, midpoints } = reach.into();
        let end = range.end.min(self.frames());
        let goes_on = |i: usize| self.steps[i] == Step::On;
        let back = (1..reach).take_while(|m| middle >= range.start + m && goes_on(middle - m + 1)).count();
        let forth = (1..reach).take_while(|n| middle + n < end && goes_on(middle + n)).count();
        for m in 1..=back {
            let ends = if midpoints { m..=m } else { 1..=forth };
            for n in ends.take_while(|&n| n <= forth && m + n <= reach) {
                let (first, second) = (middle - m, middle + n);
                let steps = &self.change[first + 1..=second];
                let change: f64 = steps.iter().map(|&c| f64::from(c) / 100.0).sum();
                let length = (m + n) as f64;
                let mean = change / length;
                let uneven = |&c: &u16| {
                    let c = f64::from(c) / 100.0;
                    c < UNEVEN_LOW * mean || c > UNEVEN_HIGH * mean
                };
                if mean > NOISE && steps.iter().any(uneven) {
                    continue;
                }
                let above: f64 = steps.iter().map(|&c| (f64::from(c) / 100.0 - NOISE).max(0.0)).sum();
                let life = (above / LIVELY).clamp(STILL, 1.0);
                let places = if midpoints { 1.0 } else { length - 1.0 };
                out.push(Span { first, second, weight: life / (length * places), life });
            }
        }
    }

    /// Frames that can stand in the middle of a window within `range`, and how often each is taken, at most 1: that of its
    /// liveliest window.
    pub(crate) fn middles(&self, range: &Range<usize>, reach: impl Into<Reach>) -> Vec<(usize, f64)> {
        let (reach, mut spans) = (reach.into(), Vec::new());
        let mut life = |middle: usize| {
            self.spans(middle, range, reach, &mut spans);
            let most = spans.iter().map(|s| s.life).reduce(f64::max)?;
            Some((middle, most))
        };
        (range.start..range.end.min(self.frames())).filter_map(&mut life).collect()
    }
}

/// Tries to choose a window around `middle` whose ends still show one scene: where most of the picture cannot be found
/// again within a sixteenth of its size, a shorter one is looked for.
pub(crate) fn choose(
    track: &Track,
    (middle, range, reach): (usize, &Range<usize>, Reach),
    frames: &[Arc<Frame>],
    draw: &mut Draw,
) -> Option<Span> {
    let mut spans = Vec::new();
    track.spans(middle, range, reach, &mut spans);
    let thumb = |index: usize| frames.get(index - range.start).map(|frame| Thumb::of(frame));
    while !spans.is_empty() {
        let weights: Vec<f64> = spans.iter().map(|s| s.weight).collect();
        let span = *spans.get(draw.weighted(&weights)?)?;
        if !is_other_scene(&thumb(span.first)?, &thumb(span.second)?) {
            return Some(span);
        }
        let length = span.second - span.first;
        spans.retain(|s| s.second - s.first < length);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn track(steps: &str, change: u16) -> Track {
        let of = |c: char| Step::ALL.iter().find(|(_, name)| *name == c).unwrap().0;
        let steps: Vec<Step> = steps.chars().map(of).collect();
        Track { width: 8, height: 8, frame_bytes: 96, change: vec![change; steps.len()], steps }
    }

    fn all(track: &Track, middle: usize, reach: usize) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        track.spans(middle, &(0..track.frames()), reach, &mut spans);
        spans.iter().map(|s| (s.first, s.second)).collect()
    }

    #[test]
    fn windows_stay_within_what_goes_on() {
        let t = track("c....c...s..b..", 500);
        assert_eq!(all(&t, 2, 3), [(1, 3), (1, 4), (0, 3)]);
        assert_eq!(all(&t, 0, 8), []);
        assert_eq!(all(&t, 4, 8), [], "the next frame starts a shot");
        assert_eq!(all(&t, 6, 8), [(5, 7), (5, 8)]);
        assert_eq!(all(&t, 9, 8), [], "a repeat on one side");
        assert_eq!(all(&t, 10, 8), [(9, 11)], "an irregular time ends it");
        let middles: Vec<usize> = t.middles(&(0..15), 8).iter().map(|m| m.0).collect();
        assert_eq!(middles, [1, 2, 3, 6, 7, 10, 13]);
    }

    #[test]
    fn midpoints_stand_in_the_middle_of_even_windows() {
        let t = track("c...............", 1000);
        let mut spans = Vec::new();
        t.spans(6, &(0..16), Reach { longest: 7, midpoints: true }, &mut spans);
        let ends: Vec<(usize, usize)> = spans.iter().map(|s| (s.first, s.second)).collect();
        assert_eq!(ends, [(5, 7), (4, 8), (3, 9)]);
        assert_eq!(spans[0].weight, 3.0 * spans[2].weight, "the shorter, the more often");
        t.spans(1, &(0..16), Reach { longest: 7, midpoints: true }, &mut spans);
        assert_eq!(spans.len(), 1, "the start is near");
    }

    #[test]
    fn uneven_steps_are_no_windows() {
        let mut t = track("c.......", 300);
        t.change[4] = 30;
        assert!(!all(&t, 4, 2).contains(&(3, 5)), "almost a repeat");
        t.change[4] = 5000;
        assert_eq!(all(&t, 2, 8), [(1, 3), (0, 3)], "a jump at frame 4");
        // What changes no more than noise does may be as uneven as it likes.
        let mut still = track("c..", 3);
        still.change[1] = 20;
        assert_eq!(all(&still, 1, 8), [(0, 2)]);
        assert_eq!(still.middles(&(0..3), 8), [(1, STILL)]);
    }

    #[test]
    fn every_place_of_every_length_comes_up() {
        let t = track("c...............", 1000);
        let mut spans = Vec::new();
        t.spans(8, &(0..16), 8, &mut spans);
        assert_eq!(spans.len(), 28);
        let weights: Vec<f64> = spans.iter().map(|s| s.weight).collect();
        let mut draw = Draw::new(1, Purpose::Visit, 0);
        let mut lengths = [0; 9];
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..5000 {
            let s = spans[draw.weighted(&weights).unwrap()];
            lengths[s.second - s.first] += 1;
            places.insert((8 - s.first, s.second - 8));
        }
        assert_eq!(places.len(), 28);
        assert!((1300..1600).contains(&lengths[2]), "{lengths:?}: 0.29 of them");
        assert!((290..450).contains(&lengths[8]), "{lengths:?}: 0.073 of them");
    }
}
