//! Zip archives, as far as `torch.save` uses them: a directory at the end of the file, entries stored or deflated, and the
//! 64-bit extensions.
//!
//! Of stored files a wrong checksum is no error: torch can be told not to compute them, and then writes others.

use std::ops::Range;

use crate::data::{Block, MOST_INFLATED};

/// One file of an archive.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) block: Block,
    /// The checksum the directory gives.
    pub(super) crc: u32,
}

/// What an entry of the directory takes at least.
const SMALLEST_ENTRY: usize = 46;

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    number(bytes, at).map(|b| usize::from(u16::from_le_bytes(b)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at).map(|b| u64::from(u32::from_le_bytes(b)))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at).map(u64::from_le_bytes)
}

/// The files of an archive, all of whose bytes lie inside it.
pub(super) fn members(file: &[u8]) -> Result<Vec<Member<'_>>, String> {
    let cut = || "the zip archive is cut short or damaged".to_owned();
    let (directory, count) =
        directory(file).ok_or("no directory at the end of the zip archive (cut short?)")?;
    if count > directory.len() / SMALLEST_ENTRY {
        return Err(format!("{count} files in a zip directory of {} bytes", directory.len()));
    }
    let mut members = Vec::with_capacity(count);
    let mut rest = directory;
    for _ in 0..count {
        let (member, length) = member(file, rest).ok_or_else(cut)??;
        members.push(member);
        rest = rest.get(length..).ok_or_else(cut)?;
    }
    Ok(members)
}

/// The bytes of the directory and how many entries it has.
fn directory(file: &[u8]) -> Option<(&[u8], usize)> {
    // The end record is followed by a comment of up to 65535 bytes.
    let from = file.len().saturating_sub(22 + 65_535);
    let end = from + file.get(from..)?.windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let record = file.get(end..)?;
    let (mut count, mut size, mut start) =
        (u16_at(record, 10)? as u64, u32_at(record, 12)?, u32_at(record, 16)?);
    let locator = end.checked_sub(20).and_then(|at| file.get(at..)).filter(|l| l.starts_with(b"PK\x06\x07"));
    if let Some(locator) = locator {
        let at = usize::try_from(u64_at(locator, 8)?).ok()?;
        let wide = file.get(at..).filter(|r| r.starts_with(b"PK\x06\x06"))?;
        (count, size, start) = (u64_at(wide, 32)?, u64_at(wide, 40)?, u64_at(wide, 48)?);
    }
    let (start, size) = (usize::try_from(start).ok()?, usize::try_from(size).ok()?);
    Some((file.get(start..start.checked_add(size)?)?, usize::try_from(count).ok()?))
}

/// The first entry of a rest of the directory and its length; `None` where the file ends early.
#[allow(clippy::type_complexity, reason = "two ways of failing, told apart by the caller")]
fn member<'a>(file: &'a [u8], entry: &'a [u8]) -> Option<Result<(Member<'a>, usize), String>> {
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let crc = number(entry, 16).map(u32::from_le_bytes)?;
    let (flags, method) = (u16_at(entry, 8)?, u16_at(entry, 10)?);
    let (mut packed, mut size, mut offset) = (u32_at(entry, 20)?, u32_at(entry, 24)?, u32_at(entry, 42)?);
    let lengths = (u16_at(entry, 28)?, u16_at(entry, 30)?, u16_at(entry, 32)?);
    let name = std::str::from_utf8(entry.get(46..46 + lengths.0)?).ok()?;
    let extra = entry.get(46 + lengths.0..46 + lengths.0 + lengths.1)?;
    // The 64-bit extension holds those of the three numbers that did not fit, in this order.
    let mut wide = extension(extra, 1).unwrap_or_default();
    for number in [&mut size, &mut packed, &mut offset] {
        if *number == u64::from(u32::MAX) && wide.len() >= 8 {
            *number = u64_at(wide, 0)?;
            wide = &wide[8..];
        }
    }
    let local = usize::try_from(offset).ok()?;
    let header = file.get(local..).filter(|h| h.starts_with(b"PK\x03\x04"))?;
    let start = local + 30 + u16_at(header, 26)? + u16_at(header, 28)?;
    let end = start.checked_add(usize::try_from(packed).ok()?)?;
    let range: Range<usize> = start..end;
    file.get(range.clone())?;
    let size = usize::try_from(size).ok()?;
    let block = match method {
        _ if flags & 1 != 0 => return Some(Err(format!("'{name}' in the zip archive is encrypted"))),
        0 if size == range.len() => Block::piece(range),
        0 => return Some(Err(format!("'{name}' has {} bytes, but the archive says {size}", range.len()))),
        8 if size <= MOST_INFLATED => Block::Deflated { range, size, crc },
        8 => {
            return Some(Err(format!(
                "'{name}' is said to hold {size} compressed bytes; at most {MOST_INFLATED} are accepted"
            )));
        }
        other => return Some(Err(format!("'{name}' is compressed by method {other}; 0 and 8 are read"))),
    };
    Some(Ok((Member { name, block, crc }, 46 + lengths.0 + lengths.1 + lengths.2)))
}

/// The extension of that number in an entry's extra field.
fn extension(mut extra: &[u8], wanted: usize) -> Option<&[u8]> {
    loop {
        let (id, size) = (u16_at(extra, 0)?, u16_at(extra, 2)?);
        if id == wanted {
            return extra.get(4..4 + size);
        }
        extra = extra.get(4 + size..)?;
    }
}
