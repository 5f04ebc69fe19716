//! The loop.

mod device;
mod job;
mod learner;
mod prepare;
mod record;
mod shares;
mod throughput;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::TrainError;
use crate::config::Config;
use crate::event::{Event, Validation};

pub use throughput::throughput;

/// How a training is run; what is trained is in the [`Config`].
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// Goes on from the newest checkpoint even if the configuration has changed since, and insists on there being one. Without it,
    /// training goes on from a checkpoint of the same configuration by itself.
    pub resume: bool,
    /// Stops, with a checkpoint, before so much time has passed since `started`.
    pub time_budget: Option<Duration>,
    /// When the time began to run.
    pub started: Instant,
}

impl Default for TrainOptions {
    /// No limit, from now.
    fn default() -> Self {
        Self { resume: false, time_budget: None, started: Instant::now() }
    }
}

/// Why a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All steps were made.
    Done,
    /// The time budget is used up; the same command goes on.
    OutOfTime,
    /// It was told to stop; the same command goes on.
    Stopped,
}

/// How a training went.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Why it ended.
    pub end: End,
    /// Steps made so far, in all runs.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// The last checkpoint.
    pub checkpoint: Option<PathBuf>,
    /// The last validation of this run.
    pub validation: Option<Validation>,
    /// The exported weights: the best by validation, or the last where there is none.
    pub weights: Option<PathBuf>,
}

/// Sets the number of threads that libtorch computes with on the processor, for the whole process; to be called before anything
/// is computed. [`train`] does it by the configuration when it trains on the processor.
pub fn set_threads(threads: usize) {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
}

/// Is told what happens.
pub type Watch<'a> = dyn FnMut(&Event<'_>) + 'a;

/// Trains what `config` says, in its output folder, until all steps are made, the time is up or `stop` is set. Whatever the end, an
/// error included, a checkpoint of the last step is written first.
///
/// # Errors
/// [`TrainError`] when something in the configuration cannot be had, the folder holds another training, data cannot be read,
/// memory is short, or numbers are not finite [three times in a row](TrainError::Diverged).
pub fn train(
    config: &Config,
    options: &TrainOptions,
    stop: &AtomicBool,
    watch: &mut Watch<'_>,
) -> Result<Trained, TrainError> {
    prepare::job(config, options, stop, watch)?.map_or_else(
        || {
            let none = Trained {
                end: End::Stopped,
                step: 0,
                steps: 0,
                checkpoint: None,
                validation: None,
                weights: None,
            };
            Ok(none)
        },
        |job| job.run(stop, watch),
    )
}
