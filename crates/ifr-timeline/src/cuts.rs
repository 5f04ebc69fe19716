use std::collections::VecDeque;

use crate::Thumb;
use crate::likeness::{Comparison, nearby_unlikeness};

/// Links at least this unlike may be cuts.
const CUT: f32 = 0.6;
/// What is added to that for links among others that are unlike themselves, as a share of how unlike at least two of the
/// [`NEAR`] on either side are: fast motion is unlike from frame to frame throughout, a cut once.
const AROUND: f32 = 0.6;
/// Links on either side that a cut has to stand out from. Two, so that shots of three frames have two calm ones.
const NEAR: usize = 2;
/// Links this unlike are cuts as well where the picture jumps and is calm before and after: the links around are less than
/// [`CALM`] and less than a third as unlike.
const CALM_CUT: f32 = 0.35;
/// See [`CALM_CUT`].
const CALM: f32 = 0.17;
/// Frames this little unlike, and much less than those on either side of the link, show one scene: what lies between them was a flash.
const ALIKE: f32 = 0.5;
/// A frame that another one, brightened or darkened, predicts this well is that one in a flash.
const EXPLAINED: f32 = 0.35;

/// Finds hard cuts.
///
/// Every frame is compared, as a [`Thumb`], with the one before. A cut is where most blocks of the picture
/// cannot be found again, neither moved within a sixteenth of the picture, nor after a change of brightness or contrast,
/// nor after a fast movement of the whole camera; where that stands out from the links around; and where no two frames
/// before and after it, up to four apart, show the same scene (a flash lies between such). Fades and dissolves are no cuts.
/// Where a flash hides a cut, one is found, within the flash.
///
/// What is said of a frame depends on [`CutDetector::LOOK_BACK`] frames before it and [`CutDetector::LOOK_AHEAD`] after
/// it, and on nothing else; most frames are decided at once. How well it does on what material, and what the thresholds
/// rest on: `docs/cuts.md`.
#[derive(Debug, Default)]
pub struct CutDetector {
    /// The last frames, each with how it compares with the one before.
    window: VecDeque<(Thumb, Comparison)>,
    /// How many of them are decided.
    decided: usize,
    ended: bool,
}

impl CutDetector {
    /// How many frames before one have a say.
    pub const LOOK_BACK: usize = 4;
    /// How many frames after one have a say; the most that a decision is late.
    pub const LOOK_AHEAD: usize = 3;

    /// A detector at the start of a video.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next frame's thumbnail.
    pub fn push(&mut self, thumb: Thumb) {
        let comparison = match self.window.back() {
            None => Comparison::SAME,
            Some((last, _)) => Comparison::of(last, &thumb),
        };
        self.window.push_back((thumb, comparison));
        while self.decided > Self::LOOK_BACK {
            self.window.pop_front();
            self.decided -= 1;
        }
    }

    /// Whether a new shot starts with the next frame that can be decided, one answer for every frame in order; `None`
    /// while more has to be seen. Never for the first frame.
    pub fn pop(&mut self) -> Option<bool> {
        let at = self.decided;
        let (_, link) = self.window.get(at)?;
        let cut = if !may_be_cut(link) {
            false
        } else if self.window.len() <= at + Self::LOOK_AHEAD && !self.ended {
            return None;
        } else {
            self.is_cut(at)
        };
        self.decided += 1;
        Some(cut)
    }

    /// Says that no frames follow, so that [`CutDetector::pop`] answers for the last ones.
    pub fn finish(&mut self) {
        self.ended = true;
    }

    fn link(&self, at: usize) -> Option<&Comparison> {
        Some(&self.window.get(at)?.1)
    }

    fn is_cut(&self, at: usize) -> bool {
        let Some(link) = self.link(at) else { return false };
        let before = |n: usize| (at.saturating_sub(n)..at).filter_map(|i| self.link(i));
        let after = |n: usize| (at + 1..=at + n).filter_map(|i| self.link(i));
        let mut near: Vec<f32> = before(NEAR).chain(after(NEAR)).map(Comparison::unlikeness).collect();
        near.sort_by(|a, b| b.total_cmp(a));
        let most = near.first().copied().unwrap_or(0.0);
        let usual = near.get(1).copied().unwrap_or(0.0);
        let calm = link.is_jump() && most < CALM.min(link.unlikeness() / 3.0);
        let stands_out = calm || link.unlikeness() >= CUT + AROUND * usual;
        if !stands_out || self.returns(at, ALIKE.min(0.7 * link.unlikeness())) {
            return false;
        }
        // A flash that hides a cut is unlike what comes before and after: it belongs to the shot that explains it, to the
        // old one where both do.
        let of_old = |l: &Comparison| l.forward() < EXPLAINED;
        let of_new = link.backward() < EXPLAINED;
        let strong = |l: &&Comparison| l.unlikeness() >= CUT;
        let flash_of_old = of_old(link) && after(Self::LOOK_AHEAD).any(|l| strong(&l));
        let flash_of_new = of_new && before(Self::LOOK_AHEAD).filter(strong).any(|l| !of_old(l));
        !flash_of_old && !flash_of_new
    }

