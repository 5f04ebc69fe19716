//! YUV4MPEG2 (`.y4m`): uncompressed video in a stream, as `ffmpeg`, `x264`, `mpv` and `mjpegtools` exchange it.
//!
//! All chroma formats that FFmpeg knows are read and written: 4:2:0 with its three sitings, 4:1:1, 4:2:2, 4:4:4,
//! 4:4:4 with alpha, and grey; 8 to 16 bits a sample; limited and full range. Frames stream: memory holds one.

mod chroma;
mod header;
mod reader;
mod sink;
mod source;

use std::path::Path;

pub use header::{Interlacing, Y4mHeader};
pub use reader::Y4mReader;
pub use sink::Y4mSink;
pub use source::Y4mSource;

use crate::{OutputOptions, Sink, Source, VideoError, files};

/// What every stream starts with.
pub(crate) const MAGIC: &[u8] = b"YUV4MPEG2";

/// Opens a stream: a file, or standard input for `-`.
///
/// # Errors
/// [`VideoError`] when it cannot be opened or its header is damaged, unsupported or over a limit.
pub fn open(path: &Path) -> Result<Box<dyn Source>, VideoError> {
    Ok(Box::new(Y4mSource::open(path)?))
}

/// Creates a stream at `options.path`, or on standard output for `-`.
///
/// # Errors
/// [`VideoError`] when there is no rate, an option is given that y4m does not have, or the file cannot be made.
pub fn create(options: &OutputOptions) -> Result<Box<dyn Sink>, VideoError> {
    Ok(Box::new(Y4mSink::create(options)?))
}

/// Whether an input at `path` is y4m: `-`, a file that starts as y4m does, or the extension `.y4m`.
pub fn is_y4m(path: &Path) -> bool {
    is_y4m_name(path) || files::first_bytes(path, MAGIC.len() as u64) == MAGIC
}

/// Whether an output of this name is y4m: `-` or the extension `.y4m`.
pub fn is_y4m_name(path: &Path) -> bool {
    path.as_os_str() == "-" || files::extension(path) == "y4m"
}
