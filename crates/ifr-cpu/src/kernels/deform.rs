//! What one tap of a deformable convolution reads: bilinear samples, zero outside, times a mask.

use super::versions;
use super::warp::CHUNK;
use crate::layout::Layout;

/// Where one tap samples a map of one layout, and how to weigh the four neighbours; shared by a group's channels.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    layout: Layout,
    /// From the start of a plane, zeros before it included, to the upper left neighbour.
    at: [u32; CHUNK],
    /// Upper left, upper right, lower left, lower right.
    weights: [[f32; CHUNK]; 4],
}

impl Samples {
    pub(crate) fn new(layout: Layout) -> Self {
        assert!(layout.pad > 0, "neighbours beyond the edge are zeros that are read");
        assert!(super::warp::Samples::can_take(layout), "positions in 31 bits, sides that f32 holds exactly");
        Self { layout, at: [0; CHUNK], weights: [[0.0; CHUNK]; 4] }
    }
}

versions! {
    /// Computes the samples for the positions `(place[1] + i, place[0])`, displaced by `offset` (y, then x) and `flow` (x, then
    /// y), with weights that `mask` is part of.
    fn locate = locate_body(
        samples: &mut Samples,
        place: [isize; 2],
        offset: [&[f32]; 2],
        flow: Option<[&[f32]; 2]>,
        mask: &[f32],
    )
}
versions! {
    /// Samples one channel; `plane` is the whole plane with the zeros before and after it.
    ///
    /// # Panics
    /// When `plane` is not a whole plane of the layout or `out` longer than [`CHUNK`].
    fn sample = sample_body(samples: &Samples, plane: &[f32], out: &mut [f32])
}

#[inline(always)]
fn locate_body(
    samples: &mut Samples,
    place: [isize; 2],
    offset: [&[f32]; 2],
    flow: Option<[&[f32]; 2]>,
    mask: &[f32],
) {
    let Layout { width, height, .. } = samples.layout;
    let (right, bottom) = (width as f32, height as f32);
    let (stride, front) = (samples.layout.stride() as i32, samples.layout.front() as i32);
    let n = mask.len().min(CHUNK);
    let (mut v, mut u, mut m) = ([0.0_f32; CHUNK], [0.0_f32; CHUNK], [0.0_f32; CHUNK]);
    v[..n].copy_from_slice(&offset[0][..n]);
    u[..n].copy_from_slice(&offset[1][..n]);
    m[..n].copy_from_slice(&mask[..n]);
    if let Some(flow) = flow {
        for i in 0..n {
            u[i] += flow[0][i];
            v[i] += flow[1][i];
        }
    }
    for i in 0..CHUNK {
        let px = (place[1] + i as isize) as f32 + u[i];
        let py = place[0] as f32 + v[i];
        // Not so for a NaN: then the sample is zero, too.
        let inside = px > -1.0 && py > -1.0 && px < right && py < bottom;
        let px = if inside { px } else { 0.0 };
        let py = if inside { py } else { 0.0 };
        let m = if inside { m[i] } else { 0.0 };
        let (x0, y0) = (px.floor(), py.floor());
        // SAFETY: both are finite and lie within -1 ..= size - 1.
        let (ix, iy) = unsafe { (x0.to_int_unchecked::<i32>(), y0.to_int_unchecked::<i32>()) };
        let (r, b) = (px - x0, py - y0);
        let (l, t) = (1.0 - r, 1.0 - b);
        samples.at[i] = (front + iy * stride + ix) as u32;
        samples.weights[0][i] = l * t * m;
        samples.weights[1][i] = r * t * m;
        samples.weights[2][i] = l * b * m;
        samples.weights[3][i] = r * b * m;
    }
}

#[inline(always)]
fn sample_body(samples: &Samples, plane: &[f32], out: &mut [f32]) {
    let stride = samples.layout.stride();
    assert!(plane.len() >= samples.layout.plane(), "a whole plane");
    assert!(out.len() <= CHUNK, "one chunk");
    let mut result = [0.0_f32; CHUNK];
    let [tl, tr, bl, br] = &samples.weights;
    for i in 0..CHUNK {
        let at = samples.at[i] as usize;
        // SAFETY: `locate` keeps rows within -1 ..= height - 1 and columns within -1 ..= width - 1; a plane has at least a row
        // and a value of zeros before its first value and after its last row.
        let value = |offset: usize| unsafe { *plane.get_unchecked(at + offset) };
        result[i] = tl[i] * value(0) + tr[i] * value(1) + bl[i] * value(stride) + br[i] * value(stride + 1);
    }
    out.copy_from_slice(&result[..out.len()]);
}
