//! Winograd's parts in AVX-512: 16 tiles in a vector, up to 14 output channels × 2 vectors of tiles in registers.
#![allow(unsafe_code, reason = "AVX-512 intrinsics on planes in memory")]

use std::arch::x86_64::{
    __m512, _CMP_LT_OQ, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_alignr_epi32, _mm512_castps_si512,
    _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps,
    _mm512_mask_mul_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_permutex2var_ps,
    _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_storeu_ps,
    _mm512_sub_ps,
};

use super::gemm::{Product, strip};
use super::pack::{self, WeightsCall};
use super::transform::{self, InputCall, OutputCall};
use super::vector::Vector;

/// See [`super::Functions::input`].
///
/// # Safety
/// As [`transform::input`]; the machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn input(call: &InputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::input::<__m512>(call) }
}

/// See [`super::Functions::output`].
///
/// # Safety
/// As [`transform::output`]; the machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn output(call: &OutputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::output::<__m512>(call) }
}

/// See [`super::Functions::weights`].
///
/// # Safety
/// As [`pack::weights`]; the machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn weights(call: &WeightsCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { pack::weights::<__m512>(call) }
}

/// See [`super::Functions::product`].
///
/// # Safety
/// As [`strip`]; the machine has AVX-512 F, and `call.rows` is at most 14.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn product(call: &Product) {
    let strip = match call.rows {
        1 => rows::<1, 4>,
        2 => rows::<2, 4>,
        3 => rows::<3, 4>,
        4 => rows::<4, 4>,
        5 => rows::<5, 4>,
        6 => rows::<6, 4>,
        7 => rows::<7, 3>,
        8 => rows::<8, 3>,
        9 => rows::<9, 2>,
        10 => rows::<10, 2>,
        11 => rows::<11, 2>,
        12 => rows::<12, 2>,
        13 => rows::<13, 2>,
        _ => rows::<14, 2>,
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { strip(call) }
}

/// # Safety
/// As [`strip`]; the machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
unsafe fn rows<const M: usize, const N: usize>(call: &Product) {
    // SAFETY: the caller's promise, passed on.
    unsafe { strip::<__m512, M, N>(call) }
}

/// The first `n` bits.
#[inline(always)]
fn mask(n: usize) -> u16 {
    ((1_u32 << n.min(16)) - 1) as u16
}

// SAFETY of all below: the trait's callers have AVX-512 F and memory behind the pointers.
#[allow(clippy::undocumented_unsafe_blocks, reason = "see above")]
impl Vector for __m512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        unsafe { _mm512_maskz_loadu_ps(mask(n), from) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(to, mask(n), self) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { _mm512_add_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { _mm512_sub_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { _mm512_mul_ps(self, b) }
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn fnma(self, b: Self, c: Self) -> Self {
        unsafe { _mm512_fnmadd_ps(self, b, c) }
    }

    #[inline(always)]
    unsafe fn prelu(self, slope: Self) -> Self {
        unsafe {
            let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self, _mm512_setzero_ps());
            _mm512_mask_mul_ps(self, negative, self, slope)
        }
    }

    #[inline(always)]
    unsafe fn split([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        unsafe {
            // Parts 0 and 1 (2 and 3) of eight tiles each, then the halves put together.
            let even = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
            let odd = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
            let (low01, low23) = (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b));
            let (high01, high23) = (_mm512_permutex2var_ps(c, even, d), _mm512_permutex2var_ps(c, odd, d));
            [
                _mm512_shuffle_f32x4::<0x44>(low01, high01),
                _mm512_shuffle_f32x4::<0xEE>(low01, high01),
                _mm512_shuffle_f32x4::<0x44>(low23, high23),
                _mm512_shuffle_f32x4::<0xEE>(low23, high23),
            ]
        }
    }

    #[inline(always)]
    unsafe fn join([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        unsafe {
            let first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
            let last = _mm512_setr_epi32(4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31);
            let (low01, low23) = (_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0x44>(c, d));
            let (high01, high23) = (_mm512_shuffle_f32x4::<0xEE>(a, b), _mm512_shuffle_f32x4::<0xEE>(c, d));
            [
                _mm512_permutex2var_ps(low01, first, low23),
                _mm512_permutex2var_ps(low01, last, low23),
                _mm512_permutex2var_ps(high01, first, high23),
                _mm512_permutex2var_ps(high01, last, high23),
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
            let last = _mm512_castps_si512(_mm512_set1_ps(*last));
            _mm512_castsi512_ps(_mm512_alignr_epi32::<1>(last, _mm512_castps_si512(self)))
        }
    }
}
