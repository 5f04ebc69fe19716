//! PSNR, SSIM and IE in the conventions of published tables.

mod pixels;
mod ssim;

use std::fmt;
use std::str::FromStr;

use ifr_frame::RgbImage;
use serde::Serialize;
use thiserror::Error;

pub use pixels::psnr_of_mse;
pub(crate) use pixels::{clamped, code};

/// The least side of a picture that can be scored, in pixels: SSIM's window is 11 × 11.
pub const MIN_SIDE: usize = ssim::WINDOW;

/// Which of the two habits of published tables is followed. Figures of one cannot be compared with figures of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// IFRNet's: PSNR of float RGB, clamped but not rounded; SSIM with a Gaussian window that reaches across the colour
    /// channels as well (11³, σ 1.5, replicated border). Source: `metric.py` of the IFRNet repository.
    #[default]
    #[serde(rename = "ifrnet")]
    IfrNet,
    /// IFR+'s: values rounded to 8 bits; PSNR 20·log10(255 / (rmse + 1e-9)); SSIM of each channel with an 11 × 11 window, σ 1.5,
    /// where the window fits, averaged. Source: the metrics of the mindediting repository.
    IfrPlus,
}

impl Convention {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::IfrNet => "ifrnet",
            Self::IfrPlus => "ifr-plus",
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Convention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::IfrNet, Self::IfrPlus]
            .into_iter()
            .find(|c| c.name() == text)
            .ok_or_else(|| format!("found '{text}', expected ifrnet or ifr-plus"))
    }
}

/// How near a picture comes to the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Peak signal-to-noise ratio in dB; higher is better. Identical pictures have 100 dB in convention `ifrnet` (so that means
    /// stay finite) and 228 dB in `ifr-plus` (by its own formula).
    pub psnr: f64,
    /// Structural similarity, at most 1; higher is better.
    pub ssim: f64,
    /// Interpolation error: mean absolute difference of values rounded to 8 bits, 0 to 255; lower is better. The same in both
    /// conventions.
    pub ie: f64,
}

/// Pictures that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// They differ in size.
    #[error("the picture is {output}, the truth {truth}: both must be of one size")]
    Size {
        /// Size of the picture, `WIDTHxHEIGHT`.
        output: String,
        /// Size of the truth, `WIDTHxHEIGHT`.
        truth: String,
    },
    /// They are too small for the metric's window or network.
    #[error("pictures of {size} are too small to be scored: both sides must be at least {least} pixels")]
    Small {
        /// Size of both, `WIDTHxHEIGHT`.
        size: String,
        /// The least side in pixels.
        least: usize,
    },
}

/// Scores `output` against `truth`: float RGB, clamped to \[0, 1\] here. The result does not depend on the number of threads.
///
/// # Errors
/// [`MetricError`] when the sizes differ or a side is below [`MIN_SIDE`].
pub fn score(output: &RgbImage, truth: &RgbImage, convention: Convention) -> Result<Scores, MetricError> {
    check(output, truth, MIN_SIDE)?;
    let ie = pixels::interpolation_error(output, truth);
    let (psnr, ssim) = match convention {
        Convention::IfrNet => (
            psnr_of_mse(pixels::mean_square(output, truth, pixels::clamped)),
            ssim::ssim(output, truth, pixels::clamped, ssim::Window::Across),
        ),
        Convention::IfrPlus => (
            20.0 * (255.0 / (pixels::mean_square(output, truth, pixels::code).sqrt() + 1e-9)).log10(),
            // Codes over 255, so that the constants of SSIM are those of a range of 1.
            ssim::ssim(output, truth, |v| pixels::code(v) / 255.0, ssim::Window::Valid),
        ),
    };
    Ok(Scores { psnr, ssim, ie })
}

pub(crate) fn check(output: &RgbImage, truth: &RgbImage, least: usize) -> Result<(), MetricError> {
    let words = |i: &RgbImage| format!("{}x{}", i.width(), i.height());
    if (output.width(), output.height()) != (truth.width(), truth.height()) {
        return Err(MetricError::Size { output: words(output), truth: words(truth) });
    }
    if output.width().min(output.height()) < least {
        return Err(MetricError::Small { size: words(output), least });
    }
    Ok(())
}
