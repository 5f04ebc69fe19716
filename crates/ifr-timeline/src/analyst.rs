use std::collections::VecDeque;
use std::sync::Arc;

use ifr_frame::{Frame, Time};

use crate::{CutDetector, CutList, Link, Thumb, is_same_picture};

/// Where cuts come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CutSource {
    /// Found in the pictures.
    #[default]
    Detect,
    /// Given.
    List(CutList),
    /// There are none.
    Off,
}

/// Which neighbours count as the same picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repeats {
    /// Those that differ by coding noise only.
    #[default]
    Similar,
    /// Those that are equal, sample by sample. For slow motion, where a slow movement spread over many frames would
    /// otherwise become a staircase.
    Equal,
    /// None: everything is computed.
    Off,
}

/// Says how each frame of a video links to the one before it, late by up to [`CutDetector::LOOK_AHEAD`] frames where cuts
/// are detected.
#[derive(Debug)]
pub struct Analyst {
    cuts: CutSource,
    detector: CutDetector,
    repeats: Repeats,
    last: Option<(Arc<Frame>, Time)>,
    start: Time,
    index: u64,
    /// Links as far as they are known; a detected cut overrules them.
    waiting: VecDeque<Link>,
}

impl Analyst {
    /// An analyst at the start of a video.
    pub fn new(cuts: CutSource, repeats: Repeats) -> Self {
        Self {
            cuts,
            detector: CutDetector::new(),
            repeats,
            last: None,
            start: Time::ZERO,
            index: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Takes the next frame, which is shown at `pts`.
    pub fn push(&mut self, frame: &Arc<Frame>, pts: Time) {
        let index = self.index;
        self.index += 1;
        let before = self.last.replace((Arc::clone(frame), pts));
        if self.cuts == CutSource::Detect {
            self.detector.push(Thumb::of(frame));
        }
        let link = match before {
            None => {
                self.start = pts;
                Link::Cut
            }
            Some((_, last_pts)) if self.is_listed(index, pts, last_pts) => Link::Cut,
            Some((last, _)) if self.is_repeat(&last, frame) => Link::Same,
            Some(_) => Link::Continuous,
        };
        self.waiting.push_back(link);
    }

    /// How the next frame links to the one before it ([`Link::Cut`] for the first), one answer for every frame in order;
    /// `None` while what follows has to be seen first.
    pub fn pop(&mut self) -> Option<Link> {
        let known = *self.waiting.front()?;
        let cut = self.cuts == CutSource::Detect && self.detector.pop()?;
        self.waiting.pop_front();
        Some(if cut { Link::Cut } else { known })
    }

    /// Says that no frames follow, so that [`Analyst::pop`] answers for the last ones.
    pub fn finish(&mut self) {
        self.detector.finish();
    }

    fn is_listed(&self, index: u64, pts: Time, last: Time) -> bool {
        match &self.cuts {
            CutSource::List(list) => list.starts(index, pts - self.start, last - self.start),
            CutSource::Detect | CutSource::Off => false,
        }
    }

    fn is_repeat(&self, last: &Arc<Frame>, frame: &Arc<Frame>) -> bool {
        match self.repeats {
            Repeats::Similar => is_same_picture(last, frame),
            Repeats::Equal => last == frame,
            Repeats::Off => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat, Samples};

    fn flat(code: u8) -> Arc<Frame> {
        let plane = Samples::U8(vec![code; 64 * 64]);
        Arc::new(Frame::new(PixelFormat::GRAY8, 64, 64, vec![plane], ColorDescription::default()).unwrap())
    }

    #[test]
    fn lists_and_repeats() {
        let list: CutList = "2\n0.3".parse().unwrap();
        let mut analyst = Analyst::new(CutSource::List(list), Repeats::Similar);
        // The video starts at 5 s; times in the list count from there.
        let codes = [10, 10, 10, 200, 200, 90];
        let mut one = |(i, &code): (usize, &u8)| {
            analyst.push(&flat(code), Time::new(50 + i as i64, 10));
            analyst.pop().unwrap()
        };
        let links: Vec<Link> = codes.iter().enumerate().map(&mut one).collect();
        assert_eq!(links, [Link::Cut, Link::Same, Link::Cut, Link::Cut, Link::Same, Link::Continuous]);
        let mut off = Analyst::new(CutSource::Off, Repeats::Off);
        let links = [10, 10, 200].map(|c| {
            off.push(&flat(c), Time::new(i64::from(c), 1));
            off.pop().unwrap()
        });
        assert_eq!(links, [Link::Cut, Link::Continuous, Link::Continuous]);
    }
}
