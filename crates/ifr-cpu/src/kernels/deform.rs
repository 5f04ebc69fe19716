//! What one tap of a deformable convolution reads: bilinear samples, zero outside, times a mask.
//!
//! All channels of a group are sampled at the same places, so they are first put side by side ([`interleave`]): a neighbour is
//! then one load for several channels, where planes would need a load for each.

use super::versions;
use super::warp::CHUNK;
use crate::layout::{LANES, Layout};

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
versions! {
    /// Samples `channels` channels at `n` places: `block` is their whole planes, interleaved. Channel c goes to `out` from
    /// `c · step` on.
    ///
    /// # Panics
    /// When `block` is not whole planes of the layout, `out` too short, or `n` larger than [`CHUNK`].
    fn sample = sample_body(
        samples: &Samples, block: &[f32], channels: usize, n: usize, out: &mut [f32], step: usize,
    )
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
    let (mut v, mut u, mut m) = ([0.0_f32; CHUNK], [0.0_f32; CHUNK], [0.0_f32; CHUNK]);
    v[..n].copy_from_slice(&offset[0][..n]);
    u[..n].copy_from_slice(&offset[1][..n]);
    m[..n].copy_from_slice(&mask[..n]);
    if let Some(flow) = flow {
        let (x, y) = (&flow[0][..n], &flow[1][..n]);
        for i in 0..n {
            u[i] += x[i];
            v[i] += y[i];
        }
    }
    for first in (0..n).step_by(LANES) {
        for i in first..first + LANES {
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
}

#[inline(always)]
fn sample_body(
    samples: &Samples,
    block: &[f32],
    channels: usize,
    n: usize,
    out: &mut [f32],
    step: usize,
) {
    let width = interleaved(channels);
    assert!(block.len() >= samples.layout.plane() * width, "whole planes");
    assert!(n <= CHUNK, "one chunk");
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
            let pixel = |offset: usize| unsafe {
                &*block.as_ptr().add((at + offset) * width).cast::<[f32; C]>()
            };
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
