use std::path::PathBuf;

use ifr_frame::{FrameError, InterpolateError};
use ifr_video::VideoError;
use thiserror::Error;

use crate::{LpipsError, MetricError};

/// Why nothing can be measured. Each message says what was found, what was expected and, where there is something, what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A folder or file that cannot be opened, or a report that cannot be written.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder that is no set.
    #[error("{path}: {found}; expected {expected}")]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A frame that another program should have made.
    #[error("no frame for {case} at t = {t}: none of {tried} is there")]
    NoFrame {
        /// The case.
        case: String,
        /// Its time between the inputs.
        t: f32,
        /// The files that were looked for.
        tried: String,
    },
    /// Too many cases cannot be read.
    #[error("{skipped} of {seen} cases cannot be read, more than one in ten; the last one: {last}")]
    Unreadable {
        /// Cases skipped.
        skipped: usize,
        /// Cases tried.
        seen: usize,
        /// What was wrong with the last of them.
        last: String,
    },
    /// An image or a video that cannot be read or written.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// A frame that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A method that fails.
    #[error("{method} on {case}: {source}")]
    Method {
        /// The method.
        method: String,
        /// The case.
        case: String,
        /// What it says.
        source: InterpolateError,
    },
    /// Pictures that cannot be compared.
    #[error("{case}: {source}")]
    Metric {
        /// The case.
        case: String,
        /// Why not.
        source: MetricError,
    },
    /// LPIPS that cannot be computed.
    #[error(transparent)]
    Lpips(#[from] LpipsError),
}

impl EvalError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    pub(crate) fn layout(
        path: impl Into<PathBuf>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Layout { path: path.into(), found: found.into(), expected: expected.into() }
    }
}
