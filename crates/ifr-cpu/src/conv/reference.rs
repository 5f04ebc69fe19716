//! The convolution in plain Rust: what the vector kernels are held against.
#![allow(unsafe_code, reason = "planes are read and written by pointer")]

use std::ops::Range;

use super::Call;
use crate::layout::LANES;

/// See [`super::run`].
///
/// # Safety
/// As for [`super::run`].
pub(super) unsafe fn run(call: &Call<'_>, blocks: Range<usize>, vectors: Range<usize>) {
    let packed = call.packed;
    for block in &packed.blocks[blocks] {
        for o in block.first..block.first + block.len {
            for v in vectors.clone() {
                let mut sums = [packed.bias[o]; LANES];
                let mut weight = block.weights + (o - block.first);
                for &input in call.inputs {
                    for &tap in call.taps {
                        let w = packed.weights[weight];
                        weight += block.len;
                        let at = (input + v * LANES).wrapping_add_signed(tap);
                        // SAFETY: the caller promises that all taps of all lanes are inside the allocation.
                        let lanes = unsafe { call.base.add(at).cast::<[f32; LANES]>().read_unaligned() };
                        for (sum, x) in sums.iter_mut().zip(lanes) {
                            *sum += w * x;
                        }
                    }
                }
                for (i, sum) in sums.into_iter().enumerate() {
                    let p = v * LANES + i;
                    let mut y = sum;
                    if let Some(&r) = call.residual.get(o) {
                        // SAFETY: as above.
                        y += unsafe { call.base.add(r + p).read() };
                    }
                    if let Some(&slope) = packed.slopes.get(o) {
                        y = if y > 0.0 { y } else { slope * y };
                    }
                    let y = if call.masks[v] >> i & 1 == 1 { y } else { 0.0 };
                    // SAFETY: as above; nobody else touches this position.
                    unsafe { call.base.add(call.outputs[o] + p).write(y) };
                }
            }
        }
    }
}
