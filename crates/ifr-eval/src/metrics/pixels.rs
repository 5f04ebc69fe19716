//! What is measured value by value.

use ifr_frame::RgbImage;
use rayon::prelude::*;

/// Most decibels given in convention `ifrnet`, so that the mean over a set with an identical pair stays finite.
const MOST_DB: f64 = 100.0;

/// Values summed together before the sums are: fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 1 << 16;

/// The value inside \[0, 1\]; what is not a number is 0.
pub(crate) fn clamped(v: f32) -> f32 {
    if v > 0.0 { v.min(1.0) } else { 0.0 }
}

/// The value as an 8-bit code, 0 to 255.
pub(crate) fn code(v: f32) -> f32 {
    // numpy and torch round halves to even.
    (255.0 * clamped(v)).round_ties_even()
}

/// PSNR in dB of a mean square error of values in \[0, 1\], 100 at most.
pub fn psnr_of_mse(mse: f64) -> f64 {
    (-10.0 * mse.log10()).min(MOST_DB)
}

fn mean(a: &RgbImage, b: &RgbImage, of: impl Fn(f32, f32) -> f64 + Sync) -> f64 {
    let sums: Vec<f64> = a
        .data()
        .par_chunks(BLOCK)
        .zip(b.data().par_chunks(BLOCK))
        .map(|(a, b)| a.iter().zip(b).map(|(&a, &b)| of(a, b)).sum())
        .collect();
    sums.iter().sum::<f64>() / a.data().len() as f64
}

/// Mean square difference of values as `read` sees them.
pub(crate) fn mean_square(a: &RgbImage, b: &RgbImage, read: impl Fn(f32) -> f32 + Sync) -> f64 {
    mean(a, b, |a, b| f64::from(read(a) - read(b)).powi(2))
}

/// Mean absolute difference of 8-bit codes.
pub(crate) fn interpolation_error(a: &RgbImage, b: &RgbImage) -> f64 {
    mean(a, b, |a, b| f64::from((code(a) - code(b)).abs()))
}
