//! What one tap of a deformable convolution reads: bilinear samples, zero outside, times a mask.
//!
//! All channels of a group are sampled at the same places, so they are first put side by side ([`interleave`]): a neighbour is
//! then one load for several channels, where planes would need a load for each.

#[cfg(target_arch = "x86_64")]
mod avx512;

use super::versions;
use super::warp::CHUNK;
use crate::layout::{LANES, Layout};
use crate::level::Level;

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

/// How many values lie side by side where `channels` are interleaved: the others are zeros.
pub(crate) fn interleaved(channels: usize) -> usize {
    match channels {
        0..=4 => 4,
        5..=8 => 8,
        _ => channels.next_multiple_of(LANES),
    }
}

versions! {
    /// Puts rows side by side: `out[i · width + c] = rows[c][i]`, for one c.
    fn interleave = interleave_body(row: &[f32], width: usize, c: usize, out: &mut [f32])
}
versions! {
    /// Computes the samples for the positions `(place[1] + i, place[0])`, displaced by `offset` (y, then x) and `flow` (x, then
    /// y), with weights that `mask` is part of; as many as the mask is long.
    ///
    /// # Panics
    /// When the mask is longer than [`CHUNK`] or than the others.
    fn locate = locate_body(
        samples: &mut Samples,
        place: [isize; 2],
        offset: [&[f32]; 2],
        flow: Option<[&[f32]; 2]>,
        mask: &[f32],
    )
}
/// Samples `channels` channels at `n` places: `block` is their whole planes, interleaved. Channel c goes to `out` from `c · step`
/// on.
///
/// # Panics
/// When `block` is not whole planes of the layout, `out` too short, or `n` larger than [`CHUNK`].
pub(crate) fn sample(
    level: Level,
    samples: &Samples,
    block: &[f32],
    channels: usize,
    n: usize,
    out: &mut [f32],
    step: usize,
) {
    let width = interleaved(channels);
    assert!(block.len() >= samples.layout.plane() * width, "whole planes");
    assert!(n <= CHUNK && out.len() >= (channels - 1) * step + n, "one chunk of every channel");
    #[cfg(target_arch = "x86_64")]
    if level.0 == crate::level::Set::Avx512 {
        let tiles = match width {
            4 => avx512::sample_tiles::<4>,
            8 => avx512::sample_tiles::<8>,
            _ => avx512::sample_tiles::<LANES>,
        };
        for first in (0..channels).step_by(LANES) {
            let some = LANES.min(channels - first);
            // SAFETY: `locate` keeps rows within -1 ..= height - 1 and columns within -1 ..= width - 1; a plane has at least a
            // row and a value of zeros before its first value and after its last row. The rest was checked above; the level
            // is proof of the instructions.
            unsafe {
                let (block, out) = (block.as_ptr().add(first), out.as_mut_ptr().add(first * step));
                tiles(samples, block, width, some, n, out, step);
            }
        }
        return;
    }
    sample_any(level, samples, block, channels, n, out, step);
}

versions! {
    /// As [`sample`], whose checks are done.
    fn sample_any = sample_body(
        samples: &Samples, block: &[f32], channels: usize, n: usize, out: &mut [f32], step: usize,
    )
}

