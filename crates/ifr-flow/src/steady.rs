//! Steadies motion where the flows failed, so that what cannot be made looks like a soft ghost and not like torn paper.
//!
//! Where the flows of both frames contradict each other over an area and what they bring together does not match either,
//! neighbouring pixels follow motions that have nothing to do with each other. There the motion fades to one that varies
//! slowly: the weighted mean of the motions around, taken over as large a surrounding as it takes to find trusted ones.

use rayon::prelude::*;

use crate::estimate::View;
use crate::field::{FlowField, Grid};
use crate::kernels::Level;
use crate::kernels::blend::compare_row;
use crate::plane::BLOCK;
use crate::project::Motion;

/// Halvings of the confidence: doubt counts where it fills a square of so many pixels, not in the narrow bands of what is
/// hidden beside moving objects.
const AREA: usize = 3;
/// Confidence up to which the motion is steadied, and from which it is left alone.
const DOUBT: [f32; 2] = [0.2, 0.5];
/// Square of the difference in codes between the two frames that halves the confidence.
const MATCH: f32 = 16.0;
/// Square of the gradient in codes per two pixels at which there is half as much to see as can be: where nothing is to be
/// seen, neither contradictions nor motions matter.
const DETAIL: f32 = 4.0;
/// What a motion nobody trusts weighs. The less, the larger the surrounding that is asked instead.
const UNTRUSTED: f32 = 0.03;
/// Weight on the finest layer from which a motion stands for itself; it halves with every layer above.
const KNOWN: f32 = 0.125;

/// Mean of 2×2 samples of `from`, which is `w` × `h`; the last ones are repeated for an odd size.
fn half(from: &[f32], w: usize, h: usize) -> Vec<f32> {
    let n = w.div_ceil(2);
    let mut out = vec![0.0; n * h.div_ceil(2)];
    out.par_chunks_mut(n * BLOCK).enumerate().for_each(|(block, rows)| {
        for (i, row) in rows.chunks_exact_mut(n).enumerate() {
            let y = 2 * (block * BLOCK + i);
            let (a, b) = (&from[y * w..(y + 1) * w], &from[(y + 1).min(h - 1) * w..][..w]);
            for ((o, a), b) in row.iter_mut().zip(a.chunks_exact(2)).zip(b.chunks_exact(2)) {
                *o = 0.25 * ((a[0] + a[1]) + (b[0] + b[1]));
            }
            if w % 2 == 1 {
                row[n - 1] = 0.5 * (a[w - 1] + b[w - 1]);
            }
        }
    });
    out
}

/// How much detail both frames show together along `field`, 0 ..= 1, and the squared difference between them.
fn compare(level: Level, pair: [View<'_>; 2], t: f32, field: &FlowField) -> (Vec<f32>, Vec<f32>) {
    let (w, h) = (field.width(), field.height());
    let [mut mean, mut square, mut detail] = [(); 3].map(|()| vec![0.0; w * h]);
    mean.par_chunks_mut(w).zip(square.par_chunks_mut(w)).enumerate().with_min_len(BLOCK).for_each(
        |(y, (mean, square))| {
            let range = y * w..(y + 1) * w;
            compare_row(level, pair, y, t, &field.u()[range.clone()], &field.v()[range], mean, square);
        },
    );
    detail.par_chunks_mut(w).enumerate().with_min_len(BLOCK).for_each(|(y, detail)| {
        let row = |y: usize| &mean[y * w..(y + 1) * w];
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(h - 1)));
        for x in 0..w {
            let gx = here[(x + 1).min(w - 1)] - here[x.saturating_sub(1)];
            let gy = below[x] - above[x];
            let g = gx * gx + gy * gy;
            detail[x] = g / (g + DETAIL);
        }
    });
    (detail, square)
}

