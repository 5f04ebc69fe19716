//! Structural similarity (Wang et al., 2004) with an 11-tap Gaussian window of σ 1.5, K 0.01 and 0.03, values in \[0, 1\].

use ifr_frame::RgbImage;
use rayon::prelude::*;

/// Taps of the window.
pub(crate) const WINDOW: usize = 11;
const RADIUS: usize = WINDOW / 2;
const SIGMA: f64 = 1.5;
const C1: f32 = 0.01 * 0.01;
const C2: f32 = 0.03 * 0.03;

/// Where the window goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// Over the whole picture, its border replicated, and across the channels, the outer ones replicated too.
    Across,
    /// Over each channel alone, where it fits.
    Valid,
}

fn taps() -> [f32; WINDOW] {
    let raw: [f64; WINDOW] = std::array::from_fn(|i| {
        let x = i as f64 - RADIUS as f64;
        (-x * x / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|v| (v / sum) as f32)
}

/// How much of each channel the window over the replicated channels takes.
fn mixture(taps: &[f32; WINDOW]) -> [[f32; 3]; 3] {
    let mut mix = [[0.0; 3]; 3];
    for (c, row) in mix.iter_mut().enumerate() {
        for (k, tap) in taps.iter().enumerate() {
            row[(c + k).saturating_sub(RADIUS).min(2)] += tap;
        }
    }
    mix
}

/// The five local means of one row: a, b, a², b², ab.
type Means = [Vec<f32>; 5];

/// Room for one row, reused.
struct Room {
    /// A row filtered downwards, its border replicated.
    tall: Means,
    channels: [Means; 3],
}

impl Room {
    fn new(width: usize) -> Self {
        let means = |n: usize| std::array::from_fn(|_| vec![0.0; n]);
        Self { tall: means(width + 2 * RADIUS), channels: std::array::from_fn(|_| means(width)) }
    }
}

/// Mean SSIM of two pictures of one size, both sides at least [`WINDOW`], values as `read` sees them.
pub(crate) fn ssim(a: &RgbImage, b: &RgbImage, read: impl Fn(f32) -> f32 + Sync, window: Window) -> f64 {
    let (w, h) = (a.width(), a.height());
    let taps = taps();
    let mix = (window == Window::Across).then(|| mixture(&taps));
    let edge = if window == Window::Valid { RADIUS } else { 0 };
    let read_all = |i: &RgbImage| i.data().par_iter().map(|&v| read(v)).collect::<Vec<f32>>();
    let (a, b) = (read_all(a), read_all(b));
    let sums: Vec<f64> = (edge..h - edge)
        .into_par_iter()
        .map_init(
            || Room::new(w),
            |room, y| {
                for c in 0..3 {
                    let plane = c * w * h..(c + 1) * w * h;
                    means(room, c, [&a[plane.clone()], &b[plane]], [w, h], y, &taps);
                }
                let mut sum = 0.0;
                for x in edge..w - edge {
                    for c in 0..3 {
                        let at = |m: usize| match &mix {
                            None => room.channels[c][m][x],
                            Some(mix) => (0..3).map(|k| mix[c][k] * room.channels[k][m][x]).sum(),
                        };
                        sum += f64::from(similarity([at(0), at(1), at(2), at(3), at(4)]));
                    }
                }
                sum
            },
        )
        .collect();
    sums.iter().sum::<f64>() / (3 * (w - 2 * edge) * (h - 2 * edge)) as f64
}

fn similarity([a, b, aa, bb, ab]: [f32; 5]) -> f32 {
    let (va, vb, cov) = (aa - a * a, bb - b * b, ab - a * b);
    ((2.0 * a * b + C1) * (2.0 * cov + C2)) / ((a * a + b * b + C1) * (va + vb + C2))
}

/// Fills the means of row `y` of channel `c`.
fn means(room: &mut Room, c: usize, [a, b]: [&[f32]; 2], [w, h]: [usize; 2], y: usize, taps: &[f32; WINDOW]) {
    let inner = RADIUS..RADIUS + w;
    let [ma, mb, maa, mbb, mab] = &mut room.tall;
    for m in [&mut *ma, mb, maa, mbb, mab] {
        m.fill(0.0);
    }
    for (k, &tap) in taps.iter().enumerate() {
        let row = (y + k).saturating_sub(RADIUS).min(h - 1) * w;
        let (a, b) = (&a[row..row + w], &b[row..row + w]);
        let (ma, mb, maa, mbb, mab) = (
            &mut ma[inner.clone()],
            &mut mb[inner.clone()],
            &mut maa[inner.clone()],
            &mut mbb[inner.clone()],
            &mut mab[inner.clone()],
        );
        for x in 0..w {
            let (va, vb) = (a[x], b[x]);
            ma[x] += tap * va;
            mb[x] += tap * vb;
            maa[x] += tap * va * va;
            mbb[x] += tap * vb * vb;
            mab[x] += tap * va * vb;
        }
    }
    for (tall, out) in room.tall.iter_mut().zip(&mut room.channels[c]) {
        let (first, last) = (tall[RADIUS], tall[RADIUS + w - 1]);
        tall[..RADIUS].fill(first);
        tall[RADIUS + w..].fill(last);
        out.fill(0.0);
        for (k, &tap) in taps.iter().enumerate() {
            for (o, &v) in out.iter_mut().zip(&tall[k..k + w]) {
                *o += tap * v;
            }
        }
    }
}
