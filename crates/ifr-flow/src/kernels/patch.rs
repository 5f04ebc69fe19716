//! Inverse search of square patches (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) and the
//! weighted mean that turns their displacements into a dense field.

use super::versions;
use crate::plane::{PAD, Plane};

/// Side of a patch in samples (the paper's and every implementation's usual choice; one AVX register a row).
pub(crate) const SIDE: usize = 8;

/// Samples of a patch.
const AREA: f32 = (SIDE * SIDE) as f32;

/// Square of a step in samples that is not worth another: the refinement that follows goes further.
const STILL: f32 = 1e-3;

/// One row of a patch.
type Lane = [f32; SIDE];

/// What a search of patches needs to know; the same for all patches of a level.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    /// The plane the patches are cut from.
    pub(crate) from: &'a Plane,
    /// The plane they are looked for in.
    pub(crate) to: &'a Plane,
    /// Most Gauss-Newton steps per patch.
    pub(crate) steps: usize,
}

/// Displacement of one patch and the (mean-free) sum of squared differences it leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) u: f32,
    pub(crate) v: f32,
    pub(crate) cost: f32,
}

versions! {
    /// Searches the patch with its top left sample at (`x`, `y`) by Gauss-Newton steps from the displacement `start`.
    fn search = search_body(job: Search<'_>, x: usize, y: usize, start: [f32; 2]) -> Found
}

versions! {
    /// The better of `found`, what a search of the patch at (`x`, `y`) led to, and what a search from the best of the
    /// displacements `others` leads to. `found` is not improved again.
    fn reconsider = reconsider_body(job: Search<'_>, x: usize, y: usize, found: Found, others: &[[f32; 2]]) -> Found
}

versions! {
    /// Adds the patch at (`x`, `y`) with displacement (`u`, `v`) to the rows `rows` of the sums `sum_u`, `sum_v` and
    /// `sum_w`, which start at row `rows.start` and are `stride` wide; each sample weighs 1 / max(1, |difference|).
    fn spread = spread_body(
        job: Search<'_>, x: usize, y: usize, u: f32, v: f32, rows: (usize, usize), stride: usize,
        sum_u: &mut [f32], sum_v: &mut [f32], sum_w: &mut [f32],
    )
}

/// Sum of eight lanes, pairwise, always in the same order.
#[inline(always)]
fn total(l: Lane) -> f32 {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

/// Where a patch displaced to (`x`, `y`) lies in `plane`: index of its top left sample and the two fractions. The position
/// is kept within the border, where nothing but repeated edge samples can be met.
#[inline(always)]
fn locate(plane: &Plane, x: f32, y: f32) -> (usize, f32, f32) {
    const OUT: f32 = PAD as f32 - 4.0;
    let x = x.clamp(-OUT, plane.width() as f32 + OUT - SIDE as f32);
    let y = y.clamp(-OUT, plane.height() as f32 + OUT - SIDE as f32);
    // Shifted to positive values, where truncation is floor.
    let (x, y) = (x + PAD as f32, y + PAD as f32);
    let (ix, iy) = (x as usize, y as usize);
    (iy * plane.stride() + ix, x - ix as f32, y - iy as f32)
}

/// Row of eight samples interpolated bilinearly between rows `a` and `b` of nine.
#[inline(always)]
fn bilinear(a: &[f32; SIDE + 1], b: &[f32; SIDE + 1], w: &[f32; 4]) -> Lane {
    let mut out = [0.0; SIDE];
    for i in 0..SIDE {
        out[i] = (w[0] * a[i] + w[1] * a[i + 1]) + (w[2] * b[i] + w[3] * b[i + 1]);
    }
    out
}

/// Nine samples from `i`.
#[inline(always)]
fn nine(data: &[f32], i: usize) -> &[f32; SIDE + 1] {
    data[i..].first_chunk().expect("positions are kept within the border")
}

#[inline(always)]
fn weights(fx: f32, fy: f32) -> [f32; 4] {
    [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy]
}

/// A patch, or one quantity of it: its rows.
type Patch = [Lane; SIDE];

/// Samples of the patch at (`x`, `y`).
#[inline(always)]
fn values(plane: &Plane, x: usize, y: usize) -> Patch {
    let (stride, data) = (plane.stride(), plane.data());
    let start = (y + PAD) * stride + x + PAD;
    let mut out = [[0.0; SIDE]; SIDE];
    for (r, out) in out.iter_mut().enumerate() {
        *out = *data[start + r * stride..].first_chunk().expect("patches start inside the plane");
    }
    out
}

/// Central differences of the patch at (`x`, `y`), to the right and downwards.
#[inline(always)]
fn gradients(plane: &Plane, x: usize, y: usize) -> [Patch; 2] {
    let (stride, data) = (plane.stride(), plane.data());
    let start = (y + PAD) * stride + x + PAD;
    let [mut dx, mut dy] = [[[0.0; SIDE]; SIDE]; 2];
    for r in 0..SIDE {
        let i = start + r * stride;
        let row: &[f32; SIDE + 2] = data[i - 1..].first_chunk().expect("patches start inside the plane");
        let (above, below) = (nine(data, i - stride), nine(data, i + stride));
        for c in 0..SIDE {
            dx[r][c] = 0.5 * (row[c + 2] - row[c]);
            dy[r][c] = 0.5 * (below[c] - above[c]);
        }
    }
    [dx, dy]
}

/// Cost of a displacement alone.
#[inline(always)]
fn cost(t: &Patch, plane: &Plane, x: f32, y: f32) -> f32 {
    let (start, fx, fy) = locate(plane, x, y);
    let w = weights(fx, fy);
    let (mut sum, mut square) = ([0.0; SIDE], [0.0; SIDE]);
    let mut above = nine(plane.data(), start);
    for r in 0..SIDE {
        let below = nine(plane.data(), start + (r + 1) * plane.stride());
        let s = bilinear(above, below, &w);
        for c in 0..SIDE {
            let d = s[c] - t[r][c];
            sum[c] += d;
            square[c] += d * d;
        }
        above = below;
    }
    let s = total(sum);
    total(square) - s * s / AREA
}

/// Cost of a displacement, the sum of the differences, and their products with the gradients.
#[inline(always)]
fn residual(t: &Patch, [dx, dy]: &[Patch; 2], plane: &Plane, x: f32, y: f32) -> (f32, f32, f32, f32) {
    let (start, fx, fy) = locate(plane, x, y);
    let w = weights(fx, fy);
    let (mut sum, mut square, mut bx, mut by) = ([0.0; SIDE], [0.0; SIDE], [0.0; SIDE], [0.0; SIDE]);
    let mut above = nine(plane.data(), start);
    for r in 0..SIDE {
        let below = nine(plane.data(), start + (r + 1) * plane.stride());
        let s = bilinear(above, below, &w);
        for c in 0..SIDE {
            let d = s[c] - t[r][c];
            sum[c] += d;
            square[c] += d * d;
            bx[c] += d * dx[r][c];
            by[c] += d * dy[r][c];
        }
        above = below;
    }
    let s = total(sum);
    (total(square) - s * s / AREA, s, total(bx), total(by))
}

#[inline(always)]
fn search_body(job: Search<'_>, x: usize, y: usize, start: [f32; 2]) -> Found {
    descend(job, x, y, &values(job.from, x, y), start)
}

#[inline(always)]
fn reconsider_body(job: Search<'_>, x: usize, y: usize, found: Found, others: &[[f32; 2]]) -> Found {
    let t = values(job.from, x, y);
    let (px, py) = (x as f32, y as f32);
    let mut best = found.cost;
    let mut start = None;
    for s in others {
        let c = cost(&t, job.to, px + s[0], py + s[1]);
        if c < best {
            best = c;
            start = Some(*s);
        }
    }
    // No closure here: it would be compiled for the baseline.
    match start {
        Some(s) => descend(job, x, y, &t, s),
        None => found,
    }
}

/// Gauss-Newton steps of the patch `t` at (`x`, `y`) from the displacement `start`.
#[inline(always)]
fn descend(job: Search<'_>, x: usize, y: usize, t: &Patch, [u, v]: [f32; 2]) -> Found {
    let (px, py) = (x as f32, y as f32);
    let mut best = Found { u, v, cost: f32::INFINITY };
    let g = gradients(job.from, x, y);
    // Structure tensor of the patch, free of the mean gradient: brightness changes of the whole patch do not move it.
    let (mut xx, mut xy, mut yy, mut sx, mut sy) =
        ([0.0; SIDE], [0.0; SIDE], [0.0; SIDE], [0.0; SIDE], [0.0; SIDE]);
    for r in 0..SIDE {
        for c in 0..SIDE {
            let (dx, dy) = (g[0][r][c], g[1][r][c]);
            xx[c] += dx * dx;
            xy[c] += dx * dy;
            yy[c] += dy * dy;
            sx[c] += dx;
            sy[c] += dy;
        }
    }
    let (sx, sy) = (total(sx), total(sy));
    let (mean_dx, mean_dy) = (sx / AREA, sy / AREA);
    // A code of noise in every sample keeps the system regular where the patch is flat or shows a single edge.
    let hxx = total(xx) - sx * mean_dx + 1.0;
    let hyy = total(yy) - sy * mean_dy + 1.0;
    let hxy = total(xy) - sx * mean_dy;
    let det = (hxx * hyy - hxy * hxy).max(1e-3);
    let (ixx, ixy, iyy) = (hyy / det, -hxy / det, hxx / det);

    let start = best;
    let (mut u, mut v) = (start.u, start.v);
    for _ in 0..job.steps {
        let (c, s, bx, by) = residual(t, &g, job.to, px + u, py + v);
        if c >= best.cost {
            break;
        }
        best = Found { u, v, cost: c };
        let (bx, by) = (bx - s * mean_dx, by - s * mean_dy);
        let (du, dv) = (ixx * bx + ixy * by, ixy * bx + iyy * by);
        u -= du;
        v -= dv;
        // A patch that left the place it started from by more than its side follows something else.
        let (ou, ov) = (u - start.u, v - start.v);
        if du * du + dv * dv < STILL || ou * ou + ov * ov > AREA {
            break;
        }
    }
    best
}

#[inline(always)]
fn spread_body(
    job: Search<'_>,
    x: usize,
    y: usize,
    u: f32,
    v: f32,
    rows: (usize, usize),
    stride: usize,
    sum_u: &mut [f32],
    sum_v: &mut [f32],
    sum_w: &mut [f32],
) {
    let (start, fx, fy) = locate(job.to, x as f32 + u, y as f32 + v);
    let w = weights(fx, fy);
    let (from, to) = (job.from, job.to);
    for r in 0..SIDE {
        let row = y + r;
        if row < rows.0 || row >= rows.1 {
            continue;
        }
        let i = start + r * to.stride();
        let s = bilinear(nine(to.data(), i), nine(to.data(), i + to.stride()), &w);
        let t: &Lane = from.data()[(row + PAD) * from.stride() + PAD + x..]
            .first_chunk()
            .expect("patches start inside the plane");
        let o = (row - rows.0) * stride + x;
        let (su, sv, sw) = (&mut sum_u[o..o + SIDE], &mut sum_v[o..o + SIDE], &mut sum_w[o..o + SIDE]);
        for c in 0..SIDE {
            let k = 1.0 / (s[c] - t[c]).abs().max(1.0);
            su[c] += k * u;
            sv[c] += k * v;
            sw[c] += k;
        }
    }
}