/// Fades `motion`, seen from `t` between the planes `pair`, to a slowly varying one where it is not to be trusted.
pub(crate) fn steady(level: Level, pair: [View<'_>; 2], t: f32, motion: &mut Motion) {
    let mean = motion.field();
    let (w, h) = (mean.width(), mean.height());
    let (mut detail, square) = compare(level, pair, t, &mean);
    // A little of everything, lest nothing is divided by nothing.
    detail.iter_mut().for_each(|d| *d += 0.02);
    let mut sound = vec![0.0; w * h];
    for (((s, d), t), e) in sound.iter_mut().zip(&detail).zip(&motion.trust).zip(&square) {
        *s = d * t.max(MATCH / (MATCH + e));
    }
    let Some(sure) = confidence(sound, &detail, w, h) else { return };

    let mut finest =
        Layer { width: w, height: h, u: mean.u().to_vec(), v: mean.v().to_vec(), weight: vec![0.0; w * h] };
    for k in 0..w * h {
        let p = (sure[k] * motion.trust[k] * motion.trust[k] + UNTRUSTED) * detail[k];
        finest.u[k] *= p;
        finest.v[k] *= p;
        finest.weight[k] = p;
    }
    // What varies slowly needs no more than half the size.
    let mut layers = vec![finest.half()];
    while let Some(last) = layers.last()
        && last.width.max(last.height) > 1
    {
        let next = last.half();
        layers.push(next);
    }
    let Some(smooth) = extend(layers) else { return };

    let grid = Grid::halves(w.div_ceil(2), h.div_ceil(2));
    let columns = grid.columns(w);
    let [a, b] = motion.led.each_mut().map(FlowField::channels_mut);
    for (led, from) in [([a.0, b.0], smooth.u()), ([a.1, b.1], smooth.v())] {
        let [a, b] = led.map(|p| p.par_chunks_mut(w * BLOCK));
        a.zip(b).enumerate().for_each(|(block, (a, b))| {
            let (mut mixed, mut row) = (grid.spare(), vec![0.0; w]);
            for (i, (a, b)) in a.chunks_exact_mut(w).zip(b.chunks_exact_mut(w)).enumerate() {
                let y = block * BLOCK + i;
                grid.row(from, y, &columns, 1.0, &mut mixed, &mut row);
                for (((a, b), s), c) in a.iter_mut().zip(b).zip(&row).zip(&sure[y * w..]) {
                    *a = s + c * (*a - s);
                    *b = s + c * (*b - s);
                }
            }
        });
    }
    for (s, c) in motion.share.iter_mut().zip(&sure) {
        *s = (1.0 - t) + c * (*s - (1.0 - t));
    }
}

/// Confidence of every pixel, 0 ..= 1, smooth, from what of the detail is `sound`; `None` where it is 1 everywhere.
fn confidence(sound: Vec<f32>, detail: &[f32], w: usize, h: usize) -> Option<Vec<f32>> {
    let (mut sound, mut detail) = (sound, detail.to_vec());
    let (mut cw, mut ch, mut unit) = (w, h, 1.0);
    for _ in 0..AREA {
        sound = half(&sound, cw, ch);
        detail = half(&detail, cw, ch);
        (cw, ch, unit) = (cw.div_ceil(2), ch.div_ceil(2), 0.5 * unit);
    }
    for (s, d) in sound.iter_mut().zip(&detail) {
        let x = ((*s / d - DOUBT[0]) / (DOUBT[1] - DOUBT[0])).clamp(0.0, 1.0);
        *s = x * x * (3.0 - 2.0 * x);
    }
    if sound.iter().all(|s| *s >= 1.0) {
        return None;
    }
    let grid = Grid { width: cw, height: ch, step: [unit; 2], offset: [0.5 * unit - 0.5; 2] };
    let mut sure = vec![0.0; w * h];
    grid.resample(&sound, w, 1.0, &mut sure);
    Some(sure)
}

/// Motions times their weights, and the weights, on one layer of a pyramid.
#[derive(Clone)]
struct Layer {
    width: usize,
    height: usize,
    u: Vec<f32>,
    v: Vec<f32>,
    weight: Vec<f32>,
}

impl Layer {
    fn half(&self) -> Self {
        let (w, h) = (self.width, self.height);
        let [u, v, weight] = [&self.u, &self.v, &self.weight].map(|p| half(p, w, h));
        Self { width: w.div_ceil(2), height: h.div_ceil(2), u, v, weight }
    }
}

/// The motion on the first of `layers`: on every layer as far as it is known there, else what the layer above says.
fn extend(layers: Vec<Layer>) -> Option<FlowField> {
    let mut from: Option<FlowField> = None;
    for (i, layer) in layers.into_iter().enumerate().rev() {
        let Layer { width: w, height: h, u, v, weight } = layer;
        let enough = (0.5f32.powi(i as i32 + 1) * KNOWN).recip();
        let mut field = FlowField::new(w, h);
        let grid = from.as_ref().map(|f| (f, Grid::halves(f.width(), f.height())));
        let channels = field.channels_mut();
        for (c, (out, sum)) in [(channels.0, u), (channels.1, v)].into_iter().enumerate() {
            if let Some((from, grid)) = &grid {
                grid.resample([from.u(), from.v()][c], w, 1.0, out);
            }
            for ((o, s), p) in out.iter_mut().zip(&sum).zip(&weight) {
                let k = if grid.is_some() { (p * enough).min(1.0) } else { 1.0 };
                *o += k * (s / p - *o);
            }
        }
        from = Some(field);
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    fn whole(plane: &Plane) -> View<'_> {
        View { plane, seen: None }
    }

    /// Mean difference between neighbours, in pixels.
    fn roughness(field: &FlowField) -> f32 {
        let (w, u) = (field.width(), field.u());
        u.chunks_exact(w).flat_map(|r| r.windows(2)).map(|p| (p[0] - p[1]).abs()).sum::<f32>()
            / u.len() as f32
    }

    fn noise(i: usize, seed: u32) -> f32 {
        let n = (i as u32 ^ seed).wrapping_mul(0x9E37_79B9);
        ((n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D) >> 24) as f32
    }

    /// Motions without any order between two pictures that have nothing in common.
    fn torn(w: usize, h: usize, trust: f32) -> ([Plane; 2], Motion) {
        let pair = [1, 2].map(|s| Plane::from_fn(w, h, |x, y| noise(y * w + x, s)));
        let led = [3, 4].map(|s| FlowField::from_fn(w, h, |x, y| [0.1 * noise(y * w + x, s), 0.0]));
        (pair, Motion { led, share: vec![0.9; w * h], trust: vec![trust; w * h] })
    }

    #[test]
    fn torn_motion_becomes_smooth() {
        for (w, h) in [(96, 64), (61, 33), (9, 1), (1, 1)] {
            let ([a, b], mut motion) = torn(w, h, 0.0);
            let before = roughness(&motion.led[0]);
            steady(Level::best(), [&a, &b].map(whole), 0.5, &mut motion);
            let after = roughness(&motion.led[0]);
            assert!(after <= 0.2 * before, "{w}x{h}: {before}, then {after}");
            assert!(motion.share.iter().all(|s| (0.45..=0.9).contains(s)));
        }
    }

    #[test]
    fn trusted_motion_is_left_alone() {
        let ([a, b], mut motion) = torn(61, 33, 1.0);
        let before = motion.clone();
        steady(Level::best(), [&a, &b].map(whole), 0.5, &mut motion);
        assert_eq!((motion.led, motion.share), (before.led, before.share));
    }
}
