//! What a deformable convolution reads, sample by sample.

use crate::tensor::Tensor;

/// How samples are steered: see [`DeformConv`](crate::DeformConv).
pub(super) struct Steering {
    pub(super) offsets: Tensor,
    pub(super) masks: Tensor,
    pub(super) flow: Option<Tensor>,
    pub(super) groups: usize,
    /// Rows and columns of the kernel.
    pub(super) kernel: usize,
}

/// Every sample of every input channel, times its mask: channel i · kernel² + k has what tap k of input channel i reads. The
/// deformable convolution is a convolution 1/1/0 of these.
pub(super) fn samples(input: &Tensor, by: &Steering) -> Tensor {
    let [batch, channels, h, w] = input.shape();
    let taps = by.kernel * by.kernel;
    let padding = (by.kernel / 2) as f32;
    let run = channels / by.groups;
    let mut out = Tensor::zeros([batch, channels * taps, h, w]);
    for n in 0..batch {
        for at in 0..by.groups * taps {
            let (group, tap) = (at / taps, at % taps);
            let (row, column) = ((tap / by.kernel) as f32 - padding, (tap % by.kernel) as f32 - padding);
            let (dy, dx) = (by.offsets.plane(n, 2 * at), by.offsets.plane(n, 2 * at + 1));
            let mask = by.masks.plane(n, at);
            for i in group * run..(group + 1) * run {
                let plane = input.plane(n, i);
                for (p, sample) in out.plane_mut(n, i * taps + tap).iter_mut().enumerate() {
                    let (u, v) =
                        by.flow.as_ref().map_or((0.0, 0.0), |f| (f.plane(n, 0)[p], f.plane(n, 1)[p]));
                    let x = (p % w) as f32 + column + (dx[p] + u);
                    let y = (p / w) as f32 + row + (dy[p] + v);
                    *sample = mask[p] * inside(plane, (h, w), x, y);
                }
            }
        }
    }
    out
}

/// The plane at (x, y): bilinear, zero outside.
fn inside(plane: &[f32], (h, w): (usize, usize), x: f32, y: f32) -> f32 {
    // Farther out, and where a coordinate is no number, all four pixels are outside.
    let near = x > -1.0 && y > -1.0 && x < w as f32 && y < h as f32;
    if !near {
        return 0.0;
    }
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (x - x0, y - y0);
    let at = |y: isize, x: isize| {
        let there = y >= 0 && x >= 0 && y < h as isize && x < w as isize;
        if there { plane[y as usize * w + x as usize] } else { 0.0 }
    };
    let (x0, y0) = (x0 as isize, y0 as isize);
    let row = |y: isize| at(y, x0) * (1.0 - fx) + at(y, x0 + 1) * fx;
    row(y0) * (1.0 - fy) + row(y0 + 1) * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_outside_fade_to_zero() {
        let plane = [1.0, 2.0, 3.0, 4.0];
        let at = |x, y| inside(&plane, (2, 2), x, y);
        assert_eq!([at(0.0, 0.0), at(1.0, 1.0), at(0.5, 0.5)], [1.0, 4.0, 2.5]);
        assert_eq!([at(-0.5, 0.0), at(1.5, 1.0), at(0.0, 1.75), at(-1.0, 0.0)], [0.5, 2.0, 0.75, 0.0]);
        assert_eq!([at(f32::NAN, 0.0), at(f32::INFINITY, 0.0), at(0.0, -1e30), at(2.0, 0.0)], [0.0; 4]);
    }

    #[test]
    fn offsets_are_rows_then_columns_of_each_tap() {
        let input = Tensor::new([1, 1, 1, 3], vec![1.0, 2.0, 3.0]).unwrap();
        let mut offsets = Tensor::zeros([1, 18, 1, 3]);
        // The centre tap of the pixel in the middle reads one to the right; tap 3, left of it, reads two to the right.
        offsets.plane_mut(0, 2 * 4 + 1)[1] = 1.0;
        offsets.plane_mut(0, 2 * 3 + 1)[1] = 2.0;
        // Tap 5 reads one row down: nothing.
        offsets.plane_mut(0, 2 * 5)[1] = 1.0;
        let masks = Tensor::new([1, 9, 1, 3], vec![0.5; 27]).unwrap();
        let by = Steering { offsets, masks, flow: None, groups: 1, kernel: 3 };
        let out = samples(&input, &by);
        assert_eq!([3, 4, 5].map(|tap| out.plane(0, tap)[1]), [1.5, 1.5, 0.0]);
        assert_eq!([3, 4, 5].map(|tap| out.plane(0, tap)[0]), [0.0, 0.5, 1.0]);
    }
}
