//! What travels between rank 0 and the others once they are connected: a header, then as many bytes as it says.

use std::fmt;
use std::io::{Read, Result, Write};

/// What a message is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// `f32` values for the mean, and the mean itself.
    Mean = 1,
    /// Rank 0's `f32` values.
    Values = 2,
    /// Rank 0's bytes.
    Bytes = 3,
    /// Yes or no.
    Flag = 4,
    /// The sender's error, in words; nothing follows.
    Stop = 5,
    /// The sender is about to average values that travel elsewhere; nothing follows, whatever the header says.
    DeviceMean = 6,
    /// The sender is about to send or take rank 0's values, which travel elsewhere; nothing follows either.
    DeviceValues = 7,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        use Kind::{Bytes, DeviceMean, DeviceValues, Flag, Mean, Stop, Values};
        [Mean, Values, Bytes, Flag, Stop, DeviceMean, DeviceValues]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The how-manieth exchange this is, from 1: both sides have to be at the same.
    pub(super) number: u64,
    /// Bytes that follow, or travel elsewhere.
    pub(super) bytes: u64,
}

pub(super) const HEADER_BYTES: usize = 17;

/// Most of what a peer says in [`Kind::Stop`] is taken; no peer gets more memory than this.
pub(super) const STOP_BYTES: u64 = 4096;

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1..9].copy_from_slice(&self.number.to_le_bytes());
        bytes[9..].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    /// `Ok(Err(byte))` for a kind that does not exist.
    pub(super) fn read(mut from: impl Read) -> Result<std::result::Result<Self, u8>> {
        let mut bytes = [0; HEADER_BYTES];
        from.read_exact(&mut bytes)?;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Ok(Kind::from_byte(bytes[0])
            .map(|kind| Self { kind, number: word(1), bytes: word(9) })
            .ok_or(bytes[0]))
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Mean | Kind::DeviceMean => format!("{} values for the mean", self.bytes / 4),
            Kind::Values | Kind::DeviceValues => format!("{} values of rank 0", self.bytes / 4),
            Kind::Bytes => format!("{} bytes of rank 0", self.bytes),
            Kind::Flag => "a yes or no".to_owned(),
            Kind::Stop => "an error".to_owned(),
        };
        write!(f, "{what} (exchange {})", self.number)
    }
}

/// `f32` values go through a buffer of this many.
const CHUNK: usize = 16 * 1024;

/// Writes a header and values, which are little-endian on the wire.
pub(super) fn write_values(mut to: impl Write, header: Header, values: &[f32]) -> Result<()> {
    let mut buffer = Vec::with_capacity(HEADER_BYTES + 4 * CHUNK.min(values.len()));
    buffer.extend(header.to_bytes());
    for chunk in values.chunks(CHUNK) {
        buffer.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        to.write_all(&buffer)?;
        buffer.clear();
    }
    // What is left is the header alone, where there are no values.
    to.write_all(&buffer)?;
    to.flush()
}

/// Reads as many values as there are in `values` and hands each, with its place, to `take`.
pub(super) fn read_values(
    mut from: impl Read,
    values: &mut [f32],
    take: impl Fn(&mut f32, f32),
) -> Result<()> {
    let mut buffer = vec![0; 4 * CHUNK.min(values.len())];
    for chunk in values.chunks_mut(CHUNK) {
        let bytes = &mut buffer[..4 * chunk.len()];
        from.read_exact(bytes)?;
        for (value, bytes) in chunk.iter_mut().zip(bytes.chunks_exact(4)) {
            take(value, f32::from_le_bytes(std::array::from_fn(|i| bytes[i])));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_wire_to_the_bit() {
        let sent: Vec<f32> = (0..CHUNK + 3).map(|i| f32::from_bits(i as u32 * 77_777)).collect();
        let header = Header { kind: Kind::Mean, number: 7, bytes: 4 * sent.len() as u64 };
        let mut wire = Vec::new();
        write_values(&mut wire, header, &sent).unwrap();
        let mut from = wire.as_slice();
        assert_eq!(Header::read(&mut from).unwrap(), Ok(header));
        let mut received = vec![0.0; sent.len()];
        read_values(&mut from, &mut received, |to, value| *to = value).unwrap();
        assert!(from.is_empty());
        assert!(sent.iter().zip(&received).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn headers_of_no_kind_are_told() {
        assert_eq!(Header::read(&[9; HEADER_BYTES][..]).unwrap(), Err(9));
        assert!(Header::read(&[1; HEADER_BYTES - 1][..]).is_err());
    }
}
