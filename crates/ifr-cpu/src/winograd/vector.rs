//! What the transforms and products ask of a vector of floats.
#![allow(unsafe_code, reason = "loads and stores by pointer, instructions of a level")]

/// A register of floats. Levels implement it with their intrinsics; the same operations in the same order then give the
/// same bits on each.
///
/// # Safety
/// All functions ask for a machine that has the instructions of the implementation; those that take a pointer, for memory
/// behind it: [`Vector::LANES`] floats, or as many as they say.
pub(super) trait Vector: Copy {
    /// Floats of a vector.
    const LANES: usize;

    /// `value` in every lane.
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The first `n` lanes, zeros in the others; memory beyond `n` is not touched.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// The first `n` lanes; memory beyond is not touched.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self · b + c`, rounded once.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// `c − self · b`, rounded once.
    unsafe fn fnma(self, b: Self, c: Self) -> Self;
    /// `self`, times `slope` where it is negative.
    unsafe fn prelu(self, slope: Self) -> Self;
    /// Of a run of 4·LANES values, those at 4t, 4t + 1, 4t + 2 and 4t + 3 in lanes t.
    unsafe fn split(run: [Self; 4]) -> [Self; 4];
    /// The inverse of [`Vector::split`].
    unsafe fn join(parts: [Self; 4]) -> [Self; 4];
    /// Every lane moved down by one, and the one value at `last` in the last.
    unsafe fn shift(self, last: *const f32) -> Self;

    /// Asks for the line at this address, which need not be valid.
    unsafe fn prefetch(at: *const f32);

    /// All lanes when `n` is at least their number, else [`Vector::load_first`].
    #[inline(always)]
    unsafe fn load_up_to(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller's promise, passed on.
        unsafe { if n >= Self::LANES { Self::load(from) } else { Self::load_first(from, n) } }
    }

    /// All lanes when `n` is at least their number, else [`Vector::store_first`].
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, n: usize) {
        // SAFETY: the caller's promise, passed on.
        unsafe { if n >= Self::LANES { self.store(to) } else { self.store_first(to, n) } }
    }
}
