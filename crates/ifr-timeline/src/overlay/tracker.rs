use std::collections::VecDeque;
use std::sync::Arc;

use ifr_frame::Frame;

use super::evidence::{self, WINDOW};
use super::luma::Luma;
use super::{Overlaid, OverlayMask};
use crate::Link;

/// Finds what stands still over a moving picture: captions, logos, displays, letterbox bars.
///
/// Frames are pushed in order with whatever belongs to them, and come back in order with a mask of their overlays, up to
/// [`OverlayTracker::LOOK_AHEAD`] frames later. What is said of a frame depends on that many frames before and after it in the
/// same shot, and on nothing else.
#[derive(Debug)]
pub struct OverlayTracker<T> {
    /// The last frames of the shot, at most a window.
    frames: VecDeque<Luma>,
    /// Size of the shot's frames.
    size: (usize, usize),
    /// Frames of the shot so far.
    count: usize,
    /// What was found in the last windows, each with the number of its first frame in the shot.
    found: VecDeque<(usize, Vec<u8>)>,
    /// Frames whose masks are not known yet, with their numbers in the shot.
    waiting: VecDeque<(T, Arc<Frame>, usize)>,
    ready: VecDeque<(T, Overlaid)>,
}

impl<T> Default for OverlayTracker<T> {
    fn default() -> Self {
        Self {
            frames: VecDeque::new(),
            size: (0, 0),
            count: 0,
            found: VecDeque::new(),
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }
}

impl<T> OverlayTracker<T> {
    /// How many frames before a frame its mask depends on.
    pub const LOOK_BACK: usize = WINDOW - 1;
    /// How many frames after a frame its mask depends on: how many are held back.
    pub const LOOK_AHEAD: usize = WINDOW - 1;

    /// A tracker at the start of a video.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next frame, how it links to the one before, and what is to come back with its mask.
    pub fn push(&mut self, item: T, frame: Arc<Frame>, link: Link) {
        let size = (frame.width(), frame.height());
        if link == Link::Cut || size != self.size {
            self.end_shot();
            self.size = size;
        }
        self.frames.push_back(Luma::of(&frame));
        self.waiting.push_back((item, frame, self.count));
        self.count += 1;
        if self.frames.len() == WINDOW {
            let start = self.count - WINDOW;
            let window = std::array::from_fn(|i| &self.frames[i]);
            if let Some(mask) = evidence::overlay(&window) {
                self.found.push_back((start, mask));
            }
            self.frames.pop_front();
            self.release(start + 1);
            // The next frame to be released needs the windows that begin so many frames before it.
            self.found.retain(|(first, _)| first + WINDOW > start + 1);
        }
    }

    /// Ends the video: all frames that were held back become ready.
    pub fn finish(&mut self) {
        self.end_shot();
    }

    /// What came with the next frame, and the frame with its overlays.
    pub fn pop(&mut self) -> Option<(T, Overlaid)> {
        self.ready.pop_front()
    }

    fn end_shot(&mut self) {
        self.release(usize::MAX);
        self.frames.clear();
        self.found.clear();
        self.count = 0;
    }

    /// Makes the frames before number `end` of the shot ready.
    fn release(&mut self, end: usize) {
        while self.waiting.front().is_some_and(|(.., i)| *i < end) {
            let Some((item, frame, i)) = self.waiting.pop_front() else { break };
            self.ready.push_back((item, Overlaid::new(frame, self.mask(i))));
        }
    }

    /// What is still from frame `i` of the shot to both its neighbours.
    fn mask(&self, i: usize) -> Option<Arc<OverlayMask>> {
        let before = (i > 0).then(|| self.between(i));
        let after = (i + 1 < self.count).then(|| self.between(i + 1));
        let both = match (before, after) {
            (Some(a), Some(b)) => a.zip(b).map(|(mut a, b)| {
                a.iter_mut().zip(&b).for_each(|(a, &b)| *a = (*a).min(b));
                a
            }),
            (a, b) => a.or(b).flatten(),
        };
        OverlayMask::new(self.size, &both?).map(Arc::new)
    }

    /// What is still between frame `i` of the shot and the one before: in any window that holds both.
    fn between(&self, i: usize) -> Option<Vec<u8>> {
        let mut windows = self.found.iter().filter(|(first, _)| *first < i && i < first + WINDOW);
        let mut all = windows.next()?.1.clone();
        for (_, mask) in windows {
            // Found by any, filled if all that found it say so: 0 is made the largest by taking 1 away.
            all.iter_mut()
                .zip(mask)
                .for_each(|(a, &b)| *a = a.wrapping_sub(1).min(b.wrapping_sub(1)).wrapping_add(1));
        }
        Some(all)
    }
}
