//! A plane of `f32` samples with a replicated border.

use rayon::prelude::*;

/// Border, in samples, on every side of a [`Plane`]: a patch of 8×8 may hang over the edge by its whole width and a bicubic
/// tap by two samples more, without any kernel having to clamp coordinates sample by sample.
pub(crate) const PAD: usize = 16;

/// Rows handled as one unit of parallel work. Fixed, so that the split never depends on the number of threads.
pub(crate) const BLOCK: usize = 16;

/// A single-channel image of `f32` samples, row by row, with a border that repeats the edge samples.
///
/// Luma planes carry values on the scale of 8-bit codes (0 to 255) whatever the depth of the frame they came from: the
/// constants of the flow estimation (noise floors, robust thresholds) are in these units.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    width: usize,
    height: usize,
    stride: usize,
    data: Vec<f32>,
}

impl Plane {
    /// A plane of zeros. `width` and `height` are in samples; zero is taken as one, so that a plane is never empty.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let stride = width + 2 * PAD;
        Self { width, height, stride, data: vec![0.0; stride * (height + 2 * PAD)] }
    }

    /// A plane whose sample at column `x`, row `y` is `sample(x, y)`.
    #[must_use]
    pub fn from_fn(width: usize, height: usize, sample: impl Fn(usize, usize) -> f32 + Sync) -> Self {
        let mut plane = Self::new(width, height);
        plane.fill_rows(|y, row| {
            for (x, out) in row.iter_mut().enumerate() {
                *out = sample(x, y);
            }
        });
        plane
    }

    /// Width in samples, without the border.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in samples, without the border.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row `y` (from 0, top), `width` samples without the border.
    ///
    /// # Panics
    /// When `y` is not below the height.
    #[must_use]
    pub fn row(&self, y: usize) -> &[f32] {
        assert!(y < self.height, "row {y} of a plane of {} rows", self.height);
        let start = (y + PAD) * self.stride + PAD;
        &self.data[start..start + self.width]
    }

    /// All samples without the border, row by row.
    pub(crate) fn to_vec(&self) -> Vec<f32> {
        (0..self.height).flat_map(|y| self.row(y).iter().copied()).collect()
    }

    /// Sample at column `x`, row `y`; coordinates outside are moved to the nearest edge.
    #[must_use]
    pub fn at(&self, x: isize, y: isize) -> f32 {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.data[(y + PAD) * self.stride + PAD + x]
    }

    /// Samples per stored row, border included.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Everything, border included; sample (0, 0) is at [`Plane::origin`].
    pub(crate) fn data(&self) -> &[f32] {
        &self.data
    }

    /// Index of sample (0, 0) in [`Plane::data`].
    pub(crate) fn origin(&self) -> usize {
        PAD * self.stride + PAD
    }

    /// Writes every row through `fill(y, row)`, in parallel by fixed blocks of rows, then repeats the edges into the border.
    pub(crate) fn fill_rows(&mut self, fill: impl Fn(usize, &mut [f32]) + Sync) {
        let (width, height, stride) = (self.width, self.height, self.stride);
        let inner = &mut self.data[PAD * stride..(PAD + height) * stride];
        inner.par_chunks_mut(stride * BLOCK).enumerate().for_each(|(block, rows)| {
            for (i, row) in rows.chunks_exact_mut(stride).enumerate() {
                fill(block * BLOCK + i, &mut row[PAD..PAD + width]);
                let (first, last) = (row[PAD], row[PAD + width - 1]);
                row[..PAD].fill(first);
                row[PAD + width..].fill(last);
            }
        });
        let (top, rest) = self.data.split_at_mut(PAD * stride);
        for row in top.chunks_exact_mut(stride) {
            row.copy_from_slice(&rest[..stride]);
        }
        let (rest, bottom) = self.data.split_at_mut((PAD + height) * stride);
        let last = &rest[rest.len() - stride..];
        for row in bottom.chunks_exact_mut(stride) {
            row.copy_from_slice(last);
        }
    }

    /// Half the size in both directions (rounded up): the mean of 2×2 samples, the edge repeated for an odd size.
    #[must_use]
    pub fn half(&self) -> Self {
        let mut out = Self::new(self.width.div_ceil(2), self.height.div_ceil(2));
        let (data, stride, origin) = (&self.data, self.stride, self.origin());
        out.fill_rows(|y, row| {
            // The border holds the repeated edge, so row 2y+1 and column 2x+1 exist even where the size is odd.
            let start = origin + 2 * y * stride;
            let a = &data[start..start + 2 * row.len()];
            let b = &data[start + stride..start + stride + 2 * row.len()];
            for ((out, a), b) in row.iter_mut().zip(a.chunks_exact(2)).zip(b.chunks_exact(2)) {
                *out = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn border_repeats_the_edge() {
        let p = Plane::from_fn(3, 2, |x, y| (x + 10 * y) as f32);
        assert_eq!(p.at(-5, -5), 0.0);
        assert_eq!(p.at(9, 9), 12.0);
        assert_eq!(p.data()[0], 0.0);
        assert_eq!(*p.data().last().unwrap(), 12.0);
        assert_eq!(p.row(1), &[10.0, 11.0, 12.0]);
    }

    #[test]
    fn half_of_an_odd_size_rounds_up() {
        let p = Plane::from_fn(3, 1, |x, _| x as f32).half();
        assert_eq!((p.width(), p.height()), (2, 1));
        assert_eq!(p.row(0), &[0.5, 2.0]);
    }
}
