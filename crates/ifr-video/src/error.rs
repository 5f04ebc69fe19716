use std::io;
use std::path::PathBuf;

use ifr_frame::FrameError;
use thiserror::Error;

/// Why a video could not be read or written. Each message says what was found, what was expected and, where there is
/// something, what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VideoError {
    /// The file cannot be opened, read or written at all.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted: "open", "write", …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what it should be, or is damaged beyond what can be skipped.
    #[error("{path}: {found}; expected {expected}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The file is sound, but holds something that is not supported (yet).
    #[error("{path}: {what}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported, and what to do instead.
        what: String,
    },
    /// There is no video in the file.
    #[error("{path} has no video stream ({found}): there is nothing to interpolate")]
    NoVideo {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        found: String,
    },
    /// An option that does not fit (an unknown encoder, a pixel format the encoder does not take, …).
    #[error("{0}")]
    Option(String),
    /// The disk is full.
    #[error(
        "no space left while writing {path}: what was written so far is kept; free some space and run again"
    )]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// A frame that cannot be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// What FFmpeg reports.
    #[error("{action}: {message}")]
    Ffmpeg {
        /// What was attempted, with the file's name.
        action: String,
        /// FFmpeg's words.
        message: String,
    },
}
