//! Warping both frames to an instant along several candidate motions and blending what they show.

use super::sample::{CHUNK, Places, nearest_row_body, warp_row_body};
use super::versions;
use crate::estimate::View;
use crate::plane::Plane;

/// Most candidate motions of a pixel.
pub(crate) const MOST: usize = 8;
/// Samples by which candidates may differ in a [`CHUNK`] and still count as one. One sample gains 0.02 dB and costs a sixth
/// of the time where motions contradict each other.
const SAME: f32 = 4.0;

/// A candidate that weighs less than this part of the heaviest one everywhere in a chunk is left out.
const SLIGHT: f32 = 0.08;

/// Candidate motions along one row of the wanted frame.
#[derive(Clone, Copy)]
pub(crate) struct Candidates<'a> {
    /// Motion from time 0 to time 1 in samples of the plane, right and down: one row per candidate, one after another.
    pub(crate) u: &'a [f32],
    pub(crate) v: &'a [f32],
    /// Weight of each candidate, laid out likewise; the sum over the candidates need not be 1.
    pub(crate) weight: &'a [f32],
    /// Share of the first frame, 0 ..= 1, one row.
    pub(crate) share: &'a [f32],
}

versions! {
    /// `out` = row `y` at the time `t` of every pair of planes (of one size), one row after another, in their units. `seen`: how
    /// far the samples of the first planes and of the second were seen.
    fn blend_rows = blend_rows_body(
        pairs: &[[&Plane; 2]], seen: [Option<&Plane>; 2], y: usize, t: f32, candidates: Candidates<'_>, out: &mut [f32],
    )
}

