//! Frames as float planes and back.

use ifr_frame::{ColorModel, Cover, Frame, FrameError, PixelFormat, Samples};
use rayon::prelude::*;

use crate::candidates::Candidates;
use crate::estimate::Pyramid;
use crate::field::Grid;
use crate::kernels::Level;
use crate::kernels::blend::{Candidates as Rows, blend_rows, codes_u8, codes_u16};
use crate::plane::{BLOCK, Plane};

/// A frame prepared for estimation and warping.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Luma in 8-bit codes, with its halvings.
    pub(crate) luma: Pyramid,
    /// The planes after the first for Y'CbCr and grey (the first is the luma), all planes for RGB; in 8-bit codes.
    rest: Vec<Plane>,
    /// How far each sample of the planes of full size was seen, and of the smaller ones, 0 (made up) ..= 1; `None`: all were.
    seen: Option<[Plane; 2]>,
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
    /// A frame of which `cover` was made up.
    pub(crate) fn new(frame: &Frame, cover: Option<&dyn Cover>) -> Self {
        let seen = cover.map(|cover| {
            // The second plane is one of the subsampled ones, if there are any.
            [0, 1.min(frame.planes().len() - 1)].map(|number| {
                let plane = &frame.planes()[number];
                let mut seen = Plane::new(plane.width, plane.height);
                let (x, y) = frame.format().log2_step(number);
                seen.fill_rows(|row, out| {
                    cover.row((1 << x, 1 << y), row, out);
                    out.iter_mut().for_each(|c| *c = 1.0 - *c);
                });
                seen
            })
        });
        let pyramid = |luma: Plane| match &seen {
            Some([full, _]) => Pyramid::covered(luma, full.clone()),
            None => Pyramid::new(luma),
        };
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
            return Self { luma: pyramid(luma), rest, seen };
        }
        let luma = planes.next().unwrap_or_else(|| Plane::new(frame.width(), frame.height()));
        Self { luma: pyramid(luma), rest: planes.collect(), seen }
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

/// A sample type of frames.
trait Code: Copy + Default + Send {
    /// Rounds values in 8-bit codes to codes of the format.
    fn round(level: Level, format: PixelFormat, values: &[f32], out: &mut [Self]);
}

impl Code for u8 {
    fn round(level: Level, _: PixelFormat, values: &[f32], out: &mut [Self]) {
        codes_u8(level, values, out);
    }
}

impl Code for u16 {
    fn round(level: Level, format: PixelFormat, values: &[f32], out: &mut [Self]) {
        codes_u16(level, values, scale(format), format.max_code(), out);
    }
}

/// The frame at `t` between two pictures of `like`'s kind, along the candidate motions.
pub(crate) fn render(
    level: Level,
    like: &Frame,
    pictures: [&Picture; 2],
    t: f32,
    candidates: &Candidates,
) -> Result<Frame, FrameError> {
    let format = like.format();
    let mut planes = vec![Samples::U8(Vec::new()); format.planes()];
    // Planes of one geometry share the motion of each row: luma (and alpha, and RGB) first, then subsampled chroma.
    let (full, sub): (Vec<_>, Vec<_>) = (0..format.planes()).partition(|&n| format.log2_step(n) == (0, 0));
    for numbers in [full, sub] {
        if numbers.is_empty() {
            continue;
        }
        if format.depth == 8 {
            for (n, samples) in
                numbers.iter().zip(group::<u8>(level, like, pictures, t, candidates, &numbers))
            {
                planes[*n] = Samples::U8(samples);
            }
        } else {
            for (n, samples) in
                numbers.iter().zip(group::<u16>(level, like, pictures, t, candidates, &numbers))
            {
                planes[*n] = Samples::U16(samples);
            }
        }
    }
    Frame::new(format, like.width(), like.height(), planes, like.color())
}

/// The planes `numbers`, which have one geometry.
fn group<T: Code>(
    level: Level,
    like: &Frame,
    [first, second]: [&Picture; 2],
    t: f32,
    candidates: &Candidates,
    numbers: &[usize],
) -> Vec<Vec<T>> {
    let format = like.format();
    let (w, h) = format.plane_size(numbers[0], like.width(), like.height());
    let log2 = format.log2_step(numbers[0]);
    let step = (1usize << log2.0, 1usize << log2.1);
    let offset = if step == (1, 1) { (0.0, 0.0) } else { like.color().siting.offset(step.0, step.1) };
    // Sample x of the plane is at step·x + offset of the full-size picture, of whose pixels `unit` make one of the level.
    let unit = (1usize << candidates.level) as f32;
    let (width, height) = (candidates.fields[0].width(), candidates.fields[0].height());
    let step = [step.0 as f32, step.1 as f32];
    let grid = Grid {
        width,
        height,
        step: step.map(|s| s / unit),
        offset: [offset.0, offset.1].map(|o| (o + 0.5) / unit - 0.5),
    };
    let columns = grid.columns(w);
    let pairs: Vec<_> = numbers.iter().map(|&n| [first.plane(format, n), second.plane(format, n)]).collect();

    let seen = [first, second].map(|p| p.seen.as_ref().map(|seen| &seen[usize::from(log2 != (0, 0))]));

    let mut samples = vec![vec![T::default(); w * h]; numbers.len()];
    let mut blocks: Vec<Vec<&mut [T]>> = (0..h.div_ceil(BLOCK)).map(|_| Vec::new()).collect();
    for plane in &mut samples {
        for (block, rows) in blocks.iter_mut().zip(plane.chunks_mut(w * BLOCK)) {
            block.push(rows);
        }
    }
    let count = candidates.fields.len();
    blocks.into_par_iter().enumerate().for_each(|(block, mut planes)| {
        let mut mixed = grid.spare();
        let mut share = vec![0.0; w];
        let [mut u, mut v, mut weight] = [(); 3].map(|()| vec![0.0; w * count]);
        let mut out = vec![0.0; w * planes.len()];
        for i in 0..planes[0].len() / w {
            let y = block * BLOCK + i;
            for (k, (field, weights)) in candidates.fields.iter().zip(&candidates.weights).enumerate() {
                let row = k * w..(k + 1) * w;
                grid.row(field.u(), y, &columns, unit / step[0], &mut mixed, &mut u[row.clone()]);
                grid.row(field.v(), y, &columns, unit / step[1], &mut mixed, &mut v[row.clone()]);
                grid.row(weights, y, &columns, 1.0, &mut mixed, &mut weight[row]);
            }
            grid.row(&candidates.share, y, &columns, 1.0, &mut mixed, &mut share);
            let rows = Rows { u: &u, v: &v, weight: &weight, share: &share };
            blend_rows(level, &pairs, seen, y, t, rows, &mut out);
            for (plane, values) in planes.iter_mut().zip(out.chunks_exact(w)) {
                T::round(level, format, values, &mut plane[i * w..(i + 1) * w]);
            }
        }
    });
    samples
}
