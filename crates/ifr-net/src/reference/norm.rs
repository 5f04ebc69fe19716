//! Normalisations, means by channel, and the error function.

use crate::tensor::Tensor;

/// Over the channels of each pixel.
pub(super) fn layer(x: &Tensor, weight: &[f32], bias: &[f32], epsilon: f32) -> Tensor {
    let [batch, channels, h, w] = x.shape();
    let mut out = Tensor::zeros(x.shape());
    for n in 0..batch {
        for p in 0..h * w {
            let value = |c: usize| f64::from(x.plane(n, c)[p]);
            let mean = (0..channels).map(value).sum::<f64>() / channels as f64;
            let variance = (0..channels).map(|c| (value(c) - mean).powi(2)).sum::<f64>() / channels as f64;
            let divisor = (variance + f64::from(epsilon)).sqrt();
            for c in 0..channels {
                let normal = (value(c) - mean) / divisor;
                out.plane_mut(n, c)[p] = (normal * f64::from(weight[c]) + f64::from(bias[c])) as f32;
            }
        }
    }
    out
}

/// By the root of each channel's squares, relative to the mean of those.
pub(super) fn response(x: &Tensor, weight: &[f32], bias: &[f32], epsilon: f32) -> Tensor {
    let [batch, channels, ..] = x.shape();
    let mut out = Tensor::zeros(x.shape());
    for n in 0..batch {
        let norm = |c: usize| x.plane(n, c).iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let norms: Vec<f64> = (0..channels).map(norm).collect();
        let mean = norms.iter().sum::<f64>() / channels as f64 + f64::from(epsilon);
        for c in 0..channels {
            let gain = 1.0 + f64::from(weight[c]) * norms[c] / mean;
            for (o, &v) in out.plane_mut(n, c).iter_mut().zip(x.plane(n, c)) {
                *o = (f64::from(v) * gain + f64::from(bias[c])) as f32;
            }
        }
    }
    out
}

/// The mean of each channel: batch × channels × 1 × 1.
pub(super) fn channel_mean(x: &Tensor) -> Tensor {
    let [batch, channels, h, w] = x.shape();
    let mut out = Tensor::zeros([batch, channels, 1, 1]);
    for n in 0..batch {
        for c in 0..channels {
            let sum: f64 = x.plane(n, c).iter().map(|&v| f64::from(v)).sum();
            out.plane_mut(n, c)[0] = (sum / (h * w) as f64) as f32;
        }
    }
    out
}

/// `x · (1 + erf(x / √2)) / 2`.
pub(super) fn gelu(x: f32) -> f32 {
    let x = f64::from(x);
    (x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))) as f32
}

/// The error function by its series 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1 · 3 · … · (2n + 1)), whose terms are all of one sign.
fn erf(x: f64) -> f64 {
    // 1 − erf(6) is below the precision of f64; a NaN is its own sign.
    if x.is_nan() || x.abs() >= 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-17 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_has_its_known_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_462_916),
            (0.5, 0.520_499_878),
            (1.0, 0.842_700_793),
            (2.0, 0.995_322_265),
            (7.0, 1.0),
        ] {
            assert!((erf(x) - expected).abs() < 1e-9, "{x}");
            assert_eq!(erf(-x), -erf(x));
        }
        assert!((1.0 - erf(3.5) - 7.430_983_7e-7).abs() < 1e-13);
        assert!(erf(f64::NAN).is_nan());
        assert_eq!([gelu(0.0), gelu(-30.0), gelu(30.0)], [0.0, 0.0, 30.0]);
    }

    #[test]
    fn norms_are_what_they_say() {
        let x = Tensor::new([1, 2, 1, 2], vec![1.0, 3.0, 5.0, 4.0]).unwrap();
        let found = layer(&x, &[1.0, 2.0], &[0.0, 10.0], 0.0);
        assert_eq!(found.data(), [-1.0, -1.0, 12.0, 12.0]);
        assert_eq!(channel_mean(&x).data(), [2.0, 4.5]);
        let x = Tensor::new([1, 2, 1, 2], vec![3.0, 4.0, 5.0, 0.0]).unwrap();
        // Both channels have the norm 5, so each is once its own.
        let found = response(&x, &[1.0, 0.0], &[0.0, 0.5], 0.0);
        assert_eq!(found.data(), [6.0, 8.0, 5.5, 0.5]);
    }
}
