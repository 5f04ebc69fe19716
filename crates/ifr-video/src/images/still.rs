use std::fs;
use std::io::Read;
use std::path::Path;

use ifr_frame::Frame;

use crate::VideoError;
use crate::files::{self, io_error, unsupported};
use crate::images::header::Header;
use crate::images::{ImageKind, jpeg, png, webp};

/// The largest image file read, in bytes.
const MAX_FILE: u64 = 4 << 30;

/// Reads one PNG, JPEG or WebP image, told apart by its first bytes.
///
/// The frame is RGB or grey, 8 or (deep PNG) 16 bits a sample, full range, sRGB unless a PNG's cICP chunk says
/// otherwise; palettes are expanded, and there is an alpha plane where the file has transparency. Of an animated
/// image, the first picture is read. ICC profiles and EXIF orientation are not applied.
///
/// # Errors
/// [`VideoError`] when the file cannot be read, is damaged or cut short, is none of the formats, or holds more pixels
/// than a frame can.
pub fn read_image(path: impl AsRef<Path>) -> Result<Frame, VideoError> {
    let path = path.as_ref();
    let header = Header::read(path)?;
    decode(header.kind, path)
}

pub(crate) fn decode(kind: ImageKind, path: &Path) -> Result<Frame, VideoError> {
    let file = files::open(path)?;
    let mut bytes = Vec::new();
    let expected = fs::metadata(path).map_or(0, |m| m.len()).min(MAX_FILE);
    bytes.reserve_exact(usize::try_from(expected).unwrap_or(0).saturating_add(1));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| io_error("read", path, e))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(unsupported(path, format!("an image file above {MAX_FILE} bytes is not read")));
    }
    match kind {
        ImageKind::Png => png::decode(&bytes, path),
        ImageKind::Jpeg => jpeg::decode(&bytes, path),
        ImageKind::WebP => webp::decode(&bytes, path),
    }
}

/// How images are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) kind: ImageKind,
    /// JPEG's quality, 1 to 100.
    pub(crate) quality: u8,
}

impl Encoding {
    pub(crate) const QUALITY: u8 = 95;

    /// Writes `frame`; returns the file's size in bytes.
    pub(crate) fn write(self, frame: &Frame, path: &Path) -> Result<u64, VideoError> {
        let bytes = match self.kind {
            ImageKind::Png => png::encode(frame, path)?,
            ImageKind::Jpeg => jpeg::encode(frame, self.quality, path)?,
            ImageKind::WebP => webp::encode(frame, path)?,
        };
        files::write_whole(path, &bytes)?;
        Ok(bytes.len() as u64)
    }
}

/// Writes one image in the format that the extension says: `png`, `jpg` (quality 95), `webp` (lossless).
///
/// The file appears whole or not at all: it is written under a temporary name and renamed. PNG keeps 16 bits for
/// frames deeper than 8; JPEG and WebP hold 8. Y'CbCr becomes RGB by the frame's own matrix, range and siting. JPEG
/// drops alpha. PNG states wide-gamut and HDR colour in a cICP chunk.
///
/// # Errors
/// [`VideoError`] when the extension is another, the format cannot hold the size, or the file cannot be written.
pub fn write_image(path: impl AsRef<Path>, frame: &Frame) -> Result<(), VideoError> {
    let path = path.as_ref();
    let kind = ImageKind::of_name(path).ok_or_else(|| {
        VideoError::Option(format!("{}: an image's name must end in .png, .jpg or .webp", path.display()))
    })?;
    Encoding { kind, quality: Encoding::QUALITY }.write(frame, path)?;
    Ok(())
}
