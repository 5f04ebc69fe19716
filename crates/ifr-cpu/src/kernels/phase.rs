//! Splitting rows into their phases, and joining them again.
//!
//! Of a map, phase (r, q) for a step of s are the values at rows s·y + r and columns s·x + q. A convolution with that stride
//! is one without stride over the s² phases; a transposed one makes the s² phases of its output.

use super::versions;

versions! {
    /// `out[x] = row[step · x + phase]`.
    fn split = split_body(row: &[f32], step: usize, phase: usize, out: &mut [f32])
}
versions! {
    /// `out[step · x + phase] = row[x]`.
    fn join = join_body(row: &[f32], step: usize, phase: usize, out: &mut [f32])
}
versions! {
    /// The two phases side by side again: `out[2x] = even[x]`, `out[2x + 1] = odd[x]`.
    fn join_two = join_two_body(even: &[f32], odd: &[f32], out: &mut [f32])
}

#[inline(always)]
fn split_body(row: &[f32], step: usize, phase: usize, out: &mut [f32]) {
    if step == 2 {
        for (o, pair) in out.iter_mut().zip(row.as_chunks::<2>().0) {
            *o = if phase == 0 { pair[0] } else { pair[1] };
        }
    } else {
        for (o, &x) in out.iter_mut().zip(row.iter().skip(phase).step_by(step)) {
            *o = x;
        }
    }
}

#[inline(always)]
fn join_body(row: &[f32], step: usize, phase: usize, out: &mut [f32]) {
    for (o, &x) in out.iter_mut().skip(phase).step_by(step).zip(row) {
        *o = x;
    }
}

#[inline(always)]
fn join_two_body(even: &[f32], odd: &[f32], out: &mut [f32]) {
    for ((o, &a), &b) in out.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
        *o = [a, b];
    }
}
