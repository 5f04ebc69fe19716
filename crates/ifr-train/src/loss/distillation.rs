//! Flows held to pseudo-labels, where those have proved useful.

use tch::{Kind, TchError, Tensor};

/// How quickly trust in a label fades with the distance between it and the final flow, per pixel. From the reference.
const FADING: f64 = 0.3;

/// For each pixel how far the label is trusted: exp(−0.3 · distance of the final flow from it). Batch × 2 flows × 1 × height ×
/// width, from batch × 4 × height × width (flow to the first frame, x and y, then to the second). Without gradient: the final
/// flow answers to the frame it makes alone.
pub(super) fn trust(flows: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    let distance = pairs(&flows.f_detach()?.f_sub(labels)?)?.f_square()?;
    let distance = distance.f_sum_dim_intlist([2_i64].as_slice(), true, None::<Kind>)?.f_sqrt()?;
    distance.f_mul_scalar(-FADING)?.f_exp()
}

/// The robust distance of a level's flows (batch × 4 × height/`factor` × width/`factor`, in that level's pixels) from labels at full
/// size: the mean of (d² + ε²)^(w/2) with ε = 10^(−(10w − 1)/3), over pixels and x and y, for both flows together: near to |d| where the
/// trust w is 1, nearly flat where it is 0.
pub(super) fn distance(
    flows: &Tensor,
    factor: i64,
    labels: &Tensor,
    trust: &Tensor,
) -> Result<Tensor, TchError> {
    let (_, _, height, width) = labels.size4()?;
    let flows = flows.f_upsample_bilinear2d([height, width], false, None, None)?.f_mul_scalar(factor)?;
    // Each flow has a mean of its own.
    robust(&flows, labels, trust)?.f_mul_scalar(2.0)
}

/// The mean of (d² + ε²)^(w/2) over both flows, x and y, and pixels, of flows and labels of one size.
pub(super) fn robust(flows: &Tensor, labels: &Tensor, trust: &Tensor) -> Result<Tensor, TchError> {
    let difference = pairs(&flows.f_sub(labels)?)?;
    // ε² = 10^(2/3 − 20w/3).
    let ln10 = std::f64::consts::LN_10;
    let floor = trust.f_mul_scalar(-20.0 / 3.0 * ln10)?.f_add_scalar(2.0 / 3.0 * ln10)?.f_exp()?;
    let power = trust.f_mul_scalar(0.5)?;
    difference.f_square()?.f_add(&floor)?.f_pow(&power)?.f_mean(None::<Kind>)
}

/// Batch × 4 × height × width as batch × 2 flows × (x, y) × height × width.
fn pairs(flows: &Tensor) -> Result<Tensor, TchError> {
    let (batch, _, height, width) = flows.size4()?;
    flows.f_reshape([batch, 2, 2, height, width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pixel_by_hand() {
        let flow = |values: [f64; 4]| Tensor::from_slice(&values).view([1, 4, 1, 1]);
        let labels = flow([3.0, 4.0, 1.0, 0.0]);
        let finals = flow([0.0, 0.0, 1.0, 0.0]);
        let trust = trust(&finals, &labels).unwrap();
        let weights = [(-1.5_f64).exp(), 1.0];
        for (i, expected) in weights.into_iter().enumerate() {
            let found = trust.double_value(&[0, i as i64, 0, 0, 0]);
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let level = flow([1.0, 1.0, 0.5, 0.5]);
        let labels = labels.repeat([1, 1, 2, 2]);
        let trust = trust.repeat([1, 1, 1, 2, 2]);
        let robust = |d: f64, w: f64| {
            let epsilon = 10.0_f64.powf(-(10.0 * w - 1.0) / 3.0);
            (d * d + epsilon * epsilon).powf(w / 2.0)
        };
        let expected = (robust(-1.0, weights[0]) + robust(-2.0, weights[0])) / 2.0
            + (robust(0.0, weights[1]) + robust(1.0, weights[1])) / 2.0;
        let found = distance(&level, 2, &labels, &trust).unwrap().double_value(&[]);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn trust_has_no_gradient() {
        let flows = Tensor::from_slice(&[1.0_f64; 4]).view([1, 4, 1, 1]).set_requires_grad(true);
        assert!(!trust(&flows, &flows.zeros_like()).unwrap().requires_grad());
    }
}
