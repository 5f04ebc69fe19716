use std::collections::VecDeque;
use std::sync::Arc;

use ifr_frame::Frame;

use crate::{Link, difference};

/// The longest run that is taken for one drawing or one rendered frame, in frames: 24 fps animated on fours at most, with
/// room for screens at 60. Longer ones are holds, and stay.
const MOST: usize = 6;
/// A pair that differs by less than this is a repeat whatever surrounds it (see [`difference`]).
const SAME: f64 = 1.0;
/// A pair that differs by more is none. Real clips on twos, coded by x264 at CRF 20 to 28 with and without noise, differ by 0
/// to 9 within a picture and by 6 to 160 from one to the next.
const MOVED: f64 = 10.0;
/// In between, pairs of a run are repeats if the pair before the run and the one after it differ this many times more. In the
/// clips mentioned pictures differ at least 4 times more than their repeats nearby; where all frames move, neighbouring pairs
/// by up to twice.
const CONTRAST: f64 = 3.5;
/// How much more than two neighbours of a run its ends may differ, and how much more than the pair before a pair of a hold:
/// noise does not add up, movement does.
const DRIFT: f64 = 1.6;

/// Finds runs of repeated frames: animation on twos and threes, screen recordings, games that miss frames.
///
/// Frames go in one by one and come out with the verdict whether they repeat the one before and are to be left out. Of a run
/// of up to six frames the first stays; whoever leaves out the others gives each picture the time at which it first
/// showed, and what moves between pictures gets the whole run to do so. Kept whole are longer runs (holds), runs
/// before a cut, and the one that ends the video, for nothing moves from there.
///
/// Verdicts are local: one depends on the [`LOOK_BACK`](Self::LOOK_BACK) frames before and the [`LOOK_AHEAD`](Self::LOOK_AHEAD) after it,
/// not on anything earlier. Started that many frames before some place, it says the same from there on.
#[derive(Debug)]
pub struct Dedupe<T> {
    /// From the first frame of the run that is being followed.
    queue: VecDeque<Entry<T>>,
    /// The picture taken last.
    last: Option<Arc<Frame>>,
    /// Whether the first frame of the queue belongs to a hold.
    holding: bool,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    picture: Arc<Frame>,
    /// How much it differs from the one before; infinite at a cut.
    difference: f64,
    cut: bool,
}

impl<T> Dedupe<T> {
    /// Frames before a place that decide with others what is said there.
    pub const LOOK_BACK: usize = 2 * MOST;
    /// Frames after it, likewise; as many are held back.
    pub const LOOK_AHEAD: usize = MOST;

    /// At the start of a video.
    pub fn new() -> Self {
        Self { queue: VecDeque::new(), last: None, holding: false }
    }

    /// Takes the next frame: whatever it is to the caller, its picture, and how that links to the one before. Hands on the
    /// frames that are decided, each with whether it is a repeat to leave out.
    pub fn push(&mut self, item: T, picture: &Arc<Frame>, link: Link) -> Vec<(T, bool)> {
        let cut = link == Link::Cut;
        let difference = match self.last.replace(Arc::clone(picture)) {
            Some(last) if !cut => difference(&last, picture),
            _ => f64::INFINITY,
        };
        self.queue.push_back(Entry { item, picture: Arc::clone(picture), difference, cut });
        let mut out = Vec::new();
        while self.advance(false, &mut out) {}
        out
    }

    /// At the end of the video: the frames that are left.
    pub fn finish(&mut self) -> Vec<(T, bool)> {
        let mut out = Vec::new();
        while self.advance(true, &mut out) {}
        self.last = None;
        out
    }

