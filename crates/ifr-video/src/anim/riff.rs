//! Chunks of a WebP file. (WebP container specification, <https://developers.google.com/speed/webp/docs/riff_container>.)

use std::io::{self, Read};

/// A chunk's name and the size of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) name: [u8; 4],
    pub(crate) size: u32,
}

impl Chunk {
    /// Content and padding: sizes are even.
    pub(crate) fn padded(self) -> u64 {
        u64::from(self.size) + u64::from(self.size & 1)
    }

    /// The next chunk's header; `None` at the end of the data.
    pub(crate) fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = Vec::with_capacity(8);
        reader.take(8).read_to_end(&mut header)?;
        let [a, b, c, d, size @ ..] = header.as_slice() else { return Ok(None) };
        Ok(size.try_into().ok().map(|size| Self { name: [*a, *b, *c, *d], size: u32::from_le_bytes(size) }))
    }
}

/// A chunk of the given content, padded.
pub(crate) fn chunk(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let size: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = Vec::with_capacity(size + 9);
    out.extend_from_slice(name);
    out.extend_from_slice(&(size as u32).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    if size % 2 == 1 {
        out.push(0);
    }
    out
}

/// The start of a file of `size` bytes in all.
pub(crate) fn file_header(size: u64) -> [u8; 12] {
    let mut out = *b"RIFF\0\0\0\0WEBP";
    out[4..8].copy_from_slice(&u32::try_from(size.saturating_sub(8)).unwrap_or(u32::MAX - 1).to_le_bytes());
    out
}

/// A 24-bit little-endian number.
pub(crate) fn u24(bytes: [u8; 3]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

/// The low 24 bits, little-endian.
pub(crate) fn to_u24(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}
