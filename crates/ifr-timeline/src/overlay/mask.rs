use super::evidence::{FILLED, dilate};
use super::luma::group;

/// How far the mask reaches beyond what was found, in its own pixels: soft edges of letters.
const RIM: usize = 1;
/// How much farther it does where motion is looked for without the overlay: nothing of it may be left.
const SPARE: usize = 1;

/// Where a frame shows an overlay, and how surely: 0 to 1, soft at its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayMask {
    /// Side in luma pixels of one pixel of the mask.
    group: usize,
    width: usize,
    height: usize,
    /// Weights times 255.
    weights: Vec<u8>,
    /// How much of the overlay is taken out where motion is looked for, likewise; at most the weight.
    filled: Option<Vec<u8>>,
}

impl OverlayMask {
    /// The mask around what was found (see [`overlay`](super::evidence::overlay)) in frames of that size; `None` where that
    /// is nothing.
    pub(super) fn new((width, height): (usize, usize), mut found: Vec<u8>) -> Option<Self> {
        let group = group(width, height);
        let (w, h) = (width.div_ceil(group), height.div_ceil(group));
        if found.len() != w * h || found.iter().all(|&v| v == 0) {
            return None;
        }
        let only = |from: &[u8], least: u8| from.iter().map(|&v| if v >= least { 255 } else { 0 }).collect();
        let filled = found.contains(&FILLED).then(|| {
            let mut filled: Vec<u8> = only(&found, FILLED);
            dilate(&mut filled, w, h, RIM + SPARE);
            soften(&filled, w, h)
        });
        found = only(&found, 1);
        dilate(&mut found, w, h, RIM);
        let mut weights = soften(&found, w, h);
        if let Some(filled) = &filled {
            weights.iter_mut().zip(filled).for_each(|(w, &f)| *w = (*w).max(f));
        }
        Some(Self { group, width: w, height: h, weights, filled })
    }

    /// Whether motion should be looked for in the [clean](Self::clean) frame.
    pub fn is_filled(&self) -> bool {
        self.filled.is_some()
    }

    /// Pixels a row: the frame's luma columns by the side of a mask's pixel, rounded up.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, likewise.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The weights, row by row, times 255.
    pub fn weights(&self) -> &[u8] {
        &self.weights
    }

    /// Weights of row `y` of a plane whose samples stand for `step` luma columns and rows each, 0 ..= 1; `false`, and
    /// nothing written, where all are 0.
    pub(super) fn row(&self, step: (usize, usize), y: usize, out: &mut [f32]) -> bool {
        self.sample(&self.weights, step, y, out)
    }

    /// The same of how much is taken out.
    pub(super) fn filled_row(&self, step: (usize, usize), y: usize, out: &mut [f32]) -> bool {
        self.filled.as_ref().is_some_and(|filled| self.sample(filled, step, y, out))
    }

    fn sample(&self, weights: &[u8], step: (usize, usize), y: usize, out: &mut [f32]) -> bool {
        let place = |i: usize, step: usize, side: usize| {
            let at = ((i as f32 + 0.5) * step as f32 / self.group as f32 - 0.5).max(0.0);
            let low = (at as usize).min(side - 1);
            (low, (low + 1).min(side - 1), at - low as f32)
        };
        let (top, bottom, fy) = place(y, step.1, self.height);
        let line = |y: usize| &weights[y * self.width..(y + 1) * self.width];
        let (a, b) = (line(top), line(bottom));
        if a.iter().all(|&v| v == 0) && b.iter().all(|&v| v == 0) {
            return false;
        }
        let mixed: Vec<f32> = a
            .iter()
            .zip(b)
            .map(|(&a, &b)| (f32::from(a) + fy * (f32::from(b) - f32::from(a))) / 255.0)
            .collect();
        if step.0 == self.group {
            out.iter_mut().zip(&mixed).for_each(|(o, m)| *o = *m);
            return true;
        }
        for (x, o) in out.iter_mut().enumerate() {
            let (l, r, fx) = place(x, step.0, self.width);
            *o = mixed[l] + fx * (mixed[r] - mixed[l]);
        }
        true
    }
}

/// Means over 3 × 3 pixels.
fn soften(mask: &[u8], w: usize, h: usize) -> Vec<u8> {
    let mut out = vec![0; w * h];
    for y in 0..h {
        let row = |y: usize| &mask[y * w..(y + 1) * w];
        let rows = [row(y.saturating_sub(1)), row(y), row((y + 1).min(h - 1))];
        if rows.iter().all(|r| r.iter().all(|&v| v == 0)) {
            continue;
        }
        let column = |x: usize| rows.iter().map(|r| u32::from(r[x])).sum::<u32>();
        for x in 0..w {
            let sum = column(x.saturating_sub(1)) + column(x) + column((x + 1).min(w - 1));
            out[y * w + x] = ((sum + 4) / 9) as u8;
        }
    }
    out
}
