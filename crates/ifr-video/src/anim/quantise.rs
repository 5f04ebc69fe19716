//! Palettes for GIF: exact where a picture has few colours; else by variance-driven cuts refined by k-means, with
//! error diffusion. (Wan, Wong and Prusinkiewicz 1988 for the cuts; Floyd and Steinberg 1976 for the diffusion.)

use std::collections::HashMap;

/// Red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// How much a squared difference of red, green and blue counts.
const WEIGHTS: [i32; 3] = [2, 4, 3];
/// Rounds of k-means after the cuts.
const ROUNDS: usize = 3;

/// The colours of `pixels` if there are at most `limit`, in order of appearance.
pub(crate) fn exact_palette(pixels: impl Iterator<Item = Rgb>, limit: usize) -> Option<Vec<Rgb>> {
    let mut seen = HashMap::with_capacity(limit + 1);
    let mut palette = Vec::new();
    let mut last = None;
    for color in pixels {
        if last == Some(color) {
            continue;
        }
        last = Some(color);
        if seen.insert(color, ()).is_none() {
            if palette.len() == limit {
                return None;
            }
            palette.push(color);
        }
    }
    Some(palette)
}

/// A cell of the histogram: 32 levels a channel.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: u64,
    sums: [u64; 3],
}

impl Bin {
    fn mean(&self, channel: usize) -> f64 {
        self.sums[channel] as f64 / self.count as f64
    }

    fn color(&self) -> [i32; 3] {
        [0, 1, 2].map(|c| self.mean(c).round() as i32)
    }
}

/// A set of bins that shares one colour.
struct Part {
    bins: Vec<Bin>,
    /// The channel to cut, where, and how much there is to gain.
    channel: usize,
    mean: f64,
    spread: f64,
}

impl Part {
    fn new(bins: Vec<Bin>) -> Self {
        let count: f64 = bins.iter().map(|b| b.count as f64).sum();
        let (mut channel, mut mean, mut spread) = (0, 0.0, -1.0);
        for (c, weight) in WEIGHTS.into_iter().enumerate() {
            let m = bins.iter().map(|b| b.sums[c] as f64).sum::<f64>() / count;
            let s: f64 = bins.iter().map(|b| b.count as f64 * (b.mean(c) - m).powi(2)).sum();
            let s = s * f64::from(weight);
            if s > spread {
                (channel, mean, spread) = (c, m, s);
            }
        }
        if bins.len() < 2 {
            spread = -1.0;
        }
        Self { bins, channel, mean, spread }
    }

    fn color(&self) -> Rgb {
        let mut all = Bin::default();
        for bin in &self.bins {
            all.count += bin.count;
            (0..3).for_each(|c| all.sums[c] += bin.sums[c]);
        }
        all.color().map(|v| v as u8)
    }
}

/// At most `limit` colours that stand well for `pixels`.
pub(crate) fn palette(pixels: impl Iterator<Item = Rgb>, limit: usize) -> Vec<Rgb> {
    let mut histogram = vec![Bin::default(); 1 << 15];
    for color in pixels {
        let [r, g, b] = color.map(|v| usize::from(v >> 3));
        let bin = &mut histogram[r << 10 | g << 5 | b];
        bin.count += 1;
        (0..3).for_each(|c| bin.sums[c] += u64::from(color[c]));
    }
    let bins: Vec<Bin> = histogram.into_iter().filter(|b| b.count > 0).collect();
    if bins.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![Part::new(bins.clone())];
    while parts.len() < limit {
        let widest = (0..parts.len()).max_by(|&a, &b| parts[a].spread.total_cmp(&parts[b].spread));
        let Some(widest) = widest.filter(|&i| parts[i].spread > 0.0) else { break };
        let Part { bins, channel, mean, .. } = parts.swap_remove(widest);
        let (low, high): (Vec<Bin>, Vec<Bin>) = bins.into_iter().partition(|b| b.mean(channel) <= mean);
        parts.extend([low, high].into_iter().filter(|side| !side.is_empty()).map(Part::new));
    }
    let mut colors: Vec<Rgb> = parts.iter().map(Part::color).collect();
    for _ in 0..ROUNDS {
        refine(&mut colors, &bins);
    }
    colors.sort_unstable();
    colors.dedup();
    colors
}

/// One round of k-means.
fn refine(colors: &mut [Rgb], bins: &[Bin]) {
    let mut sums = vec![Bin::default(); colors.len()];
    for bin in bins {
        let sum = &mut sums[nearest(colors, bin.color())];
        sum.count += bin.count;
        (0..3).for_each(|c| sum.sums[c] += bin.sums[c]);
    }
    for (color, sum) in colors.iter_mut().zip(&sums).filter(|(_, sum)| sum.count > 0) {
        *color = sum.color().map(|v| v as u8);
    }
}

