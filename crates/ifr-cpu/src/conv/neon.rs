//! The convolution in NEON: up to 6 output channels × 4 vectors of 4 positions in registers.
#![allow(clippy::needless_range_loop, reason = "indices m and n name a tile's rows and columns throughout")]
#![allow(unsafe_code, reason = "NEON intrinsics on planes in memory")]

use std::arch::aarch64::{
    vaddq_f32, vandq_u32, vbslq_f32, vcltzq_f32, vdupq_n_f32, vdupq_n_u32, vfmaq_f32, vld1q_f32, vld1q_u32,
    vmulq_f32, vreinterpretq_f32_u32, vreinterpretq_u32_f32, vst1q_f32, vtstq_u32,
};
use std::ops::Range;

use super::{Block, Call, INPUT_BLOCK};
use crate::layout::LANES;

/// Floats of a vector.
const QUARTER: usize = 4;
/// Vectors in one of the layout.
const PARTS: usize = LANES / QUARTER;

/// See [`super::run`].
///
/// # Safety
/// As for [`super::run`]; the machine has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn run(call: &Call<'_>, blocks: Range<usize>, vectors: Range<usize>) {
    for start in (0..call.inputs.len()).step_by(INPUT_BLOCK) {
        let inputs = start..(start + INPUT_BLOCK).min(call.inputs.len());
        for block in &call.packed.blocks[blocks.clone()] {
            let strip = match block.len {
                1 => strip::<1, 8>,
                2 => strip::<2, 8>,
                3 => strip::<3, 4>,
                4 => strip::<4, 4>,
                5 => strip::<5, 4>,
                _ => strip::<6, 4>,
            };
            // SAFETY: the caller's promise, passed on; blocks have at most 6 channels.
            unsafe { strip(call, block, inputs.clone(), vectors.clone()) };
        }
    }
}

/// `M` output channels over a range of vectors, `N` quarters at a time.
#[target_feature(enable = "neon")]
unsafe fn strip<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    vectors: Range<usize>,
) {
    let (mut h, end) = (PARTS * vectors.start, PARTS * vectors.end);
    while h + N <= end {
        // SAFETY: the caller's promise, passed on.
        unsafe { tile::<M, N>(call, block, inputs.clone(), h) };
        h += N;
    }
    for h in h..end {
        // SAFETY: as above.
        unsafe { tile::<M, 1>(call, block, inputs.clone(), h) };
    }
}

/// `M` output channels × `N` quarters: adds the given inputs to what earlier ones left in the output.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn tile<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    h: usize,
) {
    let (packed, at) = (call.packed, h * QUARTER);
    let outputs = &call.outputs[block.first..block.first + M];
    let mut sums = [[vdupq_n_f32(0.0); N]; M];
    if inputs.start == 0 {
        for m in 0..M {
            for n in 0..N {
                sums[m][n] = vdupq_n_f32(packed.bias[block.first + m]);
            }
        }
    } else {
        for m in 0..M {
            for n in 0..N {
                // SAFETY: output positions lie inside the allocation.
                sums[m][n] = unsafe { vld1q_f32(call.base.add(outputs[m] + at + n * QUARTER)) };
            }
        }
    }
    let first = block.weights + inputs.start * call.taps.len() * M;
    let mut weights = packed.weights[first..][..inputs.len() * call.taps.len() * M].as_ptr();
    for &input in &call.inputs[inputs.clone()] {
        // SAFETY: a plane's positions lie inside the allocation.
        let source = unsafe { call.base.add(input + at) };
        for &tap in call.taps {
            let mut x = [vdupq_n_f32(0.0); N];
            for (n, x) in x.iter_mut().enumerate() {
                // SAFETY: so do those of all taps.
                *x = unsafe { vld1q_f32(source.offset(tap).add(n * QUARTER)) };
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the slice above has M weights for each input and tap.
                let w = vdupq_n_f32(unsafe { *weights.add(m) });
                for n in 0..N {
                    sums[n] = vfmaq_f32(sums[n], w, x[n]);
                }
            }
            // SAFETY: as above; at most one past the end.
            weights = unsafe { weights.add(M) };
        }
    }
    // Stored as they are, and finished in a second pass: with the epilogue in this loop, compilers do not keep the sums
    // in registers.
    for m in 0..M {
        for n in 0..N {
            // SAFETY: output positions lie inside the allocation, and are this unit's own.
            unsafe { vst1q_f32(call.base.add(outputs[m] + at + n * QUARTER), sums[m][n]) };
        }
    }
    if inputs.end == call.inputs.len() {
        for o in block.first..block.first + M {
            for n in 0..N {
                // SAFETY: the caller's promise, passed on.
                unsafe { finish(call, o, h + n) };
            }
        }
    }
}

/// The epilogue, for output `o` at quarter `h`.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn finish(call: &Call<'_>, o: usize, h: usize) {
    // SAFETY: output positions lie inside the allocation, and are this unit's own.
    let at = unsafe { call.base.add(call.outputs[o] + h * QUARTER) };
    // SAFETY: as above.
    let mut y = unsafe { vld1q_f32(at) };
    if let Some(&residual) = call.residual.get(o) {
        // SAFETY: residual positions lie inside the allocation, as the caller of `run` promises.
        y = vaddq_f32(y, unsafe { vld1q_f32(call.base.add(residual + h * QUARTER)) });
    }
    if let Some(&slope) = call.packed.slopes.get(o) {
        y = vbslq_f32(vcltzq_f32(y), vmulq_f32(y, vdupq_n_f32(slope)), y);
    }
    let bits = u32::from(call.masks[h / PARTS] >> (QUARTER * (h % PARTS)));
    // SAFETY: the array has a vector's four values.
    let lanes = unsafe { vld1q_u32([1, 2, 4, 8].as_ptr()) };
    let mask = vtstq_u32(vdupq_n_u32(bits), lanes);
    let kept = vreinterpretq_f32_u32(vandq_u32(mask, vreinterpretq_u32_f32(y)));
    // SAFETY: as above.
    unsafe { vst1q_f32(at, kept) };
}
