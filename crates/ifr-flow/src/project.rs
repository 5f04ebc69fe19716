//! Brings the flows of both frames to an instant between them.

use rayon::prelude::*;

use crate::estimate::View;
use crate::field::FlowField;
use crate::kernels::Level;
use crate::kernels::judge::judge_row;
use crate::plane::{BLOCK, Plane};

/// Motion seen from an instant, and which of the frames shows what is there.
#[derive(Clone, Debug)]
pub(crate) struct Motion {
    /// Motion from time 0 to time 1 through every pixel of the instant: led by the first frame's flow, by the second's.
    pub(crate) led: [FlowField; 2],
    /// Share of the first frame, 0 ..= 1.
    pub(crate) share: Vec<f32>,
    /// How far both frames show it, 0 ..= 1.
    pub(crate) trust: Vec<f32>,
}

/// One frame's flow with what is known of each of its pixels.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Flow to the other frame.
    pub(crate) field: FlowField,
    /// How far the other frame's flow leads back (1: exactly), 0 ..= 1: whether the other frame shows this pixel.
    pub(crate) seen: Vec<f32>,
    /// Weight among the pixels that arrive at one place.
    pub(crate) weight: Vec<f32>,
    /// How far each pixel is the scene's and not made up, 0 ..= 1; empty: all are.
    shown: Vec<f32>,
}

/// Weight of pixels that are made up, where nothing better arrives.
const MADE_UP: f32 = 0.01;
/// Weight of pixels that the other frame does not show, where nothing better arrives.
const UNSEEN: f32 = 0.02;

impl Source {
    /// Judges `field`, the flow of `luma` to `other_luma`, by the flow back.
    pub(crate) fn new(
        level: Level,
        field: FlowField,
        other: &FlowField,
        luma: View<'_>,
        other_luma: View<'_>,
    ) -> Self {
        let (w, h) = (field.width(), field.height());
        let mut seen = vec![0.0; w * h];
        let mut weight = vec![0.0; w * h];
        seen.par_chunks_mut(w).zip(weight.par_chunks_mut(w)).enumerate().with_min_len(BLOCK).for_each(
            |(y, (seen, weight))| {
                judge_row(level, &field, other, [luma.plane, other_luma.plane], y, seen, weight);
            },
        );
        let shown = luma.seen.map(Plane::to_vec).unwrap_or_default();
        weight.iter_mut().zip(&shown).for_each(|(w, s)| *w *= s.max(MADE_UP));
        if let Some(there) = other_luma.seen {
            // What lands on something made up is shown by this frame alone.
            for (k, s) in seen.iter_mut().enumerate() {
                let (x, y) = ((k % w) as f32 + field.u()[k], (k / w) as f32 + field.v()[k]);
                *s *= there.at((x + 0.5) as isize, (y + 0.5) as isize);
            }
        }
        Self { field, seen, weight, shown }
    }
}

/// Weight of the other frame's flow in the motion led by one frame's: it fills what nothing of that frame reaches.
const OTHER: f32 = 0.01;
/// Added to the visibility in both frames: hidden places are recognised with doubt, and a blend errs less than the wrong
/// frame alone.
const SOFT: f32 = 2.0;

/// Sums that pixels arriving at one place leave there.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// Weighted motion from time 0 to time 1, and the weight.
    u: f32,
    v: f32,
    weight: f32,
    /// Arrivals that both frames show; arrivals that only the source shows.
    both: f32,
    only: f32,
}

