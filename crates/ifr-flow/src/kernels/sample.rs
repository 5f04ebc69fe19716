//! Bicubic sampling of a plane at displaced positions (backward warping).

use super::versions;
use crate::plane::{PAD, Plane};

/// How far outside the plane a position may lie before it is moved back: beyond the edge all samples are the same anyway.
const OUT: f32 = PAD as f32 - 4.0;

versions! {
    /// `out[i]` = `plane` at (`x` + i + `scale`·`u[i]`, `y` + `scale`·`v[i]`), bicubic (Catmull-Rom), with the edges
    /// repeated. All slices have the length of `out`.
    fn warp_row = warp_row_body(plane: &Plane, x: usize, y: usize, scale: f32, u: &[f32], v: &[f32], out: &mut [f32])
}

/// Weights of the four taps at `f` behind the second (0 ≤ f < 1): Keys' kernel with a = −0.5, exact for quadratics.
#[inline(always)]
fn taps(f: f32) -> [f32; 4] {
    let (f2, g) = (f * f, 1.0 - f);
    [-0.5 * f * g * g, 1.0 + f2 * (1.5 * f - 2.5), f * (0.5 + f * (2.0 - 1.5 * f)), -0.5 * f2 * g]
}

/// Positions handled together: weights and indices of a chunk are computed in vectors, then used one by one.
const CHUNK: usize = 32;

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
    let (stride, data) = (plane.stride(), plane.data());
    let (right, bottom) = (plane.width() as f32 - 1.0 + OUT, plane.height() as f32 - 1.0 + OUT);
    let mut start = [0u32; CHUNK];
    let (mut wx, mut wy) = ([[0.0f32; CHUNK]; 4], [[0.0f32; CHUNK]; 4]);
    let mut x = x;
    for ((out, u), v) in out.chunks_mut(CHUNK).zip(u.chunks(CHUNK)).zip(v.chunks(CHUNK)) {
        let n = out.len();
        let (mut fu, mut fv) = ([0.0f32; CHUNK], [0.0f32; CHUNK]);
        fu[..n].copy_from_slice(u);
        fv[..n].copy_from_slice(v);
        for i in 0..CHUNK {
            // max and min in this order turn a NaN into the lower bound. The shift by PAD makes truncation a floor.
            let px = ((x + i) as f32 + scale * fu[i]).max(-OUT).min(right) + PAD as f32;
            let py = (y as f32 + scale * fv[i]).max(-OUT).min(bottom) + PAD as f32;
            // SAFETY: both are finite and within 4 ..= size + 2·PAD.
            let (ix, iy) = unsafe { (px.to_int_unchecked::<i32>(), py.to_int_unchecked::<i32>()) };
            start[i] = ((iy - 1) * stride as i32 + ix - 1) as u32;
            let (tx, ty) = (taps(px - ix as f32), taps(py - iy as f32));
            for k in 0..4 {
                wx[k][i] = tx[k];
                wy[k][i] = ty[k];
            }
        }
        for (i, out) in out.iter_mut().enumerate() {
            let s = start[i] as usize;
            let mut column = [0.0f32; 4];
            for k in 0..4 {
                debug_assert!(s + k * stride + 4 <= data.len());
                // SAFETY: the position lies within 4 samples of the border's outer edge, so that the four samples from
                // one left of it, on the rows from one above to two below it, are all in `data`.
                let row = unsafe { data.as_ptr().add(s + k * stride).cast::<[f32; 4]>().read_unaligned() };
                for c in 0..4 {
                    column[c] += wy[k][i] * row[c];
                }
            }
            *out =
                (wx[0][i] * column[0] + wx[1][i] * column[1]) + (wx[2][i] * column[2] + wx[3][i] * column[3]);
        }
        x += n;
    }
}
