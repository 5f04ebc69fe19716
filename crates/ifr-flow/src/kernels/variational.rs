//! Variational refinement of one tile of a flow field: warps, linearises and relaxes it without leaving the cache.
//!
//! The energy is Brox's (ECCV 2004) with Zimmer's normalisation of the data terms: robust brightness constancy, robust
//! gradient constancy and a robust (total-variation like) smoothness term. Both images are warped towards time `t`
//! (`t` = 0 is the ordinary flow of the first image), so the same code refines flow seen from an instant between them.
//! The linear system is relaxed by successive over-relaxation in chequerboard order, each colour stored apart, so that
//! neighbours are contiguous in memory and the order of the updates does not matter.

use super::{sample::warp_row_body, versions};
use crate::plane::Plane;

/// Weights and counts of the refinement. Units: luma in 8-bit codes, flow in pixels of the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Terms {
    /// Weight of smoothness.
    pub(crate) alpha: f32,
    /// Weight of brightness constancy.
    pub(crate) delta: f32,
    /// Weight of gradient constancy.
    pub(crate) gamma: f32,
    /// Warps, each followed by a linearisation.
    pub(crate) warps: usize,
    /// Relaxation sweeps per warp.
    pub(crate) sweeps: usize,
}

/// Over-relaxation factor; between 1.5 and 1.9 the figures hardly differ.
const OMEGA: f32 = 1.6;
/// Square of the residual (in pixels, the terms being normalised) below which the penalty is quadratic.
const EPS_DATA: f32 = 0.001 * 0.001;
/// Square of the flow gradient below which smoothness is quadratic.
const EPS_SMOOTH: f32 = 0.001 * 0.001;
/// Square of the gradient (codes per pixel) under which a data term fades out: the noise floor.
const ZETA: f32 = 0.1;

/// A tile: a rectangle of the image, halo included, with its flow.
pub(crate) struct Tile<'a> {
    /// Image at time 0.
    pub(crate) first: &'a Plane,
    /// Image at time 1.
    pub(crate) second: &'a Plane,
    /// Time the flow is seen from, 0 ..= 1.
    pub(crate) t: f32,
    /// Left, top, width, height in samples of the images.
    pub(crate) rect: [usize; 4],
    /// Weight of the data terms, 0 ..= 1, `rect[2]` × `rect[3]`; empty: 1 everywhere.
    pub(crate) trust: &'a [f32],
}

/// Working memory of a tile, kept between tiles. Images have two samples of padding on either side of a row; the
/// chequerboard's half planes one sample, and one row above and below.
#[derive(Default)]
pub(crate) struct Scratch {
    size: [usize; 2],
    u0: Vec<f32>,
    v0: Vec<f32>,
    /// The flow: input and result, row by row, [`Scratch::stride`] apart, starting at column 2.
    pub(crate) u: Vec<f32>,
    pub(crate) v: Vec<f32>,
    mean: Vec<f32>,
    diff: Vec<f32>,
    dx: Vec<f32>,
    dy: Vec<f32>,
    smooth: Vec<f32>,
    rows: [Vec<f32>; 7],
    board: [Board; 2],
}

/// One colour of the chequerboard: unknowns, inverse of the 2×2 diagonal block, right-hand side, weights of the edges to
/// the right and below.
#[derive(Default)]
struct Board {
    u: Vec<f32>,
    v: Vec<f32>,
    /// m11, m12, m22, r1, r2, wx, wy
    c: [Vec<f32>; 7],
}

impl Scratch {
    /// Makes room for a tile of `w` × `h`.
    pub(crate) fn resize(&mut self, w: usize, h: usize) {
        if self.size == [w, h] {
            return; // the boards' margins are zero still
        }
        self.size = [w, h];
        let n = Self::stride(w) * h;
        for p in [
            &mut self.u0,
            &mut self.v0,
            &mut self.u,
            &mut self.v,
            &mut self.mean,
            &mut self.diff,
            &mut self.dx,
            &mut self.dy,
            &mut self.smooth,
        ] {
            p.resize(n, 0.0);
        }
        for r in &mut self.rows {
            r.resize(Self::stride(w), 0.0);
        }
        let n = half_stride(w) * (h + 2);
        for b in &mut self.board {
            for p in [&mut b.u, &mut b.v].into_iter().chain(&mut b.c) {
                p.clear();
                p.resize(n, 0.0);
            }
        }
    }

    /// Samples from one row of a tile's image to the next.
    pub(crate) fn stride(w: usize) -> usize {
        w + 4
    }
}

fn half_stride(w: usize) -> usize {
    w.div_ceil(2) + 2
}

