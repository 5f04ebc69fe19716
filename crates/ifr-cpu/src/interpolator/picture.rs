//! Images between which others are made, and the way back to frames.

use std::sync::{Arc, OnceLock};

use ifr_frame::{ColorDescription, Frame, FrameError, Padding, PixelFormat, RgbImage};

use super::alpha::with_alpha;
use crate::prior::image;

/// An image as the network takes it, from a source or made by the network itself.
#[derive(Debug)]
pub(super) struct Picture {
    /// Padded.
    pub(super) rgb: RgbImage,
    /// What it was made of, where it is a source's.
    pub(super) source: Option<Arc<Frame>>,
    /// See [`Picture::wide`].
    wide: OnceLock<Arc<Frame>>,
}

impl Picture {
    pub(super) fn of_source(frame: &Arc<Frame>, padding: Padding) -> Result<Self, FrameError> {
        let rgb = image(frame, padding)?;
        Ok(Self { rgb, source: Some(Arc::clone(frame)), wide: OnceLock::new() })
    }

    pub(super) fn made(rgb: RgbImage) -> Self {
        Self { rgb, source: None, wide: OnceLock::new() }
    }

    /// The image as a frame of 16 bits, for a prior: finer than any source, and of one kind for sources and made images.
    pub(super) fn wide(&self, padding: Padding) -> Result<Arc<Frame>, FrameError> {
        if let Some(frame) = self.wide.get() {
            return Ok(Arc::clone(frame));
        }
        let frame = to_frame(&self.rgb, padding, PixelFormat::RGB16, ColorDescription::SRGB)?;
        Ok(Arc::clone(self.wide.get_or_init(|| Arc::new(frame))))
    }
}

/// A padded image as a frame of the kind of its sources, which lies at `t` between them.
pub(super) fn finished(
    image: &RgbImage,
    padding: Padding,
    sources: &[Arc<Frame>; 2],
    t: f32,
) -> Result<Frame, FrameError> {
    let like = &sources[0];
    let frame = to_frame(image, padding, like.format(), like.color())?;
    if like.format().alpha { with_alpha(&frame, sources, t) } else { Ok(frame) }
}

fn to_frame(
    image: &RgbImage,
    padding: Padding,
    format: PixelFormat,
    color: ColorDescription,
) -> Result<Frame, FrameError> {
    if padding.is_none() {
        image.to_frame(format, color)
    } else {
        padding.crop(image)?.to_frame(format, color)
    }
}
