//! Chroma up and down between its own grid and luma's, by linear filters that respect siting.

/// One axis: how `fine` samples relate to `coarse` ones, each coarse one standing for `step` fine ones, the first
/// lying `offset` fine samples after the first fine one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) fine: usize,
    pub(crate) coarse: usize,
    pub(crate) step: usize,
    pub(crate) offset: f32,
}

impl Axis {
    /// For fine sample `i`: the two coarse neighbours and the second one's weight (edges repeat).
    pub(crate) fn up(self, i: usize) -> (usize, usize, f32) {
        let at = ((i as f32 - self.offset) / self.step as f32).clamp(0.0, (self.coarse - 1) as f32);
        let lo = at as usize;
        (lo, (lo + 1).min(self.coarse - 1), at - lo as f32)
    }

    /// For coarse sample `i`: first fine index (may be negative: edges repeat) and weights that sum to 1. A tent
    /// twice as wide as the step, centred on the sample: `[1 2 1] / 4` where it lies on a fine sample, `[1 3 3 1] / 8`
    /// where it lies between two.
    pub(crate) fn down(self, i: usize) -> (isize, Vec<f32>) {
        if self.step == 1 {
            return (i as isize, vec![1.0]);
        }
        let (center, step) = (i as f32 * self.step as f32 + self.offset, self.step as f32);
        let (first, last) = ((center - step).ceil() as isize, (center + step).floor() as isize);
        let mut weights: Vec<f32> =
            (first..=last).map(|p| (1.0 - (p as f32 - center).abs() / step).max(0.0)).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        (first, weights)
    }
}

/// Upsamples one coarse row into a fine row.
pub(crate) fn up_row(axis: Axis, coarse: &[f32], fine: &mut [f32]) {
    if axis.step == 1 {
        fine.copy_from_slice(coarse);
        return;
    }
    if axis.step == 2 && axis.offset == 0.0 {
        // The usual case, left-sited: even columns are samples, odd ones means.
        let last = coarse.len() - 1;
        for (pair, near) in fine.chunks_exact_mut(2).zip(coarse.windows(2)) {
            pair[0] = near[0];
            pair[1] = 0.5 * (near[0] + near[1]);
        }
        for (i, value) in fine.iter_mut().enumerate().skip(2 * last) {
            *value = if i % 2 == 0 { coarse[i / 2] } else { 0.5 * (coarse[last] + coarse[last]) };
        }
        return;
    }
    for (i, out) in fine.iter_mut().enumerate() {
        let (a, b, w) = axis.up(i);
        *out = coarse[a] + w * (coarse[b] - coarse[a]);
    }
}

/// Downsamples rows: fine ones into a coarse one, by the vertical weights of each and the same horizontal ones throughout.
#[derive(Debug)]
pub(crate) struct Down {
    x: Axis,
    /// Horizontal weights; every column has the same, `step` further on each.
    weights: Vec<f32>,
    /// The sum of rows, with its ends repeated as far as the weights reach.
    column: Vec<f32>,
    /// Where the row itself lies in it, and where the first weight.
    left: usize,
    skip: usize,
}

impl Down {
    pub(crate) fn new(x: Axis) -> Self {
        let (first, weights) = x.down(0);
        let (left, skip) = (first.min(0).unsigned_abs(), first.max(0).unsigned_abs());
        let reach = left + x.fine.max(skip + x.step * x.coarse + weights.len());
        Self { x, weights, column: vec![0.0; reach], left, skip }
    }

    /// Begins a coarse row.
    pub(crate) fn clear(&mut self) {
        let (left, fine) = (self.left, self.x.fine);
        self.column[left..left + fine].fill(0.0);
    }

    /// The sum of fine rows, to which the next is to be added, times its weight.
    pub(crate) fn sum(&mut self) -> &mut [f32] {
        let (left, fine) = (self.left, self.x.fine);
        &mut self.column[left..left + fine]
    }

    /// The coarse row.
    pub(crate) fn finish(&mut self, out: &mut [f32]) {
        let Self { x, weights, column, left, skip } = self;
        let end = *left + x.fine;
        let (before, after) = (column[*left], column[end - 1]);
        column[..*left].fill(before);
        column[end..].fill(after);
        out.fill(0.0);
        for (k, &w) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
            let from = &column[*skip + k..];
            match x.step {
                1 => add::<1>(out, w, from),
                2 => add::<2>(out, w, from),
                step => out.iter_mut().zip(from.chunks(step)).for_each(|(out, v)| *out += w * v[0]),
            }
        }
    }
}

/// Adds every `STEP`th value, times `w`.
fn add<const STEP: usize>(out: &mut [f32], w: f32, from: &[f32]) {
    for (out, v) in out.iter_mut().zip(from.chunks_exact(STEP)) {
        *out += w * v[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_the_classical_ones() {
        let axis = |offset| Axis { fine: 8, coarse: 4, step: 2, offset };
        assert_eq!(axis(0.0).down(1), (0, vec![0.0, 0.25, 0.5, 0.25, 0.0]));
        assert_eq!(axis(0.5).down(1), (1, vec![0.125, 0.375, 0.375, 0.125]));
        assert_eq!(axis(0.5).up(0), (0, 1, 0.0));
        assert_eq!(axis(0.5).up(2), (0, 1, 0.75));
        assert_eq!(axis(0.0).up(7), (3, 3, 0.0));
    }

    #[test]
    fn a_ramp_survives_away_from_the_edges() {
        for offset in [0.0, 0.5] {
            let axis = Axis { fine: 32, coarse: 16, step: 2, offset };
            let fine: Vec<f32> = (0..32).map(|i| i as f32).collect();
            let mut down = Down::new(axis);
            down.clear();
            down.sum().copy_from_slice(&fine);
            let mut coarse = vec![0.0; 16];
            down.finish(&mut coarse);
            let mut back = vec![0.0; 32];
            up_row(axis, &coarse, &mut back);
            for i in 3..28 {
                assert!((back[i] - fine[i]).abs() < 1e-5, "{offset} {i}: {} {}", back[i], fine[i]);
            }
        }
    }
}
