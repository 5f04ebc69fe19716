//! The inner loops, each written once in portable Rust and compiled several times.
//!
//! A kernel's body is an ordinary function. The macro [`versions!`] compiles it for the baseline of the target (this is the
//! scalar reference), for AVX2 and for AVX-512, where the compiler turns its loops into vector code; [`Level`] chooses at
//! run time. The bodies use no fused multiply-add, so every version yields the same bits: the output does not depend on the
//! machine, and the tests can ask for equality.
//!
//! This module and its children are the only places of the crate with `unsafe` code.
#![allow(unsafe_code)]
#![allow(
    clippy::needless_range_loop,
    reason = "an index that walks several arrays in step is what vectorises best"
)]

pub(crate) mod blend;
pub(crate) mod judge;
pub(crate) mod patch;
pub(crate) mod sample;
pub(crate) mod variational;

use std::sync::OnceLock;

/// An instruction set that this machine has. Values come from [`Level::best`] or [`Level::all`] only, so holding one is the
/// proof that its instructions may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Reference,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The fastest set this machine has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().last().copied().unwrap_or(Level(Set::Reference)))
    }

    /// Every set this machine has, slowest (the reference) first.
    pub(crate) fn all() -> Vec<Self> {
        #[allow(unused_mut)] // other targets have the reference only
        let mut all = vec![Level(Set::Reference)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Level(Set::Avx2));
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    all.push(Level(Set::Avx512));
                }
            }
        }
        all
    }

    pub(super) fn set(self) -> Set {
        self.0
    }
}

/// Declares `fn NAME(level, ARGUMENTS)`, which runs `BODY(ARGUMENTS)` compiled for the instruction set `level`.
/// `BODY` must be `#[inline(always)]`, or it would be compiled for the baseline only.
macro_rules! versions {
    ($(#[$doc:meta])* fn $name:ident = $body:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?) => {
        $(#[$doc])*
        pub(crate) fn $name(level: $crate::kernels::Level, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $body($($arg),*)
            }
            match level.set() {
                $crate::kernels::Set::Reference => $body($($arg),*),
                // SAFETY: a `Level` of this set exists only where the machine was found to have its instructions.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Set::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Set::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    };
}
pub(crate) use versions;

#[cfg(test)]
mod tests;