    /// Whether two frames on either side of the link before frame `at`, up to four apart, are less than `limit` unlike.
    fn returns(&self, at: usize, limit: f32) -> bool {
        let thumb = |i: usize| self.window.get(i).map(|(thumb, _)| thumb);
        let alike = |first: usize, apart: usize| {
            thumb(first)
                .zip(thumb(first + apart))
                .is_some_and(|(a, b)| Comparison::of(a, b).unlikeness() < limit)
        };
        let reach = Self::LOOK_BACK;
        (2..=reach).any(|apart| (1..=apart).any(|back| at >= back && alike(at - back, apart)))
    }
}

/// Whether a link has to be looked at with what is around.
fn may_be_cut(link: &Comparison) -> bool {
    link.unlikeness() >= CUT || (link.is_jump() && link.unlikeness() >= CALM_CUT)
}

/// Whether most of the second picture cannot be found again in the first, which need not be its neighbour, within a
/// sixteenth of the picture: another scene, or one that has moved too far.
pub fn is_other_scene(first: &Thumb, second: &Thumb) -> bool {
    (first.width, first.height) != (second.width, second.height) || nearby_unlikeness(first, second) >= CUT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A textured picture, moved by (dx, dy); `seed` makes different scenes.
    fn scene(seed: u32, dx: i32, dy: i32) -> Thumb {
        let value = |x: i32, y: i32| {
            let cell = ((x.div_euclid(5) * 7 + y.div_euclid(4) * 13) as u32)
                .wrapping_add(seed << 16)
                .wrapping_mul(2_654_435_761);
            ((cell ^ (cell >> 15)).wrapping_mul(2_246_822_519) >> 24) as u8
        };
        let luma = (0..72 * 128).map(|i| value(i % 128 + dx, i / 128 + dy)).collect();
        Thumb { width: 128, height: 72, luma }
    }

    fn find(thumbs: impl IntoIterator<Item = Thumb>) -> Vec<usize> {
        let mut detector = CutDetector::new();
        let mut cuts = Vec::new();
        for thumb in thumbs {
            detector.push(thumb);
            cuts.extend(std::iter::from_fn(|| detector.pop()));
        }
        detector.finish();
        cuts.extend(std::iter::from_fn(|| detector.pop()));
        (0..cuts.len()).filter(|&i| cuts[i]).collect()
    }

    #[test]
    fn motion_is_no_cut_and_a_new_scene_is() {
        let moving = (0..10).map(|i| scene(1, i * 5, i * -3));
        let others = [scene(2, 0, 0), scene(2, 4, 0), scene(2, 8, 0), scene(3, 0, 0)];
        assert_eq!(find(moving.chain(others)), [10, 13], "the last shot has one frame");
    }

    #[test]
    fn a_flash_is_no_cut_and_black_that_stays_is() {
        let white = || Thumb { luma: vec![255; 72 * 128], ..scene(1, 0, 0) };
        for length in 1..=3 {
            let flash = (0..length).map(|_| white());
            let all = (0..5).map(|i| scene(1, i, 0)).chain(flash).chain((5..10).map(|i| scene(1, i, 0)));
            assert!(find(all).is_empty(), "{length} white frames");
        }
        let black = (0..6).map(|_| Thumb { luma: vec![0; 72 * 128], ..scene(1, 0, 0) });
        let all = (0..5).map(|i| scene(1, i, 0)).chain(black).chain((0..5).map(|i| scene(2, i, 0)));
        assert_eq!(find(all), [5, 11]);
    }

    #[test]
    fn a_new_size_is_a_cut() {
        let small = || Thumb { width: 64, height: 36, luma: vec![9; 64 * 36] };
        assert_eq!(find([scene(1, 0, 0), scene(1, 1, 0), small(), small()]), [2]);
    }

    #[test]
    fn most_frames_are_decided_at_once() {
        let mut detector = CutDetector::new();
        for i in 0..20 {
            detector.push(scene(1, i, 0));
            assert_eq!(detector.pop(), Some(false));
            assert_eq!(detector.pop(), None);
        }
        detector.push(scene(2, 0, 0));
        assert_eq!(detector.pop(), None, "what follows has to be seen");
    }

    #[test]
    fn tiny_pictures_have_no_cuts() {
        let tiny = [0, 255, 0].map(|v| Thumb { width: 2, height: 2, luma: vec![v; 4] });
        assert!(find(tiny).is_empty());
    }
}
