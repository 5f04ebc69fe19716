use rayon::prelude::*;

use crate::{FrameError, RgbImage};

/// Rows that a thread copies at a time, at least.
const BLOCK: usize = 16;

/// Replicate padding at the bottom and right up to a multiple, and the crop that undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    width: usize,
    height: usize,
    padded_width: usize,
    padded_height: usize,
}

impl Padding {
    /// Padding of `width` × `height` to multiples of `multiple` (at least 1).
    pub fn to_multiple(width: usize, height: usize, multiple: usize) -> Self {
        let up = |n: usize| n.next_multiple_of(multiple.max(1));
        Self { width, height, padded_width: up(width), padded_height: up(height) }
    }

    /// Width and height once padded.
    pub fn padded_size(self) -> (usize, usize) {
        (self.padded_width, self.padded_height)
    }

    /// Whether there is nothing to add or to crop.
    pub fn is_none(self) -> bool {
        self.padded_size() == (self.width, self.height)
    }

    /// The image with its last column and row repeated.
    ///
    /// # Errors
    /// [`FrameError`] when the image is not of the size this padding was made for, or the padded size is impossible.
    pub fn pad(self, image: &RgbImage) -> Result<RgbImage, FrameError> {
        expect_size(image, self.width, self.height)?;
        let (pw, ph) = self.padded_size();
        let mut out = RgbImage::black(pw, ph)?;
        let source = image.data();
        for (c, plane) in out.channels_mut().into_iter().enumerate() {
            let rows = plane.par_chunks_exact_mut(pw).with_min_len(BLOCK).enumerate();
            rows.for_each(|(y, row)| {
                let start = (c * self.height + y.min(self.height - 1)) * self.width;
                row[..self.width].copy_from_slice(&source[start..start + self.width]);
                let last = row[self.width - 1];
                row[self.width..].fill(last);
            });
        }
        Ok(out)
    }

    /// The image without its padding.
    ///
    /// # Errors
    /// [`FrameError`] when the image is not of the padded size.
    pub fn crop(self, image: &RgbImage) -> Result<RgbImage, FrameError> {
        expect_size(image, self.padded_width, self.padded_height)?;
        let mut out = RgbImage::black(self.width, self.height)?;
        for (c, plane) in out.channels_mut().into_iter().enumerate() {
            let rows = plane.par_chunks_exact_mut(self.width).with_min_len(BLOCK).enumerate();
            rows.for_each(|(y, row)| {
                let start = y * self.padded_width;
                row.copy_from_slice(&image.channel(c)[start..start + self.width]);
            });
        }
        Ok(out)
    }
}

fn expect_size(image: &RgbImage, width: usize, height: usize) -> Result<(), FrameError> {
    if (image.width(), image.height()) == (width, height) {
        return Ok(());
    }
    Err(FrameError::Plane {
        plane: 0,
        format: "float RGB".to_owned(),
        found: format!("{}x{}", image.width(), image.height()),
        expected: format!("{width}x{height}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pad_then_crop_is_identity_and_replicates() {
        let (w, h) = (5, 3);
        let data = (0..3 * w * h).map(|i| i as f32).collect();
        let image = RgbImage::new(w, h, data).unwrap();
        let padding = Padding::to_multiple(w, h, 4);
        let padded = padding.pad(&image).unwrap();
        assert_eq!(padding.padded_size(), (8, 4));
        assert!(!padding.is_none() && Padding::to_multiple(8, 4, 4).is_none());
        assert_eq!(padded.channel(1)[7], image.channel(1)[4]);
        assert_eq!(padded.channel(2)[3 * 8], image.channel(2)[2 * 5]);
        assert_eq!(padding.crop(&padded).unwrap(), image);
        assert!(padding.pad(&padded).is_err());
    }
}
