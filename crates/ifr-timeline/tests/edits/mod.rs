//! Edits with known cuts, made from shots by a fixed seed: what the cut detector is judged by.
#![allow(dead_code, unused_imports, reason = "each user of the module takes a part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod draw;
mod effects;
mod kinds;
mod score;
mod shots;

use std::ops::RangeInclusive;

use ifr_timeline::Thumb;

pub(crate) use kinds::{KINDS, make};
pub(crate) use score::{Score, table};
pub(crate) use shots::{Clip, Shot, clips, generated, shots};

/// An 8-bit luma picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gray {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) luma: Vec<u8>,
}

impl Gray {
    /// The value at a place, clamped to the picture.
    fn at(&self, x: isize, y: isize) -> u8 {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.luma[y * self.width + x]
    }

    /// As the detector sees it.
    pub(crate) fn thumb(&self) -> Thumb {
        use ifr_frame::{ColorDescription, Frame, PixelFormat, Samples};
        let planes = vec![Samples::U8(self.luma.clone())];
        let frame =
            Frame::new(PixelFormat::GRAY8, self.width, self.height, planes, ColorDescription::default());
        Thumb::of(&frame.unwrap())
    }
}

/// A sequence of pictures of which the cuts are known.
#[derive(Debug)]
pub(crate) struct Edit {
    /// What is hard about it.
    pub(crate) kind: &'static str,
    pub(crate) frames: Vec<Gray>,
    /// For every cut the frames at which it may be found: one, but where a flash hides it.
    pub(crate) cuts: Vec<RangeInclusive<usize>>,
    /// Frames at which it does not matter what is found: jumps within a shot.
    pub(crate) either: Vec<usize>,
}
