//! The exponential function and what is made of it, in operations that compilers turn into vector code.

/// `exp(x)` within 2 units in the last place for x in -86 ..= 88; beyond, the value at the nearer end (4.5e-38 or 1.7e38).
///
/// x = n · ln 2 + r with |r| ≤ ln 2 / 2. The first nine terms of r's series are more than f32 can tell from the whole; 2ⁿ is made
/// of n's bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // In this order, a NaN stays one.
    let x = if x < -86.0 { -86.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the last bits.
    const WHOLE: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    // ln 2 in two parts: n times the first, which ends in zeros, is exact.
    let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = (p * r) * r + r + 1.0;
    p * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// `1 / (1 + exp(−x))`, within 3e-7 of it relative to its size.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Where [`gelu`] ends: beyond, the normal distribution is 0 or 1 within 1.1e-8.
const GELU_END: f32 = 5.6;
/// `erfc(u / √2) / 2` for u in 0 ..= [`GELU_END`], a polynomial in 2u / `GELU_END` − 1 from the power 0 on: Chebyshev's of degree 17 by
/// least squares, weighted by u. u times it is within 3e-8.
const GELU_TAIL: [f32; 18] = [
    2.555_128_4e-3,
    -2.216_342_3e-2,
    8.688_053_5e-2,
    -1.980_773e-1,
    2.747_047_8e-1,
    -1.979_701_5e-1,
    -2.839_185e-2,
    2.178_475_9e-1,
    -1.903_958_5e-1,
    -5.196_659_4e-3,
    1.399_208_5e-1,
    -8.522_601_4e-2,
    -3.456_095_2e-2,
    5.351_981_5e-2,
    -3.204_965_5e-3,
    -1.387_055_3e-2,
    2.492_546_8e-3,
    1.136_479_8e-3,
];

/// `x · (1 + erf(x / √2)) / 2`, within 2e-7 and half a unit in the last place. No exponential and no division: half the time.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    // In this form, a NaN stays one.
    let u = x.abs();
    let u = if u > GELU_END { GELU_END } else { u };
    let s = u.mul_add(2.0 / GELU_END, -1.0);
    let tail = GELU_TAIL.iter().rev().fold(0.0_f32, |sum, &p| sum.mul_add(s, p));
    let above = if x > 0.0 { x } else { 0.0 };
    (-u).mul_add(tail, above)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance in units of the last place of the right value.
    fn units(found: f32, wanted: f64) -> f64 {
        let unit = f64::from((wanted as f32).next_up()) - f64::from(wanted as f32);
        (f64::from(found) - wanted).abs() / unit
    }

    #[test]
    fn exp_is_right_everywhere() {
        let all = || (-860_000..=880_000).map(|i| i as f32 * 1e-4);
        let worst = all().map(|x| units(exp(x), f64::from(x).exp())).fold(0.0, f64::max);
        assert!(worst < 2.0, "{worst} units");
        assert_eq!(exp(0.0), 1.0);
        for (x, end) in [(-1e30, exp(-86.0)), (f32::NEG_INFINITY, exp(-86.0)), (f32::INFINITY, exp(88.0))] {
            assert_eq!(exp(x), end);
        }
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_is_right_everywhere() {
        for x in (-80_000..=80_000).map(|i| i as f32 * 1e-3) {
            let wanted = 1.0 / (1.0 + f64::from(-x).exp());
            let error = (f64::from(sigmoid(x)) - wanted).abs() / wanted;
            assert!(error < 3e-7, "{x}: {error}");
        }
        assert!(sigmoid(-1e9) < 1e-37 && sigmoid(1e9) == 1.0 && sigmoid(f32::NAN).is_nan());
    }

    /// Φ(x) by its own series, x · φ(x) · (1 + x²/3 + x⁴/15 + …) + ½.
    fn phi(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= x * x / f64::from(2 * n + 1);
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn gelu_is_right_everywhere() {
        for x in (-8_000..=8_000).map(|i| i as f32 * 1e-3) {
            let wanted = f64::from(x) * phi(f64::from(x));
            let error = (f64::from(gelu(x)) - wanted).abs();
            assert!(error < 2e-7 + wanted.abs() * 6e-8, "{x}: {error}");
        }
    }

    #[test]
    fn gelu_has_its_known_values() {
        // x · Φ(x), with Φ from tables of the normal distribution.
        let known = [
            (0.0, 0.0),
            (1.0, 0.841_344_8),
            (-1.0, -0.158_655_25),
            (2.0, 1.954_499_7),
            (-2.0, -0.045_500_26),
            (0.5, 0.345_731_23),
            (-4.0, -1.266_85e-4),
            (10.0, 10.0),
            (-10.0, 0.0),
            (1e20, 1e20),
            (-1e20, 0.0),
        ];
        for (x, wanted) in known {
            let found = gelu(x);
            assert!((found - wanted).abs() < 3e-7, "{x}: {found}, {wanted}");
        }
        assert_eq!((gelu(f32::INFINITY), gelu(0.0)), (f32::INFINITY, 0.0));
        assert!(gelu(f32::NEG_INFINITY).abs() < 1e-7);
        assert!(gelu(f32::NAN).is_nan());
    }
}
