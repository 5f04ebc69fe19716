//! What `mindspore.save_checkpoint` writes: Protocol Buffers, read where they lie.
//!
//! ```text
//! Checkpoint { repeated Value value = 1 }
//! Value      { string tag = 1; TensorProto tensor = 2; MapTensorProto maptensor = 3 }
//! TensorProto { repeated int64 dims = 1; string tensor_type = 2; bytes tensor_content = 3 }
//! ```
//!
//! Parts of one large tensor follow each other under the same tag, each with the shape of the whole. A scalar's dims are 0.
//! A checksum may stand at the end: `crc_num` and 10 bytes, big-endian, over all before.

use std::ops::Range;

use flate2::Crc;
use ifr_net::{Dtype, printable};

use crate::data::{Array, Block, Found, MOST_DIMENSIONS, View};

/// Longest tag accepted, in bytes.
const LONGEST_TAG: usize = 512;
/// Most values: a hundred times those of IFR+ with its optimiser's state.
const MOST_VALUES: usize = 1 << 18;
const CHECKSUM: &[u8] = b"crc_num";
/// Bytes of the checksum with its mark.
const CHECKSUM_BYTES: usize = 17;

/// Whether a file begins as a checkpoint does: a value, and in it a tag.
pub(crate) fn is_checkpoint(file: &[u8]) -> bool {
    let mut fields = Fields { bytes: file, at: 0, end: file.len() };
    let Some(Ok(Field { number: 1, data: Data::Bytes(value) })) = fields.next() else { return false };
    let mut inner = Fields { bytes: file, at: value.start, end: value.end };
    matches!(inner.next(), Some(Ok(Field { number: 1, data: Data::Bytes(_) })))
}

pub(crate) fn read(file: &[u8]) -> Result<Found, String> {
    let end = checked_end(file)?;
    let mut values: Vec<Tensor<'_>> = Vec::new();
    let mut left = Left::default();
    let mut count = 0;
    for field in (Fields { bytes: file, at: 0, end }) {
        let Field { number: 1, data: Data::Bytes(range) } = field? else { continue };
        count += 1;
        if count > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        let (tag, tensor) = value(file, range)?;
        let Some(tensor) = tensor else {
            left.maps += 1;
            continue;
        };
        let Parsed { dims, kind, content } = parse(file, tensor).map_err(|what| label(tag, &what))?;
        match values.last_mut().filter(|last| last.tag == tag) {
            Some(last) if last.dims == dims && last.kind == kind => last.pieces.push(content),
            Some(_) => return Err(label(tag, "its parts are of different shapes or types")),
            None => values.push(Tensor { tag, dims, kind, pieces: vec![content] }),
        }
    }
    let mut found = Found::default();
    for tensor in values {
        let Some(dtype) = dtype(tensor.kind) else {
            left.others += 1;
            continue;
        };
        let shape = if tensor.dims == [0] { Vec::new() } else { tensor.dims };
        let block = Block::Pieces(tensor.pieces);
        let view = View::rows(dtype, 0, shape);
        let expected = view.count().and_then(|n| n.checked_mul(dtype.size()));
        if expected != Some(block.len()) {
            return Err(label(
                tensor.tag,
                &format!("{} bytes for {:?} values of {}", block.len(), view.shape, tensor.kind),
            ));
        }
        view.check(&block).map_err(|what| label(tensor.tag, &what))?;
        found.arrays.push(Array { name: tensor.tag.to_owned(), block: found.blocks.len(), view });
        found.blocks.push(block);
    }
    if left.others > 0 {
        found.ignored.push(format!("values that are no floating-point tensors: {}", left.others));
    }
    if left.maps > 0 {
        found.ignored.push(format!("maps: {}", left.maps));
    }
    Ok(found)
}

#[derive(Default)]
struct Left {
    others: usize,
    maps: usize,
}

struct Tensor<'a> {
    tag: &'a str,
    dims: Vec<usize>,
    kind: &'a str,
    pieces: Vec<Range<usize>>,
}

fn label(tag: &str, what: &str) -> String {
    format!("'{}': {what}", printable(tag, 100))
}

/// The end of the values, before a checksum that is compared.
fn checked_end(file: &[u8]) -> Result<usize, String> {
    let Some(end) = file.len().checked_sub(CHECKSUM_BYTES) else { return Ok(file.len()) };
    let (values, tail) = file.split_at(end);
    let Some(digits) = tail.strip_prefix(CHECKSUM) else { return Ok(file.len()) };
    let said = digits.iter().fold(0_u128, |n, &b| n << 8 | u128::from(b));
    let mut crc = Crc::new();
    crc.update(values);
    if said == u128::from(crc.sum()) {
        Ok(end)
    } else {
        Err(format!("its checksum is {said:#010x}, but its values have {:#010x}: it is damaged", crc.sum()))
    }
}

