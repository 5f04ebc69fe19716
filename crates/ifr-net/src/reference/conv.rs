//! Convolutions: for every kernel tap, all output pixels that it reaches. Sums are `f64`.

use rayon::prelude::*;

use crate::graph::Window;
use crate::tensor::Tensor;

/// `out(o, y, x) = bias(o) + Σ weight(o, i, ky, kx) · in(i, stride·y + ky − padding, stride·x + kx − padding)`.
///
/// Each value's sum is made in that order whatever the number of threads, which share out the planes.
pub(super) fn conv(
    input: &Tensor,
    weight: &[f32],
    bias: Option<&[f32]>,
    window: Window,
    groups: usize,
    shape: [usize; 4],
) -> Tensor {
    let Window { kernel, stride, padding } = window;
    let [_, out_channels, oh, ow] = shape;
    let [_, in_channels, ih, iw] = input.shape();
    let (group_in, group_out) = (in_channels / groups, out_channels / groups);
    let columns: Vec<(usize, usize)> = (0..kernel).map(|kx| inside(kx, window, iw, ow)).collect();
    // One row of the output, which stays in the nearest cache.
    let row = |n: usize, o: usize, y: usize, out: &mut [f32]| {
        let mut sums = vec![bias.map_or(0.0, |b| f64::from(b[o])); ow];
        for i in 0..group_in {
            let plane = input.plane(n, o / group_out * group_in + i);
            for ky in 0..kernel {
                let Some(sy) = (y * stride + ky).checked_sub(padding).filter(|&sy| sy < ih) else {
                    continue;
                };
                let taps = &weight[((o * group_in + i) * kernel + ky) * kernel..][..kernel];
                for (kx, (&tap, &(first, end))) in taps.iter().zip(&columns).enumerate() {
                    if first >= end {
                        continue;
                    }
                    let tap = f64::from(tap);
                    let from = &plane[sy * iw + first * stride + kx - padding..(sy + 1) * iw];
                    let to = &mut sums[first..end];
                    if stride == 1 {
                        for (sum, &v) in to.iter_mut().zip(from) {
                            *sum += tap * f64::from(v);
                        }
                    } else {
                        for (sum, &v) in to.iter_mut().zip(from.iter().step_by(stride)) {
                            *sum += tap * f64::from(v);
                        }
                    }
                }
            }
        }
        for (v, &sum) in out.iter_mut().zip(&sums) {
            *v = sum as f32;
        }
    };
    let mut out = Tensor::zeros(shape);
    out.data_mut().par_chunks_mut((oh * ow).max(1)).enumerate().for_each(|(index, plane)| {
        let (n, o) = (index / out_channels, index % out_channels);
        plane.chunks_mut(ow).enumerate().for_each(|(y, out)| row(n, o, y, out));
    });
    out
}

/// Of `output` positions x, those whose stride·x + k − padding is one of `input` positions: `first..end`.
fn inside(k: usize, window: Window, input: usize, output: usize) -> (usize, usize) {
    let Window { stride, padding, .. } = window;
    let first = padding.saturating_sub(k).div_ceil(stride);
    let end = (input + padding).saturating_sub(k).div_ceil(stride);
    (first, end.min(output))
}

