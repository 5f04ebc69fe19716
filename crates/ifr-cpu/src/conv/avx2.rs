//! The convolution in AVX2 and FMA: up to 6 output channels × 2 vectors of 8 positions in registers.
#![allow(clippy::needless_range_loop, reason = "indices m and n name a tile's rows and columns throughout")]
#![allow(unsafe_code, reason = "AVX2 intrinsics on planes in memory")]

use std::arch::x86_64::{
    _CMP_LT_OQ, _mm256_add_ps, _mm256_and_ps, _mm256_and_si256, _mm256_blendv_ps, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cmpeq_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps, _mm256_storeu_ps,
};
use std::ops::Range;

use super::{Block, Call, INPUT_BLOCK};
use crate::layout::LANES;

/// Floats of a vector; a vector of the layout is two of these.
const HALF: usize = LANES / 2;

/// See [`super::run`].
///
/// # Safety
/// As for [`super::run`]; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run(call: &Call<'_>, blocks: Range<usize>, vectors: Range<usize>) {
    for start in (0..call.inputs.len()).step_by(INPUT_BLOCK) {
        let inputs = start..(start + INPUT_BLOCK).min(call.inputs.len());
        for block in &call.packed.blocks[blocks.clone()] {
            let strip = match block.len {
                1 => strip::<1, 6>,
                2 => strip::<2, 5>,
                3 => strip::<3, 3>,
                4 => strip::<4, 2>,
                5 => strip::<5, 2>,
                _ => strip::<6, 2>,
            };
            // SAFETY: the caller's promise, passed on; blocks have at most 6 channels.
            unsafe { strip(call, block, inputs.clone(), vectors.clone()) };
        }
    }
}

/// `M` output channels over a range of vectors, `N` halves at a time.
#[target_feature(enable = "avx2,fma")]
unsafe fn strip<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    vectors: Range<usize>,
) {
    let (mut h, end) = (2 * vectors.start, 2 * vectors.end);
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

/// `M` output channels × `N` halves: adds the given inputs to what earlier ones left in the output.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn tile<const M: usize, const N: usize>(
    call: &Call<'_>,
    block: &Block,
    inputs: Range<usize>,
    h: usize,
) {
    let (packed, at) = (call.packed, h * HALF);
    let outputs = &call.outputs[block.first..block.first + M];
    let mut sums = [[_mm256_setzero_ps(); N]; M];
    if inputs.start == 0 {
        for m in 0..M {
            for n in 0..N {
                sums[m][n] = _mm256_set1_ps(packed.bias[block.first + m]);
            }
        }
    } else {
        for m in 0..M {
            for n in 0..N {
                // SAFETY: output positions lie inside the allocation.
                sums[m][n] = unsafe { _mm256_loadu_ps(call.base.add(outputs[m] + at + n * HALF)) };
            }
        }
    }
    let first = block.weights + inputs.start * call.taps.len() * M;
    let mut weights = packed.weights[first..][..inputs.len() * call.taps.len() * M].as_ptr();
    for &input in &call.inputs[inputs.clone()] {
        // SAFETY: a plane's positions lie inside the allocation.
        let source = unsafe { call.base.add(input + at) };
        for &tap in call.taps {
            let mut x = [_mm256_setzero_ps(); N];
            for (n, x) in x.iter_mut().enumerate() {
                // SAFETY: so do those of all taps.
                *x = unsafe { _mm256_loadu_ps(source.offset(tap).add(n * HALF)) };
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the slice above has M weights for each input and tap.
                let w = _mm256_set1_ps(unsafe { *weights.add(m) });
                for n in 0..N {
                    sums[n] = _mm256_fmadd_ps(w, x[n], sums[n]);
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
            unsafe { _mm256_storeu_ps(call.base.add(outputs[m] + at + n * HALF), sums[m][n]) };
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

/// The epilogue, for output `o` at half `h`.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn finish(call: &Call<'_>, o: usize, h: usize) {
    // SAFETY: output positions lie inside the allocation, and are this unit's own.
    let at = unsafe { call.base.add(call.outputs[o] + h * HALF) };
    // SAFETY: as above.
    let mut y = unsafe { _mm256_loadu_ps(at) };
    if let Some(&residual) = call.residual.get(o) {
        // SAFETY: residual positions lie inside the allocation, as the caller of `run` promises.
        y = _mm256_add_ps(y, unsafe { _mm256_loadu_ps(call.base.add(residual + h * HALF)) });
    }
    if let Some(&slope) = call.packed.slopes.get(o) {
        let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(y, _mm256_setzero_ps());
        y = _mm256_blendv_ps(y, _mm256_mul_ps(y, _mm256_set1_ps(slope)), negative);
    }
    let bits = i32::from(call.masks[h / 2] >> (HALF * (h % 2)));
    let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    let mask = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits), lanes), lanes);
    // SAFETY: as above.
    unsafe { _mm256_storeu_ps(at, _mm256_and_ps(_mm256_castsi256_ps(mask), y)) };
}
