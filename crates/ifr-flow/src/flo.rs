//! Flow files in the Middlebury format (`.flo`).
//!
//! The format is Daniel Scharstein's (2007), of the Middlebury flow benchmark: the float 202021.25 (the bytes `PIEH`),
//! width and height as 32-bit integers, then u and v of every pixel, interleaved, row by row from the top; everything
//! little-endian, floats of 32 bits. A displacement above 10⁹ in absolute value means "unknown".

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use thiserror::Error;

use crate::FlowField;

/// The first four bytes: 202021.25 as a little-endian float.
const MAGIC: [u8; 4] = *b"PIEH";

/// The longest side read or written, in pixels (the limit of the format's reference implementation is 99,999).
pub const MAX_SIDE: usize = 99_999;
/// The largest area read or written, in pixels: 2²⁸ (the file has 2 GiB then).
pub const MAX_AREA: usize = 1 << 28;

/// Why a `.flo` file could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FloError {
    /// Reading or writing failed.
    #[error("flow file: {0}")]
    Io(#[from] io::Error),
    /// The first bytes are not those of a `.flo` file.
    #[error("not a .flo file: it starts with the bytes {found:02x?}, expected 50 49 45 48 (\"PIEH\")")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A size that is zero, negative or beyond the limits.
    #[error(
        "a flow field of {width}x{height} is not possible: sides must be 1 to {MAX_SIDE} and the area at most 2^28 pixels"
    )]
    Size {
        /// Width found, in pixels.
        width: i64,
        /// Height found, in pixels.
        height: i64,
    },
    /// The file ends before the last pixel.
    #[error(
        "the .flo file ends early: {width}x{height} pixels need {expected} bytes after the header, found {found}"
    )]
    Short {
        /// Width in pixels, from the header.
        width: usize,
        /// Height in pixels, from the header.
        height: usize,
        /// Bytes of pixels found.
        found: u64,
        /// Bytes of pixels that the header asks for.
        expected: u64,
    },
    /// The file goes on after the last pixel.
    #[error(
        "the .flo file goes on after its {width}x{height} pixels: the header and the data do not belong together"
    )]
    Long {
        /// Width in pixels, from the header.
        width: usize,
        /// Height in pixels, from the header.
        height: usize,
    },
}

fn check(width: i64, height: i64) -> Result<(usize, usize), FloError> {
    let fault = || FloError::Size { width, height };
    let (w, h) =
        (usize::try_from(width).map_err(|_| fault())?, usize::try_from(height).map_err(|_| fault())?);
    let side = 1..=MAX_SIDE;
    if side.contains(&w) && side.contains(&h) && w * h <= MAX_AREA { Ok((w, h)) } else { Err(fault()) }
}

/// Reads a `.flo` stream to its end. Memory grows with the data that arrives, not with what the header promises.
///
/// # Errors
/// [`FloError`] when the stream is not of the format, is of another length than its header says, or cannot be read.
pub fn read_flo(mut from: impl Read) -> Result<FlowField, FloError> {
    let mut header = [0u8; 12];
    let mut got = 0;
    while got < header.len() {
        match from.read(&mut header[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    let word = |i: usize| [header[i], header[i + 1], header[i + 2], header[i + 3]];
    if word(0) != MAGIC {
        return Err(FloError::Magic { found: word(0) });
    }
    if got < header.len() {
        let e = format!("the header ends after {got} bytes, expected 12");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, e).into());
    }
    let (width, height) = check(i32::from_le_bytes(word(4)).into(), i32::from_le_bytes(word(8)).into())?;
    let n = width * height;
    let (mut u, mut v) = (Vec::new(), Vec::new());
    let mut row = Vec::new();
    for y in 0..height {
        row.clear();
        let found = from.by_ref().take(8 * width as u64).read_to_end(&mut row)?;
        if found < 8 * width {
            return Err(FloError::Short {
                width,
                height,
                found: (8 * width * y + found) as u64,
                expected: 8 * n as u64,
            });
        }
        for pixel in row.chunks_exact(8) {
            u.push(f32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]));
            v.push(f32::from_le_bytes([pixel[4], pixel[5], pixel[6], pixel[7]]));
        }
    }
    row.clear();
    if from.take(1).read_to_end(&mut row)? > 0 {
        return Err(FloError::Long { width, height });
    }
    FlowField::from_channels(width, height, u, v)
        .ok_or(FloError::Size { width: width as i64, height: height as i64 })
}

/// Writes `field` as a `.flo` stream.
///
/// # Errors
/// [`FloError::Size`] when the field is empty or beyond the format's limits, [`FloError::Io`] when writing fails.
pub fn write_flo(field: &FlowField, mut to: impl Write) -> Result<(), FloError> {
    let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let (width, height) = check(size(field.width()), size(field.height()))?;
    to.write_all(&MAGIC)?;
    to.write_all(&(width as i32).to_le_bytes())?;
    to.write_all(&(height as i32).to_le_bytes())?;
    let mut row = Vec::with_capacity(8 * width);
    for (u, v) in field.u().chunks_exact(width).zip(field.v().chunks_exact(width)) {
        row.clear();
        for (u, v) in u.iter().zip(v) {
            row.extend_from_slice(&u.to_le_bytes());
            row.extend_from_slice(&v.to_le_bytes());
        }
        to.write_all(&row)?;
    }
    to.flush()?;
    Ok(())
}