versions! {
    /// `out` = squared difference between what both planes show at row `y` and time `t` along a motion; 0 where either was not
    /// seen.
    fn difference_row = difference_row_body(pair: [View<'_>; 2], y: usize, t: f32, u: &[f32], v: &[f32], out: &mut [f32])
}

versions! {
    /// `mean` = what both planes together show at row `y` and time `t` along a motion, `square` = their squared difference, 0
    /// where either was not seen.
    fn compare_row = compare_row_body(
        pair: [View<'_>; 2], y: usize, t: f32, u: &[f32], v: &[f32], mean: &mut [f32], square: &mut [f32],
    )
}

versions! {
    /// Rounds `values` (in codes) to 8-bit codes.
    fn codes_u8 = codes_u8_body(values: &[f32], out: &mut [u8])
}

versions! {
    /// Rounds `values` times `scale` to codes of at most `max`.
    fn codes_u16 = codes_u16_body(values: &[f32], scale: f32, max: u16, out: &mut [u16])
}

#[inline(always)]
fn difference_row_body(pair: [View<'_>; 2], y: usize, t: f32, u: &[f32], v: &[f32], out: &mut [f32]) {
    let mut other = [0.0f32; CHUNK];
    for x in (0..out.len()).step_by(CHUNK) {
        let n = CHUNK.min(out.len() - x);
        let out = &mut out[x..x + n];
        let (u, v) = (&u[x..x + n], &v[x..x + n]);
        warp_row_body(pair[0].plane, x, y, -t, u, v, out);
        warp_row_body(pair[1].plane, x, y, 1.0 - t, u, v, &mut other[..n]);
        for (o, b) in out.iter_mut().zip(&other) {
            *o = (*o - b) * (*o - b);
        }
        for (view, scale) in pair.iter().zip([-t, 1.0 - t]) {
            if let Some(seen) = view.seen {
                nearest_row_body(seen, x, y, scale, u, v, &mut other[..n]);
                out.iter_mut().zip(&other).for_each(|(o, s)| *o *= s);
            }
        }
    }
}

#[inline(always)]
fn compare_row_body(
    pair: [View<'_>; 2],
    y: usize,
    t: f32,
    u: &[f32],
    v: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    warp_row_body(pair[0].plane, 0, y, -t, u, v, mean);
    warp_row_body(pair[1].plane, 0, y, 1.0 - t, u, v, square);
    for (a, b) in mean.iter_mut().zip(&mut *square) {
        let (first, second) = (*a, *b);
        *a = 0.5 * (first + second);
        *b = (first - second) * (first - second);
    }
    let mut shown = [0.0f32; CHUNK];
    for (view, scale) in pair.iter().zip([-t, 1.0 - t]) {
        let Some(seen) = view.seen else { continue };
        for (i, square) in square.chunks_mut(CHUNK).enumerate() {
            let x = i * CHUNK;
            let at = x..x + square.len();
            nearest_row_body(seen, x, y, scale, &u[at.clone()], &v[at], &mut shown[..square.len()]);
            square.iter_mut().zip(&shown).for_each(|(o, s)| *o *= s);
        }
    }
}

/// 1 inside 0 ..= `last`, falling to 0 over the next sample outside.
#[inline(always)]
fn inside(p: f32, last: f32) -> f32 {
    (1.0 + p).min(1.0 + last - p).clamp(0.0, 1.0)
}

#[inline(always)]
fn blend_rows_body(
    pairs: &[[&Plane; 2]],
    seen: [Option<&Plane>; 2],
    y: usize,
    t: f32,
    c: Candidates<'_>,
    out: &mut [f32],
) {
    let w = c.share.len();
    let count = (c.u.len() / w.max(1)).min(MOST);
    let Some([like, _]) = pairs.first() else { return };
    let (right, bottom) = (like.width() as f32 - 1.0, like.height() as f32 - 1.0);
    for x in (0..w).step_by(CHUNK) {
        let n = CHUNK.min(w - x);
        // The candidates that differ, with the weights of those that do not.
        let mut kept = [0usize; MOST];
        let mut weight = [[0.0f32; CHUNK]; MOST];
        let mut different = 0;
        for k in 0..count {
            let (u, v) = (&c.u[k * w + x..k * w + x + n], &c.v[k * w + x..k * w + x + n]);
            let mut into = different;
            for j in 0..different {
                let o = kept[j] * w + x;
                let (ou, ov) = (&c.u[o..o + n], &c.v[o..o + n]);
                let mut far = false;
                for i in 0..n {
                    far |= (u[i] - ou[i]).abs() + (v[i] - ov[i]).abs() > SAME;
                }
                if !far {
                    into = j;
                    break;
                }
            }
            if into == different {
                kept[into] = k;
                different += 1;
            }
            for (a, b) in weight[into].iter_mut().zip(&c.weight[k * w + x..k * w + x + n]) {
                *a += b;
            }
        }
        let mut total = [0.0f32; CHUNK];
        let mut peak = 0.0f32;
        let mut peaks = [0.0f32; MOST];
        for (row, own) in weight[..different].iter().zip(&mut peaks) {
            for i in 0..CHUNK {
                *own = own.max(row[i]);
            }
            peak = peak.max(*own);
        }
        for (row, own) in weight[..different].iter().zip(&peaks) {
            if *own >= SLIGHT * peak {
                for i in 0..CHUNK {
                    total[i] += row[i];
                }
            }
        }
        let (mut a, mut b, mut share) = ([0.0f32; CHUNK], [0.0f32; CHUNK], [0.0f32; CHUNK]);
        for p in 0..pairs.len() {
            out[p * w + x..p * w + x + n].fill(0.0);
        }
        for ((row, &k), own) in weight[..different].iter().zip(&kept).zip(&peaks) {
            if *own < SLIGHT * peak {
                continue;
            }
            let (u, v) = (&c.u[k * w + x..k * w + x + n], &c.v[k * w + x..k * w + x + n]);
            let (prior, share) = (&c.share[x..x + n], &mut share[..n]);
            let mut shown = [[1.0f32; CHUNK]; 2];
            for ((shown, seen), scale) in shown.iter_mut().zip(seen).zip([-t, 1.0 - t]) {
                if let Some(seen) = seen {
                    nearest_row_body(seen, x, y, scale, u, v, &mut shown[..n]);
                }
            }
            for i in 0..n {
                // What moves in or out over the edge, or is hidden in one of them, is taken from the frame that has it.
                let (px, py) = ((x + i) as f32, y as f32);
                let first = inside(px - t * u[i], right) * inside(py - t * v[i], bottom);
                let second = inside(px + (1.0 - t) * u[i], right) * inside(py + (1.0 - t) * v[i], bottom);
                let s = prior[i];
                let (first, second) =
                    (s * (first * shown[0][i] + 1e-3), (1.0 - s) * (second * shown[1][i] + 1e-3));
                share[i] = first / (first + second).max(1e-9);
            }
            let places = [Places::new(like, x, y, -t, u, v), Places::new(like, x, y, 1.0 - t, u, v)];
            for (p, [first, second]) in pairs.iter().enumerate() {
                places[0].sample(first, &mut a);
                places[1].sample(second, &mut b);
                let out = &mut out[p * w + x..p * w + x + n];
                for i in 0..n {
                    out[i] += row[i] * (b[i] + share[i] * (a[i] - b[i]));
                }
            }
        }
        for p in 0..pairs.len() {
            for (o, t) in out[p * w + x..p * w + x + n].iter_mut().zip(&total) {
                *o /= t;
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "clamp would keep a NaN")]
fn codes_u8_body(values: &[f32], out: &mut [u8]) {
    for (out, v) in out.iter_mut().zip(values) {
        // The saturating conversion of the language is not vectorised. This order of max and min turns a NaN into 0.
        let v = v.max(0.0).min(255.0) + 0.5;
        // SAFETY: within 0 ..= 255.5.
        *out = unsafe { v.to_int_unchecked::<i32>() } as u8;
    }
}

#[inline(always)]
#[allow(clippy::manual_clamp, reason = "as above")]
fn codes_u16_body(values: &[f32], scale: f32, max: u16, out: &mut [u16]) {
    for (out, v) in out.iter_mut().zip(values) {
        // As above.
        let v = (v * scale).max(0.0).min(f32::from(max)) + 0.5;
        // SAFETY: within 0 ..= 65535.5.
        *out = unsafe { v.to_int_unchecked::<i32>() } as u16;
    }
}
