use std::io::{BufRead, Seek};
use std::path::Path;

use ifr_frame::{ColorDescription, MAX_DIMENSION, MAX_PIXELS, PixelFormat};

use crate::VideoError;
use crate::files::{self, malformed, unsupported};
use crate::images::{ImageKind, jpeg, png, webp};

/// What an image file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: ImageKind,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) format: PixelFormat,
    pub(crate) color: ColorDescription,
    /// Whether the picture is stored losslessly.
    pub(crate) lossless: bool,
}

impl Header {
    /// Reads the header of the file at `path`, whatever its name says.
    ///
    /// # Errors
    /// [`VideoError`] when the file cannot be read, is no PNG, JPEG or WebP image, or is larger than a frame can be.
    pub(crate) fn read(path: &Path) -> Result<Self, VideoError> {
        let kind = kind(path)?;
        let reader = std::io::BufReader::new(files::open(path)?);
        Self::parse(kind, reader, path)
    }

    /// As [`Header::read`], from a reader.
    pub(crate) fn parse(
        kind: ImageKind,
        reader: impl BufRead + Seek,
        path: &Path,
    ) -> Result<Self, VideoError> {
        let header = match kind {
            ImageKind::Png => png::header(reader, path)?,
            ImageKind::Jpeg => jpeg::header(reader, path)?,
            ImageKind::WebP => webp::header(reader, path)?,
        };
        check_size(header.width, header.height, path)?;
        Ok(header)
    }
}

/// Refuses sizes that no frame can have, before anything is allocated for them.
pub(crate) fn check_size(width: usize, height: usize, path: &Path) -> Result<(), VideoError> {
    let fits = (1..=MAX_DIMENSION).contains(&width)
        && (1..=MAX_DIMENSION).contains(&height)
        && width * height <= MAX_PIXELS;
    if fits {
        return Ok(());
    }
    Err(unsupported(
        path,
        format!(
            "a picture of {width}x{height} is over the limit: sides of 1 to {MAX_DIMENSION} and at most {MAX_PIXELS} \
             pixels are taken; scale it down first"
        ),
    ))
}

/// The format of the file at `path` by its first bytes.
fn kind(path: &Path) -> Result<ImageKind, VideoError> {
    use std::io::Read;
    let mut start = Vec::with_capacity(12);
    files::open(path)?.take(12).read_to_end(&mut start).map_err(|e| files::io_error("read", path, e))?;
    ImageKind::of_bytes(&start).ok_or_else(|| {
        let found = match start.as_slice() {
            [] => "an empty file".to_owned(),
            [b'G', b'I', b'F', ..] => "a GIF".to_owned(),
            other => format!("a file that starts with {:02x?}", &other[..other.len().min(4)]),
        };
        malformed(path, found, "a PNG, JPEG or WebP image")
    })
}
