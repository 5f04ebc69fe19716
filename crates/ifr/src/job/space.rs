//! Whether there is room for the output.

use std::path::Path;

use ifr_frame::PixelFormat;

use crate::job::JobError;

/// Pixels a byte that a lossy encoder writes at the default quality (a quarter bit a pixel): above the mean of real clips.
const LOSSY_PIXELS: u64 = 32;
/// Lossless coders halve the samples of real clips, roughly.
const LOSSLESS_SHARE: (u64, u64) = (6, 10);

/// A rough upper estimate of the output's size in bytes.
pub(super) fn estimate(format: PixelFormat, width: usize, height: usize, frames: u64, lossless: bool) -> u64 {
    let bytes = if lossless {
        let samples: usize = (0..format.planes())
            .map(|i| {
                let (w, h) = format.plane_size(i, width, height);
                w * h
            })
            .sum();
        samples as u64 * u64::from(format.depth.div_ceil(8)) * LOSSLESS_SHARE.0 / LOSSLESS_SHARE.1
    } else {
        (width * height) as u64 / LOSSY_PIXELS
    };
    bytes.saturating_mul(frames)
}

/// Checks that `needed` bytes are free in `folder`. Where the system does not say, there is nothing to check.
pub(super) fn check(folder: &Path, output: &Path, needed: u64) -> Result<(), JobError> {
    match fs4::available_space(folder) {
        Ok(free) if free < needed => Err(JobError::Space {
            path: output.to_owned(),
            needed: needed / 1_000_000,
            free: free / 1_000_000,
        }),
        _ => Ok(()),
    }
}