versions! {
    /// Refines the flow in `s.u` and `s.v` (resized for the tile and filled) in place.
    fn refine = refine_body(tile: &Tile<'_>, terms: &Terms, s: &mut Scratch)
}

#[inline(always)]
fn refine_body(tile: &Tile<'_>, terms: &Terms, s: &mut Scratch) {
    for _ in 0..terms.warps {
        warp(tile, s);
        gradients(tile, s);
        smoothness(tile, terms, s);
        system(tile, terms, s);
        for _ in 0..terms.sweeps {
            relax(tile, s, 0);
            relax(tile, s, 1);
        }
        join(tile, s);
    }
}

/// Repeats the ends of a row into its padding of two.
#[inline(always)]
fn pad(row: &mut [f32]) {
    let n = row.len();
    let (a, b) = (row[2], row[n - 3]);
    row[0] = a;
    row[1] = a;
    row[n - 2] = b;
    row[n - 1] = b;
}

/// Warps both images: `mean` is their blend whose gradient is that of the residual, `diff` the residual.
#[inline(always)]
fn warp(tile: &Tile<'_>, s: &mut Scratch) {
    let [x, y, w, h] = tile.rect;
    let n = Scratch::stride(w);
    let (t, r) = (tile.t, 1.0 - tile.t);
    s.u0.copy_from_slice(&s.u);
    s.v0.copy_from_slice(&s.v);
    for i in 0..h {
        let o = i * n;
        let (u, v) = (&s.u[o + 2..o + 2 + w], &s.v[o + 2..o + 2 + w]);
        let (mean, diff) = (&mut s.mean[o..o + n], &mut s.diff[o..o + n]);
        if t == 0.0 {
            let start = tile.first.origin() + (y + i) * tile.first.stride() + x;
            diff[2..2 + w].copy_from_slice(&tile.first.data()[start..start + w]);
        } else {
            warp_row_body(tile.first, x, y + i, -t, u, v, &mut diff[2..2 + w]);
        }
        warp_row_body(tile.second, x, y + i, r, u, v, &mut mean[2..2 + w]);
        for (m, d) in mean[2..2 + w].iter_mut().zip(&mut diff[2..2 + w]) {
            let (a, b) = (*d, *m);
            *m = t * a + r * b;
            *d = b - a;
        }
        pad(mean);
        pad(diff);
    }
}

/// Derivative by five taps, exact for cubics.
#[inline(always)]
fn derive(a: f32, b: f32, c: f32, d: f32) -> f32 {
    (8.0 * (c - b) - (d - a)) * (1.0 / 12.0)
}

/// Offsets of the rows two above, one above, one below, two below row `i`, kept inside the tile.
#[inline(always)]
fn around(i: usize, h: usize, n: usize) -> [usize; 4] {
    [i.saturating_sub(2) * n, i.saturating_sub(1) * n, (i + 1).min(h - 1) * n, (i + 2).min(h - 1) * n]
}

#[inline(always)]
fn gradients(tile: &Tile<'_>, s: &mut Scratch) {
    let [_, _, w, h] = tile.rect;
    let n = Scratch::stride(w);
    for i in 0..h {
        let o = i * n;
        let m = &s.mean[o..o + n];
        let [a, b, c, d] = around(i, h, n).map(|r| &s.mean[r + 2..r + 2 + w]);
        let (dx, dy) = (&mut s.dx[o..o + n], &mut s.dy[o..o + n]);
        for j in 0..w {
            dx[j + 2] = derive(m[j], m[j + 1], m[j + 3], m[j + 4]);
            dy[j + 2] = derive(a[j], b[j], c[j], d[j]);
        }
        pad(dx);
        pad(dy);
    }
}

/// Diffusivity of every sample, from the flow's gradient.
#[inline(always)]
fn smoothness(tile: &Tile<'_>, terms: &Terms, s: &mut Scratch) {
    let [_, _, w, h] = tile.rect;
    let n = Scratch::stride(w);
    for i in 0..h {
        let o = i * n;
        let [_, b, c, _] = around(i, h, n);
        pad(&mut s.u[o..o + n]);
        pad(&mut s.v[o..o + n]);
        let (u, v) = (&s.u[o + 1..o + 3 + w], &s.v[o + 1..o + 3 + w]);
        let (ub, uc) = (&s.u[b + 2..b + 2 + w], &s.u[c + 2..c + 2 + w]);
        let (vb, vc) = (&s.v[b + 2..b + 2 + w], &s.v[c + 2..c + 2 + w]);
        let out = &mut s.smooth[o + 2..o + 2 + w];
        for j in 0..w {
            let (ux, uy) = (u[j + 2] - u[j], uc[j] - ub[j]);
            let (vx, vy) = (v[j + 2] - v[j], vc[j] - vb[j]);
            let g = 0.25 * ((ux * ux + uy * uy) + (vx * vx + vy * vy));
            out[j] = terms.alpha / (g + EPS_SMOOTH).sqrt();
        }
    }
}

/// Fills the chequerboard with the linear system around the warp.
#[inline(always)]
fn system(tile: &Tile<'_>, terms: &Terms, s: &mut Scratch) {
    let [_, _, w, h] = tile.rect;
    let n = Scratch::stride(w);
    let hs = half_stride(w);
    let Scratch { u0, v0, diff, dx, dy, smooth, rows, board, .. } = s;
    for i in 0..h {
        let o = i * n;
        let at = around(i, h, n);
        let (z, gx, gy) = (&diff[o..o + n], &dx[o..o + n], &dy[o..o + n]);
        let [za, zb, zc, zd] = at.map(|r| &diff[r + 2..r + 2 + w]);
        let [xa, xb, xc, xd] = at.map(|r| &dx[r + 2..r + 2 + w]);
        let [ya, yb, yc, yd] = at.map(|r| &dy[r + 2..r + 2 + w]);
        let (u, v) = (&u0[o + 2..o + 2 + w], &v0[o + 2..o + 2 + w]);
        let [m11, m12, m22, r1, r2, wx, wy] = rows.each_mut().map(|r| &mut r[2..2 + w]);

        // Weights of the edges; none leads out of the tile.
        let here = &smooth[o + 2..o + 2 + w];
        let below = &smooth[at[2] + 2..at[2] + 2 + w];
        for j in 0..w - 1 {
            wx[j] = 0.5 * (here[j] + here[j + 1]);
        }
        wx[w - 1] = 0.0;
        if i + 1 < h {
            for j in 0..w {
                wy[j] = 0.5 * (here[j] + below[j]);
            }
        } else {
            wy.fill(0.0);
        }
        // Sum of the four weights of a sample, kept in m12 until that is computed.
        let above = &smooth[at[1] + 2..at[1] + 2 + w];
        let up = if i > 0 { 0.5 } else { 0.0 };
        for j in 0..w {
            m12[j] = wx[j] + wy[j] + up * (here[j] + above[j]);
        }
        for j in 1..w {
            m12[j] += wx[j - 1];
        }

        let trust: &[f32] = if tile.trust.is_empty() { &[] } else { &tile.trust[i * w..(i + 1) * w] };
        r1.fill(1.0);
        if !trust.is_empty() {
            r1.copy_from_slice(trust);
        }
        for j in 0..w {
            let k = r1[j];
            let (ix, iy, iz) = (gx[j + 2], gy[j + 2], z[j + 2]);
            let n0 = 1.0 / (ix * ix + iy * iy + ZETA);
            let p0 = k * terms.delta * n0 / (iz * iz * n0 + EPS_DATA).sqrt();

            let ixx = derive(gx[j], gx[j + 1], gx[j + 3], gx[j + 4]);
            let ixy = derive(xa[j], xb[j], xc[j], xd[j]);
            let iyy = derive(ya[j], yb[j], yc[j], yd[j]);
            let izx = derive(z[j], z[j + 1], z[j + 3], z[j + 4]);
            let izy = derive(za[j], zb[j], zc[j], zd[j]);
            let nx = 1.0 / (ixx * ixx + ixy * ixy + ZETA);
            let ny = 1.0 / (ixy * ixy + iyy * iyy + ZETA);
            let p1 = k * terms.gamma / (izx * izx * nx + izy * izy * ny + EPS_DATA).sqrt();
            let (px, py) = (p1 * nx, p1 * ny);

            let j11 = p0 * ix * ix + px * ixx * ixx + py * ixy * ixy;
            let j12 = p0 * ix * iy + px * ixx * ixy + py * ixy * iyy;
            let j22 = p0 * iy * iy + px * ixy * ixy + py * iyy * iyy;
            let b1 = p0 * ix * iz + px * ixx * izx + py * ixy * izy;
            let b2 = p0 * iy * iz + px * ixy * izx + py * iyy * izy;

            // The small constant keeps the block regular where there is neither texture nor a neighbour (1×1).
            let d11 = j11 + m12[j] + 1e-4;
            let d22 = j22 + m12[j] + 1e-4;
            let det = 1.0 / (d11 * d22 - j12 * j12);
            m11[j] = d22 * det;
            m12[j] = -j12 * det;
            m22[j] = d11 * det;
            r1[j] = j11 * u[j] + j12 * v[j] + 1e-4 * u[j] - b1;
            r2[j] = j12 * u[j] + j22 * v[j] + 1e-4 * v[j] - b2;
        }

        for (colour, b) in board.iter_mut().enumerate() {
            let parity = (i + colour) & 1;
            let o = (i + 1) * hs + 1;
            for (half, row) in b.c.iter_mut().zip(&*rows) {
                split(&row[2..2 + w], parity, &mut half[o..o + hs - 2]);
            }
            split(u, parity, &mut b.u[o..o + hs - 2]);
            split(v, parity, &mut b.v[o..o + hs - 2]);
        }
    }
}

/// Every second sample of `row` from `parity` on.
#[inline(always)]
fn split(row: &[f32], parity: usize, out: &mut [f32]) {
    let row = row.get(parity..).unwrap_or(&[]);
    let pairs = row.len() / 2;
    for (o, p) in out.iter_mut().zip(row.chunks_exact(2)) {
        *o = p[0];
    }
    if row.len() % 2 == 1 {
        out[pairs] = row[2 * pairs];
    }
}

/// Half a sweep: relaxes all samples of one colour. The outermost samples of a tile stay what they are where the image
/// goes on beyond them: they stand for the neighbours, whose values another tile computes.
#[inline(always)]
fn relax(tile: &Tile<'_>, s: &mut Scratch, colour: usize) {
    let [x, y, w, h] = tile.rect;
    let (left, right) = (x > 0, x + w < tile.first.width());
    let (top, bottom) = (y > 0, y + h < tile.first.height());
    let hs = half_stride(w);
    let [b0, b1] = &mut s.board;
    let (own, other) = if colour == 0 { (b0, &*b1) } else { (b1, &*b0) };
    let [m11, m12, m22, r1, r2, wx, wy] = &own.c;
    for i in usize::from(top)..h - usize::from(bottom && h > 1) {
        let parity = (i + colour) & 1;
        let o = (i + 1) * hs + 1;
        // A row has one sample less of this colour where it starts with the other and the width is odd.
        let m = (w - parity).div_ceil(2);
        if m == 0 {
            continue;
        }
        let (u, v) = (&mut own.u[o..o + m], &mut own.v[o..o + m]);
        let ends = [u[0], v[0], u[m - 1], v[m - 1]];
        let l = o + parity - 1;
        let (lu, lv) = (&other.u[l..l + m], &other.v[l..l + m]);
        let (ru, rv) = (&other.u[l + 1..l + 1 + m], &other.v[l + 1..l + 1 + m]);
        let (uu, uv) = (&other.u[o - hs..o - hs + m], &other.v[o - hs..o - hs + m]);
        let (du, dv) = (&other.u[o + hs..o + hs + m], &other.v[o + hs..o + hs + m]);
        let (wl, wr) = (&other.c[5][l..l + m], &wx[o..o + m]);
        let (wu, wd) = (&other.c[6][o - hs..o - hs + m], &wy[o..o + m]);
        let (m11, m12, m22) = (&m11[o..o + m], &m12[o..o + m], &m22[o..o + m]);
        let (r1, r2) = (&r1[o..o + m], &r2[o..o + m]);
        for j in 0..m {
            let s1 = r1[j] + ((wl[j] * lu[j] + wr[j] * ru[j]) + (wu[j] * uu[j] + wd[j] * du[j]));
            let s2 = r2[j] + ((wl[j] * lv[j] + wr[j] * rv[j]) + (wu[j] * uv[j] + wd[j] * dv[j]));
            u[j] += OMEGA * ((m11[j] * s1 + m12[j] * s2) - u[j]);
            v[j] += OMEGA * ((m12[j] * s1 + m22[j] * s2) - v[j]);
        }
        if left && parity == 0 {
            (u[0], v[0]) = (ends[0], ends[1]);
        }
        if right && (w - 1) & 1 == parity {
            (u[m - 1], v[m - 1]) = (ends[2], ends[3]);
        }
    }
}

/// Puts the two colours together again.
#[inline(always)]
fn join(tile: &Tile<'_>, s: &mut Scratch) {
    let [_, _, w, h] = tile.rect;
    let (n, hs) = (Scratch::stride(w), half_stride(w));
    for i in 0..h {
        let o = (i + 1) * hs + 1;
        let (even, odd) = (&s.board[i & 1], &s.board[(i + 1) & 1]);
        for (out, even, odd) in [(&mut s.u, &even.u, &odd.u), (&mut s.v, &even.v, &odd.v)] {
            let out = &mut out[i * n + 2..i * n + 2 + w];
            let (even, odd) = (&even[o..o + w.div_ceil(2)], &odd[o..o + w / 2]);
            for ((p, a), b) in out.chunks_exact_mut(2).zip(even).zip(odd) {
                p[0] = *a;
                p[1] = *b;
            }
            if w % 2 == 1 {
                out[w - 1] = even[w / 2];
            }
        }
    }
}
