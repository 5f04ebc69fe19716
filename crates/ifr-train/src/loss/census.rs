//! The soft census: how each pixel's neighbours differ from it, squashed, so that brightness matters little.

use tch::{Kind, TchError, Tensor};

/// Differences well below the root of this (0.9) count as they are; greater ones saturate at 1. From the reference.
const SOFTNESS: f64 = 0.81;
/// The distance d²/(this + d²) of two squashed differences saturates too. From the reference.
const TOLERANCE: f64 = 0.1;

/// The distance of two maps' censuses of `patch` × `patch` pixels, each channel by itself: the mean over samples, channels,
/// neighbours (the pixel itself included) and pixels. Pixels whose patch leaves the map count as no distance. Gradients flow into
/// both: the published training moves the encoder's features of the true frame too.
pub(super) fn census(found: &Tensor, expected: &Tensor, patch: i64) -> Result<Tensor, TchError> {
    let (samples, channels, height, width) = found.size4()?;
    let count = (samples * channels * patch * patch * height * width) as f64;
    if height < patch || width < patch {
        return found.f_narrow(2, 0, 0)?.f_sum(None::<Kind>);
    }
    let difference = transform(found, patch)?.f_sub(&transform(expected, patch)?)?;
    let squares = difference.f_square()?;
    squares.f_div(&squares.f_add_scalar(TOLERANCE)?)?.f_sum(None::<Kind>)?.f_div_scalar(count)
}

/// For every pixel with a whole patch, the squashed differences of the patch's pixels from it: (samples · channels) × patch²
/// × pixels.
fn transform(map: &Tensor, patch: i64) -> Result<Tensor, TchError> {
    let (samples, channels, height, width) = map.size4()?;
    // All planes as channels of one sample: libtorch takes samples one after the other.
    let planes = samples * channels;
    let map = map.f_reshape([1, planes, height, width])?;
    let border = patch / 2;
    let (rows, columns) = (height - 2 * border, width - 2 * border);
    let neighbours = map.f_im2col([patch, patch], [1, 1], [0, 0], [1, 1])?;
    let neighbours = neighbours.f_view([planes, patch * patch, rows * columns])?;
    let centre = map.f_narrow(2, border, rows)?.f_narrow(3, border, columns)?;
    let difference = neighbours.f_sub(&centre.f_reshape([planes, 1, rows * columns])?)?;
    difference.f_mul(&difference.f_square()?.f_add_scalar(SOFTNESS)?.f_rsqrt()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(shape: [i64; 4], seed: i64) -> Tensor {
        let count: i64 = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|i| ((i * 37 + seed * 11) % 23) as f64 / 22.0).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// The definition, one neighbour at a time.
    fn by_hand(a: &Tensor, b: &Tensor, patch: i64) -> f64 {
        let (n, c, h, w) = a.size4().unwrap();
        let r = patch / 2;
        let squash = |d: f64| d / (0.81 + d * d).sqrt();
        let mut sum = 0.0;
        for (s, k) in (0..n).flat_map(|s| (0..c).map(move |k| (s, k))) {
            for (y, x) in (r..h - r).flat_map(|y| (r..w - r).map(move |x| (y, x))) {
                for (dy, dx) in (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dy, dx))) {
                    let at = |map: &Tensor| {
                        squash(map.double_value(&[s, k, y + dy, x + dx]) - map.double_value(&[s, k, y, x]))
                    };
                    let d = at(a) - at(b);
                    sum += d * d / (0.1 + d * d);
                }
            }
        }
        sum / (n * c * patch * patch * h * w) as f64
    }

    #[test]
    fn it_is_its_definition() {
        for (shape, patch) in [([2, 3, 5, 6], 3), ([1, 1, 9, 8], 7), ([1, 2, 3, 3], 3)] {
            let (a, b) = (map(shape, 1), map(shape, 2));
            let found = census(&a, &b, patch).unwrap().double_value(&[]);
            let expected = by_hand(&a, &b, patch);
            assert!((found - expected).abs() < 1e-12 && found > 0.0, "{found} {expected}");
        }
    }

    #[test]
    fn brightness_does_not_matter_and_small_maps_have_none() {
        let a = map([1, 2, 6, 6], 1);
        assert!(census(&a, &(&a + 0.25), 3).unwrap().double_value(&[]) < 1e-12);
        assert_eq!(census(&map([1, 2, 2, 6], 1), &map([1, 2, 2, 6], 2), 3).unwrap().double_value(&[]), 0.0);
    }

    #[test]
    fn both_sides_have_a_gradient() {
        let a = map([1, 1, 8, 8], 1).set_requires_grad(true);
        let b = map([1, 1, 8, 8], 2).set_requires_grad(true);
        census(&a, &b, 3).unwrap().backward();
        let greatest = |map: &Tensor| map.grad().abs().max().double_value(&[]);
        assert!(greatest(&a) > 0.0);
        assert!((&a.grad() + &b.grad()).abs().max().double_value(&[]) < greatest(&a));
    }
}