/// Moves every pixel of `source` along `reach` of its flow; `sign` turns its flow into motion from time 0 to 1.
fn splat(source: &Source, reach: f32, sign: f32) -> Vec<Sum> {
    let (w, h) = (source.field.width(), source.field.height());
    let mut sums = vec![Sum::default(); w * h];
    for y in 0..h {
        for x in 0..w {
            let k = y * w + x;
            let (u, v) = (source.field.u()[k], source.field.v()[k]);
            let (px, py) = (x as f32 + reach * u, y as f32 + reach * v);
            // Also false for a NaN.
            if !(px > -1.0 && py > -1.0 && px < w as f32 && py < h as f32) {
                continue;
            }
            // Shifted by one, where truncation is floor.
            let (sx, sy) = ((px + 1.0) as usize, (py + 1.0) as usize);
            let (fx, fy) = (px + 1.0 - sx as f32, py + 1.0 - sy as f32);
            let seen = source.seen[k];
            let weight = (seen + UNSEEN) * source.weight[k];
            let shown = source.shown.get(k).copied().unwrap_or(1.0);
            for (tx, ty, f) in [
                (sx, sy, (1.0 - fx) * (1.0 - fy)),
                (sx + 1, sy, fx * (1.0 - fy)),
                (sx, sy + 1, (1.0 - fx) * fy),
                (sx + 1, sy + 1, fx * fy),
            ] {
                if tx == 0 || ty == 0 || tx > w || ty > h {
                    continue;
                }
                let s = &mut sums[(ty - 1) * w + tx - 1];
                s.u += f * weight * sign * u;
                s.v += f * weight * sign * v;
                s.weight += f * weight;
                s.both += f * shown * seen;
                s.only += f * shown * (1.0 - seen);
            }
        }
    }
    sums
}

/// Motion at `t` from both frames' flows (of one size).
pub(crate) fn project(forward: &Source, backward: &Source, t: f32) -> Motion {
    let (w, h) = (forward.field.width(), forward.field.height());
    let (a, b) = rayon::join(|| splat(forward, t, 1.0), || splat(backward, 1.0 - t, -1.0));
    let mut led = [FlowField::new(w, h), FlowField::new(w, h)];
    let (mut share, mut trust) = (vec![0.0; w * h], vec![0.0; w * h]);
    let [(u0, v0), (u1, v1)] = led.each_mut().map(FlowField::channels_mut);
    let n = w * BLOCK;
    let first = u0.par_chunks_mut(n).zip(v0.par_chunks_mut(n));
    let second = u1.par_chunks_mut(n).zip(v1.par_chunks_mut(n));
    let masks = share.par_chunks_mut(n).zip(trust.par_chunks_mut(n));
    first.zip(second).zip(masks).enumerate().for_each(|(block, (((u0, v0), (u1, v1)), (share, trust)))| {
        for i in 0..u0.len() {
            let k = block * n + i;
            let (a, b) = (a[k], b[k]);
            // Where nothing arrives, the motion of the pixels at the same place.
            let rest = 1e-3;
            let (ru, rv) = (
                0.5 * rest * (forward.field.u()[k] - backward.field.u()[k]),
                0.5 * rest * (forward.field.v()[k] - backward.field.v()[k]),
            );
            let mix = |fa: f32, fb: f32| {
                let sum = 1.0 / (fa * a.weight + fb * b.weight + rest);
                ((fa * a.u + fb * b.u + ru) * sum, (fa * a.v + fb * b.v + rv) * sum)
            };
            (u0[i], v0[i]) = mix(1.0, OTHER);
            (u1[i], v1[i]) = mix(OTHER, 1.0);
            let both = (0.5 * (a.both + b.both)).min(1.0);
            // What only one frame shows counts as far as nothing that both show covers it.
            let first = a.only.min(1.0) * (1.0 - both);
            let second = b.only.min(1.0) * (1.0 - both);
            let (first, second) = ((1.0 - t) * (both + first + SOFT), t * (both + second + SOFT));
            share[i] = first / (first + second);
            trust[i] = both;
        }
    });
    Motion { led, share, trust }
}

impl Motion {
    /// The mean of both motions.
    pub(crate) fn field(&self) -> FlowField {
        let mut out = self.led[0].clone();
        let (u, v) = out.channels_mut();
        for (a, b) in u.iter_mut().zip(self.led[1].u()).chain(v.iter_mut().zip(self.led[1].v())) {
            *a = 0.5 * (*a + b);
        }
        out
    }
}
