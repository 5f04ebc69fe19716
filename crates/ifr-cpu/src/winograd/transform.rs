//! The transforms of F(4×4, 3×3).
//!
//! Interpolation at 0, ±[`A`], ±[`B`] and infinity. These two keep rounding errors about twice those of a direct
//! summation, where the usual ±1 and ±2 make four times of it (72 channels of noise: 0.85·10⁻⁶ against 1.84·10⁻⁶ RMS, and
//! 0.46·10⁻⁶ directly; √½ and √2 do as well, but these and all products of them are exact in binary).
#![allow(unsafe_code, reason = "planes and scratch memory by pointer")]

use super::vector::Vector;
use super::{EDGE, STEP};

/// The first pair of points.
pub(super) const A: f32 = 0.75;
/// The second pair of points.
pub(super) const B: f32 = 1.5;

/// Of 6 input values, what they are multiplied by the weights' transform as.
pub(super) const INPUT: [[f32; EDGE]; EDGE] = [
    [A * A * B * B, 0.0, -(A * A + B * B), 0.0, 1.0, 0.0],
    [0.0, -A * B * B, -B * B, A, 1.0, 0.0],
    [0.0, A * B * B, -B * B, -A, 1.0, 0.0],
    [0.0, -B * A * A, -A * A, B, 1.0, 0.0],
    [0.0, B * A * A, -A * A, -B, 1.0, 0.0],
    [0.0, A * A * B * B, 0.0, -(A * A + B * B), 0.0, 1.0],
];

/// Of 6 products, the 4 output values.
pub(super) const OUTPUT: [[f32; EDGE]; STEP] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, A, -A, B, -B, 0.0],
    [0.0, A * A, A * A, B * B, B * B, 0.0],
    [0.0, A * A * A, -A * A * A, B * B * B, -B * B * B, 1.0],
];

/// The weights' transform: each row the powers of a point, over the product of its differences to the others.
pub(super) fn weights() -> [[f64; 3]; EDGE] {
    let (a, b) = (f64::from(A), f64::from(B));
    let points = [0.0, a, -a, b, -b];
    let row = |i: usize| match points.get(i) {
        Some(&p) => {
            let others = points.iter().enumerate().filter(|&(j, _)| j != i);
            let scale: f64 = others.map(|(_, q)| p - q).product();
            [1.0 / scale, p / scale, p * p / scale]
        }
        None => [0.0, 0.0, 1.0],
    };
    std::array::from_fn(row)
}

/// One channel of one run of tiles.
pub(super) struct InputCall {
    /// What row `i` of the run's tiles begins with: one row above its outputs, and one value to the left of them.
    pub(super) rows: [*const f32; EDGE],
    /// Values of the rows that may be read; others count as zeros.
    pub(super) limit: usize,
    /// From these rows to those that will be asked for next.
    pub(super) ahead: isize,
    /// Tiles of the run.
    pub(super) tiles: usize,
    /// `[6][stage_row]`, for the values between the two passes.
    pub(super) stage: *mut f32,
    pub(super) stage_row: usize,
    /// Where the first tile's value of position 0 goes.
    pub(super) out: *mut f32,
    /// From one position to the next.
    pub(super) position: usize,
}

/// Transforms one channel of a run of tiles: columns first, where they lie; then rows, with tiles in lanes.
///
/// # Safety
/// `rows` may be read up to `limit`, `stage` written up to `6 · stage_row`, where a row takes the run's `4 · tiles + 2` values
/// and another 5 vectors, and `out` up to `tiles` at each of 36 positions; the machine has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn input<V: Vector>(call: &InputCall) {
    let columns = STEP * call.tiles + 2;
    // SAFETY: the caller's promise.
    unsafe {
        let whole = columns.min(call.limit) / V::LANES * V::LANES;
        for at in (0..whole).step_by(V::LANES) {
            let mut values = [V::splat(0.0); EDGE];
            for (value, row) in values.iter_mut().zip(call.rows) {
                *value = V::load(row.add(at));
                V::prefetch(row.add(at).wrapping_offset(call.ahead));
            }
            for (i, value) in input_line(values).into_iter().enumerate() {
                value.store(call.stage.add(i * call.stage_row + at));
            }
        }
        for at in (whole..columns).step_by(V::LANES) {
            let rest = call.limit.saturating_sub(at);
            let mut values = [V::splat(0.0); EDGE];
            for (value, row) in values.iter_mut().zip(call.rows) {
                *value = V::load_first(row.wrapping_add(at), rest);
            }
            for (i, value) in input_line(values).into_iter().enumerate() {
                value.store(call.stage.add(i * call.stage_row + at));
            }
        }
        for tile in (0..call.tiles).step_by(V::LANES) {
            let rest = call.tiles - tile;
            for i in 0..EDGE {
                let row = call.stage.add(i * call.stage_row + STEP * tile).cast_const();
                let mut run = [V::splat(0.0); STEP];
                for (n, run) in run.iter_mut().enumerate() {
                    *run = V::load(row.add(n * V::LANES));
                }
                let [a, b, c, d] = V::split(run);
                // Columns 4 and 5 of a tile are columns 0 and 1 of the next.
                let next = row.add(STEP * V::LANES);
                let values = [a, b, c, d, a.shift(next), b.shift(next.add(1))];
                for (j, value) in input_line(values).into_iter().enumerate() {
                    value.store_up_to(call.out.add((i * EDGE + j) * call.position + tile), rest);
                }
            }
        }
    }
}

