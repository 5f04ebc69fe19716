use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::guard::Guard;

/// What a checkpoint says beside its vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of this layout.
    pub version: u32,
    /// The network's name.
    pub network: String,
    /// Batches consumed: also the number of the loader's next batch.
    pub step: u64,
    /// Batches in all, by the configuration.
    pub steps: u64,
    /// Updates of the weights: `step` less the steps skipped.
    pub updates: u64,
    /// The state of the guard.
    pub guard: Guard,
    /// The last step that was validated.
    pub validated: Option<u64>,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The sets that was measured on, as JSON.
    #[serde(default)]
    pub sets: Option<String>,
    /// Seconds spent in training so far, in all runs.
    pub seconds: f64,
    /// Seconds that the last validation took, or had taken when time was up.
    pub validation_seconds: Option<f64>,
    /// How many windows the data hold.
    pub windows: Option<u64>,
    /// How many processes learn together: a batch of each makes a step.
    #[serde(default)]
    pub processes: Option<usize>,
    /// The configuration.
    pub config: String,
}

impl State {
    /// The version written, and the only one read.
    pub const VERSION: u32 = 1;
}

/// A validation, and when it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The step.
    pub step: u64,
    /// Mean PSNR over the sets in dB.
    pub psnr: f64,
    /// All that was measured, as the weights' metadata say it.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
}
