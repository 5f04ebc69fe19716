//! Convolution with its epilogue: bias, then a residual, then PReLU.
//!
//! Every convolution comes down to one form. Inputs are planes of one [`Layout`](crate::layout::Layout), seen as long
//! rows; output position `p` of output channel `o` is
//!
//! ```text
//! out[o][p] = prelu( bias[o] + Σ_i Σ_k w[o][i][k] · input[i][p + tap[k]]  + residual[o][p] )
//! ```
//!
//! with zeros where `p` is border. A 3×3 convolution has nine taps, `dy·stride + dx`. With a stride of s, the input is
//! first split into its s² phases, and taps also say which phase; a transposed convolution is s² of these, one for
//! each phase of its output (see [`phase`](crate::kernels::phase)).
//!
//! A work unit is a range of output-channel blocks and a range of 16-float vectors. Each output value is summed up in
//! the same order whatever the unit, so results depend neither on units nor on threads. Levels differ in their last
//! bits: the vector kernels use fused multiply-add.
#![allow(
    unsafe_code,
    reason = "kernels read and write planes by pointer; see `Call` for what callers promise"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod reference;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use pack::{Block, Form, Packed};

use crate::level::{Level, Set};

/// One convolution over planes in memory.
///
/// All offsets are counted in floats from `base` and name the first value of a plane's first row.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) base: *mut f32,
    pub(crate) packed: &'a Packed,
    /// One plane for each input channel.
    pub(crate) inputs: &'a [usize],
    /// From an output position to the input position of each tap.
    pub(crate) taps: &'a [isize],
    /// One plane for each output channel.
    pub(crate) outputs: &'a [usize],
    /// One plane for each output channel, or none at all.
    pub(crate) residual: &'a [usize],
    /// Which lanes of each vector of the output are values.
    pub(crate) masks: &'a [u16],
}

/// Runs one unit of a convolution: some output-channel blocks over some vectors of the output planes.
///
/// # Safety
/// `level`'s packing was used for `call.packed`. For every vector `v` in `vectors` and lane `p` of it
/// (`16·v ≤ p < 16·v + 16`), `base + inputs[i] + p + taps[k]`, `base + outputs[o] + p` and `base + residual[o] + p` lie
/// in one live allocation; nobody else writes the inputs and residuals meanwhile, or touches the outputs at these
/// positions; and the outputs are none of the inputs or residuals.
pub(crate) unsafe fn run(level: Level, call: &Call<'_>, blocks: Range<usize>, vectors: Range<usize>) {
    debug_assert!(vectors.end <= call.masks.len() && blocks.end <= call.packed.blocks.len());
    debug_assert_eq!(call.inputs.len(), call.packed.inputs);
    debug_assert_eq!(call.taps.len(), call.packed.taps);
    debug_assert_eq!(call.outputs.len(), call.packed.outputs());
    debug_assert!(call.residual.is_empty() || call.residual.len() == call.outputs.len());
    match level.0 {
        // SAFETY: the caller's promise, passed on.
        Set::Scalar => unsafe { reference::run(call, blocks, vectors) },
        // SAFETY: as above; the level is proof of the instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { avx2::run(call, blocks, vectors) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { avx512::run(call, blocks, vectors) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Set::Neon => unsafe { neon::run(call, blocks, vectors) },
    }
}

/// Input channels that are summed before partial sums go to memory: their part of a tile and of the weights stays in
/// the first-level cache.
const INPUT_BLOCK: usize = 24;
