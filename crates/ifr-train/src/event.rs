use std::path::{Path, PathBuf};
use std::time::Duration;

/// What happens during a training, for whoever shows it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// All is prepared.
    Ready(&'a Ready),
    /// A step was made.
    Step(&'a StepReport),
    /// Cases of a validation set were run through.
    Validating {
        /// The set's name.
        set: &'a str,
        /// Cases done.
        done: usize,
        /// Cases there are, where that is known.
        count: Option<usize>,
    },
    /// The weights were measured.
    Validated(&'a Validation),
    /// A checkpoint was written to that folder.
    Saved(&'a Path),
    /// The averaged weights were written to that file.
    Exported(&'a Path),
    /// Something that people should know.
    Notice(&'a str),
}

/// What a training begins with.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The network's name.
    pub network: String,
    /// How many values its parameters have.
    pub parameters: usize,
    /// The device's name.
    pub device: String,
    /// Windows in the data, where that is known.
    pub windows: Option<u64>,
    /// The checkpoint gone on from.
    pub resumed: Option<PathBuf>,
    /// The step to begin with.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// The output folder.
    pub output: PathBuf,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Its number, counted from 1.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// The loss, the sum of its parts.
    pub loss: f64,
    /// The parts, each with its weight, in the order of [`Config::loss_parts`](crate::config::Config::loss_parts); those that are
    /// left out are 0.
    pub parts: Vec<f64>,
    /// How far the frames made are from the true ones, and how far those are that the prior gives or, without one, that are the mean
    /// of both inputs: the means of √(d² + 10⁻⁶).
    pub compared: [f64; 2],
    /// The learning rate.
    pub rate: f64,
    /// The norm of the whole gradient, before it was clipped.
    pub norm: f64,
    /// Why the step was not taken, if it was not.
    pub skipped: Option<&'static str>,
    /// Steps not taken so far.
    pub all_skipped: u64,
    /// Samples in the batch, on all devices together.
    pub samples: usize,
    /// How long the step took, with the wait.
    pub took: Duration,
    /// How long it waited for data.
    pub waited: Duration,
}

/// The averaged weights on the validation sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// Steps made so far.
    pub step: u64,
    /// Each set's means.
    pub sets: Vec<SetScores>,
    /// Whether no validation before had a greater mean PSNR.
    pub best: bool,
    /// How long it took.
    pub took: Duration,
}

/// Means over a validation set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetScores {
    /// The set's name.
    pub set: String,
    /// Frames measured.
    pub images: usize,
    /// PSNR in dB.
    pub psnr: f64,
    /// SSIM.
    pub ssim: f64,
    /// Interpolation error, 0 to 255.
    pub ie: f64,
    /// PSNR of the mean of both frames.
    pub blend: f64,
    /// PSNR of classical flow.
    pub flow: f64,
}

impl Validation {
    /// The mean of the sets' PSNR in dB, by which the best weights are chosen.
    #[must_use]
    pub fn psnr(&self) -> f64 {
        self.sets.iter().map(|set| set.psnr).sum::<f64>() / self.sets.len().max(1) as f64
    }

    /// The mean of the sets' gains over classical flow in dB.
    #[must_use]
    pub fn gain(&self) -> f64 {
        self.sets.iter().map(|set| set.psnr - set.flow).sum::<f64>() / self.sets.len().max(1) as f64
    }
}

impl std::fmt::Display for Validation {
    /// A line: every set's PSNR and how far it is above classical flow.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}:", self.step)?;
        for SetScores { set, psnr, ssim, ie, flow, .. } in &self.sets {
            write!(f, "  {set} {psnr:.3} dB ({:+.3} to flow), SSIM {ssim:.4}, IE {ie:.2};", psnr - flow)?;
        }
        write!(
            f,
            "  mean {:.3} dB ({:+.3}){}",
            self.psnr(),
            self.gain(),
            if self.best { ", best so far" } else { "" }
        )
    }
}
