//! Weights, transformed.

use rayon::prelude::*;

use super::transform;
use super::{EDGE, POSITIONS};
use crate::conv::{self, Block};

/// A 3×3 convolution's weights, transformed once; bias and slopes are those of the direct packing.
#[derive(Debug)]
pub(crate) struct Packed {
    /// `[block][position][input][output in block]`; blocks are those of the direct packing.
    weights: Vec<f32>,
    inputs: usize,
}

impl Packed {
    /// Transforms the weights of a convolution of nine taps, row by row. Done in double precision, rounded once.
    pub(crate) fn new(direct: &conv::Packed) -> Self {
        let inputs = direct.inputs;
        let mut weights = vec![0.0; POSITIONS * inputs * direct.outputs()];
        let mut rest = weights.as_mut_slice();
        let mut parts = Vec::with_capacity(direct.blocks.len());
        for &block in &direct.blocks {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(POSITIONS * inputs * block.len);
            parts.push((block, part));
            rest = after;
        }
        let matrix = transform::weights();
        parts.into_par_iter().for_each(|(block, part)| {
            for i in 0..inputs {
                for o in 0..block.len {
                    let at = |k: usize| block.weights + (i * 9 + k) * block.len + o;
                    let kernel: [f64; 9] = std::array::from_fn(|k| f64::from(direct.weights[at(k)]));
                    for (p, value) in transformed(&matrix, &kernel).into_iter().enumerate() {
                        part[(p * inputs + i) * block.len + o] = value as f32;
                    }
                }
            }
        });
        Self { weights, inputs }
    }

    /// The weights of one position and block: `[input][output in block]`.
    pub(super) fn panel(&self, block: &Block, position: usize) -> &[f32] {
        let len = self.inputs * block.len;
        &self.weights[(block.first * POSITIONS * self.inputs) + position * len..][..len]
    }
}

/// `matrix · kernel · matrixᵀ`, row by row.
fn transformed(matrix: &[[f64; 3]; EDGE], kernel: &[f64; 9]) -> [f64; POSITIONS] {
    let dot = |row: &[f64; 3], values: [f64; 3]| row.iter().zip(values).map(|(a, b)| a * b).sum::<f64>();
    let columns = matrix.map(|row| [0, 1, 2].map(|x| dot(&row, [kernel[x], kernel[3 + x], kernel[6 + x]])));
    std::array::from_fn(|p| dot(&matrix[p % EDGE], columns[p / EDGE]))
}
