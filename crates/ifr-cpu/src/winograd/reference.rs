//! Winograd's parts in plain Rust: what the vector kernels are held against.
#![allow(unsafe_code, reason = "planes and scratch memory by pointer")]

use super::gemm::Product;
use super::pack::WeightsCall;
use super::transform::{self, INPUT, InputCall, OUTPUT, OutputCall};
use super::{EDGE, POSITIONS, STEP};

/// `matrix · values · matrixᵀ`, for square `values`.
fn transformed<const N: usize>(matrix: &[[f32; EDGE]; N], values: &[[f32; EDGE]; EDGE]) -> [[f32; N]; N] {
    let dot =
        |row: &[f32; EDGE], column: [f32; EDGE]| row.iter().zip(column).map(|(a, b)| a * b).sum::<f32>();
    let columns = matrix.map(|row| std::array::from_fn::<f32, EDGE, _>(|x| dot(&row, values.map(|r| r[x]))));
    columns.map(|column| std::array::from_fn(|x| dot(&matrix[x], column)))
}

/// See [`super::Functions::input`].
///
/// # Safety
/// As [`super::transform::input`].
pub(super) unsafe fn input(call: &InputCall) {
    for tile in 0..call.tiles {
        let value = |row: *const f32, x: usize| {
            // SAFETY: the caller's promise.
            if x < call.limit { unsafe { row.add(x).read() } } else { 0.0 }
        };
        let values = call.rows.map(|row| std::array::from_fn(|x| value(row, STEP * tile + x)));
        for (p, value) in transformed(&INPUT, &values).into_iter().flatten().enumerate() {
            // SAFETY: as above.
            unsafe { call.out.add(p * call.position + tile).write(value) };
        }
    }
}

/// See [`super::Functions::weights`]. Done in double precision, rounded once.
///
/// # Safety
/// As [`super::pack::weights`].
pub(super) unsafe fn weights(call: &WeightsCall) {
    let (matrix, panel) = (transform::weights(), call.inputs * call.outputs);
    let dot = |row: &[f64; 3], values: [f64; 3]| row.iter().zip(values).map(|(a, b)| a * b).sum::<f64>();
    for (i, o) in (0..call.inputs).flat_map(|i| (0..call.outputs).map(move |o| (i, o))) {
        // SAFETY: inside the matrices.
        let given = |k: usize| f64::from(unsafe { *call.from.add(k * call.outputs + o) });
        let tap = |k: usize| match call.phase.map(|phase| phase + o) {
            None => given(i * 9 + k),
            Some(phase) => match ((k / 3).checked_sub(phase % 4 / 2), (k % 3).checked_sub(phase % 2)) {
                (Some(y @ 0..2), Some(x @ 0..2)) => given(i * 4 + 2 * y + x),
                _ => 0.0,
            },
        };
        let columns = matrix.map(|row| [0, 1, 2].map(|x| dot(&row, [tap(x), tap(3 + x), tap(6 + x)])));
        for p in 0..POSITIONS {
            let value = dot(&matrix[p % EDGE], columns[p / EDGE]) as f32;
            // SAFETY: as above.
            unsafe { call.out.add(p * panel + i * call.outputs + o).write(value) };
        }
    }
}

/// See [`super::Functions::product`].
///
/// # Safety
/// The matrices are live memory of the sizes said, the last written by nobody else.
pub(super) unsafe fn product(call: &Product) {
    for m in 0..call.rows {
        for t in 0..call.tiles {
            // SAFETY: inside the matrices.
            let term = |k: usize| unsafe {
                *call.weights.add(k * call.rows + m) * *call.values.add(k * call.tiles + t)
            };
            let sum = (0..call.depth).map(term).sum();
            // SAFETY: as above.
            unsafe { call.out.add(m * call.tiles + t).write(sum) };
        }
    }
}

/// See [`super::Functions::output`].
///
/// # Safety
/// As [`super::transform::output`].
pub(super) unsafe fn output(call: &OutputCall) {
    for tile in 0..call.tiles {
        // SAFETY: the caller's promise.
        let product = |p: usize| unsafe { call.products.add(p * call.position + tile).read() };
        let products: [f32; POSITIONS] = std::array::from_fn(product);
        let values = std::array::from_fn(|y| std::array::from_fn(|x| products[EDGE * y + x]));
        for (y, row) in transformed(&OUTPUT, &values).into_iter().enumerate().take(call.height) {
            for (x, value) in row.into_iter().enumerate() {
                let (at, x) = (y * call.stride + STEP * tile + x, STEP * tile + x);
                if x >= call.width {
                    continue;
                }
                let mut value = value + call.bias;
                if !call.residual.is_null() {
                    // SAFETY: as above.
                    value += unsafe { call.residual.add(at).read() };
                }
                let value = if value < 0.0 { call.slope * value } else { value };
                // SAFETY: as above.
                unsafe { call.out.add(at).write(value) };
            }
        }
    }
}
