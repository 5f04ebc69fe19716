//! Pictures made smaller by area.

use ifr_frame::{FrameError, RgbImage};
use rayon::prelude::*;

/// For each of `to` places: the first of `from` samples it covers, and how much of each.
fn cover(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let step = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            let (start, end) = (i as f64 * step, (i as f64 + 1.0) * step);
            let first = start.floor() as usize;
            let last = ((end - 1e-9).floor() as usize).clamp(first, from - 1);
            let share = |k: usize| (end.min(k as f64 + 1.0) - start.max(k as f64)) / step;
            (first, (first..=last).map(|k| share(k) as f32).collect())
        })
        .collect()
}

/// The image at `width` × `height`, each pixel the mean of the area it covers (as OpenCV's `INTER_AREA`, FFmpeg's `area`);
/// meant for making pictures smaller.
pub(crate) fn area(image: &RgbImage, width: usize, height: usize) -> Result<RgbImage, FrameError> {
    let (w, h) = (image.width(), image.height());
    if (w, h) == (width, height) {
        return Ok(image.clone());
    }
    let mut out = RgbImage::black(width, height)?;
    let (columns, rows) = (cover(w, width), cover(h, height));
    for (c, plane) in out.channels_mut().into_iter().enumerate() {
        let source = image.channel(c);
        plane.par_chunks_exact_mut(width).zip(&rows).for_each(|(out, (top, shares))| {
            let mut tall = vec![0.0; w];
            for (k, share) in shares.iter().enumerate() {
                let row = &source[(top + k) * w..(top + k + 1) * w];
                for (t, v) in tall.iter_mut().zip(row) {
                    *t += share * v;
                }
            }
            for (o, (left, shares)) in out.iter_mut().zip(&columns) {
                *o = shares.iter().zip(&tall[*left..]).map(|(s, v)| s * v).sum();
            }
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_means_of_four_and_thirds_share() {
        let image = RgbImage::new(4, 2, (0..24).map(|i| i as f32).collect()).unwrap();
        assert_eq!(area(&image, 2, 1).unwrap().channel(0), [2.5, 4.5]);
        let row = RgbImage::new(3, 1, vec![0.0, 3.0, 6.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0]).unwrap();
        let out = area(&row, 2, 1).unwrap();
        for (found, expected) in out.data().iter().zip([1.0, 5.0, 0.0, 0.0, 9.0, 9.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
