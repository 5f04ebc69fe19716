//! What sources and sinks without FFmpeg share about files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::{SourceInfo, VideoError, VideoInfo};

/// `error` as it happened while doing `action` to `path`; a full disk has a variant of its own.
pub(crate) fn io_error(action: &'static str, path: &Path, error: io::Error) -> VideoError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            VideoError::DiskFull { path: path.to_owned() }
        }
        _ => VideoError::Io { action, path: path.to_owned(), source: error },
    }
}

/// A file that is not what it should be.
pub(crate) fn malformed(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> VideoError {
    VideoError::Malformed { path: path.to_owned(), found: found.into(), expected: expected.into() }
}

/// A file that holds something that is not supported.
pub(crate) fn unsupported(path: &Path, what: impl Into<String>) -> VideoError {
    VideoError::Unsupported { path: path.to_owned(), what: what.into() }
}

/// Opens a file to read.
pub(crate) fn open(path: &Path) -> Result<File, VideoError> {
    File::open(path).map_err(|e| io_error("open", path, e))
}

/// The first bytes of a file, at most `count` of them; none where it cannot be read.
pub(crate) fn first_bytes(path: &Path, count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if fs::metadata(path).is_ok_and(|m| m.is_file())
        && let Ok(file) = File::open(path)
    {
        // What could not be read is not there: the caller only looks for a signature.
        let _ = file.take(count).read_to_end(&mut bytes);
    }
    bytes
}

/// The extension in lower case, without its dot; empty where there is none.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Writes `bytes` to `path` so that the file is there whole or not at all: under a temporary name beside it, then
/// renamed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), VideoError> {
    let Some(name) = path.file_name() else {
        return Err(VideoError::Option(format!("{} is not a file name", path.display())));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.partial", std::process::id()));
    let temporary = path.with_file_name(hidden);
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|e| {
        // The error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        io_error("write", path, e)
    })
}

/// What a source without other streams says of itself.
pub(crate) fn video_only(container: &str, video: VideoInfo, bytes: Option<u64>) -> SourceInfo {
    let container = container.to_owned();
    SourceInfo { container, video, others: Vec::new(), chapters: 0, bytes, streams: Arc::default() }
}
