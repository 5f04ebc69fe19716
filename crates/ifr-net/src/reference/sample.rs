//! Bilinear sampling: warp and resize.

use crate::graph::Alignment;
use crate::tensor::Tensor;

/// `out(p) = image(p + flow(p))`, bilinear, with coordinates clamped to the map.
pub(super) fn warp(image: &Tensor, flow: &Tensor) -> Tensor {
    let [batch, channels, h, w] = image.shape();
    let mut out = Tensor::zeros(image.shape());
    for n in 0..batch {
        let (flow_x, flow_y) = (flow.plane(n, 0), flow.plane(n, 1));
        for c in 0..channels {
            let plane = image.plane(n, c);
            for (i, v) in out.plane_mut(n, c).iter_mut().enumerate() {
                let (x, y) = ((i % w) as f32 + flow_x[i], (i / w) as f32 + flow_y[i]);
                *v = bilinear(plane, (h, w), x, y);
            }
        }
    }
    out
}

/// Bilinear resize without antialiasing.
pub(super) fn resize(input: &Tensor, alignment: Alignment, shape: [usize; 4]) -> Tensor {
    let [batch, channels, oh, ow] = shape;
    let [_, _, ih, iw] = input.shape();
    let coordinate = |i: usize, from: usize, to: usize| match alignment {
        Alignment::HalfPixel => (i as f32 + 0.5) * (from as f32 / to as f32) - 0.5,
        Alignment::Corners if to > 1 => i as f32 * ((from - 1) as f32 / (to - 1) as f32),
        Alignment::Corners => 0.0,
    };
    let mut out = Tensor::zeros(shape);
    for n in 0..batch {
        for c in 0..channels {
            let plane = input.plane(n, c);
            for (i, v) in out.plane_mut(n, c).iter_mut().enumerate() {
                let (x, y) = (coordinate(i % ow, iw, ow), coordinate(i / ow, ih, oh));
                *v = bilinear(plane, (ih, iw), x, y);
            }
        }
    }
    out
}

/// The plane at (x, y), clamped to its pixels' centres.
fn bilinear(plane: &[f32], (h, w): (usize, usize), x: f32, y: f32) -> f32 {
    let x = x.clamp(0.0, (w - 1) as f32);
    let y = y.clamp(0.0, (h - 1) as f32);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let row = |y: usize| plane[y * w + x0] * (1.0 - fx) + plane[y * w + x1] * fx;
    row(y0) * (1.0 - fy) + row(y1) * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(h: usize, w: usize) -> Tensor {
        Tensor::new([1, 1, h, w], (0..h * w).map(|i| ((i % w) * 10 + i / w) as f32).collect()).unwrap()
    }

    #[test]
    fn a_warp_by_half_a_pixel_is_the_mean_of_two() {
        let mut flow = Tensor::zeros([1, 2, 3, 4]);
        flow.plane_mut(0, 0).fill(0.5);
        flow.plane_mut(0, 1).fill(1.0);
        let out = warp(&ramp(3, 4), &flow);
        assert_eq!(out.data(), [6.0, 16.0, 26.0, 31.0, 7.0, 17.0, 27.0, 32.0, 7.0, 17.0, 27.0, 32.0]);
        flow.plane_mut(0, 0).fill(-1e30);
        flow.plane_mut(0, 1).fill(f32::INFINITY);
        assert!(warp(&ramp(3, 4), &flow).data().iter().all(|&v| v == 2.0));
    }

    #[test]
    fn resize_by_two_in_both_conventions() {
        let x = Tensor::new([1, 1, 1, 2], vec![0.0, 4.0]).unwrap();
        let half = resize(&x, Alignment::HalfPixel, [1, 1, 2, 4]);
        assert_eq!(half.data(), [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
        let corners = resize(&x, Alignment::Corners, [1, 1, 1, 3]);
        assert_eq!(corners.data(), [0.0, 2.0, 4.0]);
        let back = resize(&half, Alignment::HalfPixel, [1, 1, 1, 2]);
        assert_eq!(back.data(), [0.5, 3.5]);
    }
}
