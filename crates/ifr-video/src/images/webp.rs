//! Still WebP images through the crate `image-webp`: lossless and lossy in, lossless out.

use std::io::{BufRead, Cursor, Seek};
use std::path::Path;

use ifr_frame::{Frame, Samples};
use image_webp::{ColorType, DecodingError, WebPDecoder, WebPEncoder};

use crate::VideoError;
use crate::files::{io_error, malformed, unsupported};
use crate::images::ImageKind;
use crate::images::header::{Header, check_size};
use crate::images::pixels::{Packed, format_of, srgb};

/// The longest side of a WebP image.
pub(crate) const MAX_SIDE: usize = 16_384;

pub(crate) fn fault(path: &Path) -> impl Fn(DecodingError) -> VideoError + '_ {
    move |error| match error {
        DecodingError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            io_error("read", path, e)
        }
        DecodingError::IoError(_) => malformed(path, "the file ends early", "a whole WebP image"),
        other => malformed(path, format!("a damaged WebP ({other})"), "a sound WebP image"),
    }
}

fn header_of<R: BufRead + Seek>(decoder: &mut WebPDecoder<R>, path: &Path) -> Result<Header, VideoError> {
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check_size(width, height, path)?;
    let format = format_of(if decoder.has_alpha() { 4 } else { 3 }, 8);
    Ok(Header {
        kind: ImageKind::WebP,
        width,
        height,
        format,
        color: srgb(format.model),
        lossless: !decoder.is_lossy(),
    })
}

pub(crate) fn header(reader: impl BufRead + Seek, path: &Path) -> Result<Header, VideoError> {
    let mut decoder = WebPDecoder::new(reader).map_err(fault(path))?;
    header_of(&mut decoder, path)
}

pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Frame, VideoError> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault(path))?;
    let header = header_of(&mut decoder, path)?;
    let channels = header.format.planes();
    let size = decoder
        .output_buffer_size()
        .filter(|&size| size == header.width * header.height * channels)
        .ok_or_else(|| malformed(path, "an impossible size", "a WebP that fits memory"))?;
    let mut data = vec![0_u8; size];
    decoder.read_image(&mut data).map_err(fault(path))?;
    let packed = Packed { width: header.width, height: header.height, channels, samples: Samples::U8(data) };
    Ok(packed.into_frame(header.color)?)
}

pub(crate) fn encode(frame: &Frame, path: &Path) -> Result<Vec<u8>, VideoError> {
    encode_packed(Packed::from_frame(frame, 8, true)?, path)
}

/// A still WebP file of 8-bit samples.
pub(crate) fn encode_packed(packed: Packed, path: &Path) -> Result<Vec<u8>, VideoError> {
    let (width, height) = (packed.width, packed.height);
    if width.max(height) > MAX_SIDE {
        let what =
            format!("a picture of {width}x{height}: WebP holds sides up to {MAX_SIDE}; write PNG instead");
        return Err(unsupported(path, what));
    }
    let kind = match packed.channels {
        1 => ColorType::L8,
        2 => ColorType::La8,
        3 => ColorType::Rgb8,
        _ => ColorType::Rgba8,
    };
    let mut out = Vec::new();
    WebPEncoder::new(&mut out)
        .encode(&packed.into_bytes(), width as u32, height as u32, kind)
        .map_err(|e| VideoError::Option(format!("{}: cannot be written as WebP: {e}", path.display())))?;
    Ok(out)
}