    /// Decides the run at the front of the queue, if that can be done; `end`: nothing will follow.
    fn advance(&mut self, end: bool, out: &mut Vec<(T, bool)>) -> bool {
        let Some(first) = self.queue.front() else { return false };
        if self.holding {
            let Some(next) = self.queue.get(1) else { return end && self.take(1, false, out) };
            self.holding = !next.cut && next.difference <= SAME.max(DRIFT * first.difference.min(MOVED));
            return self.take(1, false, out);
        }
        let mut length = 1;
        let mut most = 0.0_f64;
        // What a run begins with differs from what was before. Where that was another shot, the first pair is taken for a
        // repeat, and what differs far more than that for the end of the run.
        let extends = |difference: f64, length: usize, most: f64| match first.cut {
            false => repeats(difference, first.difference),
            true => difference <= MOVED && (length == 1 || difference < CONTRAST * most.max(SAME)),
        };
        let closing = loop {
            match self.queue.get(length) {
                Some(next) if !next.cut && extends(next.difference, length, most) => {
                    most = most.max(next.difference);
                    length += 1;
                    if length > MOST {
                        // A hold: its first frame goes, what follows is still of it.
                        self.holding = true;
                        return self.take(1, false, out);
                    }
                }
                Some(next) => break (!next.cut).then_some(next.difference),
                None if end => break None,
                None => return false,
            }
        };
        // Nothing moves on from the last picture of a shot.
        let Some(closing) = closing else { return self.take(length, false, out) };
        if !repeats(most, closing) {
            return self.take(1, false, out);
        }
        let leave_out = self.is_one_picture(length);
        self.take(1, false, out);
        self.take(length - 1, leave_out, out);
        true
    }

    /// Whether the first and the last of the front's `length` frames differ by no more than neighbours do.
    fn is_one_picture(&self, length: usize) -> bool {
        if length <= 2 {
            return true;
        }
        let steps = self.queue.iter().take(length).skip(1).map(|e| e.difference);
        let ends = difference(&self.queue[0].picture, &self.queue[length - 1].picture);
        ends <= SAME.max(DRIFT * steps.fold(0.0, f64::max))
    }

    /// Hands on frames from the front, each with this verdict.
    fn take(&mut self, count: usize, repeat: bool, out: &mut Vec<(T, bool)>) -> bool {
        out.extend(self.queue.drain(..count.min(self.queue.len())).map(|entry| (entry.item, repeat)));
        true
    }
}

/// Whether a pair is a repeat, beside one that is none.
fn repeats(difference: f64, beside: f64) -> bool {
    difference <= SAME || (difference <= MOVED && difference * CONTRAST <= beside)
}