/// [`INPUT`] times a column.
#[inline(always)]
unsafe fn input_line<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; EDGE]) -> [V; EDGE] {
    // SAFETY: the caller has the vector's instructions.
    unsafe {
        let (a, b, aa, bb) = (V::splat(A), V::splat(B), V::splat(A * A), V::splat(B * B));
        let (sum, product) = (V::splat(A * A + B * B), V::splat(A * A * B * B));
        let (even_a, odd_a) = (bb.fnma(d2, d4), bb.fnma(d1, d3));
        let (even_b, odd_b) = (aa.fnma(d2, d4), aa.fnma(d1, d3));
        [
            product.fma(d0, sum.fnma(d2, d4)),
            a.fma(odd_a, even_a),
            a.fnma(odd_a, even_a),
            b.fma(odd_b, even_b),
            b.fnma(odd_b, even_b),
            product.fma(d1, sum.fnma(d3, d5)),
        ]
    }
}

/// One output channel of one run of tiles.
pub(super) struct OutputCall {
    /// The first tile's product of position 0.
    pub(super) products: *const f32,
    /// From one position to the next.
    pub(super) position: usize,
    /// Tiles of the run.
    pub(super) tiles: usize,
    /// The first tile's first value.
    pub(super) out: *mut f32,
    /// From here to where values will be written next.
    pub(super) ahead: isize,
    /// What is added before the activation, in the same places; or null.
    pub(super) residual: *const f32,
    /// From one row to the next.
    pub(super) stride: usize,
    /// Rows that are written.
    pub(super) height: usize,
    /// Values of a row that are written.
    pub(super) width: usize,
    pub(super) bias: f32,
    /// The factor of negative values; 1 for no activation.
    pub(super) slope: f32,
}

/// Transforms one output channel of a run of tiles back, and finishes it.
///
/// # Safety
/// `products` may be read up to the tiles rounded up to a vector at each of 36 positions, `out` written and `residual`, unless
/// null, read at the rows and values said; the machine has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn output<V: Vector>(call: &OutputCall) {
    // Vectors of tiles that are inside the map altogether need no masks.
    let whole = if call.height == STEP { call.width / (STEP * V::LANES) * V::LANES } else { 0 };
    // SAFETY: the caller's promise, passed on.
    unsafe {
        for tile in (0..whole).step_by(V::LANES) {
            tiles::<V, true>(call, tile);
        }
        for tile in (whole..call.tiles).step_by(V::LANES) {
            tiles::<V, false>(call, tile);
        }
    }
}

/// [`output`] of one vector of tiles. `WHOLE`: all values are inside the map.
///
/// # Safety
/// As [`output`].
#[inline(always)]
unsafe fn tiles<V: Vector, const WHOLE: bool>(call: &OutputCall, tile: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let (bias, slope) = (V::splat(call.bias), V::splat(call.slope));
        let mut half = [[bias; STEP]; EDGE];
        for (i, half) in half.iter_mut().enumerate() {
            let at = call.products.add(i * EDGE * call.position + tile);
            let mut products = [bias; EDGE];
            for (j, product) in products.iter_mut().enumerate() {
                *product = V::load(at.add(j * call.position));
            }
            *half = output_line(products);
        }
        let mut whole = [[bias; STEP]; STEP];
        for j in 0..STEP {
            let mut column = [bias; EDGE];
            for (value, half) in column.iter_mut().zip(&half) {
                *value = half[j];
            }
            for (row, value) in whole.iter_mut().zip(output_line(column)) {
                row[j] = value.add(bias);
            }
        }
        for (y, row) in whole.into_iter().enumerate() {
            if !WHOLE && y >= call.height {
                break;
            }
            for (n, mut value) in V::join(row).into_iter().enumerate() {
                let x = STEP * tile + n * V::LANES;
                let rest = if WHOLE { V::LANES } else { call.width.saturating_sub(x) };
                let at = y * call.stride + x;
                if !call.residual.is_null() {
                    value = value.add(V::load_up_to(call.residual.wrapping_add(at), rest));
                }
                value.prelu(slope).store_up_to(call.out.wrapping_add(at), rest);
                V::prefetch(call.out.wrapping_add(at).wrapping_offset(call.ahead));
            }
        }
    }
}

/// [`OUTPUT`] times a column.
#[inline(always)]
unsafe fn output_line<V: Vector>([m0, m1, m2, m3, m4, m5]: [V; EDGE]) -> [V; STEP] {
    // SAFETY: the caller has the vector's instructions.
    unsafe {
        let (a, b, aa, bb) = (V::splat(A), V::splat(B), V::splat(A * A), V::splat(B * B));
        let (aaa, bbb) = (V::splat(A * A * A), V::splat(B * B * B));
        let (sum_a, difference_a) = (m1.add(m2), m1.sub(m2));
        let (sum_b, difference_b) = (m3.add(m4), m3.sub(m4));
        [
            m0.add(sum_a).add(sum_b),
            a.fma(difference_a, b.mul(difference_b)),
            aa.fma(sum_a, bb.mul(sum_b)),
            aaa.fma(difference_a, bbb.fma(difference_b, m5)),
        ]
    }
}
