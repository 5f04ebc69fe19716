//! Backward warping: bilinear sampling at displaced positions.

use super::versions;
use crate::layout::Layout;

/// Positions handled together.
pub(crate) const CHUNK: usize = 64;

/// Where to sample a map of one layout, and how to weigh the four neighbours; shared by all channels.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    layout: Layout,
    /// From the first value of a plane to the upper left neighbour.
    at: [u32; CHUNK],
    /// Upper left, upper right, lower left, lower right.
    weights: [[f32; CHUNK]; 4],
}

impl Samples {
    pub(crate) fn new(layout: Layout) -> Self {
        assert!(layout.pad > 0, "neighbours beyond the edge are read, with weight zero");
        assert!(Self::can_take(layout), "positions in 31 bits, sides that f32 holds exactly");
        Self { layout, at: [0; CHUNK], weights: [[0.0; CHUNK]; 4] }
    }

    /// Whether a map is small enough: positions are i32, and coordinates f32, which holds whole numbers to 2^24 exactly.
    pub(crate) fn can_take(layout: Layout) -> bool {
        let exact = 1 << 24;
        layout.width <= exact && layout.height <= exact && i32::try_from(layout.plane()).is_ok()
    }

    /// Floats that [`sample`] needs of a plane from its first value on.
    pub(crate) fn reach(layout: Layout) -> usize {
        (layout.height + 1) * layout.stride() + 1
    }
}

versions! {
    /// Computes the samples for the positions `(x + i, y)`, displaced by `(u[i], v[i])` and clamped to the map.
    fn locate = locate_body(samples: &mut Samples, x: usize, y: usize, u: &[f32], v: &[f32])
}
versions! {
    /// Samples one channel; `plane` starts at the first value of the first row.
    ///
    /// # Panics
    /// When `plane` is shorter than [`Samples::reach`] or `out` longer than [`CHUNK`].
    fn sample = sample_body(samples: &Samples, plane: &[f32], out: &mut [f32])
}

#[inline(always)]
fn locate_body(samples: &mut Samples, x: usize, y: usize, u: &[f32], v: &[f32]) {
    let Layout { width, height, .. } = samples.layout;
    let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
    let stride = samples.layout.stride() as i32;
    let n = u.len().min(CHUNK);
    let (mut fu, mut fv) = ([0.0_f32; CHUNK], [0.0_f32; CHUNK]);
    fu[..n].copy_from_slice(&u[..n]);
    fv[..n].copy_from_slice(&v[..n]);
    for i in 0..CHUNK {
        // In this order, max and min turn a NaN into the lower bound.
        let px = ((x + i) as f32 + fu[i]).max(0.0).min(right);
        let py = (y as f32 + fv[i]).max(0.0).min(bottom);
        // SAFETY: both are finite and lie within 0 ..= size - 1.
        let (ix, iy) = unsafe { (px.to_int_unchecked::<i32>(), py.to_int_unchecked::<i32>()) };
        let (r, b) = (px - ix as f32, py - iy as f32);
        let (l, t) = (1.0 - r, 1.0 - b);
        samples.at[i] = (iy * stride + ix) as u32;
        samples.weights[0][i] = l * t;
        samples.weights[1][i] = r * t;
        samples.weights[2][i] = l * b;
        samples.weights[3][i] = r * b;
    }
}

#[inline(always)]
fn sample_body(samples: &Samples, plane: &[f32], out: &mut [f32]) {
    let stride = samples.layout.stride();
    assert!(plane.len() >= Samples::reach(samples.layout), "a whole plane");
    assert!(out.len() <= CHUNK, "one chunk");
    let mut result = [0.0_f32; CHUNK];
    let [tl, tr, bl, br] = &samples.weights;
    for i in 0..CHUNK {
        let at = samples.at[i] as usize;
        // SAFETY: `locate` keeps positions inside the map, and the plane reaches a row and a value beyond it.
        let value = |offset: usize| unsafe { *plane.get_unchecked(at + offset) };
        result[i] = tl[i] * value(0) + tr[i] * value(1) + bl[i] * value(stride) + br[i] * value(stride + 1);
    }
    out.copy_from_slice(&result[..out.len()]);
}