impl<T> Default for Dedupe<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat, Samples};

    const W: usize = 96;
    const H: usize = 64;

    /// A bright disc at `x` on a slope of grey, under noise of up to `noisy` codes told by `seed`.
    fn drawing(x: f32, noisy: i32, seed: u32) -> Arc<Frame> {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let light = |i: usize| {
            let (px, py) = ((i % W) as f32 - x, (i / W) as f32 - 30.0);
            let inside = (11.5 - px.hypot(py)).clamp(0.0, 1.0);
            let mut v = 60 + (i % W / 2) as i32 + (90.0 * inside).round() as i32;
            if noisy > 0 {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                v += (state >> 8) as i32 % (2 * noisy + 1) - noisy;
            }
            v as u8
        };
        let plane = Samples::U8((0..W * H).map(light).collect());
        Arc::new(Frame::new(PixelFormat::GRAY8, W, H, vec![plane], ColorDescription::default()).unwrap())
    }

    /// Frames that show each picture for as long as its run; what is left out.
    fn left_out(runs: &[usize], noisy: i32, cuts: &[usize]) -> Vec<usize> {
        let mut dedupe = Dedupe::new();
        let mut out = Vec::new();
        let mut index = 0;
        for (k, &run) in runs.iter().enumerate() {
            for _ in 0..run {
                let link = if index == 0 || cuts.contains(&index) { Link::Cut } else { Link::Continuous };
                out.extend(dedupe.push(
                    index,
                    &drawing(10.0 + 3.0 * k as f32, noisy, index as u32 + 1),
                    link,
                ));
                index += 1;
            }
        }
        out.extend(dedupe.finish());
        assert!(out.iter().enumerate().all(|(i, (index, _))| i == *index), "in order, each once");
        out.into_iter().filter(|(_, repeat)| *repeat).map(|(i, _)| i).collect()
    }

    #[test]
    fn twos_threes_and_mixed() {
        for noisy in [0, 1, 3] {
            assert_eq!(left_out(&[2, 2, 2, 2, 1], noisy, &[]), [1, 3, 5, 7], "noise of {noisy}");
            assert_eq!(left_out(&[3, 3, 3, 1], noisy, &[]), [1, 2, 4, 5, 7, 8], "noise of {noisy}");
            assert_eq!(left_out(&[2, 3, 1, 2, 1], noisy, &[]), [1, 3, 4, 7], "noise of {noisy}");
            assert_eq!(left_out(&[1; 12], noisy, &[]), [0; 0], "noise of {noisy}");
        }
    }

    #[test]
    fn holds_the_end_and_shots_stay_whole() {
        assert_eq!(left_out(&[2, 6, 2, 1], 1, &[]), [1, 3, 4, 5, 6, 7, 9]);
        assert_eq!(left_out(&[2, 7, 2, 1], 1, &[]), [1, 10], "a hold");
        assert_eq!(left_out(&[2, 40, 2, 1], 1, &[]), [1, 43], "a long one");
        assert_eq!(left_out(&[2, 2, 2], 1, &[]), [1, 3], "nothing follows the last");
        assert_eq!(
            left_out(&[2, 2, 2, 2, 1], 1, &[4]),
            [1, 5, 7],
            "nothing moves on from a shot's last picture"
        );
        assert_eq!(left_out(&[1], 0, &[]), [0; 0]);
        assert!(Dedupe::<()>::new().finish().is_empty());
    }

    #[test]
    fn a_slow_movement_is_no_run_of_repeats() {
        // A tenth of a sample a frame: neighbours cannot be told apart, but it goes on and on.
        let mut dedupe = Dedupe::new();
        let mut out = Vec::new();
        for i in 0..40 {
            out.extend(dedupe.push(i, &drawing(20.0 + 0.1 * i as f32, 1, i + 1), Link::Continuous));
        }
        out.extend(dedupe.finish());
        let repeats = out.iter().filter(|(_, repeat)| *repeat).count();
        assert!(out.len() == 40 && repeats <= 4, "{repeats}");
    }

    #[test]
    fn started_anywhere_it_says_the_same() {
        let runs = [2, 2, 3, 9, 2, 1, 1, 2, 30, 2, 2, 5, 1, 2, 2, 2, 1, 1];
        let pictures: Vec<Arc<Frame>> = runs
            .iter()
            .enumerate()
            .flat_map(|(k, &run)| std::iter::repeat_n(k, run))
            .enumerate()
            .map(|(i, k)| drawing(10.0 + 3.0 * k as f32, 2, i as u32 + 1))
            .collect();
        let run = |from: usize, to: usize| {
            let mut dedupe = Dedupe::new();
            let mut out: Vec<(usize, bool)> = Vec::new();
            for (i, picture) in pictures.iter().enumerate().take(to).skip(from) {
                out.extend(dedupe.push(i, picture, Link::Continuous));
            }
            out.extend(dedupe.finish());
            out
        };
        let whole = run(0, pictures.len());
        for from in 0..pictures.len() - 20 {
            let place = from + Dedupe::<usize>::LOOK_BACK;
            let to = (place + Dedupe::<usize>::LOOK_AHEAD + 1).min(pictures.len());
            let found = run(from, to).into_iter().find(|(i, _)| *i == place);
            assert_eq!(found, whole.get(place).copied(), "from {from}");
        }
    }
}
