//! A dense flow field and its changes of scale.

use rayon::prelude::*;

use crate::kernels::Level;
use crate::kernels::sample::{Columns, resample_row};
use crate::plane::BLOCK;

/// A dense motion field: for every pixel of one image, where it lies in another.
///
/// Channel 0 (`u`) is the displacement in x, to the right; channel 1 (`v`) in y, downwards; both in pixels of this field's
/// own grid, row by row from the top left. The sample at (x, y) of the first image is found at (x + u, y + v) in the second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowField {
    width: usize,
    height: usize,
    /// Displacement to the right in pixels, `width` × `height`, row by row.
    u: Vec<f32>,
    /// Displacement downwards in pixels, `width` × `height`, row by row.
    v: Vec<f32>,
}

impl FlowField {
    /// A field without motion of `width` × `height` pixels.
    #[must_use]
    pub fn new(width: usize, height: usize) -> Self {
        let n = width * height;
        Self { width, height, u: vec![0.0; n], v: vec![0.0; n] }
    }

    /// A field whose displacement at column `x`, row `y` is `at(x, y)`.
    #[must_use]
    pub fn from_fn(width: usize, height: usize, mut at: impl FnMut(usize, usize) -> [f32; 2]) -> Self {
        let mut field = Self::new(width, height);
        for y in 0..height {
            for x in 0..width {
                let i = y * width + x;
                [field.u[i], field.v[i]] = at(x, y);
            }
        }
        field
    }

    /// A field of given channels, each `width` × `height`, row by row; `None` when a length is another.
    #[must_use]
    pub fn from_channels(width: usize, height: usize, u: Vec<f32>, v: Vec<f32>) -> Option<Self> {
        let n = width.checked_mul(height)?;
        (u.len() == n && v.len() == n).then_some(Self { width, height, u, v })
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Displacements to the right in pixels, row by row.
    #[must_use]
    pub fn u(&self) -> &[f32] {
        &self.u
    }

    /// Displacements downwards in pixels, row by row.
    #[must_use]
    pub fn v(&self) -> &[f32] {
        &self.v
    }

    /// Displacement at column `x`, row `y`.
    ///
    /// # Panics
    /// When the position is outside.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> [f32; 2] {
        assert!(x < self.width && y < self.height, "({x}, {y}) of a field of {}x{}", self.width, self.height);
        let i = y * self.width + x;
        [self.u[i], self.v[i]]
    }

    /// Mean distance in pixels between the displacements of two fields of one size (end-point error).
    ///
    /// # Panics
    /// When the sizes differ.
    #[must_use]
    pub fn end_point_error(&self, truth: &Self) -> f32 {
        assert_eq!((self.width, self.height), (truth.width, truth.height), "fields of one size");
        let sum: f64 = (0..self.u.len())
            .map(|i| f64::from((self.u[i] - truth.u[i]).hypot(self.v[i] - truth.v[i])))
            .sum();
        (sum / self.u.len().max(1) as f64) as f32
    }

    /// Every displacement times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f32) -> Self {
        let times = |p: &[f32]| p.iter().map(|d| d * factor).collect();
        Self { width: self.width, height: self.height, u: times(&self.u), v: times(&self.v) }
    }

    /// The field whose displacement at (x, y) is this one's at (x + `dx`, y + `dy`), the edges repeated.
    pub(crate) fn shifted(&self, dx: isize, dy: isize) -> Self {
        let mut out = Self::new(self.width, self.height);
        let w = self.width;
        for y in 0..self.height {
            let start = y.saturating_add_signed(dy).min(self.height - 1) * w;
            for (to, from) in [(&mut out.u, &self.u), (&mut out.v, &self.v)] {
                let (to, from) = (&mut to[y * w..(y + 1) * w], &from[start..start + w]);
                let k = dx.unsigned_abs().min(w);
                if dx >= 0 {
                    to[..w - k].copy_from_slice(&from[k..]);
                    to[w - k..].fill(from[w - 1]);
                } else {
                    to[k..].copy_from_slice(&from[..w - k]);
                    to[..k].fill(from[0]);
                }
            }
        }
        out
    }

    /// Both channels, to be written.
    pub(crate) fn channels_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.u, &mut self.v)
    }

    /// Half as fine (sizes rounded up), displacements halved: the mean of 2×2 pixels.
    pub(crate) fn half(&self) -> Self {
        let (w, h) = (self.width, self.height);
        let mut out = Self::new(w.div_ceil(2), h.div_ceil(2));
        let half = out.width;
        let Self { u, v, .. } = &mut out;
        for (to, from) in [(u, &self.u), (v, &self.v)] {
            to.par_chunks_mut(half * BLOCK).enumerate().for_each(|(block, rows)| {
                for (i, row) in rows.chunks_exact_mut(half).enumerate() {
                    let y = 2 * (block * BLOCK + i);
                    let (a, b) = (&from[y * w..(y + 1) * w], &from[(y + 1).min(h - 1) * w..][..w]);
                    for ((o, a), b) in row.iter_mut().zip(a.chunks(2)).zip(b.chunks(2)) {
                        // 1/4 for the mean, 1/2 for the unit; an odd last column counts twice.
                        *o = 0.125 * ((a[0] + a[a.len() - 1]) + (b[0] + b[b.len() - 1]));
                    }
                }
            });
        }
        out
    }

    /// Twice as fine: a field of `width` × `height` pixels, displacements doubled.
    pub(crate) fn double(&self, width: usize, height: usize) -> Self {
        let mut out = Self::new(width, height);
        let grid = Grid::halves(self.width, self.height);
        let fill = |to: &mut [f32], from: &[f32]| grid.resample(from, width, 2.0, to);
        let Self { u, v, .. } = &mut out;
        rayon::join(|| fill(u, &self.u), || fill(v, &self.v));
        out
    }

    /// `halvings` times twice as fine: a field of `width` × `height` pixels, displacements in its own pixels, times
    /// `factor`.
    pub(crate) fn enlarged(&self, halvings: usize, width: usize, height: usize, factor: f32) -> Self {
        let mut out = Self::new(width, height);
        let unit = (1usize << halvings) as f32;
        let grid = Grid {
            width: self.width,
            height: self.height,
            step: [1.0 / unit; 2],
            offset: [0.5 / unit - 0.5; 2],
        };
        let fill = |to: &mut [f32], from: &[f32]| grid.resample(from, width, unit * factor, to);
        let Self { u, v, .. } = &mut out;
        rayon::join(|| fill(u, &self.u), || fill(v, &self.v));
        out
    }
}

