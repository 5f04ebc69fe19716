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

/// Says how each frame of a video links to the one before it.
#[derive(Debug)]
pub struct Analyst {
    cuts: CutSource,
    detector: CutDetector,
    repeats: Repeats,
    last: Option<(Arc<Frame>, Time)>,
    start: Time,
    index: u64,
}

impl Analyst {
    /// An analyst at the start of a video.
    pub fn new(cuts: CutSource, repeats: Repeats) -> Self {
        Self { cuts, detector: CutDetector::new(), repeats, last: None, start: Time::ZERO, index: 0 }
    }

    /// How `frame`, shown at `pts`, links to the frame before it ([`Link::Cut`] for the first).
    pub fn push(&mut self, frame: &Arc<Frame>, pts: Time) -> Link {
        let index = self.index;
        self.index += 1;
        let before = self.last.replace((Arc::clone(frame), pts));
        let detected = self.cuts == CutSource::Detect && self.detector.push(Thumb::of(frame));
        let Some((last, last_pts)) = before else {
            self.start = pts;
            return Link::Cut;
        };
        let cut = match &self.cuts {
            CutSource::Detect => detected,
            CutSource::List(list) => list.starts(index, pts - self.start, last_pts - self.start),
            CutSource::Off => false,
        };
        if cut {
            Link::Cut
        } else if self.is_repeat(&last, frame) {
            Link::Same
        } else {
            Link::Continuous
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
        let links: Vec<Link> = codes
            .iter()
            .enumerate()
            .map(|(i, &c)| analyst.push(&flat(c), Time::new(50 + i as i64, 10)))
            .collect();
        assert_eq!(links, [Link::Cut, Link::Same, Link::Cut, Link::Cut, Link::Same, Link::Continuous]);
        let mut off = Analyst::new(CutSource::Off, Repeats::Off);
        let links = [10, 10, 200].map(|c| off.push(&flat(c), Time::new(i64::from(c), 1)));
        assert_eq!(links, [Link::Cut, Link::Continuous, Link::Continuous]);
    }
}
