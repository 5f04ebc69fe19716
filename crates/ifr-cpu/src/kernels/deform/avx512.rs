//! Sampling interleaved channels in AVX-512.

use std::arch::x86_64::_mm256_castps_pd;
use std::arch::x86_64::{
    __m512, _mm_loadu_ps, _mm256_loadu_ps, _mm512_add_epi32, _mm512_add_ps, _mm512_castpd_ps,
    _mm512_castps_pd, _mm512_castps128_ps512, _mm512_castps256_ps512, _mm512_insertf32x4, _mm512_insertf64x4,
    _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_mul_ps, _mm512_permutex2var_ps, _mm512_permutexvar_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps,
};

use super::Samples;
use crate::layout::LANES;

/// See [`super::sample_tiles`], which this equals to the bit.
///
/// # Safety
/// The machine has AVX-512 F. `block` reaches all pixels that the samples name, `C` channels of each; `out` reaches
/// `(channels − 1) · step + n`; C is 4, 8 or 16.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn sample_tiles<const C: usize>(
    samples: &Samples,
    block: *const f32,
    width: usize,
    channels: usize,
    n: usize,
    out: *mut f32,
    step: usize,
) {
    let stride = samples.layout.stride();
    // What lies to the lower right of a pixel.
    let offsets = [0, width, stride * width, (stride + 1) * width];
    for first in (0..n).step_by(LANES) {
        // SAFETY: a chunk is whole vectors.
        let weights = unsafe { samples.weights.each_ref().map(|w| _mm512_loadu_ps(w.as_ptr().add(first))) };
        let mut tile = [_mm512_setzero_ps(); C];
        for (i, tile) in tile.iter_mut().enumerate() {
            // A vector has all channels of some positions.
            let position = i * LANES / C;
            let mut sum = _mm512_setzero_ps();
            for (k, &offset) in offsets.iter().enumerate() {
                // SAFETY: the caller's promise.
                let pixel = |i: usize| unsafe {
                    block.add(samples.at[first + position + i] as usize * width + offset)
                };
                // SAFETY: the caller's promise: C channels at each.
                let (values, weight) = unsafe {
                    match C {
                        4 => {
                            let x = _mm512_castps128_ps512(_mm_loadu_ps(pixel(0)));
                            let x = _mm512_insertf32x4::<1>(x, _mm_loadu_ps(pixel(1)));
                            let x = _mm512_insertf32x4::<2>(x, _mm_loadu_ps(pixel(2)));
                            let x = _mm512_insertf32x4::<3>(x, _mm_loadu_ps(pixel(3)));
                            let quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
                            let at = _mm512_add_epi32(quarters, _mm512_set1_epi32(position as i32));
                            (x, _mm512_permutexvar_ps(at, weights[k]))
                        }
                        8 => {
                            let x = _mm512_castps256_ps512(_mm256_loadu_ps(pixel(0)));
                            let y = _mm256_castps_pd(_mm256_loadu_ps(pixel(1)));
                            let x = _mm512_castpd_ps(_mm512_insertf64x4::<1>(_mm512_castps_pd(x), y));
                            let halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
                            let at = _mm512_add_epi32(halves, _mm512_set1_epi32(position as i32));
                            (x, _mm512_permutexvar_ps(at, weights[k]))
                        }
                        _ => {
                            (_mm512_loadu_ps(pixel(0)), _mm512_set1_ps(samples.weights[k][first + position]))
                        }
                    }
                };
                let product = _mm512_mul_ps(weight, values);
                sum = if k == 0 { product } else { _mm512_add_ps(sum, product) };
            }
            *tile = sum;
        }
        let tile = transposed(tile);
        let kept = u16::MAX >> (LANES - LANES.min(n - first));
        for (c, &row) in tile.iter().enumerate().take(channels) {
            // SAFETY: the caller's promise: `out` reaches as far as the mask.
            unsafe { _mm512_mask_storeu_ps(out.add(c * step + first), kept, row) };
        }
    }
}

/// 16 × C becomes C × 16. Laid end to end, putting the values of one half between those of the other moves the highest bit of
/// every value's index to the bottom; four times, and the four bits that were the position are there.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed<const C: usize>(mut rows: [__m512; C]) -> [__m512; C] {
    let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    for _ in 0..4 {
        let old = rows;
        for i in 0..C / 2 {
            rows[2 * i] = _mm512_permutex2var_ps(old[i], low, old[i + C / 2]);
            rows[2 * i + 1] = _mm512_permutex2var_ps(old[i], high, old[i + C / 2]);
        }
    }
    rows
}
