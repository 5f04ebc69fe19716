use std::io;
use std::path::{Path, PathBuf};

use ifr_frame::InterpolateError;
use ifr_video::VideoError;
use thiserror::Error;

/// Why a job could not be done; [`JobError::exit_code`] sorts the reasons.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// What was asked for does not go together.
    #[error("{0}")]
    Request(String),
    /// The input cannot be read.
    #[error("{0}")]
    Input(VideoError),
    /// The video holds no frame.
    #[error("{0} holds no frame that can be decoded: there is nothing to interpolate")]
    Empty(PathBuf),
    /// The output cannot be written.
    #[error("{0}")]
    Output(VideoError),
    /// The output is there already.
    #[error("{0} exists already; choose another name with -o, or overwrite it with --force")]
    Exists(PathBuf),
    /// An earlier run was interrupted.
    #[error(
        "{0} is there from an earlier run that did not end; move it away to keep it, or overwrite it with --force"
    )]
    Unfinished(PathBuf),
    /// An earlier run can be continued.
    #[error(
        "{0} is there from an earlier run that did not end; continue it with --resume, or begin anew with --force"
    )]
    Resumable(PathBuf),
    /// What is there is of another job than the one to continue.
    #[error("{path} cannot be continued: {differs}; ask for the same again, or begin anew with --force")]
    Differs {
        /// The folder of segments.
        path: PathBuf,
        /// What differs, and how.
        differs: String,
    },
    /// A file that an earlier run, or a plan, left is damaged.
    #[error("{path}: {found}; expected {expected}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected, and what to do.
        expected: String,
    },
    /// Another process is at work on it.
    #[error("{0} is in use by another run of ifr: wait for it, or stop it")]
    Busy(PathBuf),
    /// The output is the input.
    #[error("{0}: the input itself would be overwritten; choose another name with -o")]
    SameFile(PathBuf),
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is not enough room.
    #[error(
        "about {needed} MB are needed for {path}, and {free} MB are free; free some space, write elsewhere with -o, or \
         go on regardless with --no-space-check"
    )]
    Space {
        /// The output.
        path: PathBuf,
        /// The estimate, in megabytes.
        needed: u64,
        /// What is free, in megabytes.
        free: u64,
    },
    /// The interpolation itself failed.
    #[error(transparent)]
    Interpolate(#[from] InterpolateError),
    /// Stopped on request.
    #[error("interrupted after {frames} frames{}", kept(partial, *resumable))]
    Interrupted {
        /// Frames written.
        frames: u64,
        /// The unfinished output, if there is one.
        partial: Option<PathBuf>,
        /// Whether `--resume` continues it.
        resumable: bool,
    },
    /// A failure after frames were written.
    #[error("{error} ({frames} frames were written before{})", kept(partial, *resumable))]
    Partial {
        /// What went wrong.
        error: Box<JobError>,
        /// Frames written.
        frames: u64,
        /// The unfinished output, if there is one.
        partial: Option<PathBuf>,
        /// Whether `--resume` continues it.
        resumable: bool,
    },
}

/// Where what was done is.
fn kept(partial: &Option<PathBuf>, resumable: bool) -> String {
    let on = if resumable { "; continue with --resume" } else { "" };
    let kept =
        partial.as_ref().map_or_else(String::new, |p| format!("; what is done is kept in {}", p.display()));
    kept + on
}

impl JobError {
    /// What a failed file operation becomes.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// The process's exit code for this error, as documented in `docs/exit-codes.md`: 1 internal, 2 usage, 3 input,
    /// 4 output, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Request(_) | Self::Differs { .. } => 2,
            Self::Input(_) | Self::Empty(_) => 3,
            Self::Output(VideoError::Option(_)) => 2,
            Self::Output(_)
            | Self::Exists(_)
            | Self::Unfinished(_)
            | Self::Resumable(_)
            | Self::Damaged { .. }
            | Self::Busy(_)
            | Self::SameFile(_)
            | Self::Io { .. }
            | Self::Space { .. } => 4,
            Self::Interpolate(InterpolateError::Mismatch { .. }) => 3,
            Self::Interpolate(InterpolateError::Timestep(_)) => 2,
            Self::Interpolate(_) => 1,
            Self::Interrupted { .. } => 130,
            Self::Partial { error, .. } => error.exit_code(),
        }
    }
}
