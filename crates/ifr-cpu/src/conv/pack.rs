//! Weights in the order the kernels read them.

use crate::level::{Level, Set};

/// Neighbouring output channels that are computed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first output channel.
    pub(crate) first: usize,
    /// How many.
    pub(crate) len: usize,
    /// Where their weights start.
    pub(crate) weights: usize,
}

/// Which taps there are weights for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All.
    Whole,
    /// Of nine taps those that a transposed convolution's phases have, four each: output 4·o + 2·r + q has rows r and r + 1, columns
    /// q and q + 1.
    Phases,
}

/// A convolution's parameters, made ready once for one level.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) blocks: Vec<Block>,
    /// `[block][input][tap][output in block]`.
    pub(crate) weights: Vec<f32>,
    /// One for each output.
    pub(crate) bias: Vec<f32>,
    /// One for each output, or none at all: no activation.
    pub(crate) slopes: Vec<f32>,
    pub(crate) inputs: usize,
    /// Those there are weights for.
    pub(crate) taps: usize,
    pub(crate) form: Form,
}

impl Packed {
    /// Packs for `level`; `weight(o, i, k)` is the weight of tap `k` of input `i` for output `o`.
    pub(crate) fn new(
        level: Level,
        [outputs, inputs, taps]: [usize; 3],
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: Vec<f32>,
        slopes: Vec<f32>,
    ) -> Self {
        let blocks = blocks(outputs, inputs * taps, largest_block(level));
        let mut weights = Vec::with_capacity(outputs * inputs * taps);
        for block in &blocks {
            for i in 0..inputs {
                for k in 0..taps {
                    weights.extend((block.first..block.first + block.len).map(|o| weight(o, i, k)));
                }
            }
        }
        Self { blocks, weights, bias, slopes, inputs, taps, form: Form::Whole }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The weight of tap `k` of input `i` for output `o`.
    pub(crate) fn weight(&self, o: usize, i: usize, k: usize) -> f32 {
        let block = self.blocks[self.blocks.partition_point(|b| b.first <= o) - 1];
        self.weights[block.weights + (i * self.taps + k) * block.len + (o - block.first)]
    }
}

/// The most output channels a kernel of this level keeps in registers.
fn largest_block(level: Level) -> usize {
    match level.0 {
        Set::Scalar => 4,
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => 6,
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => 14,
        #[cfg(target_arch = "aarch64")]
        Set::Neon => 6,
    }
}

/// Splits `outputs` into as few blocks as possible, as equal as possible.
fn blocks(outputs: usize, per_output: usize, largest: usize) -> Vec<Block> {
    let count = outputs.div_ceil(largest).max(1);
    let edge = |b: usize| b * outputs / count;
    let block = |b| Block { first: edge(b), len: edge(b + 1) - edge(b), weights: edge(b) * per_output };
    (0..count).map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_balanced() {
        let lens = |n| blocks(n, 9, 14).iter().map(|b| b.len).collect::<Vec<_>>();
        assert_eq!(lens(54), [13, 14, 13, 14]);
        assert_eq!(lens(32), [10, 11, 11]);
        assert_eq!(lens(8), [8]);
        assert_eq!(lens(1), [1]);
    }
}
