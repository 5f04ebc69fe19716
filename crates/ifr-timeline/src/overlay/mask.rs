use std::ops::Range;

use ifr_frame::Cover;

use super::bars::BAR;
use super::evidence::{FILLED, KEPT, dilate};
use super::luma::group;

/// How far beyond what was found the frame in which motion is looked for is painted over, in the mask's pixels: nothing of the
/// overlay may be left.
const SPARE: usize = 1;

/// Where a frame shows an overlay, and how surely: 0 to 1, soft at its edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayMask {
    /// Side in luma pixels of one pixel of the mask.
    group: usize,
    width: usize,
    height: usize,
    /// What is kept.
    kept: Weights,
    /// What is taken out where motion is looked for; nowhere more than what is kept.
    filled: Option<Weights>,
}

/// Weights times 255, and the columns of each row outside of which all are 0.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weights {
    values: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Weights {
    fn new(values: Vec<u8>, width: usize) -> Self {
        let span = |row: &[u8]| {
            let first = row.iter().position(|&v| v > 0)?;
            Some((first, row.iter().rposition(|&v| v > 0)? + 1))
        };
        let spans = values.chunks_exact(width).map(|row| span(row).unwrap_or((0, 0))).collect();
        Self { values, spans }
    }
}

impl OverlayMask {
    /// The mask around what was found (see [`overlay`](super::evidence::overlay)) in frames of that size; `None` where that
    /// is nothing.
    pub(super) fn new((width, height): (usize, usize), found: &[u8]) -> Option<Self> {
        let group = group(width, height);
        let (w, h) = (width.div_ceil(group), height.div_ceil(group));
        if found.len() != w * h || found.iter().all(|&v| v == 0) {
            return None;
        }
        let around = |least: u8, reach: usize| {
            let mut mask: Vec<u8> = found.iter().map(|&v| if v >= least { 255 } else { 0 }).collect();
            dilate(&mut mask, w, h, reach);
            soften(&mask, w, h)
        };
        let mut kept = around(KEPT, 0);
        let filled = found.contains(&FILLED).then(|| around(FILLED, SPARE));
        if let Some(filled) = &filled {
            kept.iter_mut().zip(filled).for_each(|(k, &f)| *k = (*k).max(f));
        }
        // Bars end sharply.
        kept.iter_mut().zip(found).filter(|(_, f)| **f == BAR).for_each(|(k, _)| *k = 255);
        let filled = filled.map(|values| Weights::new(values, w));
        Some(Self { group, width: w, height: h, kept: Weights::new(kept, w), filled })
    }

    /// Pixels a row: the frame's luma columns by the side of a mask's pixel, rounded up.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows, likewise.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How much of each pixel is kept, row by row, times 255.
    pub fn weights(&self) -> &[u8] {
        &self.kept.values
    }

    /// Whether motion is better looked for in the frame [without](Self::clean) its overlay.
    pub fn is_filled(&self) -> bool {
        self.filled.is_some()
    }

    /// How much of row `y` of a plane is kept, 0 ..= 1: writes the columns it yields; in others it is 0. The plane's samples
    /// stand for `step` luma columns and rows each.
    pub(super) fn kept_row(&self, step: (usize, usize), y: usize, out: &mut [f32]) -> Range<usize> {
        self.sample(&self.kept, step, y, out)
    }

    /// The same of how much is taken out.
    pub(super) fn filled_row(&self, step: (usize, usize), y: usize, out: &mut [f32]) -> Range<usize> {
        self.filled.as_ref().map_or(0..0, |filled| self.sample(filled, step, y, out))
    }

    /// Where a plane's sample `i` lies among the mask's pixels: between which two, and how far from the first.
    fn place(&self, i: usize, step: usize, side: usize) -> (usize, usize, f32) {
        let at = ((i as f32 + 0.5) * step as f32 / self.group as f32 - 0.5).max(0.0);
        let low = (at as usize).min(side - 1);
        (low, (low + 1).min(side - 1), at - low as f32)
    }

    fn sample(&self, from: &Weights, step: (usize, usize), y: usize, out: &mut [f32]) -> Range<usize> {
        let (top, bottom, fy) = self.place(y, step.1, self.height);
        let (a, b) = (from.spans[top], from.spans[bottom]);
        let (low, high) = match (a.1, b.1) {
            (0, 0) => return 0..0,
            (0, _) => b,
            (_, 0) => a,
            _ => (a.0.min(b.0), a.1.max(b.1)),
        };
        let line = |y: usize| &from.values[y * self.width..(y + 1) * self.width];
        let (a, b) = (line(top), line(bottom));
        let mixed = |x: usize| {
            let (a, b) = (f32::from(a[x]), f32::from(b[x]));
            (a + fy * (b - a)) / 255.0
        };
        // The samples between the mask's pixels before the first and after the last that count.
        let first = (low.saturating_sub(1) * self.group / step.0).min(out.len());
        let last = ((high + 1) * self.group).div_ceil(step.0).min(out.len());
        if step.0 == self.group {
            for (x, o) in out.iter_mut().enumerate().take(last).skip(first) {
                *o = mixed(x.min(self.width - 1));
            }
        } else {
            for (x, o) in out.iter_mut().enumerate().take(last).skip(first) {
                let (l, r, fx) = self.place(x, step.0, self.width);
                let (l, r) = (mixed(l), mixed(r));
                *o = l + fx * (r - l);
            }
        }
        first..last
    }
}

impl Cover for OverlayMask {
    fn row(&self, step: (usize, usize), y: usize, out: &mut [f32]) {
        out.fill(0.0);
        self.filled_row(step, y, out);
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