/// Has a row brought to the nearest cache, where the machine can be told.
pub(crate) fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(LANES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this kind has the instruction, which reads nothing as far as the program can tell.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[inline(always)]
fn interleave_body(row: &[f32], width: usize, c: usize, out: &mut [f32]) {
    for (pixel, &value) in out.chunks_exact_mut(width).zip(row) {
        pixel[c] = value;
    }
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
    let n = mask.len();
    assert!(n <= CHUNK, "one chunk");
    for first in (0..n).step_by(LANES) {
        // Places beyond the last have offsets of zero.
        let some = |row: &[f32]| -> [f32; LANES] {
            match row[first..n].first_chunk() {
                Some(&whole) => whole,
                None => {
                    let mut part = [0.0; LANES];
                    part[..n - first].copy_from_slice(&row[first..n]);
                    part
                }
            }
        };
        let (mut v, mut u, m) = (some(offset[0]), some(offset[1]), some(mask));
        if let Some(flow) = flow {
            let (x, y) = (some(flow[0]), some(flow[1]));
            for i in 0..LANES {
                u[i] += x[i];
                v[i] += y[i];
            }
        }
        let (left, top) = ((place[1] + first as isize) as f32, place[0] as f32);
        let mut at = [0; LANES];
        let mut weights = [[0.0; LANES]; 4];
        for i in 0..LANES {
            let px = (left + i as f32) + u[i];
            let py = top + v[i];
            // Not so for a NaN: then the sample is zero, too.
            let inside = (px > -1.0) & (py > -1.0) & (px < right) & (py < bottom);
            let px = if inside { px } else { 0.0 };
            let py = if inside { py } else { 0.0 };
            let m = if inside { m[i] } else { 0.0 };
            let (x0, y0) = (px.floor(), py.floor());
            // SAFETY: both are finite and lie within -1 ..= size - 1.
            let (ix, iy) = unsafe { (x0.to_int_unchecked::<i32>(), y0.to_int_unchecked::<i32>()) };
            let (r, b) = (px - x0, py - y0);
            let (l, t) = (1.0 - r, 1.0 - b);
            at[i] = (front + iy * stride + ix) as u32;
            weights[0][i] = l * t * m;
            weights[1][i] = r * t * m;
            weights[2][i] = l * b * m;
            weights[3][i] = r * b * m;
        }
        samples.at[first..first + LANES].copy_from_slice(&at);
        for (to, from) in samples.weights.iter_mut().zip(&weights) {
            to[first..first + LANES].copy_from_slice(from);
        }
    }
}

#[inline(always)]
fn sample_body(samples: &Samples, block: &[f32], channels: usize, n: usize, out: &mut [f32], step: usize) {
    let width = interleaved(channels);
    match width {
        4 => sample_tiles::<4>(samples, block, width, channels, n, out, step),
        8 => sample_tiles::<8>(samples, block, width, channels, n, out, step),
        _ => {
            for first in (0..channels).step_by(LANES) {
                let some = LANES.min(channels - first);
                let out = &mut out[first * step..];
                sample_tiles::<LANES>(samples, &block[first..], width, some, n, out, step);
            }
        }
    }
}

/// `C` neighbouring channels of `width`, of which `channels` are wanted.
#[inline(always)]
fn sample_tiles<const C: usize>(
    samples: &Samples,
    block: &[f32],
    width: usize,
    channels: usize,
    n: usize,
    out: &mut [f32],
    step: usize,
) {
    let stride = samples.layout.stride();
    let [tl, tr, bl, br] = &samples.weights;
    for first in (0..n).step_by(LANES) {
        let mut tile = [[0.0_f32; C]; LANES];
        for (i, tile) in tile.iter_mut().enumerate() {
            let i = first + i;
            let at = samples.at[i] as usize;
            // SAFETY: `locate` keeps rows within -1 ..= height - 1 and columns within -1 ..= width - 1; a plane has at least a
            // row and a value of zeros before its first value and after its last row. The block begins at most at the last
            // whole group of C of a pixel.
            let pixel =
                |offset: usize| unsafe { &*block.as_ptr().add((at + offset) * width).cast::<[f32; C]>() };
            let (p, q, r, s) = (pixel(0), pixel(1), pixel(stride), pixel(stride + 1));
            for c in 0..C {
                tile[c] = tl[i] * p[c] + tr[i] * q[c] + bl[i] * r[c] + br[i] * s[c];
            }
        }
        let m = LANES.min(n - first);
        for c in 0..C.min(channels) {
            let row: [f32; LANES] = std::array::from_fn(|i| tile[i][c]);
            out[c * step + first..][..m].copy_from_slice(&row[..m]);
        }
    }
}
