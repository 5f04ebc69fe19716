use tch::{Kind, TchError, Tensor};

/// Keeps the root's slope finite at no difference.
const EPSILON_SQUARED: f64 = 1e-6;

/// √(difference² + 10⁻⁶), value by value: nearly the absolute difference.
pub(super) fn charbonnier_map(found: &Tensor, expected: &Tensor) -> Result<Tensor, TchError> {
    found.f_sub(expected)?.f_square()?.f_add_scalar(EPSILON_SQUARED)?.f_sqrt()
}

/// The mean of that.
pub(crate) fn charbonnier(found: &Tensor, expected: &Tensor) -> Result<Tensor, TchError> {
    charbonnier_map(found, expected)?.f_mean(None::<Kind>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_nearly_the_absolute_difference() {
        let (a, b) = (Tensor::from_slice(&[0.5_f64, 0.25, 1.0]), Tensor::from_slice(&[0.5_f64, 0.75, 0.0]));
        let expected = (1e-3 + (0.25_f64 + 1e-6).sqrt() + (1.0_f64 + 1e-6).sqrt()) / 3.0;
        let found = charbonnier(&a, &b).unwrap().double_value(&[]);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
