//! FFmpeg's errors as this crate's.

use std::io;
use std::path::Path;

use super::av::AvError;
use crate::VideoError;

/// A file that is something else than expected.
pub(super) fn malformed(path: &Path, found: &str, expected: &str) -> VideoError {
    VideoError::Malformed { path: path.to_owned(), found: found.to_owned(), expected: expected.to_owned() }
}

/// What went wrong while reading `path`.
pub(super) fn reading(path: &Path, error: AvError) -> VideoError {
    if error == AvError::INVALID_DATA {
        return VideoError::Malformed {
            path: path.to_owned(),
            found: "no container or stream that FFmpeg knows".to_owned(),
            expected: "a video file".to_owned(),
        };
    }
    system("read", path, error)
}

/// What went wrong while writing `path`.
pub(super) fn writing(path: &Path, error: AvError) -> VideoError {
    if error == AvError::NO_SPACE {
        return VideoError::DiskFull { path: path.to_owned() };
    }
    system("write", path, error)
}

/// Whether the system failed, where a demuxer reports `error`. Of files that are damaged or cut off demuxers themselves say
/// these few: there only the input's own state tells.
pub(super) fn of_system(error: AvError) -> bool {
    let ambiguous = [
        libc::EIO,
        libc::EINVAL,
        libc::ENOMEM,
        libc::EAGAIN,
        libc::ENOSYS,
        libc::EPERM,
        libc::ERANGE,
        libc::EDOM,
    ];
    error.errno().is_some_and(|errno| !ambiguous.contains(&errno))
}

fn system(action: &'static str, path: &Path, error: AvError) -> VideoError {
    // EINVAL is what FFmpeg says of arguments; the system itself hardly ever does of a file.
    match error.errno().filter(|_| error != AvError::INVALID_ARGUMENT) {
        Some(errno) => {
            VideoError::Io { action, path: path.to_owned(), source: io::Error::from_raw_os_error(errno) }
        }
        None => {
            VideoError::Ffmpeg { action: format!("{action} {}", path.display()), message: error.to_string() }
        }
    }
}
