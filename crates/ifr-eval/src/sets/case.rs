use std::sync::Arc;

use ifr_frame::{ColorDescription, Frame, FrameError, PixelFormat, RgbImage};

/// Two frames, and what lies between them.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name in the set, e.g. `00001/0389`.
    pub name: String,
    /// The frames at t = 0 and t = 1. Those of images are 16-bit RGB, so that a method's answer is hardly rounded; those of
    /// videos are as the decoder made them.
    pub inputs: [Arc<Frame>; 2],
    /// The true frames between, in order of time.
    pub truths: Vec<Truth>,
    /// Left and top of the truth in the inputs, in pixels, where those are padded.
    pub corner: (usize, usize),
}

/// A true frame.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Its place between the inputs, in (0, 1).
    pub t: f32,
    /// The name of its file without extension; empty for videos.
    pub stem: String,
    /// Its number in its video, counted from 1; `None` for images.
    pub number: Option<usize>,
    /// The frame.
    pub frame: Arc<Frame>,
}

impl Case {
    /// The part of a picture of the inputs' size that the truth shows.
    ///
    /// # Errors
    /// [`FrameError`] when the picture is too small for it.
    pub fn cut(&self, picture: RgbImage, truth: &Truth) -> Result<RgbImage, FrameError> {
        let (w, h) = (truth.frame.width(), truth.frame.height());
        let (x, y) = self.corner;
        if (picture.width(), picture.height()) == (w, h) {
            return Ok(picture);
        }
        if picture.width() < x + w || picture.height() < y + h {
            return Err(FrameError::Plane {
                plane: 0,
                format: "float RGB".to_owned(),
                found: format!("{}x{}", picture.width(), picture.height()),
                expected: format!("{w}x{h}, as the true frame is"),
            });
        }
        cut(&picture, (x, y), (w, h))
    }
}

/// The rectangle of that size at (x, y), which must lie inside.
pub(crate) fn cut(
    image: &RgbImage,
    (x, y): (usize, usize),
    (w, h): (usize, usize),
) -> Result<RgbImage, FrameError> {
    let mut out = RgbImage::black(w, h)?;
    for (c, plane) in out.channels_mut().into_iter().enumerate() {
        for (row, line) in plane.chunks_exact_mut(w).enumerate() {
            let start = (y + row) * image.width() + x;
            line.copy_from_slice(&image.channel(c)[start..start + w]);
        }
    }
    Ok(out)
}

/// The image as 16-bit RGB: 8-bit codes are kept exactly, and 256 times finer ones are possible.
pub(crate) fn fine(image: &RgbImage) -> Result<Arc<Frame>, FrameError> {
    image.to_frame(PixelFormat::RGB16, ColorDescription::SRGB).map(Arc::new)
}

/// The image rounded to 8-bit RGB.
pub(crate) fn coarse(image: &RgbImage) -> Result<Frame, FrameError> {
    image.to_frame(PixelFormat::RGB8, ColorDescription::SRGB)
}
