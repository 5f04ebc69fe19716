//! The soft census: how each pixel's neighbours differ from it, squashed, so that brightness matters little.

use tch::{Kind, TchError, Tensor, no_grad};

/// Differences well below the root of this (0.9) count as they are; greater ones saturate at 1. From the reference.
const SOFTNESS: f64 = 0.81;
/// The distance d²/(this + d²) of two squashed differences saturates too. From the reference.
const TOLERANCE: f64 = 0.1;

/// The distance of two maps' censuses of `patch` × `patch` pixels, each channel by itself: the mean over samples, channels,
/// neighbours (the pixel itself included) and pixels. Pixels whose patch leaves the map count as no distance. Gradients flow into
/// both: the published training moves the encoder's features of the true frame too.
///
/// Two things make this several times quicker than the definition left to autograd. A pixel's difference from a neighbour is,
/// but for the sign, the neighbour's from it, so pairs of pixels are gone through once; and the gradient is computed with the
/// value, in place.
pub(super) fn census(found: &Tensor, expected: &Tensor, patch: i64) -> Result<Tensor, TchError> {
    let (samples, channels, height, width) = found.size4()?;
    if height < patch || width < patch {
        return found.f_narrow(2, 0, 0)?.f_sum(None::<Kind>);
    }
    let count = (samples * channels * patch * patch * height * width) as f64;
    let (value, gradients) = no_grad(|| evaluate(found, expected, patch, count))?;
    let mut loss = value;
    for (map, gradient) in [found, expected].into_iter().zip(&gradients) {
        if map.requires_grad() {
            // Worth nothing, but for its gradient.
            let along = map.f_mul(gradient)?.f_sum(None::<Kind>)?;
            loss = loss.f_add(&along.f_sub(&along.f_detach()?)?)?;
        }
    }
    Ok(loss)
}

/// The distance, and its gradient by either map.
fn evaluate(
    found: &Tensor,
    expected: &Tensor,
    patch: i64,
    count: f64,
) -> Result<(Tensor, [Tensor; 2]), TchError> {
    let pairs = Pairs::new(found, patch)?;
    let (mut squashed, slope) = squash(&pairs.differences(found)?)?;
    let (other, other_slope) = squash(&pairs.differences(expected)?)?;
    let mut difference = squashed.f_sub_(&other)?;
    let square = difference.f_square()?;
    let mut inverse = square.f_add_scalar(TOLERANCE)?.f_reciprocal_()?;
    let distance =
        square.f_mul(&inverse)?.f_mul_(&pairs.weights)?.f_sum(None::<Kind>)?.f_div_scalar(count)?;

    // d(d²/(a + d²)) = 2a·d/(a + d²)².
    let scale = pairs.weights.f_mul_scalar(2.0 * TOLERANCE / count)?;
    let along = difference.f_mul_(&inverse.f_square_()?)?.f_mul_(&scale)?;
    let gradient = pairs.gathered(&along.f_mul(&slope)?, found)?;
    let other_gradient = pairs.gathered(&along.f_mul(&other_slope)?.f_neg_()?, expected)?;
    Ok((distance, [gradient, other_gradient]))
}

/// d/√(softness + d²) and its derivative.
fn squash(difference: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let root = difference.f_square()?.f_add_scalar_(SOFTNESS)?.f_rsqrt_()?;
    let squashed = difference.f_mul(&root)?;
    let cube = root.f_square()?.f_mul_(&root)?.f_mul_scalar_(SOFTNESS)?;
    Ok((squashed, cube))
}

/// Every pixel with those of its neighbours that come after it, row by row: the other half of its patch is theirs.
struct Pairs {
    patch: i64,
    height: i64,
    width: i64,
    /// Neighbours × pixels: how many of the two, pixel and neighbour, have a whole patch.
    weights: Tensor,
}

impl Pairs {
    fn new(like: &Tensor, patch: i64) -> Result<Self, TchError> {
        let (_, _, height, width) = like.size4()?;
        let border = patch / 2;
        let whole =
            Tensor::f_ones([1, 1, height - 2 * border, width - 2 * border], (like.f_kind()?, like.device()))?;
        let whole = whole.f_constant_pad_nd([border; 4])?;
        let mut pairs = Self { patch, height, width, weights: Tensor::new() };
        let pixels = whole.f_view([1, 1, height * width])?;
        pairs.weights = pairs.neighbours(&whole)?.f_add(&pixels)?;
        Ok(pairs)
    }

