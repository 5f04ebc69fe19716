//! How fast a processor can multiply and add, as the measure of how well kernels use it.
#![allow(unsafe_code, reason = "vector instructions behind run-time checks")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::level::{Level, Set};

/// Sums that are kept at the same time: enough to hide the latency of a fused multiply-add (4 cycles) on two units, few enough
/// for 16 registers.
const SUMS: usize = 12;

/// Multiply-adds of each sum in one call.
const STEPS: usize = 1 << 16;

/// The peak of `f32` multiply-adds of one thread at a level, in flop/s (a multiply-add is two): the best of the loops over
/// registers alone that fit into `time`, at least three. At [`Level::SCALAR`], it is that of what the compiler makes of plain
/// loops, which multiply and add one after the other.
///
/// ```
/// use std::time::Duration;
///
/// assert!(ifr_cpu::peak_flops(ifr_cpu::Level::best(), Duration::from_millis(1)) > 1e6);
/// ```
#[must_use]
pub fn peak_flops(level: Level, time: Duration) -> f64 {
    let (lanes, run): (usize, fn()) = match level.0 {
        Set::Scalar => (SCALAR_LANES, scalar),
        // SAFETY: the level is proof of the instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => (8, || unsafe { avx2() }),
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => (16, || unsafe { avx512() }),
        // SAFETY: as above. Two vectors a sum.
        #[cfg(target_arch = "aarch64")]
        Set::Neon => (8, || unsafe { neon() }),
    };
    let flop = (2 * lanes * SUMS * STEPS) as f64;
    let (begin, mut best, mut loops) = (Instant::now(), f64::MAX, 0);
    while loops < 3 || begin.elapsed() < time {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        loops += 1;
    }
    flop / best.max(1e-9)
}

/// Values of one sum of the plain loop: a vector of any machine with vectors at all.
const SCALAR_LANES: usize = 4;

fn scalar() {
    let factor: [f32; SCALAR_LANES] = black_box([0.5; SCALAR_LANES]);
    let mut sums = black_box([[1.0_f32; SCALAR_LANES]; SUMS]);
    for _ in 0..STEPS {
        for sum in &mut sums {
            for (value, factor) in sum.iter_mut().zip(factor) {
                *value = *value * factor + factor;
            }
        }
    }
    black_box(sums);
}

/// # Safety
/// The processor has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2() {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let factor = _mm256_set1_ps(black_box(0.5));
    let mut sums = [_mm256_set1_ps(black_box(1.0)); SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
}

/// # Safety
/// The processor has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512() {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let factor = _mm512_set1_ps(black_box(0.5));
    let mut sums = [_mm512_set1_ps(black_box(1.0)); SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
}

/// Twice as many sums as elsewhere: some of these processors have four units, and all have 32 registers.
///
/// # Safety
/// The processor has NEON.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn neon() {
    use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};
    let factor = vdupq_n_f32(black_box(0.5));
    let mut sums = [vdupq_n_f32(black_box(1.0)); 2 * SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = vfmaq_f32(factor, *sum, factor);
        }
    }
    black_box(sums);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_peak() {
        for level in Level::available() {
            let peak = peak_flops(level, Duration::ZERO);
            // A loop that the compiler had thrown away would seem to do more than any processor can.
            assert!(peak > 1e6 && peak < 1e12, "{level}: {peak}");
        }
    }
}
