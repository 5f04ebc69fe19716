//! The convolution in AVX-512: up to 14 output channels × 2 vectors of 16 positions in registers.
#![allow(clippy::needless_range_loop, reason = "indices m and n name a tile's rows and columns throughout")]
#![allow(unsafe_code, reason = "AVX-512 intrinsics on planes in memory")]

use std::arch::x86_64::{
    _CMP_LT_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_mul_ps,
    _mm512_maskz_mov_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use super::{Block, Call, INPUT_BLOCK};
use crate::layout::LANES;

/// See [`super::run`].
///
/// # Safety
/// As for [`super::run`]; the machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn run(call: &Call<'_>, blocks: Range<usize>, vectors: Range<usize>) {
    for start in (0..call.inputs.len()).step_by(INPUT_BLOCK) {
        let inputs = start..(start + INPUT_BLOCK).min(call.inputs.len());
        for block in &call.packed.blocks[blocks.clone()] {
            let strip = match block.len {
                1 => strip::<1, 6>,
                2 => strip::<2, 6>,
                3 => strip::<3, 6>,
                4 => strip::<4, 6>,
                5 => strip::<5, 4>,
                6 => strip::<6, 4>,
                7 => strip::<7, 3>,
                8 => strip::<8, 3>,
                9 => strip::<9, 3>,
                10 => strip::<10, 2>,
                11 => strip::<11, 2>,
                12 => strip::<12, 2>,
                13 => strip::<13, 2>,
                _ => strip::<14, 2>,
            };
            // SAFETY: the caller's promise, passed on; blocks have at most 14 channels.
            unsafe { strip(call, block, inputs.clone(), vectors.clone()) };
        }
    }
}

/// `M` output channels over a range of vectors, `N` at a time.
#[target_feature(enable = "avx512f")]
unsafe fn strip<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    vectors: Range<usize>,
) {
    let mut v = vectors.start;
    while v + N <= vectors.end {
        // SAFETY: the caller's promise, passed on.
        unsafe { tile::<M, N>(call, block, inputs.clone(), v) };
        v += N;
    }
    for v in v..vectors.end {
        // SAFETY: as above.
        unsafe { tile::<M, 1>(call, block, inputs.clone(), v) };
    }
}

/// `M` output channels × `N` vectors: adds the given inputs to what earlier ones left in the output.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn tile<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    v: usize,
) {
    let (packed, at) = (call.packed, v * LANES);
    let outputs = &call.outputs[block.first..block.first + M];
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    if inputs.start == 0 {
        for m in 0..M {
            for n in 0..N {
                sums[m][n] = _mm512_set1_ps(packed.bias[block.first + m]);
            }
        }
    } else {
        for m in 0..M {
            for n in 0..N {
                // SAFETY: output positions lie inside the allocation.
                sums[m][n] = unsafe { _mm512_loadu_ps(call.base.add(outputs[m] + at + n * LANES)) };
            }
        }
    }
    let first = block.weights + inputs.start * call.taps.len() * M;
    let mut weights = packed.weights[first..][..inputs.len() * call.taps.len() * M].as_ptr();
    for &input in &call.inputs[inputs.clone()] {
        // SAFETY: a plane's positions lie inside the allocation.
        let source = unsafe { call.base.add(input + at) };
        for &tap in call.taps {
            let mut x = [_mm512_setzero_ps(); N];
            for (n, x) in x.iter_mut().enumerate() {
                // SAFETY: so do those of all taps.
                *x = unsafe { _mm512_loadu_ps(source.offset(tap).add(n * LANES)) };
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the slice above has M weights for each input and tap.
                let w = _mm512_set1_ps(unsafe { *weights.add(m) });
                for n in 0..N {
                    sums[n] = _mm512_fmadd_ps(w, x[n], sums[n]);
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
            unsafe { _mm512_storeu_ps(call.base.add(outputs[m] + at + n * LANES), sums[m][n]) };
        }
    }
    if inputs.end == call.inputs.len() {
        for o in block.first..block.first + M {
            for n in 0..N {
                // SAFETY: the caller's promise, passed on.
                unsafe { finish(call, o, v + n) };
            }
        }
    }
}

/// The epilogue, for output `o` at vector `v`.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn finish(call: &Call<'_>, o: usize, v: usize) {
    // SAFETY: output positions lie inside the allocation, and are this unit's own.
    let at = unsafe { call.base.add(call.outputs[o] + v * LANES) };
    // SAFETY: as above.
    let mut y = unsafe { _mm512_loadu_ps(at) };
    if let Some(&residual) = call.residual.get(o) {
        // SAFETY: residual positions lie inside the allocation, as the caller of `run` promises.
        y = _mm512_add_ps(y, unsafe { _mm512_loadu_ps(call.base.add(residual + v * LANES)) });
    }
    if let Some(&slope) = call.packed.slopes.get(o) {
        let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(y, _mm512_setzero_ps());
        y = _mm512_mask_mul_ps(y, negative, y, _mm512_set1_ps(slope));
    }
    // SAFETY: as above.
    unsafe { _mm512_storeu_ps(at, _mm512_maskz_mov_ps(call.masks[v], y)) };
}
