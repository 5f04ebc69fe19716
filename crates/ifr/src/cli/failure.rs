use std::fmt::Display;

use super::say::say;
use ifr::job::JobError;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The process's exit code, see `docs/exit-codes.md`.
    pub(crate) code: u8,
    message: String,
    /// Whether the message has been told already.
    told: bool,
}

impl Failure {
    /// Wrong usage.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { code: 2, message: message.to_string(), told: false }
    }

    /// An input that cannot be read.
    pub(crate) fn input(message: impl Display) -> Self {
        Self { code: 3, message: message.to_string(), told: false }
    }

    /// An output that cannot be written.
    pub(crate) fn output(message: impl Display) -> Self {
        Self { code: 4, message: message.to_string(), told: false }
    }

    /// Stopped by the user.
    pub(crate) fn interrupted(message: impl Display) -> Self {
        Self { code: 130, message: message.to_string(), told: false }
    }

    /// Something that should not happen.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self { code: 1, message: message.to_string(), told: false }
    }

    /// Marks the failure as told.
    pub(crate) fn already_told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Tells the user, unless that was done already.
    pub(crate) fn tell(&self) {
        if !self.told {
            say!("ifr: {}", self.message);
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(feature = "train")]
impl From<ifr_train::TrainError> for Failure {
    fn from(e: ifr_train::TrainError) -> Self {
        Self { code: e.exit_code(), message: e.to_string(), told: false }
    }
}

impl From<JobError> for Failure {
    fn from(e: JobError) -> Self {
        Self { code: e.exit_code(), message: e.to_string(), told: false }
    }
}
