//! What `torch.save` writes: a pickle that describes tensors, and their storages, in a zip archive (since torch 1.6) or one
//! after another (before).

mod pickle;
mod tensors;
mod zip;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ifr_net::printable;

use crate::data::{Block, Found, checksum};
use pickle::{Heap, Object, Pickle, Value};
use tensors::{Storage, Storages, checked_key, storage_of};
use zip::Member;

/// The number every file of the old form begins with, as a pickled integer of 10 bytes: 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];
/// The only protocol of the old form there ever was.
const PROTOCOL: i64 = 1001;
/// Longest text about the order of bytes.
const LONGEST_ORDER: usize = 16;

/// Whether a file is of the old form.
pub(crate) fn is_legacy(file: &[u8]) -> bool {
    // A frame (protocol 4) or nothing stands before the number.
    let head = &file[..file.len().min(32)];
    file.first() == Some(&0x80) && head.windows(MAGIC.len()).any(|w| w == MAGIC)
}

pub(crate) fn read(file: &[u8]) -> Result<Found, String> {
    if file.starts_with(b"PK") { zipped(file) } else { legacy(file) }
}

fn zipped<'a>(file: &'a [u8]) -> Result<Found, String> {
    let members = zip::members(file)?;
    // All lie in one folder, named after the file at the time.
    let folder = members
        .iter()
        .filter_map(|m| m.name.strip_suffix("data.pkl"))
        .find(|folder| folder.is_empty() || folder.ends_with('/'))
        .ok_or_else(|| match members.first() {
            Some(first) => format!(
                "no data.pkl among its {} files (the first: {}): a zip archive, but not torch's",
                members.len(),
                printable(first.name, 60)
            ),
            None => "an empty zip archive".to_owned(),
        })?;
    let by_name: HashMap<&str, &Member<'_>> =
        members.iter().filter_map(|m| Some((m.name.strip_prefix(folder)?, m))).collect();
    let whole = |member: &Member<'a>, most: usize, what: &str| -> Result<Cow<'a, [u8]>, String> {
        let bytes = member.block.len();
        if bytes > most {
            return Err(format!("its {what} has {bytes} bytes; at most {most} are accepted"));
        }
        member.block.bytes(file)
    };
    let big_endian = match by_name.get("byteorder") {
        None => false,
        Some(member) => match &*whole(member, LONGEST_ORDER, "byteorder")? {
            b"little" => false,
            b"big" => true,
            _ => return Err("its byteorder is neither 'little' nor 'big'".to_owned()),
        },
    };
    let described = by_name.get("data.pkl").ok_or("no data.pkl")?;
    let program = whole(described, pickle::MOST_BYTES, "data.pkl")?;
    let pickle = pickle::load(&program)?;
    let mut storages = Storages::new(big_endian, |key: &str| {
        by_name.get(format!("data/{key}").as_str()).map(|member| member.block.clone())
    });
    let mut found = tensors::collect(&pickle.heap, pickle.value, &mut storages)?;
    let crcs = by_name.values().map(|member| (&member.block, member.crc)).collect();
    found.ignored.extend(doubts(file, &found.blocks, &crcs));
    Ok(found)
}

/// What is to be said of storages whose checksums are not those that the archive gives. Compressed ones are compared when they
/// are unpacked.
fn doubts(file: &[u8], blocks: &[Block], crcs: &HashMap<&Block, u32>) -> Option<String> {
    // Files of an archive might lie upon each other: no more is looked at than there is.
    let mut left = file.len();
    let mut wrong = 0;
    for block in blocks.iter().filter(|block| matches!(block, Block::Pieces(_))) {
        let Some(rest) = left.checked_sub(block.len()) else { break };
        left = rest;
        let bytes = block.bytes(file).unwrap_or_default();
        wrong += usize::from(crcs.get(block).is_some_and(|&crc| crc != checksum(&bytes)));
    }
    (wrong > 0).then(|| {
        format!(
            "{wrong} of {} checksums, which are not those of the arrays: the file is damaged, or was written without them",
            blocks.len()
        )
    })
}

fn legacy(file: &[u8]) -> Result<Found, String> {
    let mut rest = file;
    let mut next = || -> Result<Pickle<'_>, String> {
        let pickle = pickle::load(rest)?;
        rest = &rest[pickle.length..];
        Ok(pickle)
    };
    if !matches!(next()?.value, Value::Long(digits) if digits == MAGIC) {
        return Err("it does not begin with torch's number".to_owned());
    }
    match next()?.value {
        Value::Int(PROTOCOL) => {}
        other => return Err(format!("of protocol {other:?}; {PROTOCOL} is the only one known")),
    }
    let big_endian = {
        let system = next()?;
        match system.heap.object(system.value) {
            Some(Object::Dict(pairs)) => {
                let said = pairs.iter().rfind(|(key, _)| *key == Value::Str("little_endian"));
                said.is_some_and(|(_, little)| *little == Value::Bool(false))
            }
            _ => return Err("nothing is said of the system that wrote it".to_owned()),
        }
    };
    let described = next()?;
    let keys = next()?;
    let keys = keys.heap.sequence(keys.value).ok_or("its storages are not listed")?.to_vec();
    let blocks = stored(file, file.len() - rest.len(), &keys, &described.heap, big_endian)?;
    let mut storages = Storages::new(big_endian, |key: &str| blocks.get(key).cloned());
    tensors::collect(&described.heap, described.value, &mut storages)
}

/// Where each storage of the old form lies: its number of elements (8 bytes), then those, in the order of `keys`.
fn stored<'a>(
    file: &[u8],
    mut at: usize,
    keys: &[Value<'a>],
    heap: &Heap<'a>,
    big_endian: bool,
) -> Result<HashMap<&'a str, Block>, String> {
    let sizes: HashMap<&str, usize> = heap
        .persistent()
        // The same tuple may be referred to any number of times; what is no tuple, and perhaps long, is no storage.
        .filter(|id| matches!(id, Value::Object(_)))
        .collect::<HashSet<_>>()
        .into_iter()
        .filter_map(|id| storage_of(heap, id).ok())
        .map(|Storage { key, size, .. }| (key, size))
        .collect();
    let mut blocks = HashMap::new();
    for key in keys {
        let Value::Str(key) = key else { return Err("a storage's key is no text".to_owned()) };
        let key = checked_key(key)?;
        // What no tensor refers to has no known length, so nothing after it can be found.
        let size = *sizes.get(key).ok_or_else(|| format!("storage '{}' is unknown", printable(key, 40)))?;
        let count = file.get(at..).and_then(|b| b.first_chunk::<8>()).copied();
        let count = count.map(|b| if big_endian { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) });
        let count = count.ok_or("cut short before its storages end")?;
        let bytes = usize::try_from(count).ok().and_then(|n| n.checked_mul(size));
        let start = at + 8;
        let end = bytes.and_then(|bytes| start.checked_add(bytes)).filter(|&end| end <= file.len());
        let Some(end) = end else {
            let left = file.len() - start;
            return Err(format!(
                "storage '{}' of {count} elements does not fit into the {left} bytes left",
                printable(key, 40)
            ));
        };
        blocks.insert(key, Block::piece(start..end));
        at = end;
    }
    Ok(blocks)
}
