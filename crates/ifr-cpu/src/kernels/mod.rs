//! All that is not convolution: warps, resizes, splits and joins of phases, and arithmetic on rows.
//!
//! A kernel's body is an ordinary function over rows. The macro [`versions!`] compiles it for the baseline of the target (the
//! scalar reference, which on aarch64 is NEON's too), for AVX2 and for AVX-512, where the compiler turns its loops into vector code; [`Level`] chooses at
//! run time. Compilers fuse no multiply-add of their own accord, and `mul_add` is the same everywhere, so every version yields the same bits.
//!
//! [`Level`]: crate::level::Level
#![allow(unsafe_code, reason = "functions compiled for an instruction set are unsafe to call elsewhere")]

pub(crate) mod arithmetic;
pub(crate) mod deform;
mod exp;
pub(crate) mod norm;
pub(crate) mod phase;
pub(crate) mod resize;
#[cfg(test)]
mod tests;
pub(crate) mod warp;

/// Declares `fn NAME(level, ARGUMENTS)`, which runs `BODY(ARGUMENTS)` compiled for the instruction set `level`.
/// `BODY` must be `#[inline(always)]`, or it would be compiled for the baseline only.
macro_rules! versions {
    ($(#[$doc:meta])* fn $name:ident = $body:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?) => {
        $(#[$doc])*
        pub(crate) fn $name(level: $crate::level::Level, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $body($($arg),*)
            }
            match level.0 {
                $crate::level::Set::Scalar => $body($($arg),*),
                // SAFETY: a `Level` of this set exists only where the machine was found to have its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::level::Set::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::level::Set::Avx512 => unsafe { avx512($($arg),*) },
                // NEON is in this target's baseline: the compiler uses it everywhere.
                #[cfg(target_arch = "aarch64")]
                $crate::level::Set::Neon => $body($($arg),*),
            }
        }
    };
}
pub(crate) use versions;
