//! The products of one position: output channels × input channels, times input channels × tiles.
#![allow(clippy::needless_range_loop, reason = "indices m and n name a tile's rows and columns throughout")]
#![allow(unsafe_code, reason = "matrices in scratch memory")]

use super::vector::Vector;

/// `out[m][t] = Σ_k weights[k][m] · values[k][t]`, summed in the order of k.
pub(super) struct Product {
    /// `[depth][rows]`.
    pub(super) weights: *const f32,
    /// `[depth][tiles]`.
    pub(super) values: *const f32,
    /// `[rows][tiles]`.
    pub(super) out: *mut f32,
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// A multiple of 16.
    pub(super) tiles: usize,
}

/// The product, `M` rows (all there are) × `N` vectors at a time.
///
/// # Safety
/// The three matrices are live memory of the sizes said, the last written by nobody else; the machine has the vector's
/// instructions; `call.rows` is `M`.
#[inline(always)]
pub(super) unsafe fn strip<V: Vector, const M: usize, const N: usize>(call: &Product) {
    let vectors = call.tiles / V::LANES;
    let mut v = 0;
    while v + N <= vectors {
        // SAFETY: the caller's promise, passed on.
        unsafe { tile::<V, M, N>(call, v * V::LANES) };
        v += N;
    }
    for v in v..vectors {
        // SAFETY: as above.
        unsafe { tile::<V, M, 1>(call, v * V::LANES) };
    }
}

/// `M` rows × `N` vectors from tile `at`.
#[inline(always)]
unsafe fn tile<V: Vector, const M: usize, const N: usize>(call: &Product, at: usize) {
    // SAFETY: all offsets are inside the matrices.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; M];
        let (mut weights, mut values) = (call.weights, call.values.add(at));
        for _ in 0..call.depth {
            let mut x = [V::splat(0.0); N];
            for (n, x) in x.iter_mut().enumerate() {
                *x = V::load(values.add(n * V::LANES));
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let w = V::splat(*weights.add(m));
                for n in 0..N {
                    sums[n] = w.fma(x[n], sums[n]);
                }
            }
            weights = weights.add(M);
            values = values.add(call.tiles);
        }
        for m in 0..M {
            for n in 0..N {
                sums[m][n].store(call.out.add(m * call.tiles + at + n * V::LANES));
            }
        }
    }
}
