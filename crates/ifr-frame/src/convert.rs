//! Between frames of integer codes and float R'G'B'. Formulas: ITU-T H.273, equations for limited and full range.

use rayon::prelude::*;

use crate::frame::{check_size, is_limited};
use crate::resample::{Axis, down_plane, up_row};
use crate::{ColorDescription, ColorModel, Frame, FrameError, PixelFormat, Plane, RgbImage, Samples};

/// Rows that a thread converts at a time. Each is converted by itself, so results are the same whatever this is.
const BLOCK: usize = 16;

/// Offset and span of codes: value = (code − offset) / span.
#[derive(Debug, Clone, Copy)]
struct Codes {
    offset: f32,
    span: f32,
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

fn read_row(plane: &Plane, y: usize, codes: Codes, out: &mut [f32]) {
    let (scale, start) = (1.0 / codes.span, y * plane.width);
    let convert = |v: f32| (v - codes.offset) * scale;
    match &plane.samples {
        Samples::U8(v) => {
            let row = &v[start..start + plane.width];
            out.iter_mut().zip(row).for_each(|(o, &s)| *o = convert(f32::from(s)));
        }
        Samples::U16(v) => {
            let row = &v[start..start + plane.width];
            out.iter_mut().zip(row).for_each(|(o, &s)| *o = convert(f32::from(s)));
        }
    }
}

fn quantise(values: &[f32], width: usize, codes: Codes, format: PixelFormat) -> Samples {
    let max = f32::from(format.max_code());
    // Integers of 32 bits on the way, which processors convert many at a time.
    let code = |v: f32| (v * codes.span + codes.offset + 0.5).clamp(0.0, max) as i32;
    match format.depth {
        8 => Samples::U8(by_blocks(values, width, |v| code(v) as u8)),
        _ => Samples::U16(by_blocks(values, width, |v| code(v) as u16)),
    }
}

/// All rows of a plane.
fn read_plane(plane: &Plane, codes: Codes, out: &mut [f32]) {
    let rows = out.par_chunks_exact_mut(plane.width).with_min_len(BLOCK).enumerate();
    rows.for_each(|(y, row)| read_row(plane, y, codes, row));
}

/// Every value by itself.
fn by_blocks<T: Copy + Default + Send>(
    values: &[f32],
    width: usize,
    code: impl Fn(f32) -> T + Sync,
) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    let blocks = out.par_chunks_mut(BLOCK * width).zip(values.par_chunks(BLOCK * width));
    blocks.for_each(|(out, values)| out.iter_mut().zip(values).for_each(|(o, &v)| *o = code(v)));
    out
}

impl Frame {
    /// This frame as float R'G'B' (not linear light), by its own matrix, range and siting. Alpha is left out. Chroma
    /// is upsampled linearly. Values outside \[0, 1\] are kept.
    pub fn to_rgb(&self) -> RgbImage {
        let (w, h) = (self.width(), self.height());
        let mut data = vec![0.0_f32; 3 * w * h];
        let (luma, chroma) = codes(self.format(), self.color());
        let planes = self.planes();
        {
            let (r, rest) = data.split_at_mut(w * h);
            let (g, b) = rest.split_at_mut(w * h);
            match self.format().model {
                ColorModel::Rgb => {
                    for (plane, out) in planes.iter().zip([r, g, b]) {
                        read_plane(plane, luma, out);
                    }
                }
                ColorModel::Gray => {
                    read_plane(&planes[0], luma, r);
                    g.copy_from_slice(r);
                    b.copy_from_slice(r);
                }
                ColorModel::Yuv(_) => {
                    let (ax, ay) = axes(self.format(), self.color(), w, h);
                    let (kr, kb) = self.color().matrix.weights(h);
                    let kg = 1.0 - kr - kb;
                    let (to_r, to_b) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
                    let (g_cb, g_cr) = (to_b * kb / kg, to_r * kr / kg);
                    let [r, g, b] = [r, g, b].map(|channel| channel.par_chunks_mut(BLOCK * w));
                    r.zip(g).zip(b).enumerate().for_each(|(block, ((r, g), b))| {
                        let mut coarse = [vec![0.0_f32; ax.coarse], vec![0.0; ax.coarse]];
                        let mut second = vec![0.0_f32; ax.coarse];
                        let mut fine = [vec![0.0_f32; w], vec![0.0; w]];
                        let rows =
                            r.chunks_exact_mut(w).zip(g.chunks_exact_mut(w)).zip(b.chunks_exact_mut(w));
                        for (i, ((r, g), b)) in rows.enumerate() {
                            let y = block * BLOCK + i;
                            let (top, bottom, weight) = ay.up(y);
                            for c in 0..2 {
                                read_row(&planes[c + 1], top, chroma, &mut coarse[c]);
                                if weight > 0.0 {
                                    read_row(&planes[c + 1], bottom, chroma, &mut second);
                                    for (a, &s) in coarse[c].iter_mut().zip(&second) {
                                        *a += weight * (s - *a);
                                    }
                                }
                                up_row(ax, &coarse[c], &mut fine[c]);
                            }
                            read_row(&planes[0], y, luma, g);
                            for (((r, g), b), (&cb, &cr)) in
                                r.iter_mut().zip(g).zip(b).zip(fine[0].iter().zip(&fine[1]))
                            {
                                let luma = *g;
                                *r = luma + to_r * cr;
                                *b = luma + to_b * cb;
                                *g = luma - g_cb * cb - g_cr * cr;
                            }
                        }
                    });
                }
            }
        }
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
        check_size(w, h)?;
        format.check()?;
        let (luma, chroma) = codes(format, color);
        let (r, g, b) = (self.channel(0), self.channel(1), self.channel(2));
        let (kr, kb) = color.matrix.weights(h);
        let kg = 1.0 - kr - kb;
        let luma_plane = || {
            let mut luma = vec![0.0_f32; w * h];
            let n = BLOCK * w;
            let blocks =
                luma.par_chunks_mut(n).zip(r.par_chunks(n)).zip(g.par_chunks(n)).zip(b.par_chunks(n));
            blocks.for_each(|(((luma, r), g), b)| {
                for (((luma, &r), &g), &b) in luma.iter_mut().zip(r).zip(g).zip(b) {
                    *luma = kr * r + kg * g + kb * b;
                }
            });
            luma
        };
        let mut planes = match format.model {
            ColorModel::Rgb => [r, g, b].map(|channel| quantise(channel, w, luma, format)).into(),
            ColorModel::Gray => vec![quantise(&luma_plane(), w, luma, format)],
            ColorModel::Yuv(_) => {
                let y = luma_plane();
                let (ax, ay) = axes(format, color, w, h);
                let difference = |channel: &[f32], k: f32| {
                    let scale = 0.5 / (1.0 - k);
                    let row = |i: usize, out: &mut [f32]| {
                        let row = i * w..(i + 1) * w;
                        for ((out, &c), &y) in out.iter_mut().zip(&channel[row.clone()]).zip(&y[row]) {
                            *out = (c - y) * scale;
                        }
                    };
                    quantise(&down_plane(ax, ay, BLOCK, &row), ax.coarse, chroma, format)
                };
                let (cb, cr) = (difference(b, kb), difference(r, kr));
                vec![quantise(&y, w, luma, format), cb, cr]
            }
        };
        if format.alpha {
            planes.push(match format.depth {
                8 => Samples::U8(vec![255; w * h]),
                _ => Samples::U16(vec![format.max_code(); w * h]),
            });
        }
        Frame::new(format, w, h, planes, color)
    }
}

#[cfg(test)]
mod tests;
