use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why there are no (more) samples. Each message says what was found, what was expected and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A folder or list cannot be read at all.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was attempted: "open", "read", …
        action: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder is not laid out as the set asks for, or holds nothing.
    #[error("{path}: found {found}; expected {expected}")]
    Layout {
        /// The folder or file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// More clips or images are unreadable than is tolerated.
    #[error(
        "{bad} of {of} {items} of {path} cannot be used, more than the {percent} % that are tolerated; the last: {last}. Mend or \
         remove them, or tolerate more"
    )]
    TooManyBad {
        /// The set's folder.
        path: PathBuf,
        /// How many are unreadable.
        bad: usize,
        /// Of how many that the set has.
        of: usize,
        /// What they are: "clips", "triplets", …
        items: &'static str,
        /// The share that is tolerated, in percent.
        percent: f64,
        /// Why the last one is.
        last: String,
    },
    /// The crop is larger than every picture.
    #[error(
        "a crop of {width}x{height} fits none of the {items} of {path}: the largest pictures are {found}; choose a smaller crop"
    )]
    Crop {
        /// The set's folder.
        path: PathBuf,
        /// Width of the crop in pixels.
        width: usize,
        /// Height of the crop in pixels.
        height: usize,
        /// What the set consists of: "clips", "triplets", …
        items: &'static str,
        /// The largest size there is.
        found: String,
    },
    /// Of many places tried for one window none gives one.
    #[error(
        "{} places of {path} tried for one window, and none gives one: {unreadable} in {items} that cannot be read, {too_small} \
         smaller than the crop, {without_window} whose ends show different scenes{}. Mend or remove what cannot be read, \
         choose a smaller crop, or add {items} with longer shots",
        unreadable + too_small + without_window,
        last.as_ref().map(|reason| format!("; the last that cannot be read: {reason}")).unwrap_or_default()
    )]
    NoWindow {
        /// The set's folder.
        path: PathBuf,
        /// What the set consists of: "clips", "triplets", …
        items: &'static str,
        /// Places in what cannot be read.
        unreadable: usize,
        /// Places in pictures smaller than the crop.
        too_small: usize,
        /// Places around which no window shows one scene.
        without_window: usize,
        /// Why the last one that cannot be read cannot, if there was any.
        last: Option<String>,
    },
    /// An option that is impossible, alone or with the set.
    #[error("{key} = {value}: {allowed}")]
    Option {
        /// The option.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A thread of the loader ended by a bug of this crate.
    #[error("a worker of the loader failed unexpectedly; its message stands above: please report it")]
    Worker,
    /// The threads could not be started.
    #[error("the loader's threads could not be started: {0}")]
    Threads(String),
}

impl DataError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(crate) fn layout(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Layout { path: path.to_owned(), found: found.into(), expected: expected.into() }
    }

    pub(crate) fn option(key: &'static str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Option { key, value: value.to_string(), allowed: allowed.into() }
    }
}
