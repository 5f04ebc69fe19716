//! From rows of float R'G'B' to a frame's codes.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::{BLOCK, Codes, Weights, axes, codes};
use crate::frame::check_size;
use crate::resample::{Axis, Down};
use crate::{ColorDescription, ColorModel, Frame, FrameError, PixelFormat, Samples};

/// Where rows of R', G' and B' come from: channel (0 red, 1 green, 2 blue) and row.
type Rows<'a, 'b> = &'a (dyn Fn(usize, usize) -> &'b [f32] + Sync);

/// Does so many parts of some work, all of them, in any order, on any threads.
type Runner<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync));

/// Makes a frame of rows of float R'G'B', as they come: what [`RgbImage::to_frame`](crate::RgbImage::to_frame) is made of, for those
/// who never have the whole image.
///
/// ```
/// use ifr_frame::{ColorDescription, FrameWriter, PixelFormat};
///
/// let mut writer = FrameWriter::new(PixelFormat::YUV420P8, ColorDescription::default(), 64, 48)?;
/// let white = [1.0_f32; 64];
/// for _ in 0..3 {
///     writer.write(16, &|_channel, _row| &white, &|parts, part| (0..parts).for_each(part));
/// }
/// assert_eq!(writer.finish()?.planes()[0].as_u8().map(|luma| luma[0]), Some(235));
/// # Ok::<(), ifr_frame::FrameError>(())
/// ```
#[derive(Debug)]
pub struct FrameWriter {
    format: PixelFormat,
    color: ColorDescription,
    width: usize,
    height: usize,
    planes: Vec<Samples>,
    /// Rows that came, of the image and of a chroma plane those that are made.
    done: usize,
    coarse: usize,
    /// The last rows that came, as many as chroma still needs: R', G' and B' of each.
    held: Vec<f32>,
}

impl FrameWriter {
    /// A writer of a frame of such a kind and size.
    ///
    /// # Errors
    /// [`FrameError::Size`] and [`FrameError::Depth`] for what no frame has.
    pub fn new(
        format: PixelFormat,
        color: ColorDescription,
        width: usize,
        height: usize,
    ) -> Result<Self, FrameError> {
        check_size(width, height)?;
        format.check()?;
        // Not a black frame: zeros are the system's own until a thread writes its part.
        let samples = |index: usize| {
            let (w, h) = format.plane_size(index, width, height);
            let value = if format.is_alpha(index) { format.max_code() } else { 0 };
            match format.depth {
                8 => Samples::U8(vec![value as u8; w * h]),
                _ => Samples::U16(vec![value; w * h]),
            }
        };
        let planes = (0..format.planes()).map(samples).collect();
        Ok(Self { format, color, width, height, planes, done: 0, coarse: 0, held: Vec::new() })
    }

