//! How far a flow and the flow back agree.

use super::versions;
use crate::field::FlowField;
use crate::plane::Plane;

/// Distance in pixels at which a way there and back counts as half consistent, squared, and its growth with the motion.
const SLACK: f32 = 0.5;
const SLACK_PER_MOTION: f32 = 0.02;
/// Difference in codes at which a pixel's weight has halved.
const CONTRAST: f32 = 12.0;
/// Pixels handled together.
const CHUNK: usize = 32;

versions! {
    /// Row `y` of a judgement on `field`, the flow between two planes of its size, whose flow back is `other`: `seen`, how
    /// far that leads back (1: exactly), and `weight`, how far what is at both ends looks the same.
    fn judge_row = judge_row_body(
        field: &FlowField, other: &FlowField, planes: [&Plane; 2], y: usize, seen: &mut [f32], weight: &mut [f32],
    )
}

/// The mean of the four values of `data` from `i` on and from a row of `stride` further on, at the fractions given.
#[inline(always)]
fn bilinear(data: &[f32], i: [usize; 4], f: [f32; 2]) -> f32 {
    let [a, b, c, d] = i.map(|i| data[i]);
    let (above, below) = (a + f[0] * (b - a), c + f[0] * (d - c));
    above + f[1] * (below - above)
}

#[inline(always)]
fn judge_row_body(
    field: &FlowField,
    other: &FlowField,
    [luma, other_luma]: [&Plane; 2],
    y: usize,
    seen: &mut [f32],
    weight: &mut [f32],
) {
    let (w, h) = (field.width(), field.height());
    let (right, bottom) = ((w - 1) as f32, (h - 1) as f32);
    let own = luma.row(y);
    let (stride, origin, there) = (other_luma.stride(), other_luma.origin(), other_luma.data());
    for x in (0..w).step_by(CHUNK) {
        let n = CHUNK.min(w - x);
        let at = y * w + x..y * w + x + n;
        let [mut u, mut v, mut fx, mut fy] = [[0.0f32; CHUNK]; 4];
        let [mut bu, mut bv, mut shown, mut here] = [[0.0f32; CHUNK]; 4];
        let [mut ix, mut iy] = [[0i32; CHUNK]; 2];
        u[..n].copy_from_slice(&field.u()[at.clone()]);
        v[..n].copy_from_slice(&field.v()[at]);
        here[..n].copy_from_slice(&own[x..x + n]);
        for i in 0..CHUNK {
            // max and min in this order turn a NaN into 0.
            let px = ((x + i) as f32 + u[i]).max(0.0).min(right);
            let py = (y as f32 + v[i]).max(0.0).min(bottom);
            // SAFETY: both are finite and inside the plane.
            (ix[i], iy[i]) = unsafe { (px.to_int_unchecked(), py.to_int_unchecked()) };
            (fx[i], fy[i]) = (px - ix[i] as f32, py - iy[i] as f32);
        }
        for i in 0..n {
            let (x, y) = (ix[i] as usize, iy[i] as usize);
            let (x1, y1) = ((x + 1).min(w - 1), (y + 1).min(h - 1));
            let corners = [y * w + x, y * w + x1, y1 * w + x, y1 * w + x1];
            bu[i] = bilinear(other.u(), corners, [fx[i], fy[i]]);
            bv[i] = bilinear(other.v(), corners, [fx[i], fy[i]]);
            // The plane's border makes the sample after the last one.
            let k = origin + y * stride + x;
            shown[i] = bilinear(there, [k, k + 1, k + stride, k + stride + 1], [fx[i], fy[i]]);
        }
        let [mut s, mut p] = [[0.0f32; CHUNK]; 2];
        for i in 0..CHUNK {
            let back = (u[i] + bu[i]) * (u[i] + bu[i]) + (v[i] + bv[i]) * (v[i] + bv[i]);
            let slack = SLACK + SLACK_PER_MOTION * (u[i] * u[i] + v[i] * v[i]).sqrt();
            let ratio = back / slack;
            s[i] = 1.0 / (1.0 + ratio * ratio);
            let difference = (shown[i] - here[i]) / CONTRAST;
            p[i] = 1.0 / (1.0 + difference * difference);
        }
        seen[x..x + n].copy_from_slice(&s[..n]);
        weight[x..x + n].copy_from_slice(&p[..n]);
    }
}
