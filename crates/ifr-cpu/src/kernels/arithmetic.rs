//! Arithmetic on rows.

use ifr_net::Binary;

use super::{exp, versions};
use crate::layout::LANES;

/// A row, or one value for all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a> {
    /// What the output holds.
    Own,
    Row(&'a [f32]),
    Value(f32),
}

/// What happens to each value last of all, for one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Act {
    None,
    Slope(f32),
    Sigmoid,
    Clamp(f32, f32),
    Gelu,
    Gain(f32),
}

versions! {
    /// `out = a (op) b`.
    fn binary = binary_body(op: Binary, a: Operand<'_>, b: Operand<'_>, out: &mut [f32])
}
versions! {
    /// `out = mask · a + (1 − mask) · b`.
    fn blend = blend_body(mask: &[f32], a: Operand<'_>, b: Operand<'_>, out: &mut [f32])
}
versions! {
    /// `out += a`.
    fn add = add_body(a: Operand<'_>, out: &mut [f32])
}
versions! {
    /// `row = act(row)`.
    fn activate = activate_body(act: Act, row: &mut [f32])
}
versions! {
    /// Zeroes the values whose bit is not set; one mask for each 16 values.
    fn mask = mask_body(masks: &[u16], row: &mut [f32])
}
versions! {
    /// The sum of a row, in a fixed order: 16 running sums, then those one after the other.
    fn sum = sum_body(row: &[f32]) -> f64
}

versions! {
    /// The sum of a row's squares, in the same order.
    fn squares = squares_body(row: &[f32]) -> f64
}

#[inline(always)]
fn zip(a: Operand<'_>, b: Operand<'_>, out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    match (a, b) {
        (Operand::Own, Operand::Own) => out.iter_mut().for_each(|o| *o = f(*o, *o)),
        (Operand::Own, Operand::Row(b)) => {
            for (o, &b) in out.iter_mut().zip(b) {
                *o = f(*o, b);
            }
        }
        (Operand::Own, Operand::Value(b)) => out.iter_mut().for_each(|o| *o = f(*o, b)),
        (Operand::Row(a), Operand::Own) => {
            for (o, &a) in out.iter_mut().zip(a) {
                *o = f(a, *o);
            }
        }
        (Operand::Value(a), Operand::Own) => out.iter_mut().for_each(|o| *o = f(a, *o)),
        (Operand::Row(a), Operand::Row(b)) => {
            for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *o = f(a, b);
            }
        }
        (Operand::Row(a), Operand::Value(b)) => {
            for (o, &a) in out.iter_mut().zip(a) {
                *o = f(a, b);
            }
        }
        (Operand::Value(a), Operand::Row(b)) => {
            for (o, &b) in out.iter_mut().zip(b) {
                *o = f(a, b);
            }
        }
        (Operand::Value(a), Operand::Value(b)) => out.fill(f(a, b)),
    }
}

#[inline(always)]
fn binary_body(op: Binary, a: Operand<'_>, b: Operand<'_>, out: &mut [f32]) {
    match op {
        Binary::Add => zip(a, b, out, |a, b| a + b),
        Binary::Sub => zip(a, b, out, |a, b| a - b),
        Binary::Mul => zip(a, b, out, |a, b| a * b),
    }
}

#[inline(always)]
fn blend_body(mask: &[f32], a: Operand<'_>, b: Operand<'_>, out: &mut [f32]) {
    debug_assert!(!matches!(b, Operand::Own), "the output holds the mask's part by then");
    zip(Operand::Row(mask), a, out, |m, a| m * a);
    match b {
        Operand::Row(b) => {
            for ((o, &m), &b) in out.iter_mut().zip(mask).zip(b) {
                *o += (1.0 - m) * b;
            }
        }
        Operand::Value(b) => {
            for (o, &m) in out.iter_mut().zip(mask) {
                *o += (1.0 - m) * b;
            }
        }
        Operand::Own => {}
    }
}

#[inline(always)]
fn add_body(a: Operand<'_>, out: &mut [f32]) {
    match a {
        Operand::Own => out.iter_mut().for_each(|o| *o += *o),
        Operand::Row(a) => {
            for (o, &a) in out.iter_mut().zip(a) {
                *o += a;
            }
        }
        Operand::Value(a) => {
            for o in out {
                *o += a;
            }
        }
    }
}

#[inline(always)]
fn activate_body(act: Act, row: &mut [f32]) {
    match act {
        Act::None => {}
        Act::Slope(slope) => {
            for x in row {
                *x = if *x < 0.0 { slope * *x } else { *x };
            }
        }
        Act::Sigmoid => {
            for x in row {
                *x = exp::sigmoid(*x);
            }
        }
        Act::Gelu => {
            for x in row {
                *x = exp::gelu(*x);
            }
        }
        Act::Gain(gain) => {
            for x in row {
                *x *= gain;
            }
        }
        Act::Clamp(low, high) => {
            for x in row {
                *x = x.max(low).min(high);
            }
        }
    }
}

#[inline(always)]
fn mask_body(masks: &[u16], row: &mut [f32]) {
    for (row, &mask) in row.as_chunks_mut::<LANES>().0.iter_mut().zip(masks) {
        if mask != u16::MAX {
            for (i, x) in row.iter_mut().enumerate() {
                *x = if mask >> i & 1 == 1 { *x } else { 0.0 };
            }
        }
    }
}

#[inline(always)]
fn squares_body(row: &[f32]) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    let tail: f64 = tail.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    sums.iter().map(|&x| f64::from(x)).sum::<f64>() + tail
}

#[inline(always)]
fn sum_body(row: &[f32]) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x;
        }
    }
    sums.iter().chain(tail).map(|&x| f64::from(x)).sum()
}
