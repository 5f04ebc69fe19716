//! Weights, transformed: for each run of a convolution anew, since transformed ones take four times the memory, and nine times
//! for transposed convolutions.
#![allow(unsafe_code, reason = "matrices by pointer")]
#![allow(clippy::needless_range_loop, reason = "x and y name rows and columns throughout")]

use super::transform;
use super::vector::Vector;
use super::{EDGE, Functions, POSITIONS};
use crate::conv::{self, Block, Form};
use crate::level::Level;

/// Floats of a convolution's transformed weights.
pub(crate) fn weights_len(direct: &conv::Packed) -> usize {
    POSITIONS * direct.inputs * direct.outputs()
}

/// Where those of a block begin; they are `[position][input][output in block]`.
pub(crate) fn weights_start(direct: &conv::Packed, block: &Block) -> usize {
    block.first * POSITIONS * direct.inputs
}

/// Transforms the weights of a block of a convolution of nine taps: `out` is as long as the block's part. Vector levels agree to
/// the bit.
///
/// # Panics
/// When `out` is of another length.
pub(crate) fn transform_block(level: Level, direct: &conv::Packed, block: &Block, out: &mut [f32]) {
    let phase = (direct.form == Form::Phases).then_some(block.first % 4);
    let taps = if phase.is_some() { 4 } else { 9 };
    let from = &direct.weights[block.weights..][..taps * direct.inputs * block.len];
    assert_eq!(out.len(), POSITIONS * direct.inputs * block.len, "a block's part");
    let (from, out) = (from.as_ptr(), out.as_mut_ptr());
    let call = WeightsCall { from, out, inputs: direct.inputs, outputs: block.len, phase };
    // SAFETY: matrices are of the sizes said; the level is proof of the instructions.
    unsafe { (Functions::of(level).weights)(&call) }
}

/// The weights of one block.
pub(super) struct WeightsCall {
    /// `[input][tap][output]`, four or nine taps.
    pub(super) from: *const f32,
    /// `[position][input][output]`.
    pub(super) out: *mut f32,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Of [`Form::Phases`]: which phase the first output makes, and the next the next. There are four taps then, else nine.
    pub(super) phase: Option<usize>,
}

/// Ones where output o of four makes a phase of row 0, from 0 on, or of row 1, from 2 on; as long as the widest vector at any of four
/// places.
const ROWS: [f32; 24] =
    [1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0.];
/// The same of columns 0, from 0 on, and 1, from 1 on.
const COLUMNS: [f32; 24] =
    [1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0., 1., 0.];

/// The nine taps of outputs from one of phase `phase` on, of the four that each has.
///
/// # Safety
/// The machine has the vector's instructions.
#[inline(always)]
unsafe fn spread<V: Vector>(phase: usize, four: [V; 4]) -> [V; 9] {
    const { assert!(V::LANES + 6 <= ROWS.len()) };
    // SAFETY: both tables are long enough for phases up to 3, and two more.
    unsafe {
        let of = |table: &'static [f32; 24], at: usize| V::load(table[at..].as_ptr());
        let (rows, columns) = ([0, 2].map(|r| of(&ROWS, phase + r)), [0, 1].map(|q| of(&COLUMNS, phase + q)));
        // One of two factors is 1, the other 0, so nothing is rounded.
        let three = |a: V, b: V, by: [V; 2]| [a.mul(by[0]), b.mul(by[0]).add(a.mul(by[1])), b.mul(by[1])];
        let (above, below) = (three(four[0], four[1], columns), three(four[2], four[3], columns));
        let mut nine = [V::splat(0.0); 9];
        for x in 0..3 {
            for (y, value) in three(above[x], below[x], rows).into_iter().enumerate() {
                nine[3 * y + x] = value;
            }
        }
        nine
    }
}

