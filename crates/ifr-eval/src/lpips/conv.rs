//! Convolution and pooling of feature maps.

use rayon::prelude::*;

use super::layers::Shape;

/// Output channels computed together.
const GROUP: usize = 4;
/// Output pixels computed together.
const TILE: usize = 64;
/// Of those, at once in registers.
const LANES: usize = 8;

/// A feature map, channels × height × width.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) channels: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) data: Vec<f32>,
}

/// A convolution with zero padding.
pub(crate) struct Conv {
    shape: Shape,
    /// Groups of output channels × taps × [`GROUP`]: what one step of the innermost loop needs lies together.
    packed: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// `weight` is output channels × input channels × kernel × kernel; the number of output channels a multiple of [`GROUP`].
    pub(crate) fn new(shape: Shape, weight: &[f32], bias: Vec<f32>) -> Self {
        let taps = shape.from * shape.kernel * shape.kernel;
        let packed = (0..shape.to / GROUP)
            .flat_map(|g| {
                (0..taps).flat_map(move |k| (0..GROUP).map(move |o| weight[(g * GROUP + o) * taps + k]))
            })
            .collect();
        Self { shape, packed, bias }
    }

    fn out(&self, side: usize) -> usize {
        (side + 2 * self.shape.padding - self.shape.kernel) / self.shape.stride + 1
    }

    /// The convolution, negative values set to 0.
    pub(crate) fn relu(&self, input: &Map) -> Map {
        let (w, h) = (self.out(input.width), self.out(input.height));
        let (n, to) = (w * h, self.shape.to);
        let tiles: Vec<Vec<f32>> = (0..n.div_ceil(TILE))
            .into_par_iter()
            .map_init(Vec::new, |patches, tile| {
                self.gather(input, w, tile * TILE..n.min((tile + 1) * TILE), patches);
                self.tile(patches)
            })
            .collect();
        let mut data = vec![0.0; to * n];
        data.par_chunks_exact_mut(n).enumerate().for_each(|(c, plane)| {
            for (out, tile) in plane.chunks_mut(TILE).zip(&tiles) {
                out.copy_from_slice(&tile[c * TILE..c * TILE + out.len()]);
            }
        });
        Map { channels: to, width: w, height: h, data }
    }

    /// The inputs of the output pixels in `pixels`: taps × [`TILE`], zero where there is none.
    fn gather(&self, input: &Map, out_width: usize, pixels: std::ops::Range<usize>, patches: &mut Vec<f32>) {
        let Shape { kernel, stride, padding, .. } = self.shape;
        let (w, h) = (input.width, input.height);
        patches.clear();
        patches.resize(input.channels * kernel * kernel * TILE, 0.0);
        let mut rows = patches.chunks_exact_mut(TILE);
        for plane in input.data.chunks_exact(w * h) {
            for (ky, kx) in (0..kernel * kernel).map(|k| (k / kernel, k % kernel)) {
                let Some(row) = rows.next() else { return };
                for (v, p) in row.iter_mut().zip(pixels.clone()) {
                    let x = (p % out_width * stride + kx).wrapping_sub(padding);
                    let y = (p / out_width * stride + ky).wrapping_sub(padding);
                    if x < w && y < h {
                        *v = plane[y * w + x];
                    }
                }
            }
        }
    }

    /// All output channels × [`TILE`].
    fn tile(&self, patches: &[f32]) -> Vec<f32> {
        let taps = patches.len() / TILE;
        let mut out = vec![0.0; self.shape.to * TILE];
        for (g, weights) in self.packed.chunks_exact(taps * GROUP).enumerate() {
            for start in (0..TILE).step_by(LANES) {
                let mut sums = [[0.0_f32; LANES]; GROUP];
                for (weights, row) in weights.as_chunks::<GROUP>().0.iter().zip(patches.chunks_exact(TILE)) {
                    let values = &row[start..start + LANES];
                    for (sums, &weight) in sums.iter_mut().zip(weights) {
                        for (sum, &value) in sums.iter_mut().zip(values) {
                            *sum += weight * value;
                        }
                    }
                }
                for (o, sums) in sums.iter().enumerate() {
                    let c = g * GROUP + o;
                    let to = &mut out[c * TILE + start..][..LANES];
                    for (to, sum) in to.iter_mut().zip(sums) {
                        *to = (sum + self.bias[c]).max(0.0);
                    }
                }
            }
        }
        out
    }
}

/// The largest of each square of that side, every second pixel, where the square fits.
pub(crate) fn pooled(input: &Map, side: usize) -> Map {
    let (w, h) = ((input.width - side) / 2 + 1, (input.height - side) / 2 + 1);
    let mut data = Vec::with_capacity(input.channels * w * h);
    for plane in input.data.chunks_exact(input.width * input.height) {
        for (x, y) in (0..w * h).map(|i| (2 * (i % w), 2 * (i / w))) {
            let row = |dy: usize| &plane[(y + dy) * input.width + x..][..side];
            data.push((0..side).flat_map(row).copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
    Map { channels: input.channels, width: w, height: h, data }
}