fn dtype(kind: &str) -> Option<Dtype> {
    Some(match kind {
        "Float32" => Dtype::F32,
        "Float16" => Dtype::F16,
        "BFloat16" => Dtype::Bf16,
        "Float64" => Dtype::F64,
        _ => return None,
    })
}

/// The tag of a value, and where its tensor lies, if it is one.
fn value(file: &[u8], range: Range<usize>) -> Result<(&str, Option<Range<usize>>), String> {
    let (mut tag, mut tensor) = (None, None);
    for field in (Fields { bytes: file, at: range.start, end: range.end }) {
        match field? {
            Field { number: 1, data: Data::Bytes(name) } => tag = Some(name),
            Field { number: 2, data: Data::Bytes(inner) } => tensor = Some(inner),
            _ => {}
        }
    }
    let tag = tag.ok_or("a value without a tag")?;
    if tag.len() > LONGEST_TAG {
        return Err(format!("a tag of {} bytes; at most {LONGEST_TAG} are accepted", tag.len()));
    }
    Ok((text(file, tag)?, tensor))
}

fn text(file: &[u8], range: Range<usize>) -> Result<&str, String> {
    let bytes = file.get(range).unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|_| "a name that is no text".to_owned())
}

struct Parsed<'a> {
    dims: Vec<usize>,
    kind: &'a str,
    content: Range<usize>,
}

fn parse(file: &[u8], range: Range<usize>) -> Result<Parsed<'_>, String> {
    let (mut dims, mut kind, mut content) = (Vec::new(), None, None);
    for field in (Fields { bytes: file, at: range.start, end: range.end }) {
        match field? {
            Field { number: 1, data: Data::Number(side) } => push(&mut dims, side)?,
            // The packed form of repeated numbers.
            Field { number: 1, data: Data::Bytes(packed) } => {
                let mut fields = Fields { bytes: file, at: packed.start, end: packed.end };
                while fields.at < fields.end {
                    push(&mut dims, fields.varint()?)?;
                }
            }
            Field { number: 2, data: Data::Bytes(name) } => kind = Some(name),
            Field { number: 3, data: Data::Bytes(bytes) } => content = Some(bytes),
            _ => {}
        }
    }
    let kind = text(file, kind.ok_or("no type")?)?;
    Ok(Parsed { dims, kind, content: content.ok_or("no content")? })
}

fn push(dims: &mut Vec<usize>, side: u64) -> Result<(), String> {
    if dims.len() == MOST_DIMENSIONS {
        return Err(format!("more than {MOST_DIMENSIONS} sides"));
    }
    dims.push(usize::try_from(side).map_err(|_| format!("a side of {side}"))?);
    Ok(())
}

/// The fields of a message: the part of the file from `at` to `end`.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

struct Field {
    number: u64,
    data: Data,
}

enum Data {
    Number(u64),
    /// A string, bytes or message: where it lies, inside the message around it.
    Bytes(Range<usize>),
    /// A number of fixed size, of which none is used here.
    Fixed,
}

impl Fields<'_> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = match self.bytes.get(self.at) {
                Some(&byte) if self.at < self.end => byte,
                _ => return Err("it is cut short".to_owned()),
            };
            self.at += 1;
            number |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than 10 bytes".to_owned())
    }

    fn skip(&mut self, bytes: u64) -> Result<Range<usize>, String> {
        let end = usize::try_from(bytes).ok().and_then(|n| self.at.checked_add(n));
        let end = end.filter(|&end| end <= self.end).ok_or_else(|| {
            format!(
                "a field of {bytes} bytes where {} are left (cut short, or another format)",
                self.end - self.at
            )
        })?;
        Ok(std::mem::replace(&mut self.at, end)..end)
    }

    fn field(&mut self) -> Result<Field, String> {
        let key = self.varint()?;
        let data = match key & 7 {
            0 => Data::Number(self.varint()?),
            1 => self.skip(8).map(|_| Data::Fixed)?,
            2 => {
                let length = self.varint()?;
                Data::Bytes(self.skip(length)?)
            }
            5 => self.skip(4).map(|_| Data::Fixed)?,
            other => {
                return Err(format!(
                    "a field of the unknown kind {other} (damaged, encrypted, or another format)"
                ));
            }
        };
        Ok(Field { number: key >> 3, data })
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}
