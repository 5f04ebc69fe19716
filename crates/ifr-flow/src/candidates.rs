//! Candidate motions of every pixel of an instant, weighed by how well they explain both frames.
//!
//! No single motion is right where flows are uncertain, along the edges of moving objects above all. What minimises the
//! error there is the mean of what the plausible motions show: those led by either frame's flow and those of places a few
//! pixels away, weighed by the difference that they leave between the frames (compare overlapped block motion compensation).

use rayon::prelude::*;

use crate::estimate::View;
use crate::field::FlowField;
use crate::kernels::Level;
use crate::kernels::blend::difference_row;
use crate::plane::BLOCK;
use crate::project::Motion;

/// Distance in full-size pixels of the places whose motion is tried too.
const REACH: usize = 8;
/// Weight of their motion against the place's own.
const NEIGHBOUR: f32 = 0.7;
/// Square of a difference in codes that says nothing: noise and interpolation.
const NOISE: f32 = 25.0;

/// Candidates on the grid of one level of the pyramid.
pub(crate) struct Candidates {
    /// The level.
    pub(crate) level: usize,
    /// Motion from time 0 to time 1 in pixels of the level.
    pub(crate) fields: Vec<FlowField>,
    /// Weights of each field's pixels, not normalised.
    pub(crate) weights: Vec<Vec<f32>>,
    /// Share of the first frame, 0 ..= 1.
    pub(crate) share: Vec<f32>,
}

impl Candidates {
    /// The candidates around `motion`, which is seen from time `t` between the planes `pair`, on the pyramid's `number`th
    /// level. Without `several` there is only one, the mean of what both flows say.
    pub(crate) fn new(
        level: Level,
        pair: [View<'_>; 2],
        number: usize,
        t: f32,
        motion: Motion,
        several: bool,
    ) -> Self {
        let reach = (REACH >> number).max(1) as isize;
        if !several {
            let field = motion.field();
            let weights = vec![vec![1.0; motion.share.len()]];
            return Self { level: number, fields: vec![field], weights, share: motion.share };
        }
        let Motion { led, share, .. } = motion;
        let mut fields = Vec::from(led);
        // Each frame's flow lends the motion of one place to the side and one above or below.
        let shifts = [(0, reach, 0), (1, -reach, 0), (1, 0, reach), (0, 0, -reach)];
        let shifted: Vec<_> = shifts.par_iter().map(|&(k, dx, dy)| fields[k].shifted(dx, dy)).collect();
        fields.extend(shifted);
        let weights = fields
            .par_iter()
            .enumerate()
            .map(|(k, f)| {
                let prior = if k < 2 { 1.0 } else { NEIGHBOUR };
                weigh(level, pair, t, f, prior)
            })
            .collect();
        Self { level: number, fields, weights, share }
    }
}

/// `prior` / (mean squared difference around a pixel + NOISE).
fn weigh(level: Level, pair: [View<'_>; 2], t: f32, field: &FlowField, prior: f32) -> Vec<f32> {
    let (w, h) = (field.width(), field.height());
    let mut square = vec![0.0; w * h];
    square.par_chunks_mut(w * BLOCK).enumerate().for_each(|(block, rows)| {
        for (i, row) in rows.chunks_exact_mut(w).enumerate() {
            let y = block * BLOCK + i;
            let range = y * w..(y + 1) * w;
            difference_row(level, pair, y, t, &field.u()[range.clone()], &field.v()[range], row);
        }
    });
    let mut out = vec![0.0; w * h];
    out.par_chunks_mut(w * BLOCK).enumerate().for_each(|(block, rows)| {
        let mut sum = vec![0.0; w + 2];
        for (i, row) in rows.chunks_exact_mut(w).enumerate() {
            // Mean of 3×3 with the edges repeated.
            let y = block * BLOCK + i;
            let at = |y: usize| &square[y * w..(y + 1) * w];
            let (a, b, c) = (at(y.saturating_sub(1)), at(y), at((y + 1).min(h - 1)));
            for (((s, a), b), c) in sum[1..=w].iter_mut().zip(a).zip(b).zip(c) {
                *s = a + b + c;
            }
            sum[0] = sum[1];
            sum[w + 1] = sum[w];
            for (o, s) in row.iter_mut().zip(sum.windows(3)) {
                *o = prior / ((s[0] + s[1] + s[2]) * (1.0 / 9.0) + NOISE);
            }
        }
    });
    out
}
