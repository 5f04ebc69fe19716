use std::io;

use thiserror::Error;

/// What can be wrong with a file of parameters.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("{origin}: {source}")]
    Io {
        /// The file.
        origin: String,
        /// What the system said.
        source: io::Error,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{origin} is no usable safetensors file: {what}")]
    Malformed {
        /// The file.
        origin: String,
        /// What was found and what was expected.
        what: String,
    },
    /// A file of another format that does not hold what it seemed to.
    #[error("{origin}: {what}")]
    Foreign {
        /// The file.
        origin: String,
        /// What was found and what was expected.
        what: String,
    },
    /// No array of that name.
    #[error("{origin} has no array '{name}'")]
    NoEntry {
        /// The file.
        origin: String,
        /// The name asked for.
        name: String,
    },
    /// An array of a type that is no kind of float read or written here.
    #[error("{origin}: '{name}' holds {found}; F64 (to read), F32, F16 and BF16 are supported")]
    Type {
        /// The file.
        origin: String,
        /// The array's name.
        name: String,
        /// Its type.
        found: &'static str,
    },
    /// A finite value that a type of small range would make infinite.
    #[error(
        "'{name}' has the value {value}, beyond the range of {dtype}: choose a type of wider range (bf16, f32)"
    )]
    Range {
        /// The array's name.
        name: String,
        /// The value.
        value: f32,
        /// The type asked for.
        dtype: &'static str,
    },
}

impl StoreError {
    pub(super) fn malformed(origin: &str, what: &str) -> Self {
        Self::Malformed { origin: origin.to_owned(), what: printable(what, 300) }
    }
}

/// What a file says of itself ends up on terminals: no control characters, no kilobytes.
pub fn printable(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}