    /// Takes the next `count` rows: `row` gives row `y` of the image, counted from its top, of a channel, as long as the frame is
    /// wide. `each` has the parts of the work done: as many as the first argument says, each once, in any order, on any threads.
    ///
    /// # Panics
    /// When that are more rows than there are, or a row is too short.
    pub fn write<'b>(&mut self, count: usize, row: Rows<'_, 'b>, each: Runner<'_>) {
        let Self { format, color, width, height, done, .. } = *self;
        let rows = done..done + count;
        assert!(rows.end <= height, "{count} rows after {done} of {height}");
        let (luma, chroma) = codes(format, color);
        let weights = Weights::of(color, height);
        let maker = Maker { luma, chroma, weights, format, width, rows: rows.clone() };
        let parts = count.div_ceil(BLOCK);
        match format.model {
            ColorModel::Rgb => {
                let all = [(); 3].map(|()| (width, rows.clone()));
                let planes = split(&mut self.planes[..3], &all, parts);
                each(parts, &|part| {
                    let mut slices = lock(&planes[part]);
                    for (channel, slice) in slices.iter_mut().enumerate() {
                        let rows = share(&maker.rows, parts, part);
                        rows.for_each(|y| slice.write(&row(channel, y)[..width], luma, format));
                    }
                });
            }
            ColorModel::Gray => {
                let planes = split(&mut self.planes[..1], &[(width, rows)], parts);
                each(parts, &|part| {
                    maker.grey(share(&maker.rows, parts, part), row, &mut lock(&planes[part])[0]);
                });
            }
            ColorModel::Yuv(_) => self.write_yuv(&maker, parts, row, each),
        }
        self.done += count;
    }

    fn write_yuv<'b>(&mut self, maker: &Maker, parts: usize, row: Rows<'_, 'b>, each: Runner<'_>) {
        let (ax, ay) = axes(self.format, self.color, self.width, self.height);
        let (rows, width) = (maker.rows.clone(), self.width);
        // A chroma row is made as soon as all rows are there that it is made of.
        let ready = |i: usize| {
            let (first, weights) = ay.down(i);
            let last = weights.iter().rposition(|&w| w != 0.0).unwrap_or(0);
            rows.end == ay.fine || first + last.cast_signed() < rows.end.cast_signed()
        };
        let end = (self.coarse..ay.coarse).find(|&i| !ready(i)).unwrap_or(ay.coarse);
        let coarse = self.coarse..end;
        let held = rows.start - self.held.len() / (3 * width);
        let all = |channel: usize, y: usize| {
            if y >= rows.start {
                return row(channel, y);
            }
            let at = (3 * (y - held) + channel) * width;
            &self.held[at..at + width]
        };
        let ranges = [(width, rows.clone()), (ax.coarse, coarse.clone()), (ax.coarse, coarse.clone())];
        let planes = split(&mut self.planes[..3], &ranges, parts);
        each(parts, &|part| {
            if let [luma, cb, cr] = &mut lock(&planes[part])[..] {
                maker.grey(share(&rows, parts, part), row, luma);
                maker.chroma(share(&coarse, parts, part), (ax, ay), &all, [cb, cr]);
            }
        });
        drop(planes);
        // What the next chroma row is made of.
        let first = if end < ay.coarse { ay.down(end).0.max(0).cast_unsigned() } else { rows.end };
        let mut kept = Vec::with_capacity(3 * width * rows.end.saturating_sub(first.max(held)));
        for y in first.max(held)..rows.end {
            (0..3).for_each(|channel| kept.extend_from_slice(&all(channel, y)[..width]));
        }
        (self.coarse, self.held) = (end, kept);
    }

    /// The frame, rounded to the nearest codes and clamped to the codes there are. Alpha is opaque.
    ///
    /// # Errors
    /// [`FrameError::Plane`] when rows are missing.
    pub fn finish(self) -> Result<Frame, FrameError> {
        let Self { format, color, width, height, planes, done, .. } = self;
        if done != height {
            return Err(FrameError::Plane {
                plane: 0,
                format: format.to_string(),
                found: format!("{done} rows"),
                expected: format!("{height} rows"),
            });
        }
        Frame::new(format, width, height, planes, color)
    }
}

/// How rows are made.
struct Maker {
    luma: Codes,
    chroma: Codes,
    weights: Weights,
    format: PixelFormat,
    width: usize,
    /// Those at hand.
    rows: Range<usize>,
}

impl Maker {
    /// Rows of Y'.
    fn grey(&self, rows: Range<usize>, row: Rows<'_, '_>, out: &mut Slice<'_>) {
        let mut luma = vec![0.0; self.width];
        for y in rows {
            self.luma_row([0, 1, 2].map(|channel| row(channel, y)), &mut luma);
            out.write(&luma, self.luma, self.format);
        }
    }

    fn luma_row(&self, [r, g, b]: [&[f32]; 3], out: &mut [f32]) {
        let Weights { kr, kg, kb } = self.weights;
        let n = out.len();
        for (((luma, &r), &g), &b) in out.iter_mut().zip(&r[..n]).zip(&g[..n]).zip(&b[..n]) {
            *luma = kr * r + kg * g + kb * b;
        }
    }

