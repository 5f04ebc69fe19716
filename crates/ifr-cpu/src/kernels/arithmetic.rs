//! Arithmetic on rows.

use ifr_net::Binary;

use super::versions;
use crate::layout::LANES;

/// A row, or one value for all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a> {
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
    }
}

#[inline(always)]
fn add_body(a: Operand<'_>, out: &mut [f32]) {
    match a {
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
                *x = 1.0 / (1.0 + (-*x).exp());
            }
        }
        Act::Gelu => {
            for x in row {
                *x = gelu(*x);
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

/// `x · (1 + erf(x / √2)) / 2`, with erf as Abramowitz and Stegun have it in 7.1.26, within 1.5e-7.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = 1.061_405_4 * t - 1.453_152_1;
    let series = ((series * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6;
    // 1 − erf(z), which is what is small where x is far below 0.
    let rest = series * t * (-z * z).exp();
    if x < 0.0 { 0.5 * x * rest } else { x - 0.5 * x * rest }
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
