//! Bicubic sampling of a plane at displaced positions (backward warping) and linear sampling of a row.

use super::versions;
use crate::plane::{PAD, Plane};

/// How far outside the plane a position may lie before it is moved back: beyond the edge all samples are the same anyway.
const OUT: f32 = PAD as f32 - 4.0;

versions! {
    /// `out[i]` = the linear interpolation between `from[i's column]` and the sample after it. `from` must have one sample
    /// more than the greatest of the columns' places.
    fn resample_row = resample_row_body(from: &[f32], columns: &Columns, out: &mut [f32])
}

/// Places of wanted samples along a row.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    index: Vec<u32>,
    fraction: Vec<f32>,
    /// Samples that a row must have.
    need: usize,
}

impl Columns {
    /// Places given by the index of the sample before and the fraction behind it.
    pub(crate) fn new(places: impl Iterator<Item = (usize, f32)>) -> Self {
        let (index, fraction): (Vec<u32>, Vec<f32>) = places.map(|(i, f)| (i as u32, f)).unzip();
        let need = index.iter().max().map_or(0, |&i| i as usize + 2);
        Self { index, fraction, need }
    }
}

#[inline(always)]
fn resample_row_body(from: &[f32], columns: &Columns, out: &mut [f32]) {
    assert!(from.len() >= columns.need, "a row of {} samples, {} needed", from.len(), columns.need);
    for ((out, &i), &f) in out.iter_mut().zip(&columns.index).zip(&columns.fraction) {
        // SAFETY: every index is at most `need` - 2, and `from` has `need` samples.
        let (a, b) = unsafe { (*from.get_unchecked(i as usize), *from.get_unchecked(i as usize + 1)) };
        *out = a + f * (b - a);
    }
}

/// Weights of the four taps at `f` behind the second (0 ≤ f < 1): Keys' kernel with a = −0.5, exact for quadratics.
#[inline(always)]
fn taps(f: f32) -> [f32; 4] {
    let (f2, g) = (f * f, 1.0 - f);
    [-0.5 * f * g * g, 1.0 + f2 * (1.5 * f - 2.5), f * (0.5 + f * (2.0 - 1.5 * f)), -0.5 * f2 * g]
}

/// Positions handled together: weights and indices of a chunk are computed in vectors, then used one by one.
pub(super) const CHUNK: usize = 32;

/// Where the samples of a chunk come from: the same in all planes of one size. A part of other kernels.
pub(super) struct Places {
    /// Index of the first of the 16 taps.
    start: [u32; CHUNK],
    wx: [[f32; CHUNK]; 4],
    wy: [[f32; CHUNK]; 4],
    /// Places in use.
    count: usize,
    /// Geometry of the planes.
    stride: usize,
    len: usize,
}

impl Places {
    /// The places (`x` + i + `scale`·`u[i]`, `y` + `scale`·`v[i]`) of planes like `plane`, with the edges repeated; of at
    /// most [`CHUNK`] displacements.
    #[inline(always)]
    pub(super) fn new(plane: &Plane, x: usize, y: usize, scale: f32, u: &[f32], v: &[f32]) -> Self {
        let stride = plane.stride();
        let (right, bottom) = (plane.width() as f32 - 1.0 + OUT, plane.height() as f32 - 1.0 + OUT);
        let count = u.len().min(CHUNK);
        let mut p = Self {
            start: [0; CHUNK],
            wx: [[0.0; CHUNK]; 4],
            wy: [[0.0; CHUNK]; 4],
            count,
            stride,
            len: plane.data().len(),
        };
        let (mut fu, mut fv) = ([0.0f32; CHUNK], [0.0f32; CHUNK]);
        fu[..count].copy_from_slice(&u[..count]);
        fv[..count].copy_from_slice(&v[..count]);
        for i in 0..CHUNK {
            // max and min in this order turn a NaN into the lower bound. The shift by PAD makes truncation a floor.
            let px = ((x + i) as f32 + scale * fu[i]).max(-OUT).min(right) + PAD as f32;
            let py = (y as f32 + scale * fv[i]).max(-OUT).min(bottom) + PAD as f32;
            // SAFETY: both are finite and within 4 ..= size + 2·PAD.
            let (ix, iy) = unsafe { (px.to_int_unchecked::<i32>(), py.to_int_unchecked::<i32>()) };
            p.start[i] = ((iy - 1) * stride as i32 + ix - 1) as u32;
            let (tx, ty) = (taps(px - ix as f32), taps(py - iy as f32));
            for k in 0..4 {
                p.wx[k][i] = tx[k];
                p.wy[k][i] = ty[k];
            }
        }
        p
    }

