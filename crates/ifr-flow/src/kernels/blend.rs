//! Warping both frames to an instant and blending them.

use super::{sample::warp_row_body, versions};
use crate::plane::Plane;

/// Motion at one row of the wanted frame.
#[derive(Clone, Copy)]
pub(crate) struct MotionRow<'a> {
    /// Motion from time 0 to time 1 in samples of the plane: right, down.
    pub(crate) u: &'a [f32],
    pub(crate) v: &'a [f32],
    /// Share of the first frame, 0 ..= 1.
    pub(crate) share: &'a [f32],
}

versions! {
    /// `out` = row `y` of the frame at `t`, in the units of the planes. `spare` has the length of `out`.
    fn blend_row = blend_row_body(
        first: &Plane, second: &Plane, y: usize, t: f32, motion: MotionRow<'_>, spare: &mut [f32], out: &mut [f32],
    )
}

versions! {
    /// Rounds `values` times `scale` to codes of at most `max`.
    fn codes_u8 = codes_u8_body(values: &[f32], out: &mut [u8])
}

versions! {
    /// Rounds `values` times `scale` to codes of at most `max`.
    fn codes_u16 = codes_u16_body(values: &[f32], scale: f32, max: u16, out: &mut [u16])
}

#[inline(always)]
fn blend_row_body(
    first: &Plane,
    second: &Plane,
    y: usize,
    t: f32,
    motion: MotionRow<'_>,
    spare: &mut [f32],
    out: &mut [f32],
) {
    warp_row_body(first, 0, y, -t, motion.u, motion.v, out);
    warp_row_body(second, 0, y, 1.0 - t, motion.u, motion.v, spare);
    for ((out, b), share) in out.iter_mut().zip(&*spare).zip(motion.share) {
        *out = b + share * (*out - b);
    }
}

#[inline(always)]
fn codes_u8_body(values: &[f32], out: &mut [u8]) {
    for (out, v) in out.iter_mut().zip(values) {
        *out = (v + 0.5) as u8;
    }
}

#[inline(always)]
fn codes_u16_body(values: &[f32], scale: f32, max: u16, out: &mut [u16]) {
    for (out, v) in out.iter_mut().zip(values) {
        *out = ((v * scale + 0.5) as u16).min(max);
    }
}