/// Reads a `.flo` file.
///
/// # Errors
/// As for [`read_flo`], and when the file cannot be opened.
pub fn open_flo(path: impl AsRef<Path>) -> Result<FlowField, FloError> {
    read_flo(BufReader::new(File::open(path)?))
}

/// Writes a `.flo` file; an existing one is replaced.
///
/// # Errors
/// As for [`write_flo`], and when the file cannot be created.
pub fn save_flo(field: &FlowField, path: impl AsRef<Path>) -> Result<(), FloError> {
    // Checked first, so that a field that cannot be written does not truncate a file that is there.
    let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    check(size(field.width()), size(field.height()))?;
    write_flo(field, BufWriter::new(File::create(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(field: &FlowField) -> Vec<u8> {
        let mut out = Vec::new();
        write_flo(field, &mut out).unwrap();
        out
    }

    #[test]
    fn a_field_survives_the_round_trip() {
        let field = FlowField::from_fn(5, 3, |x, y| [x as f32 - 0.25, -(y as f32) * 1e10]);
        let data = bytes(&field);
        assert_eq!(&data[..4], &202_021.25f32.to_le_bytes());
        assert_eq!(data.len(), 12 + 5 * 3 * 8);
        assert_eq!(read_flo(&data[..]).unwrap(), field);
    }

    #[test]
    fn files_round_trip() {
        let path = tempfile::tempdir().unwrap().keep().join("a.flo");
        let field = FlowField::from_fn(2, 2, |x, y| [x as f32, y as f32]);
        save_flo(&field, &path).unwrap();
        assert_eq!(open_flo(&path).unwrap(), field);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert!(matches!(open_flo(&path), Err(FloError::Io(_))));
    }

    #[test]
    fn hostile_files_are_refused_by_name() {
        let good = bytes(&FlowField::new(4, 4));
        let with = |at: usize, value: i32| {
            let mut b = good.clone();
            b[at..at + 4].copy_from_slice(&value.to_le_bytes());
            read_flo(&b[..]).unwrap_err()
        };
        assert!(matches!(with(0, 0), FloError::Magic { found: [0, 0, 0, 0] }));
        for (w, h) in [(0i32, 4i32), (-1, 4), (4, -4), (i32::MAX, 4), (99_999, 99_999)] {
            let mut b = good.clone();
            b[4..8].copy_from_slice(&w.to_le_bytes());
            b[8..12].copy_from_slice(&h.to_le_bytes());
            assert!(matches!(read_flo(&b[..]), Err(FloError::Size { .. })), "{w}x{h}");
        }
        // Promises 2 GiB, has 128 bytes: refused without the memory being asked for.
        assert!(matches!(with(4, 60_000), FloError::Short { found: 128, .. }));
        assert!(matches!(with(4, 3), FloError::Long { width: 3, height: 4 }));
        for n in 0..good.len() {
            assert!(read_flo(&good[..n]).is_err(), "{n} bytes");
        }
        assert!(matches!(read_flo(&good[..13]), Err(FloError::Short { found: 1, expected: 128, .. })));
        assert!(read_flo(&b"PIEH"[..]).unwrap_err().to_string().contains("expected 12"));
    }

    #[test]
    fn an_empty_field_is_not_written() {
        assert!(matches!(write_flo(&FlowField::new(0, 3), Vec::new()), Err(FloError::Size { width: 0, .. })));
    }

    /// What `fuzz/fuzz_targets/flo.rs` does with mutations of its own.
    #[test]
    fn mutations_are_refused_or_come_back() {
        let seed = bytes(&FlowField::from_fn(5, 3, |x, y| [x as f32, y as f32]));
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        const TELLING: [u8; 8] = [0, 1, 3, 5, 15, 0x7F, 0x80, 0xFF];
        let mut read = 0;
        for _ in 0..20_000 {
            let mut data = seed.clone();
            for _ in 0..1 + below(3) {
                // Half of them in the header.
                let bound = if below(2) == 0 { 12 } else { data.len() };
                let at = below(bound).min(data.len() - 1);
                match below(8) {
                    0 => data[at] ^= 1 << below(8),
                    1..=4 => data[at] = TELLING[below(8)],
                    5 => data.insert(at, 0),
                    6 if data.len() > 1 => drop(data.remove(at)),
                    _ => data.truncate(at.max(1)),
                }
            }
            if let Ok(field) = read_flo(&data[..]) {
                assert_eq!(bytes(&field), data);
                read += 1;
            }
        }
        assert!(read > 1000, "{read} mutations could still be read");
    }
}
