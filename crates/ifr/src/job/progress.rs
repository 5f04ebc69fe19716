use std::path::PathBuf;
use std::time::Duration;

use ifr_frame::Time;

/// How far a job is; reported after every output frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Source frames read.
    pub read: u64,
    /// Output frames handed to the writer.
    pub written: u64,
    /// Those of them that were made.
    pub made: u64,
    /// Output frames to expect, where that is known.
    pub expected: Option<u64>,
    /// The last output frame's time.
    pub position: Time,
}

/// What a job did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The output.
    pub output: PathBuf,
    /// Source frames read.
    pub read: u64,
    /// Output frames written.
    pub written: u64,
    /// Source frames that were written untouched, at their own times.
    pub kept: u64,
    /// Frames that were made.
    pub made: u64,
    /// Frames that were repeated (at cuts, between equal pictures, at the end).
    pub repeated: u64,
    /// Source frames that were left out because they repeat the one before.
    pub left_out: u64,
    /// First frames of new shots, by number in the source.
    pub cuts: Vec<u64>,
    /// Damaged packets or frames that were skipped.
    pub skipped: u64,
    /// What people should be told: streams that were left out, formats that had to be converted, a file that ended early.
    pub notices: Vec<String>,
    /// Size of the output in bytes.
    pub bytes: u64,
    /// The encoder.
    pub encoder: String,
    /// Wall-clock time of the whole job.
    pub elapsed: Duration,
    /// Of which spent making frames.
    pub interpolating: Duration,
}
