//! PNG through the crate `png`: rows are decoded one by one, so that a header's promise alone allocates little.

use std::io::{BufRead, Cursor, Seek};
use std::path::Path;

use ::png::{
    BitDepth, ColorType, Compression, Decoder, DecodingError, Encoder, Info, Limits, Transformations, chunk,
};
use ifr_frame::{ColorDescription, ColorModel, Frame, Primaries, Samples, Transfer};

use crate::VideoError;
use crate::files::{io_error, malformed};
use crate::images::header::{Header, check_size};
use crate::images::pixels::{Packed, format_of, needs_tag, srgb};
use crate::images::{ImageKind, pixels};

/// What the decoder may allocate beside the rows: chunks such as ICC profiles.
const LIMIT: usize = 256 << 20;

fn decoder<R: BufRead + Seek>(reader: R) -> Decoder<R> {
    let mut decoder = Decoder::new_with_limits(reader, Limits { bytes: LIMIT });
    // Palettes become RGB, grey below 8 bits becomes 8 bits, transparent colours become alpha.
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

fn fault(path: &Path) -> impl Fn(DecodingError) -> VideoError + '_ {
    move |error| match error {
        DecodingError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            io_error("read", path, e)
        }
        DecodingError::IoError(_) => malformed(path, "the file ends early", "a whole PNG image"),
        other => malformed(path, format!("a damaged PNG ({other})"), "a sound PNG image"),
    }
}

fn channels(color: ColorType) -> usize {
    match color {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        // The transformations turn indices into RGB.
        ColorType::Indexed | ColorType::Rgb => 3,
        ColorType::Rgba => 4,
    }
}

/// The colour that the file states: sRGB unless a cICP chunk says otherwise.
fn color_of(info: &Info<'_>, model: ColorModel) -> ColorDescription {
    let mut color = srgb(model);
    if let Some(tag) = info.coding_independent_code_points {
        color.primaries = Primaries(tag.color_primaries);
        color.transfer = Transfer(tag.transfer_function);
    }
    color
}

fn header_of(info: &Info<'_>, output: (ColorType, BitDepth)) -> Header {
    let depth = if output.1 == BitDepth::Sixteen { 16 } else { 8 };
    let format = format_of(channels(output.0), depth);
    Header {
        kind: ImageKind::Png,
        width: info.width as usize,
        height: info.height as usize,
        format,
        color: color_of(info, format.model),
        lossless: true,
    }
}

pub(crate) fn header(reader: impl BufRead + Seek, path: &Path) -> Result<Header, VideoError> {
    let mut decoder = decoder(reader);
    // The size comes first: the decoder itself must not meet one that is too large.
    let info = decoder.read_header_info().map_err(fault(path))?;
    check_size(info.width as usize, info.height as usize, path)?;
    let reader = decoder.read_info().map_err(fault(path))?;
    Ok(header_of(reader.info(), reader.output_color_type()))
}

pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Frame, VideoError> {
    let mut decoder = decoder(Cursor::new(bytes));
    let info = decoder.read_header_info().map_err(fault(path))?;
    check_size(info.width as usize, info.height as usize, path)?;
    let interlaced = info.interlaced;
    let mut reader = decoder.read_info().map_err(fault(path))?;
    let header = header_of(reader.info(), reader.output_color_type());
    let (width, height, channels) = (header.width, header.height, channels(reader.output_color_type().0));
    let mut data = Vec::new();
    if interlaced {
        let size = reader
            .output_buffer_size()
            .ok_or_else(|| malformed(path, "an impossible size", "a PNG that fits memory"))?;
        data.resize(size, 0);
        reader.next_frame(&mut data).map_err(fault(path))?;
    } else {
        while let Some(row) = reader.next_row().map_err(fault(path))? {
            data.extend_from_slice(row.data());
        }
    }
    let samples = match header.format.depth {
        8 => Samples::U8(data),
        _ => Samples::U16(data.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect()),
    };
    if samples.len() != width * height * channels {
        return Err(malformed(path, "the picture ends early", "a whole PNG image"));
    }
    Ok(Packed { width, height, channels, samples }.into_frame(header.color)?)
}

pub(crate) fn encode(frame: &Frame, path: &Path) -> Result<Vec<u8>, VideoError> {
    let depth = if frame.format().depth == 8 { 8 } else { 16 };
    let packed = pixels::Packed::from_frame(frame, depth, true)?;
    let mut out = Vec::with_capacity(packed.samples.len() * usize::from(depth / 8) / 2);
    let failed = |e: ::png::EncodingError| match e {
        ::png::EncodingError::IoError(e) => io_error("write", path, e),
        other => VideoError::Option(format!("{}: cannot be written as PNG: {other}", path.display())),
    };
    let mut encoder = Encoder::new(&mut out, packed.width as u32, packed.height as u32);
    encoder.set_color(match packed.channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    });
    encoder.set_depth(if depth == 8 { BitDepth::Eight } else { BitDepth::Sixteen });
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    let color = frame.color();
    if needs_tag(color) {
        writer
            .write_chunk(chunk::ChunkType(*b"cICP"), &[color.primaries.0, color.transfer.0, 0, 1])
            .map_err(failed)?;
    }
    writer.write_image_data(&packed.into_bytes()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
