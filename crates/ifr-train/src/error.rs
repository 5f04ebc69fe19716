use std::path::{Path, PathBuf};

use ifr_cpu::CpuError;
use ifr_data::DataError;
use ifr_eval::EvalError;
use ifr_net::{GraphError, ParameterError, StoreError};
use ifr_torch::TorchError;
use thiserror::Error;

use crate::PerceptualError;
use crate::parallel::ParallelError;

/// Why nothing can be trained, or not any further. Each message says what was found, what was expected and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A configuration that is no TOML.
    #[error("{origin} is no TOML file: {problem}")]
    Syntax {
        /// The file or option.
        origin: String,
        /// What the parser says, with the line.
        problem: String,
    },
    /// A key of the configuration with a value that is not allowed.
    #[error("{origin}: {key}{found}: {problem}", found = value.as_ref().map_or_else(String::new, |v| format!(" = {v}")))]
    Config {
        /// The file.
        origin: String,
        /// The key with its section, e.g. `data.crop`.
        key: String,
        /// The value found, where there is one.
        value: Option<String>,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A checkpoint that cannot be gone on from.
    #[error("checkpoint {path}: {problem}")]
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// A checkpoint of another configuration.
    #[error(
        "{path} holds a training with another configuration ({differences}); choose another folder with --output, or go on \
         from it with the new configuration by --resume"
    )]
    Other {
        /// The output folder.
        path: PathBuf,
        /// The keys that differ, with both values.
        differences: String,
    },
    /// Another process trains into the folder.
    #[error("{path} is in use by another training: wait for its end, or choose another folder with --output")]
    Busy {
        /// The output folder.
        path: PathBuf,
    },
    /// Nothing to resume.
    #[error("{path} holds no checkpoint to resume; leave --resume out to begin anew")]
    NoCheckpoint {
        /// The output folder.
        path: PathBuf,
    },
    /// Loss or gradient were not finite for too many steps in a row.
    #[error(
        "loss or gradient were not finite numbers {count} steps in a row, up to step {step} (loss {loss}, gradient {norm}): the \
         batch is in {batch}, the state before in the last checkpoint; lower train.learning_rate, or look at the batch"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// How many in a row.
        count: u32,
        /// The last loss.
        loss: f64,
        /// The last norm of the gradient.
        norm: f64,
        /// The file with the last batch.
        batch: PathBuf,
    },
    /// The device's memory is full.
    #[error(
        "out of memory on {device} with batches of {samples} samples of {width}x{height}: try {batch}a smaller --crop \
         (a multiple of {multiple}), or precision = \"bf16\"",
        batch = smaller.map_or_else(String::new, |windows| format!("--batch {windows}, "))
    )]
    Memory {
        /// The device.
        device: String,
        /// Samples in the batch.
        samples: usize,
        /// Width of the crop.
        width: usize,
        /// Height of the crop.
        height: usize,
        /// What crops must be multiples of.
        multiple: usize,
        /// Windows in a batch half the size, unless it is a single one.
        smaller: Option<usize>,
    },
    /// No such device.
    #[error("train.device = \"{found}\": {problem}")]
    Device {
        /// What was asked for.
        found: String,
        /// Why it cannot be had.
        problem: String,
    },
    /// Training data that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A validation that cannot be made.
    #[error("validation: {0}")]
    Eval(#[from] EvalError),
    /// A network that the validation cannot run.
    #[error("validation: {0}")]
    Cpu(#[from] CpuError),
    /// A network that cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Weights of another network.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// An encoder to begin with that is none.
    #[error(
        "model.encoder: {path} holds no ConvNeXt-V2-femto: {problem}; expected a safetensors file with the names of timm or of the \
         authors, see docs/training.md"
    )]
    Encoder {
        /// The file.
        path: PathBuf,
        /// What is missing, or of another shape.
        problem: String,
    },
    /// Weights for the perceptual part of the loss that cannot be used.
    #[error("loss.perceptual_weights: {0}")]
    Perceptual(#[from] PerceptualError),
    /// A safetensors file that cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What libtorch reports.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// Processes that cannot train together.
    #[error(transparent)]
    Parallel(#[from] ParallelError),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(String),
}

impl TrainError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    pub(crate) fn checkpoint(path: &Path, problem: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.to_owned(), problem: problem.into() }
    }
}