/// How the samples of one grid lie on another: sample x of the wanted grid is at `step`·x + `offset` of this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) step: [f32; 2],
    pub(crate) offset: [f32; 2],
}

impl Grid {
    /// A grid of `width` × `height` seen from one twice as fine whose pixels tile its own.
    pub(crate) fn halves(width: usize, height: usize) -> Self {
        Self { width, height, step: [0.5; 2], offset: [-0.25; 2] }
    }

    /// Where sample `i` along an axis (0: x, 1: y) lies: two samples of this grid and the fraction between them.
    fn split(&self, i: usize, axis: usize) -> (usize, usize, f32) {
        let last = [self.width, self.height][axis].saturating_sub(1);
        let p = (self.step[axis] * i as f32 + self.offset[axis]).clamp(0.0, last as f32);
        let whole = p as usize;
        (whole, (whole + 1).min(last), p - whole as f32)
    }

    /// Places of the columns of a wanted grid of that width.
    pub(crate) fn columns(&self, width: usize) -> Columns {
        Columns::new((0..width).map(|x| {
            let (i, _, f) = self.split(x, 0);
            (i, f)
        }))
    }

    /// Working memory for [`Grid::row`].
    pub(crate) fn spare(&self) -> Vec<f32> {
        vec![0.0; self.width + 1]
    }

    /// Writes `scale` times row `y` of the wanted grid, interpolated bilinearly from `from` (on this grid). `mixed` comes
    /// from [`Grid::spare`].
    pub(crate) fn row(
        &self,
        from: &[f32],
        y: usize,
        columns: &Columns,
        scale: f32,
        mixed: &mut [f32],
        out: &mut [f32],
    ) {
        // The row between two rows of `from`, then sampled along x.
        let (a, b, f) = self.split(y, 1);
        let (a, b) = (&from[a * self.width..][..self.width], &from[b * self.width..][..self.width]);
        for ((m, a), b) in mixed.iter_mut().zip(a).zip(b) {
            *m = scale * (a + f * (b - a));
        }
        // The last sample has itself for a neighbour.
        mixed[self.width] = mixed[self.width - 1];
        resample_row(Level::best(), mixed, columns, out);
    }

    /// Writes `scale` times the bilinear interpolation of `from` (on this grid) to `to`, a grid `width` wide.
    pub(crate) fn resample(&self, from: &[f32], width: usize, scale: f32, to: &mut [f32]) {
        if width == 0 || self.width == 0 || self.height == 0 {
            return;
        }
        let columns = self.columns(width);
        to.par_chunks_mut(width * BLOCK).enumerate().for_each(|(block, rows)| {
            let mut mixed = self.spare();
            for (i, row) in rows.chunks_exact_mut(width).enumerate() {
                self.row(from, block * BLOCK + i, &columns, scale, &mut mixed, row);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_keeps_a_linear_field() {
        let coarse = FlowField::from_fn(8, 6, |x, y| [x as f32, y as f32]);
        let fine = coarse.double(15, 12);
        for (x, y) in [(3, 3), (8, 7), (12, 9)] {
            let [u, v] = fine.at(x, y);
            assert!(
                (u - (x as f32 - 0.5)).abs() < 1e-5 && (v - (y as f32 - 0.5)).abs() < 1e-5,
                "{x} {y}: {u} {v}"
            );
        }
    }

    #[test]
    fn enlarging_is_doubling_again_and_again() {
        let coarse = FlowField::from_fn(8, 6, |x, y| [x as f32, y as f32]);
        let fine = coarse.enlarged(2, 31, 24, -0.5);
        let doubled = coarse.double(16, 12).double(31, 24).scaled(-0.5);
        for (x, y) in [(8, 8), (13, 9), (20, 15)] {
            let ([u, v], [a, b]) = (fine.at(x, y), doubled.at(x, y));
            assert!((u - a).abs() < 1e-5 && (v - b).abs() < 1e-5, "{x} {y}: {u} {v}, {a} {b}");
        }
        assert_eq!(coarse.enlarged(0, 8, 6, 1.0), coarse);
    }

    #[test]
    fn channels_of_another_length_are_refused() {
        assert!(FlowField::from_channels(2, 2, vec![0.0; 4], vec![0.0; 3]).is_none());
        assert!(FlowField::from_channels(usize::MAX, 2, vec![], vec![]).is_none());
    }
}
