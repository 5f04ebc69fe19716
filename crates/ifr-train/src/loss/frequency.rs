use std::f64::consts::PI;

use tch::{Kind, TchError, Tensor};

/// How far two maps (batch × channels × height × width) are apart as waves: the mean of |Re| + |Im| of the difference of their
/// discrete Fourier transforms (ortho), after both were faded out towards their borders by √(hann ⊗ hann), since what is not
/// periodic would show as waves otherwise.
pub(super) fn frequency(found: &Tensor, expected: &Tensor) -> Result<Tensor, TchError> {
    let (batch, channels, height, width) = found.size4()?;
    // Both steps are linear: the difference can be taken before.
    let faded = found.f_sub(expected)?.f_mul(&tch::no_grad(|| window(height, width, found))?)?;
    let waves = faded.f_fft_fft2(None::<&[i64]>, [-2, -1], "ortho")?.f_view_as_real()?;
    let count = batch * channels * height * width;
    waves.f_abs()?.f_sum(None::<Kind>)?.f_div_scalar(count as f64)
}

/// √(hann ⊗ hann): height × width, in the kind and on the device of `like`.
fn window(height: i64, width: i64, like: &Tensor) -> Result<Tensor, TchError> {
    let options = (like.f_kind()?, like.device());
    // In f64, as a table: the cosine of libtorch's f32 would be coarse near 0.
    let side = |n: i64| {
        let values: Vec<f64> = (0..n).map(|i| hann(i, n).sqrt()).collect();
        Tensor::f_from_slice(&values)?.f_to_kind(options.0)?.f_to_device(options.1)
    };
    side(height)?.f_view([height, 1])?.f_mul(&side(width)?.f_view([1, width])?)
}

/// The symmetric window of n values, 0 at both ends; 1 alone has no ends.
fn hann(i: i64, n: i64) -> f64 {
    if n == 1 {
        return 1.0;
    }
    0.5 - 0.5 * (2.0 * PI * i as f64 / (n - 1) as f64).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, one wave at a time.
    fn by_hand(a: &Tensor, b: &Tensor) -> f64 {
        let (n, c, h, w) = a.size4().unwrap();
        let mut sum = 0.0;
        for plane in 0..n * c {
            for (v, u) in (0..h).flat_map(|v| (0..w).map(move |u| (v, u))) {
                let (mut re, mut im) = (0.0, 0.0);
                for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                    let at = |t: &Tensor| t.double_value(&[plane / c, plane % c, y, x]);
                    let fade = (hann(y, h) * hann(x, w)).sqrt();
                    let angle = -2.0 * PI * ((u * x) as f64 / w as f64 + (v * y) as f64 / h as f64);
                    let d = (at(a) - at(b)) * fade / ((h * w) as f64).sqrt();
                    (re, im) = (re + d * angle.cos(), im + d * angle.sin());
                }
                sum += re.abs() + im.abs();
            }
        }
        sum / (n * c * h * w) as f64
    }

    #[test]
    fn it_is_the_definition() {
        let map = |seed: i64| {
            let values: Vec<f64> = (0..2 * 2 * 5 * 4).map(|i| ((i * 37 + seed * 11) % 23) as f64).collect();
            Tensor::from_slice(&values).view([2, 2, 5, 4])
        };
        let (a, b) = (map(1), map(2));
        let (found, expected) = (frequency(&a, &b).unwrap().double_value(&[]), by_hand(&a, &b));
        assert!(expected > 0.1 && (found - expected).abs() < 1e-12 * expected, "{found} {expected}");
        assert_eq!(frequency(&a, &a).unwrap().double_value(&[]), 0.0);
    }
}
