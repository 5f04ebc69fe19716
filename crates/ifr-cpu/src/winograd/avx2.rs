//! Winograd's parts in AVX2 and FMA: 8 tiles in a vector, up to 6 output channels × 2 vectors of tiles in registers.
#![allow(unsafe_code, reason = "AVX2 intrinsics on planes in memory")]

use std::arch::x86_64::{
    __m256, __m256i, _CMP_LT_OQ, _MM_HINT_T0, _mm_prefetch, _mm256_add_ps, _mm256_blend_ps, _mm256_blendv_ps,
    _mm256_broadcast_ss, _mm256_cmp_ps, _mm256_cmpgt_epi32, _mm256_fmadd_ps, _mm256_fnmadd_ps,
    _mm256_loadu_ps, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_mul_ps, _mm256_permute2f128_ps,
    _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::gemm::{Product, strip};
use super::pack::{self, WeightsCall};
use super::transform::{self, InputCall, OutputCall};
use super::vector::Vector;

/// See [`super::Functions::input`].
///
/// # Safety
/// As [`transform::input`]; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn input(call: &InputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::input::<__m256>(call) }
}

/// See [`super::Functions::output`].
///
/// # Safety
/// As [`transform::output`]; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn output(call: &OutputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::output::<__m256>(call) }
}

/// See [`super::Functions::weights`].
///
/// # Safety
/// As [`pack::weights`]; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn weights(call: &WeightsCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { pack::weights::<__m256>(call) }
}

/// See [`super::Functions::product`].
///
/// # Safety
/// As [`strip`]; the machine has AVX2 and FMA, and `call.rows` is at most 6.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn product(call: &Product) {
    let strip = match call.rows {
        1 => rows::<1, 4>,
        2 => rows::<2, 4>,
        3 => rows::<3, 3>,
        4 => rows::<4, 2>,
        5 => rows::<5, 2>,
        _ => rows::<6, 2>,
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { strip(call) }
}

/// # Safety
/// As [`strip`]; the machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn rows<const M: usize, const N: usize>(call: &Product) {
    // SAFETY: the caller's promise, passed on.
    unsafe { strip::<__m256, M, N>(call) }
}

/// The first `n` lanes.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn mask(n: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
}

/// Transposes 4 × 4 values in each half.
///
/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn transpose([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let (ab, ab2) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (cd, cd2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0x44>(ab, cd),
            _mm256_shuffle_ps::<0xEE>(ab, cd),
            _mm256_shuffle_ps::<0x44>(ab2, cd2),
            _mm256_shuffle_ps::<0xEE>(ab2, cd2),
        ]
    }
}

// SAFETY of all below: the trait's callers have AVX2 and FMA, and memory behind the pointers.
#[allow(clippy::undocumented_unsafe_blocks, reason = "see above")]
impl Vector for __m256 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        unsafe { _mm256_maskload_ps(from, mask(n)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        unsafe { _mm256_maskstore_ps(to, mask(n), self) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { _mm256_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { _mm256_sub_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { _mm256_mul_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { _mm256_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fnma(self, b: Self, c: Self) -> Self {
        unsafe { _mm256_fnmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn prelu(self, slope: Self) -> Self {
        unsafe {
            let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(self, _mm256_setzero_ps());
            _mm256_blendv_ps(self, _mm256_mul_ps(self, slope), negative)
        }
    }

    #[inline(always)]
    unsafe fn split([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        unsafe {
            // Tiles t and t + 4 side by side.
            transpose([
                _mm256_permute2f128_ps::<0x20>(a, c),
                _mm256_permute2f128_ps::<0x31>(a, c),
                _mm256_permute2f128_ps::<0x20>(b, d),
                _mm256_permute2f128_ps::<0x31>(b, d),
            ])
        }
    }

    #[inline(always)]
    unsafe fn join(parts: [Self; 4]) -> [Self; 4] {
        unsafe {
            let [a, b, c, d] = transpose(parts);
            [
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x20>(c, d),
                _mm256_permute2f128_ps::<0x31>(a, b),
                _mm256_permute2f128_ps::<0x31>(c, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn shift(self, last: *const f32) -> Self {
        unsafe {
            let down = _mm256_permutevar8x32_ps(self, _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0));
            _mm256_blend_ps::<0x80>(down, _mm256_broadcast_ss(&*last))
        }
    }
}