fn nearest(colors: &[Rgb], target: [i32; 3]) -> usize {
    let distance =
        |color: &Rgb| -> i32 { (0..3).map(|c| WEIGHTS[c] * (i32::from(color[c]) - target[c]).pow(2)).sum() };
    let mut best = (i32::MAX, 0);
    for (i, color) in colors.iter().enumerate() {
        let d = distance(color);
        if d < best.0 {
            best = (d, i);
        }
    }
    best.1
}

/// Finds the nearest palette colour, remembering answers at 64 levels a channel.
struct Nearest<'a> {
    colors: &'a [Rgb],
    cache: Vec<u16>,
}

impl<'a> Nearest<'a> {
    fn new(colors: &'a [Rgb]) -> Self {
        Self { colors, cache: vec![u16::MAX; 1 << 18] }
    }

    fn index(&mut self, target: [i32; 3]) -> usize {
        let [r, g, b] = target.map(|v| (v >> 2) as usize);
        let cell = &mut self.cache[r << 12 | g << 6 | b];
        if *cell == u16::MAX {
            *cell = nearest(self.colors, target.map(|v| (v & !3) + 2)) as u16;
        }
        usize::from(*cell)
    }
}

/// Indices of `width` × rows pixels into an exact palette; pixels that are `None` get `transparent`.
pub(crate) fn map_exact(pixels: &[Option<Rgb>], palette: &[Rgb], transparent: u8) -> Vec<u8> {
    let index: HashMap<Rgb, u8> = palette.iter().copied().zip(0..=u8::MAX).collect();
    let mut last = ([0; 3], index.get(&[0; 3]).copied().unwrap_or(0));
    pixels
        .iter()
        .map(|pixel| match pixel {
            None => transparent,
            Some(color) => {
                if *color != last.0 {
                    last = (*color, index.get(color).copied().unwrap_or(0));
                }
                last.1
            }
        })
        .collect()
}

/// Indices of `width` × rows pixels into `palette` (not empty), by error diffusion (serpentine) where `dither`; pixels
/// that are `None` get `transparent` and pass no error on.
pub(crate) fn map_nearest(
    pixels: &[Option<Rgb>],
    width: usize,
    palette: &[Rgb],
    transparent: u8,
    dither: bool,
) -> Vec<u8> {
    let mut nearest = Nearest::new(palette);
    let mut out = vec![transparent; pixels.len()];
    // Errors in sixteenths of a code, with a margin of one pixel on both sides.
    let mut here = vec![[0_i32; 3]; width + 2];
    let mut below = here.clone();
    for (y, (row, indices)) in pixels.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        let forward = y % 2 == 0;
        for step in 0..width {
            let x = if forward { step } else { width - 1 - step };
            let Some(color) = row[x] else { continue };
            let error = here[x + 1];
            let target: [i32; 3] = std::array::from_fn(|c| {
                let spread = if dither { (error[c] + 8) >> 4 } else { 0 };
                (i32::from(color[c]) + spread).clamp(0, 255)
            });
            let index = nearest.index(target);
            indices[x] = index as u8;
            if dither {
                let (ahead, behind) = if forward { (x + 2, x) } else { (x, x + 2) };
                for c in 0..3 {
                    let rest = target[c] - i32::from(palette[index][c]);
                    here[ahead][c] += 7 * rest;
                    below[behind][c] += 3 * rest;
                    below[x + 1][c] += 5 * rest;
                    below[ahead][c] += rest;
                }
            }
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0; 3]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_exact() {
        let pixels: Vec<Rgb> = (0..1000).map(|i| [(i % 255) as u8, 7, 9]).collect();
        let palette = exact_palette(pixels.iter().copied(), 255).unwrap();
        assert_eq!(palette.len(), 255);
        assert!(exact_palette(pixels.iter().copied(), 254).is_none());
        let some: Vec<_> = pixels.iter().copied().map(Some).collect();
        let mapped = map_exact(&some, &palette, 255);
        assert!(mapped.iter().zip(&pixels).all(|(&i, p)| palette[usize::from(i)] == *p));
    }

    #[test]
    fn dithering_keeps_the_mean() {
        let (w, h) = (64, 64);
        let pixels: Vec<Rgb> =
            (0..w * h).map(|i| [(i % w * 4) as u8, (i / w * 4) as u8, 255 - (i % w * 4) as u8]).collect();
        let colors = palette(pixels.iter().copied(), 32);
        assert!((24..=32).contains(&colors.len()));
        let some: Vec<_> = pixels.iter().copied().map(Some).collect();
        let mapped = map_nearest(&some, w, &colors, 255, true);
        for c in 0..3 {
            let mean = |values: &mut dyn Iterator<Item = u8>| values.map(f64::from).sum::<f64>() / 4096.0;
            let source = mean(&mut pixels.iter().map(|p| p[c]));
            let shown = mean(&mut mapped.iter().map(|&i| colors[usize::from(i)][c]));
            assert!((source - shown).abs() < 1.0, "{source} {shown}");
        }
    }

    #[test]
    fn one_colour_and_none() {
        assert_eq!(palette([[1, 2, 3]; 5].into_iter(), 255), [[1, 2, 3]]);
        assert!(palette(std::iter::empty(), 255).is_empty());
    }
}
