//! Between frames of integer codes and float R'G'B'. Formulas: ITU-T H.273, equations for limited and full range.

mod reader;
mod writer;

use rayon::prelude::*;

use crate::frame::is_limited;
use crate::resample::Axis;
use crate::{ColorDescription, Frame, FrameError, PixelFormat, RgbImage};

pub use reader::RgbReader;
pub use writer::FrameWriter;

/// Rows that a thread converts at a time. Each is converted by itself, so results are the same whatever this is.
const BLOCK: usize = 16;

/// Offset and span of codes: value = (code − offset) / span.
#[derive(Debug, Clone, Copy)]
struct Codes {
    offset: f32,
    span: f32,
}

/// Y' = kr R' + kg G' + kb B'.
#[derive(Debug, Clone, Copy)]
struct Weights {
    kr: f32,
    kg: f32,
    kb: f32,
}

impl Weights {
    /// Those of frames of a height, which decides where nobody says which matrix it is.
    fn of(color: ColorDescription, height: usize) -> Self {
        let (kr, kb) = color.matrix.weights(height);
        Self { kr, kg: 1.0 - kr - kb, kb }
    }
}

/// Codes of luma (or R, G, B, grey) and of chroma, whose zero lies at the offset.
fn codes(format: PixelFormat, color: ColorDescription) -> (Codes, Codes) {
    let unit = f32::from(1_u16 << (format.depth - 8));
    let half = 128.0 * unit;
    if is_limited(format, color) {
        (Codes { offset: 16.0 * unit, span: 219.0 * unit }, Codes { offset: half, span: 224.0 * unit })
    } else {
        let max = f32::from(format.max_code());
        (Codes { offset: 0.0, span: max }, Codes { offset: half, span: max })
    }
}

/// The horizontal and vertical axes of a chroma plane.
fn axes(format: PixelFormat, color: ColorDescription, width: usize, height: usize) -> (Axis, Axis) {
    let (lx, ly) = format.log2_step(1);
    let (cw, ch) = format.plane_size(1, width, height);
    let (step_x, step_y) = (1 << lx, 1 << ly);
    let (ox, oy) = color.siting.offset(step_x, step_y);
    (
        Axis { fine: width, coarse: cw, step: step_x, offset: ox },
        Axis { fine: height, coarse: ch, step: step_y, offset: oy },
    )
}

impl Frame {
    /// This frame as float R'G'B' (not linear light), by its own matrix, range and siting. Alpha is left out. Chroma
    /// is upsampled linearly. Values outside \[0, 1\] are kept.
    pub fn to_rgb(&self) -> RgbImage {
        let (w, h) = (self.width(), self.height());
        let mut data = vec![0.0_f32; 3 * w * h];
        let (r, rest) = data.split_at_mut(w * h);
        let (g, b) = rest.split_at_mut(w * h);
        let [r, g, b] = [r, g, b].map(|channel| channel.par_chunks_mut(BLOCK * w));
        r.zip(g).zip(b).enumerate().for_each(|(block, ((r, g), b))| {
            let mut reader = RgbReader::new(self);
            let rows = r.chunks_exact_mut(w).zip(g.chunks_exact_mut(w)).zip(b.chunks_exact_mut(w));
            for (i, ((r, g), b)) in rows.enumerate() {
                reader.read(block * BLOCK + i, [r, g, b]);
            }
        });
        RgbImage::new(w, h, data).expect("a frame's size is possible")
    }
}

impl RgbImage {
    /// This image as a frame of the given format and colour description, rounded to the nearest codes and clamped to
    /// the codes there are. Chroma is downsampled by a tent filter; alpha, where the format has it, is opaque.
    ///
    /// # Errors
    /// [`FrameError::Depth`] for an impossible bit depth.
    pub fn to_frame(&self, format: PixelFormat, color: ColorDescription) -> Result<Frame, FrameError> {
        let (w, h) = (self.width(), self.height());
        let mut writer = FrameWriter::new(format, color, w, h)?;
        let row = |channel: usize, y: usize| &self.channel(channel)[y * w..(y + 1) * w];
        writer.write(h, &row, &|parts, part| (0..parts).into_par_iter().for_each(part));
        writer.finish()
    }
}

#[cfg(test)]
mod tests;