    /// Planes × neighbours × pixels: how much each neighbour exceeds its pixel. Beyond the map is zero.
    fn differences(&self, map: &Tensor) -> Result<Tensor, TchError> {
        let neighbours = self.neighbours(map)?;
        neighbours.f_sub(&map.f_reshape([-1, 1, self.height * self.width])?)
    }

    fn neighbours(&self, map: &Tensor) -> Result<Tensor, TchError> {
        let (samples, channels, height, width) = map.size4()?;
        let border = self.patch / 2;
        // All planes as channels of one sample: libtorch takes samples one after the other.
        let map = map.f_reshape([1, samples * channels, height, width])?;
        let map = map.f_constant_pad_nd([border, border, 0, border])?;
        let lines = map.f_im2col(self.lines(), [1, 1], [0, 0], [1, 1])?;
        let lines = lines.f_view([samples * channels, -1, height * width])?;
        lines.f_narrow(1, border + 1, self.count())
    }

    /// What differences of neighbours along `along` (planes × neighbours × pixels) make of a map like `like`.
    fn gathered(&self, along: &Tensor, like: &Tensor) -> Result<Tensor, TchError> {
        let (samples, channels, height, width) = like.size4()?;
        let (planes, border) = (samples * channels, self.patch / 2);
        // The pixel itself and those before it in its row are no neighbours.
        let lines = along.f_constant_pad_nd([0, 0, border + 1, 0])?;
        let size = [height + border, width + 2 * border];
        let gained =
            lines.f_view([1, -1, height * width])?.f_col2im(size, self.lines(), [1, 1], [0, 0], [1, 1])?;
        let gained = gained.f_narrow(2, 0, height)?.f_narrow(3, border, width)?;
        let lost = along.f_sum_dim_intlist([1_i64].as_slice(), false, None::<Kind>)?;
        let lost = lost.f_view([1, planes, height, width])?;
        gained.f_sub(&lost)?.f_view([samples, channels, height, width])
    }

    /// The lower part of a patch, from the pixel's own row on.
    fn lines(&self) -> [i64; 2] {
        [self.patch / 2 + 1, self.patch]
    }

    fn count(&self) -> i64 {
        self.patch * self.patch / 2
    }
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

    /// The definition, left to autograd.
    fn plain(a: &Tensor, b: &Tensor, patch: i64) -> Tensor {
        let (_, c, h, w) = a.size4().unwrap();
        let (r, rows, columns) = (patch / 2, h - patch + 1, w - patch + 1);
        let squashed = |map: &Tensor, dy: i64, dx: i64| {
            let at = |dy: i64, dx: i64| map.narrow(2, r + dy, rows).narrow(3, r + dx, columns);
            let d = at(dy, dx) - at(0, 0);
            &d / (d.square() + 0.81).sqrt()
        };
        let offsets = (-r..=r).flat_map(|dy| (-r..=r).map(move |dx| (dy, dx)));
        let distance = |(dy, dx)| {
            let q = (squashed(a, dy, dx) - squashed(b, dy, dx)).square();
            (&q / (&q + 0.1)).sum(Kind::Double)
        };
        let sum: Tensor = offsets.map(distance).sum();
        sum / (a.size()[0] * c * patch * patch * h * w) as f64
    }

    #[test]
    fn the_gradient_is_the_definitions() {
        for (shape, patch) in [([2, 3, 7, 5], 3), ([1, 2, 9, 10], 7), ([1, 1, 7, 7], 7)] {
            let leaf = |seed| map(shape, seed).set_requires_grad(true);
            let (a, b, c, d) = (leaf(1), leaf(2), leaf(1), leaf(2));
            let (quick, slow) = (census(&a, &b, patch).unwrap(), plain(&c, &d, patch));
            (quick * 3.0).backward();
            (slow * 3.0).backward();
            for (found, expected) in [(&a, &c), (&b, &d)] {
                let (found, expected) = (found.grad(), expected.grad());
                let scale = expected.abs().max().double_value(&[]);
                let error = (found - expected).abs().max().double_value(&[]);
                assert!(scale > 0.0 && error < 1e-12 * scale.max(1.0), "{error} of {scale}");
            }
        }
    }
}
