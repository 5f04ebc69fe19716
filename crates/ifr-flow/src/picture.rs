//! Frames as float planes and back.

use ifr_frame::{ColorModel, Frame, FrameError, PixelFormat, Samples};
use rayon::prelude::*;

use crate::estimate::Pyramid;
use crate::kernels::Level;
use crate::kernels::blend::{MotionRow, blend_row, codes_u8, codes_u16};
use crate::plane::{BLOCK, Plane};
use crate::project::Motion;

/// A frame prepared for estimation and warping.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Luma in 8-bit codes, with its halvings.
    pub(crate) luma: Pyramid,
    /// The planes after the first for Y'CbCr and grey (the first is the luma), all planes for RGB; in 8-bit codes.
    rest: Vec<Plane>,
}

/// Codes of `depth` bits per 8-bit code.
fn scale(format: PixelFormat) -> f32 {
    f32::from(1u16 << (format.depth - 8))
}

fn load(plane: &ifr_frame::Plane, scale: f32) -> Plane {
    let (w, k) = (plane.width, 1.0 / scale);
    let mut out = Plane::new(w, plane.height);
    match &plane.samples {
        Samples::U8(s) => out.fill_rows(|y, row| {
            for (o, s) in row.iter_mut().zip(&s[y * w..]) {
                *o = f32::from(*s) * k;
            }
        }),
        Samples::U16(s) => out.fill_rows(|y, row| {
            for (o, s) in row.iter_mut().zip(&s[y * w..]) {
                *o = f32::from(*s) * k;
            }
        }),
    }
    out
}

impl Picture {
    pub(crate) fn new(frame: &Frame) -> Self {
        let k = scale(frame.format());
        let mut planes = frame.planes().iter().map(|p| load(p, k));
        if frame.format().model == ColorModel::Rgb {
            let rest: Vec<_> = planes.collect();
            let mut luma = Plane::new(frame.width(), frame.height());
            if let [r, g, b, ..] = rest.as_slice() {
                // BT.601: any weights do for finding motion, these are the usual ones of image files.
                luma.fill_rows(|y, row| {
                    for (((o, r), g), b) in row.iter_mut().zip(r.row(y)).zip(g.row(y)).zip(b.row(y)) {
                        *o = 0.299 * r + 0.587 * g + 0.114 * b;
                    }
                });
            }
            return Self { luma: Pyramid::new(luma), rest };
        }
        let luma = planes.next().unwrap_or_else(|| Plane::new(frame.width(), frame.height()));
        Self { luma: Pyramid::new(luma), rest: planes.collect() }
    }

    /// The plane of that number in the frame.
    fn plane(&self, format: PixelFormat, number: usize) -> &Plane {
        match (format.model, number) {
            (ColorModel::Rgb, n) => &self.rest[n],
            (_, 0) => &self.luma.levels[0],
            (_, n) => &self.rest[n - 1],
        }
    }
}

/// The frame at `t` between two pictures of `like`'s kind, along `motion` (of full size).
pub(crate) fn render(
    level: Level,
    like: &Frame,
    [first, second]: [&Picture; 2],
    t: f32,
    motion: &Motion,
) -> Result<Frame, FrameError> {
    let format = like.format();
    let mut subsampled: Option<((u8, u8), Motion)> = None;
    let mut planes = Vec::with_capacity(format.planes());
    for number in 0..format.planes() {
        let (w, h) = format.plane_size(number, like.width(), like.height());
        let log2 = format.log2_step(number);
        let here = if log2 == (0, 0) {
            motion
        } else {
            let step = (1usize << log2.0, 1usize << log2.1);
            let offset = like.color().siting.offset(step.0, step.1);
            &subsampled
                .get_or_insert_with(|| {
                    (log2, motion.subsampled(w, h, [step.0 as f32, step.1 as f32], [offset.0, offset.1]))
                })
                .1
        };
        let (a, b) = (first.plane(format, number), second.plane(format, number));
        let row = |y: usize, spare: &mut [f32], out: &mut [f32]| {
            let range = y * w..(y + 1) * w;
            let motion = MotionRow {
                u: &here.field.u()[range.clone()],
                v: &here.field.v()[range.clone()],
                share: &here.share[range],
            };
            blend_row(level, a, b, y, t, motion, spare, out);
        };
        let buffers = || (vec![0.0; w], vec![0.0; w]);
        planes.push(if format.depth == 8 {
            let mut samples = vec![0u8; w * h];
            samples.par_chunks_mut(w * BLOCK).enumerate().for_each(|(block, rows)| {
                let (mut spare, mut out) = buffers();
                for (i, codes) in rows.chunks_exact_mut(w).enumerate() {
                    row(block * BLOCK + i, &mut spare, &mut out);
                    codes_u8(level, &out, codes);
                }
            });
            Samples::U8(samples)
        } else {
            let (scale, max) = (scale(format), format.max_code());
            let mut samples = vec![0u16; w * h];
            samples.par_chunks_mut(w * BLOCK).enumerate().for_each(|(block, rows)| {
                let (mut spare, mut out) = buffers();
                for (i, codes) in rows.chunks_exact_mut(w).enumerate() {
                    row(block * BLOCK + i, &mut spare, &mut out);
                    codes_u16(level, &out, scale, max, codes);
                }
            });
            Samples::U16(samples)
        });
    }
    Frame::new(format, like.width(), like.height(), planes, like.color())
}