    /// Rows of Cb and Cr, half of B' − Y' and R' − Y' where these are largest.
    fn chroma<'b>(
        &self,
        rows: Range<usize>,
        (x, y): (Axis, Axis),
        row: &dyn Fn(usize, usize) -> &'b [f32],
        [cb, cr]: [&mut Slice<'_>; 2],
    ) {
        let Weights { kr, kb, .. } = self.weights;
        let mut luma = vec![0.0; self.width];
        let mut down = [Down::new(x), Down::new(x)];
        let mut coarse = vec![0.0; x.coarse];
        for i in rows {
            down.iter_mut().for_each(Down::clear);
            let (first, weights) = y.down(i);
            for (k, &w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                let at = (first + k.cast_signed()).clamp(0, y.fine.cast_signed() - 1).cast_unsigned();
                let [r, g, b] = [0, 1, 2].map(|channel| row(channel, at));
                self.luma_row([r, g, b], &mut luma);
                for ((down, channel), k) in down.iter_mut().zip([b, r]).zip([kb, kr]) {
                    let scale = 0.5 / (1.0 - k);
                    for ((sum, &c), &luma) in down.sum().iter_mut().zip(channel).zip(&luma) {
                        *sum += w * ((c - luma) * scale);
                    }
                }
            }
            for (down, out) in down.iter_mut().zip([&mut *cb, &mut *cr]) {
                down.finish(&mut coarse);
                out.write(&coarse, self.chroma, self.format);
            }
        }
    }
}

/// Rows of a plane that are still to be written.
enum Slice<'a> {
    U8(&'a mut [u8]),
    U16(&'a mut [u16]),
}

impl Slice<'_> {
    /// Writes the next values, rounded.
    fn write(&mut self, values: &[f32], codes: Codes, format: PixelFormat) {
        let max = f32::from(format.max_code());
        // Integers of 32 bits on the way, which processors convert many at a time.
        let code = |v: f32| (v * codes.span + codes.offset + 0.5).clamp(0.0, max) as i32;
        match self {
            Self::U8(rest) => {
                let (out, after) = std::mem::take(rest).split_at_mut(values.len());
                out.iter_mut().zip(values).for_each(|(out, &v)| *out = code(v) as u8);
                *rest = after;
            }
            Self::U16(rest) => {
                let (out, after) = std::mem::take(rest).split_at_mut(values.len());
                out.iter_mut().zip(values).for_each(|(out, &v)| *out = code(v) as u16);
                *rest = after;
            }
        }
    }
}

/// The part of a range that is one of so many.
fn share(all: &Range<usize>, parts: usize, part: usize) -> Range<usize> {
    let at = |part: usize| all.start + all.len() * part / parts;
    at(part)..at(part + 1)
}

/// By part, what it writes of each plane. `ranges`: the planes' widths, and their rows that are written by all parts.
fn split<'a>(
    planes: &'a mut [Samples],
    ranges: &[(usize, Range<usize>)],
    parts: usize,
) -> Vec<Mutex<Vec<Slice<'a>>>> {
    let mut all: Vec<Vec<Slice<'a>>> = (0..parts).map(|_| Vec::new()).collect();
    for (samples, (width, rows)) in planes.iter_mut().zip(ranges) {
        let lens = (0..parts).map(|part| share(rows, parts, part).len() * width);
        match samples {
            Samples::U8(codes) => {
                let mut rest = &mut codes[rows.start * width..];
                for (of, len) in all.iter_mut().zip(lens) {
                    of.push(Slice::U8(rest.split_off_mut(..len).unwrap_or_default()));
                }
            }
            Samples::U16(codes) => {
                let mut rest = &mut codes[rows.start * width..];
                for (of, len) in all.iter_mut().zip(lens) {
                    of.push(Slice::U16(rest.split_off_mut(..len).unwrap_or_default()));
                }
            }
        }
    }
    all.into_iter().map(Mutex::new).collect()
}

/// Each part is done once: nobody waits here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