/// `G w Gᵀ`, row by row, outputs in lanes.
///
/// # Safety
/// The matrices are live memory of the sizes said, the last written by nobody else; the machine has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn weights<V: Vector>(call: &WeightsCall) {
    let (len, panel) = (call.outputs, call.inputs * call.outputs);
    // SAFETY: as many lanes are read and written as there are outputs.
    unsafe {
        let matrix = Matrix::<V>::new();
        for i in 0..call.inputs {
            let mut o = 0;
            while o < len {
                let (n, out) = (len - o, call.out.add(i * len + o));
                let taps = match call.phase {
                    None => {
                        let from = call.from.add(i * 9 * len + o);
                        std::array::from_fn(|k| V::load_up_to(from.add(k * len), n))
                    }
                    Some(phase) => {
                        let from = call.from.add(i * 4 * len + o);
                        let four = std::array::from_fn(|k| V::load_up_to(from.add(k * len), n));
                        spread((phase + o) % 4, four)
                    }
                };
                let columns = [
                    matrix.line(taps[0], taps[3], taps[6]),
                    matrix.line(taps[1], taps[4], taps[7]),
                    matrix.line(taps[2], taps[5], taps[8]),
                ];
                for y in 0..EDGE {
                    let row = matrix.line(columns[0][y], columns[1][y], columns[2][y]);
                    for (x, value) in row.into_iter().enumerate() {
                        value.store_up_to(out.add((y * EDGE + x) * panel), n);
                    }
                }
                o += V::LANES;
            }
        }
    }
}

/// The entries of `G`, in every lane. Its rows are the powers of the points 0, ±a, ±b over a scale that both signs share, and
/// that of infinity: see [`transform::weights`].
struct Matrix<V> {
    zero: V,
    pairs: [[V; 3]; 2],
}

impl<V: Vector> Matrix<V> {
    /// # Safety
    /// The machine has the vector's instructions.
    #[inline(always)]
    unsafe fn new() -> Self {
        let rows = transform::weights();
        // SAFETY: the caller's promise.
        unsafe {
            let [zero, a, b] = [rows[0], rows[1], rows[3]].map(|row| row.map(|v| V::splat(v as f32)));
            Self { zero: zero[0], pairs: [a, b] }
        }
    }

    /// `G` times three values.
    ///
    /// # Safety
    /// The machine has the vector's instructions.
    #[inline(always)]
    unsafe fn line(&self, x: V, y: V, z: V) -> [V; EDGE] {
        let [a, b] = &self.pairs;
        // SAFETY: the caller's promise.
        unsafe {
            let [even_a, odd_a] = [z.fma(a[2], x.mul(a[0])), y.mul(a[1])];
            let [even_b, odd_b] = [z.fma(b[2], x.mul(b[0])), y.mul(b[1])];
            [x.mul(self.zero), even_a.add(odd_a), even_a.sub(odd_a), even_b.add(odd_b), even_b.sub(odd_b), z]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition, `G w Gᵀ`, for blocks that fill vectors and blocks that do not, and with the taps of phases alone.
    #[test]
    fn weights_are_transformed() {
        let matrix = transform::weights();
        let given = |o: usize, i: usize, k: usize| ((o * 31 + i * 17 + k * 7) % 97) as f32 / 48.0 - 1.0;
        for (level, form) in Level::available()
            .into_iter()
            .flat_map(|level| [Form::Whole, Form::Phases].map(|form| (level, form)))
        {
            // Of nine taps, those that there are.
            let weight = |o: usize, i: usize, k: usize| {
                let (y, x) = ((k / 3).checked_sub(o % 4 / 2), (k % 3).checked_sub(o % 2));
                match (form, y, x) {
                    (Form::Whole, ..) => given(o, i, k),
                    (Form::Phases, Some(y @ 0..2), Some(x @ 0..2)) => given(o, i, 2 * y + x),
                    (Form::Phases, ..) => 0.0,
                }
            };
            for (outputs, inputs) in [(1, 1), (7, 3), (14, 5), (54, 2), (29, 1)] {
                let taps = if form == Form::Whole { 9 } else { 4 };
                let bias = vec![0.0; outputs];
                let direct = conv::Packed::new(level, [outputs, inputs, taps], given, bias, Vec::new());
                let direct = conv::Packed { form, ..direct };
                let mut seen = 0;
                for block in &direct.blocks {
                    let mut out = vec![f32::NAN; POSITIONS * inputs * block.len];
                    assert_eq!(weights_start(&direct, block), seen);
                    seen += out.len();
                    transform_block(level, &direct, block, &mut out);
                    for (p, panel) in out.chunks_exact(inputs * block.len).enumerate() {
                        for (at, &found) in panel.iter().enumerate() {
                            let (i, o) = (at / block.len, block.first + at % block.len);
                            let mut sum = 0.0;
                            for k in 0..9 {
                                let factor = matrix[p / EDGE][k / 3] * matrix[p % EDGE][k % 3];
                                sum += factor * f64::from(weight(o, i, k));
                            }
                            assert!((f64::from(found) - sum).abs() < 1e-6, "{level}: {found} for {sum}");
                        }
                    }
                }
                assert_eq!(seen, weights_len(&direct));
            }
        }
    }
}