/// Every input pixel adds weight(i, o, ky, kx) · in(i, y, x) to out(o, stride·y + ky − padding, stride·x + kx − padding).
pub(super) fn conv_transpose(
    input: &Tensor,
    weight: &[f32],
    bias: Option<&[f32]>,
    window: Window,
    groups: usize,
    shape: [usize; 4],
) -> Tensor {
    let Window { kernel, stride, padding } = window;
    let [_, out_channels, oh, ow] = shape;
    let [_, in_channels, ih, iw] = input.shape();
    let (group_in, group_out) = (in_channels / groups, out_channels / groups);
    let plane = |n: usize, o: usize, out: &mut [f32]| {
        let mut sums = vec![bias.map_or(0.0, |b| f64::from(b[o])); oh * ow];
        let group = o / group_out;
        for i in group * group_in..(group + 1) * group_in {
            let plane = input.plane(n, i);
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let tap =
                        f64::from(weight[((i * group_out + o % group_out) * kernel + ky) * kernel + kx]);
                    // The input columns that this tap sends to columns of the output.
                    let (first, end) = inside(kx, window, ow, iw);
                    for y in 0..ih {
                        let Some(ty) = (y * stride + ky).checked_sub(padding).filter(|&ty| ty < oh) else {
                            continue;
                        };
                        if first >= end {
                            continue;
                        }
                        let to = &mut sums[ty * ow + first * stride + kx - padding..(ty + 1) * ow];
                        let from = &plane[y * iw + first..y * iw + end];
                        for (sum, &v) in to.iter_mut().step_by(stride).zip(from) {
                            *sum += tap * f64::from(v);
                        }
                    }
                }
            }
        }
        for (v, &sum) in out.iter_mut().zip(&sums) {
            *v = sum as f32;
        }
    };
    let mut out = Tensor::zeros(shape);
    out.data_mut().par_chunks_mut((oh * ow).max(1)).enumerate().for_each(|(index, out)| {
        plane(index / out_channels, index % out_channels, out);
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(shape: [usize; 4], seed: usize) -> Tensor {
        let count: usize = shape.iter().product();
        let data = (0..count).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 11.0 - 1.0).collect();
        Tensor::new(shape, data).unwrap()
    }

    /// The definition, one output pixel at a time.
    fn by_definition(x: &Tensor, weight: &[f32], w: Window, groups: usize, shape: [usize; 4]) -> Tensor {
        let [_, channels, ih, iw] = x.shape();
        let mut out = Tensor::zeros(shape);
        let (gi, go) = (channels / groups, shape[1] / groups);
        let (stride, padding) = (w.stride as isize, w.padding as isize);
        for n in 0..shape[0] {
            for o in 0..shape[1] {
                for p in 0..shape[2] * shape[3] {
                    let (y, x0) = ((p / shape[3]) as isize, (p % shape[3]) as isize);
                    let mut sum = 0.5;
                    for k in 0..gi * w.kernel * w.kernel {
                        let (i, tap) = (k / (w.kernel * w.kernel), k % (w.kernel * w.kernel));
                        let sy = y * stride + (tap / w.kernel) as isize - padding;
                        let sx = x0 * stride + (tap % w.kernel) as isize - padding;
                        if sy >= 0 && sx >= 0 && sy < ih as isize && sx < iw as isize {
                            let v = x.plane(n, o / go * gi + i)[sy as usize * iw + sx as usize];
                            sum += f64::from(v) * f64::from(weight[o * gi * w.kernel * w.kernel + k]);
                        }
                    }
                    out.plane_mut(n, o)[p] = sum as f32;
                }
            }
        }
        out
    }

    #[test]
    fn convolution_is_its_definition() {
        for (kernel, stride, padding, groups, h, w) in [
            (3, 1, 1, 1, 5, 7),
            (3, 1, 1, 1, 1, 1),
            (3, 2, 1, 1, 6, 10),
            (3, 2, 1, 2, 2, 2),
            (7, 2, 3, 1, 4, 2),
            (7, 1, 3, 4, 3, 5),
            (2, 2, 0, 1, 4, 6),
            (1, 1, 0, 1, 3, 2),
            (4, 2, 1, 1, 4, 4),
        ] {
            let window = Window::new(kernel, stride, padding);
            let x = made([2, 4, h, w], kernel);
            let weight = made([8, 4 / groups, kernel, kernel], 3);
            let shape = [2, 8, h / stride, w / stride];
            let found = conv(&x, weight.data(), Some(&[0.5; 8]), window, groups, shape);
            let expected = by_definition(&x, weight.data(), window, groups, shape);
            for (a, b) in found.data().iter().zip(expected.data()) {
                assert!((a - b).abs() < 1e-6, "{window:?} {h}x{w}: {a} {b}");
            }
        }
    }

    /// ⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩, with the same weights.
    #[test]
    fn transposed_convolution_is_the_transpose() {
        let window = Window::DOUBLE;
        let (x, y) = (made([1, 3, 6, 8], 1), made([1, 5, 3, 4], 2));
        let weight = made([5, 3, 4, 4], 5);
        let forward = conv(&x, weight.data(), None, window, 1, y.shape());
        let back = conv_transpose(&y, weight.data(), None, window, 1, x.shape());
        let dot = |a: &Tensor, b: &Tensor| -> f64 {
            a.data().iter().zip(b.data()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        assert!((dot(&forward, &y) - dot(&x, &back)).abs() < 1e-4);
    }
}