    /// `out[i]` = `plane`, which is of the size the places were made for, at the i-th place, bicubic (Catmull-Rom).
    #[inline(always)]
    pub(super) fn sample(&self, plane: &Plane, out: &mut [f32; CHUNK]) {
        let data = plane.data();
        assert!(
            self.stride == plane.stride() && self.len == data.len(),
            "the places of a plane of another size"
        );
        // Down each column first, one position at a time; then across, all positions at once.
        let mut column = [[0.0f32; 4]; CHUNK];
        for i in 0..self.count {
            let s = self.start[i] as usize;
            let row = |k: usize| -> [f32; 4] {
                debug_assert!(s + k * self.stride + 4 <= data.len());
                // SAFETY: the position lies within 4 samples of the border's outer edge, so that the four samples from
                // one left of it, on the rows from one above to two below it, are all in `data`, a plane's of this size.
                unsafe { data.as_ptr().add(s + k * self.stride).cast::<[f32; 4]>().read_unaligned() }
            };
            let r = [row(0), row(1), row(2), row(3)];
            for c in 0..4 {
                column[i][c] = (self.wy[0][i] * r[0][c] + self.wy[1][i] * r[1][c])
                    + (self.wy[2][i] * r[2][c] + self.wy[3][i] * r[3][c]);
            }
        }
        for i in 0..CHUNK {
            let c = column[i];
            out[i] =
                (self.wx[0][i] * c[0] + self.wx[1][i] * c[1]) + (self.wx[2][i] * c[2] + self.wx[3][i] * c[3]);
        }
    }
}

/// `out[i]` = `plane` at (`x` + i + `scale`·`u[i]`, `y` + `scale`·`v[i]`), bicubic (Catmull-Rom), with the edges repeated. All
/// slices have the length of `out`. A part of other kernels.
#[inline(always)]
pub(super) fn warp_row_body(
    plane: &Plane,
    x: usize,
    y: usize,
    scale: f32,
    u: &[f32],
    v: &[f32],
    out: &mut [f32],
) {
    let mut x = x;
    for ((out, u), v) in out.chunks_mut(CHUNK).zip(u.chunks(CHUNK)).zip(v.chunks(CHUNK)) {
        let mut values = [0.0f32; CHUNK];
        Places::new(plane, x, y, scale, u, v).sample(plane, &mut values);
        out.copy_from_slice(&values[..out.len()]);
        x += out.len();
    }
}

/// `out[i]` = the sample of `plane` nearest to (`x` + i + `scale`·`u[i]`, `y` + `scale`·`v[i]`), with the edges repeated. All slices
/// have the length of `out`. A part of other kernels.
#[inline(always)]
pub(super) fn nearest_row_body(
    plane: &Plane,
    x: usize,
    y: usize,
    scale: f32,
    u: &[f32],
    v: &[f32],
    out: &mut [f32],
) {
    let (right, bottom) = (plane.width() as f32 - 1.0, plane.height() as f32 - 1.0);
    let (stride, origin, data) = (plane.stride(), plane.origin(), plane.data());
    for (i, ((out, u), v)) in out.iter_mut().zip(u).zip(v).enumerate() {
        // max and min in this order turn a NaN into 0.
        let px = ((x + i) as f32 + scale * u).max(0.0).min(right) + 0.5;
        let py = (y as f32 + scale * v).max(0.0).min(bottom) + 0.5;
        *out = data[origin + py as usize * stride + px as usize];
    }
}
