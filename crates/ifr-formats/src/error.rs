use std::io;

use ifr_net::{ParameterError, RecogniseError, StoreError, printable};
use thiserror::Error;

use crate::Format;

/// Why a file could not be taken for the weights of a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file system refused.
    #[error("{origin}: {source}")]
    Io {
        /// The file.
        origin: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file of none of the formats read here.
    #[error(
        "{origin} is no checkpoint known here: {what}; expected PyTorch (.pth), ncnn (.param with its .bin), MindSpore (.ckpt) or \
         safetensors"
    )]
    Unknown {
        /// The file.
        origin: String,
        /// What was found.
        what: String,
    },
    /// A damaged file, or one that asks for what its format does not allow.
    #[error("{origin} is no usable {format} file: {what}")]
    Malformed {
        /// The file.
        origin: String,
        /// What it was read as.
        format: Format,
        /// What was found and what was expected.
        what: String,
    },
    /// A well-formed file that none of the known networks fits, or several of one that differ.
    #[error(transparent)]
    Network(#[from] RecogniseError),
    /// Names that cannot stand in one file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Values that cannot be read.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
}

impl FormatError {
    pub(crate) fn malformed(origin: &str, format: Format, what: &str) -> Self {
        Self::Malformed { origin: origin.to_owned(), format, what: printable(what, 400) }
    }
}
