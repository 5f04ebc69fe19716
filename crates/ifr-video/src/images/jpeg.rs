//! JPEG: read through `zune-jpeg`, written through `jpeg-encoder`.

use std::io::{BufRead, Seek};
use std::path::Path;

use ifr_frame::{ColorModel, Frame, MAX_DIMENSION, Samples, Subsampling};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::{ZByteReaderTrait, ZCursor};
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::VideoError;
use crate::files::malformed;
use crate::images::ImageKind;
use crate::images::header::{Header, check_size};
use crate::images::pixels::{Packed, format_of, srgb};

/// Every block of 8×8 samples takes at least one bit, and one component at least has the full size: no JPEG holds
/// more pixels a byte than this, whatever its header says.
const PIXELS_A_BYTE: usize = 64 * 8;

fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_max_width(MAX_DIMENSION)
        .set_max_height(MAX_DIMENSION)
        .jpeg_set_max_scans(200)
        .set_strict_mode(false)
}

fn fault(path: &Path) -> impl Fn(DecodeErrors) -> VideoError + '_ {
    move |error| match error {
        DecodeErrors::ExhaustedData => malformed(path, "the file ends early", "a whole JPEG image"),
        other => malformed(path, format!("a damaged JPEG ({other:?})"), "a sound JPEG image"),
    }
}

fn header_of<T: ZByteReaderTrait>(decoder: &mut JpegDecoder<T>, path: &Path) -> Result<Header, VideoError> {
    decoder.decode_headers().map_err(fault(path))?;
    let info = decoder.info().ok_or_else(|| malformed(path, "no frame header", "a JPEG image"))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let format = format_of(if grey { 1 } else { 3 }, 8);
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check_size(width, height, path)?;
    Ok(Header { kind: ImageKind::Jpeg, width, height, format, color: srgb(format.model), lossless: false })
}

pub(crate) fn header(reader: impl BufRead + Seek, path: &Path) -> Result<Header, VideoError> {
    header_of(&mut JpegDecoder::new_with_options(reader, options()), path)
}

/// What follows the header: from the first scan on. A thumbnail in the header has an end marker of its own.
fn scans(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, ..] = *rest {
        let skip = match marker {
            0xda => break,
            0xff => 1,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    rest
}

pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Frame, VideoError> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let header = header_of(&mut decoder, path)?;
    let (width, height) = (header.width, header.height);
    if width * height / PIXELS_A_BYTE > bytes.len() {
        let found = format!("a picture of {width}x{height} in {} bytes", bytes.len());
        return Err(malformed(path, found, "a whole JPEG image"));
    }
    let (channels, target) = match header.format.model {
        ColorModel::Gray => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    decoder.set_options(options().jpeg_set_out_colorspace(target));
    let data = decoder.decode().map_err(fault(path))?;
    if data.len() != width * height * channels {
        return Err(malformed(path, format!("{} samples", data.len()), "as many as the header says"));
    }
    // The decoder fills what a cut file lacks with grey; the end marker tells.
    if !scans(bytes).windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Err(malformed(path, "the file ends early", "a whole JPEG image"));
    }
    let packed = Packed { width, height, channels, samples: Samples::U8(data) };
    Ok(packed.into_frame(header.color)?)
}

/// Writes 4:2:0 and 4:2:2 frames with their own subsampling, all others without any; alpha is left out.
pub(crate) fn encode(frame: &Frame, quality: u8, path: &Path) -> Result<Vec<u8>, VideoError> {
    let packed = Packed::from_frame(frame, 8, false)?;
    let (width, height, channels) = (packed.width as u16, packed.height as u16, packed.channels);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(match frame.format().model {
        ColorModel::Yuv(Subsampling::S420) => SamplingFactor::R_4_2_0,
        ColorModel::Yuv(Subsampling::S422) => SamplingFactor::R_4_2_2,
        _ => SamplingFactor::R_4_4_4,
    });
    let kind = if channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder
        .encode(&packed.into_bytes(), width, height, kind)
        .map_err(|e| VideoError::Option(format!("{}: cannot be written as JPEG: {e}", path.display())))?;
    Ok(out)
}
