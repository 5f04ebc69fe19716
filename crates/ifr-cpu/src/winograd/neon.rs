//! Winograd's parts in NEON: 4 tiles in a vector, up to 6 output channels × 4 vectors of tiles in registers.
#![allow(unsafe_code, reason = "NEON intrinsics on planes in memory")]

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vbslq_f32, vcltzq_f32, vdupq_n_f32, vextq_f32, vfmaq_f32, vfmsq_f32,
    vld1q_dup_f32, vld1q_f32, vmulq_f32, vreinterpretq_f32_f64, vreinterpretq_f64_f32, vst1q_f32, vsubq_f32,
    vtrn1q_f32, vtrn1q_f64, vtrn2q_f32, vtrn2q_f64,
};
use std::arch::asm;

use super::gemm::{Product, strip};
use super::pack::{self, WeightsCall};
use super::transform::{self, InputCall, OutputCall};
use super::vector::Vector;

/// See [`super::Functions::input`].
///
/// # Safety
/// As [`transform::input`]; the machine has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn input(call: &InputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::input::<float32x4_t>(call) }
}

/// See [`super::Functions::output`].
///
/// # Safety
/// As [`transform::output`]; the machine has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn output(call: &OutputCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { transform::output::<float32x4_t>(call) }
}

/// See [`super::Functions::weights`].
///
/// # Safety
/// As [`pack::weights`]; the machine has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn weights(call: &WeightsCall) {
    // SAFETY: the caller's promise, passed on.
    unsafe { pack::weights::<float32x4_t>(call) }
}

/// See [`super::Functions::product`].
///
/// # Safety
/// As [`strip`]; the machine has NEON, and `call.rows` is at most 6.
#[target_feature(enable = "neon")]
pub(super) unsafe fn product(call: &Product) {
    let strip = match call.rows {
        1 => rows::<1, 8>,
        2 => rows::<2, 8>,
        3 => rows::<3, 4>,
        4 => rows::<4, 4>,
        5 => rows::<5, 4>,
        _ => rows::<6, 4>,
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { strip(call) }
}

/// # Safety
/// As [`strip`]; the machine has NEON.
#[target_feature(enable = "neon")]
unsafe fn rows<const M: usize, const N: usize>(call: &Product) {
    // SAFETY: the caller's promise, passed on.
    unsafe { strip::<float32x4_t, M, N>(call) }
}

/// Transposes 4 × 4 values.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
unsafe fn transpose([a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let pair =
            |even: float32x4_t, odd: float32x4_t| (vreinterpretq_f64_f32(even), vreinterpretq_f64_f32(odd));
        let (ab, cd) = pair(vtrn1q_f32(a, b), vtrn1q_f32(c, d));
        let (ab2, cd2) = pair(vtrn2q_f32(a, b), vtrn2q_f32(c, d));
        [
            vreinterpretq_f32_f64(vtrn1q_f64(ab, cd)),
            vreinterpretq_f32_f64(vtrn1q_f64(ab2, cd2)),
            vreinterpretq_f32_f64(vtrn2q_f64(ab, cd)),
            vreinterpretq_f32_f64(vtrn2q_f64(ab2, cd2)),
        ]
    }
}

// SAFETY of all below: the trait's callers have NEON, and memory behind the pointers.
#[allow(clippy::undocumented_unsafe_blocks, reason = "see above")]
impl Vector for float32x4_t {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut values = [0.0; Self::LANES];
        for (i, value) in values.iter_mut().enumerate().take(n) {
            *value = unsafe { *from.add(i) };
        }
        unsafe { vld1q_f32(values.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        let mut values = [0.0; Self::LANES];
        unsafe { vst1q_f32(values.as_mut_ptr(), self) };
        for (i, value) in values.into_iter().enumerate().take(n) {
            unsafe { *to.add(i) = value };
        }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { vaddq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { vsubq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { vmulq_f32(self, b) }
    }

    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { vfmaq_f32(c, self, b) }
    }

    #[inline(always)]
    unsafe fn fnma(self, b: Self, c: Self) -> Self {
        unsafe { vfmsq_f32(c, self, b) }
    }

    #[inline(always)]
    unsafe fn prelu(self, slope: Self) -> Self {
        unsafe { vbslq_f32(vcltzq_f32(self), vmulq_f32(self, slope), self) }
    }

    #[inline(always)]
    unsafe fn split(run: [Self; 4]) -> [Self; 4] {
        unsafe { transpose(run) }
    }

    #[inline(always)]
    unsafe fn join(parts: [Self; 4]) -> [Self; 4] {
        unsafe { transpose(parts) }
    }

    #[inline(always)]
    unsafe fn shift(self, last: *const f32) -> Self {
        unsafe { vextq_f32::<1>(self, vld1q_dup_f32(last)) }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        // The standard library's own intrinsic is not stable.
        unsafe { asm!("prfm pldl1keep, [{0}]", in(reg) at, options(nostack, preserves_flags, readonly)) }
    }
}
