//! Arrays as they lie in a file: typed numbers in blocks of bytes, seen through shapes and strides.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use ifr_net::{ArraySource, Dtype, FileBytes};

/// Most bytes that a deflated block may hold: deflation may announce a thousand times what is there, and the largest
/// array of the known networks has 7 MB (as `f32`).
pub(crate) const MOST_INFLATED: usize = 64 << 20;
/// Most dimensions an array may have.
pub(crate) const MOST_DIMENSIONS: usize = 8;

/// Bytes that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Block {
    /// Parts of the file, one after another; each lies inside it.
    Pieces(Vec<Range<usize>>),
    /// A deflated part of the file, how many bytes it says it holds (at most [`MOST_INFLATED`]), and their checksum.
    Deflated { range: Range<usize>, size: usize, crc: u32 },
}

impl Block {
    /// One part of the file.
    pub(crate) fn piece(range: Range<usize>) -> Self {
        Self::Pieces(vec![range])
    }

    /// Bytes it holds, or says it holds.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Pieces(pieces) => pieces.iter().map(ExactSizeIterator::len).sum(),
            Self::Deflated { size, .. } => *size,
        }
    }

    /// All of its bytes.
    pub(crate) fn bytes<'a>(&self, file: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let outside = || "bytes outside the file".to_owned();
        match self {
            Self::Pieces(pieces) => match pieces.as_slice() {
                [piece] => file.get(piece.clone()).map(Cow::Borrowed).ok_or_else(outside),
                pieces => {
                    let parts: Option<Vec<&[u8]>> = pieces.iter().map(|p| file.get(p.clone())).collect();
                    parts.map(|parts| Cow::Owned(parts.concat())).ok_or_else(outside)
                }
            },
            Self::Deflated { range, size, crc } => {
                let bytes = inflate(file.get(range.clone()).ok_or_else(outside)?, *size)?;
                match checksum(&bytes) {
                    found if found == *crc => Ok(Cow::Owned(bytes)),
                    found => Err(format!(
                        "compressed data are damaged: their checksum is {found:#010x}, the archive says {crc:#010x}"
                    )),
                }
            }
        }
    }
}

/// The checksum of zip archives.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What a deflated stream holds, which must be `size` bytes.
fn inflate(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    if size > MOST_INFLATED {
        return Err(format!("{size} compressed bytes; at most {MOST_INFLATED} are accepted"));
    }
    // Room is made for what is there, as it comes, twice as much at a time: what is announced need not be there.
    let mut bytes: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let mut decoder = DeflateDecoder::new(packed);
    loop {
        let count = match decoder.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) => return Err(format!("compressed data are damaged: {e}")),
        };
        let left = size - bytes.len();
        if count > left {
            return Err(format!("compressed data hold more than the {size} bytes announced"));
        }
        if bytes.capacity() - bytes.len() < count {
            bytes.reserve_exact(bytes.len().clamp(count, left));
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err(format!("compressed data hold fewer than the {size} bytes announced"))
    }
}

/// How an array lies in a block. Distances are in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) dtype: Dtype,
    pub(crate) big_endian: bool,
    pub(crate) start: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

impl View {
    /// A little-endian array that begins at `start` and is stored row by row.
    pub(crate) fn rows(dtype: Dtype, start: usize, shape: Vec<usize>) -> Self {
        let strides = row_major(&shape);
        Self { dtype, big_endian: false, start, shape, strides }
    }

    /// How many values it has; `None`: more than can be counted.
    pub(crate) fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side))
    }

    /// The elements of the block it may touch, checked against a block of `bytes`; the error says what is wrong.
    fn span(&self, bytes: usize) -> Result<Range<usize>, String> {
        let elements = bytes / self.dtype.size();
        if self.shape.len() > MOST_DIMENSIONS || self.strides.len() != self.shape.len() {
            return Err(format!("{} sides; at most {MOST_DIMENSIONS} are accepted", self.shape.len()));
        }
        let Some(count) = self.count() else { return Err(format!("a shape of {:?}", self.shape)) };
        if count == 0 {
            return Ok(0..0);
        }
        let last = self
            .shape
            .iter()
            .zip(&self.strides)
            .try_fold(self.start, |at, (&side, &stride)| at.checked_add((side - 1).checked_mul(stride)?));
        match last.and_then(|last| last.checked_add(1)).filter(|&end| end <= elements) {
            // Values shared by many places would let a small file ask for any amount of memory.
            Some(_) if count > elements => {
                Err(format!("{count} values are made of {elements} (an expanded view)"))
            }
            Some(end) => Ok(self.start..end),
            None => Err(format!(
                "{:?} values from place {} with strides {:?} do not lie in its {elements}",
                self.shape, self.start, self.strides
            )),
        }
    }

    /// Checks that it lies in a block.
    pub(crate) fn check(&self, block: &Block) -> Result<(), String> {
        self.span(block.len()).map(drop)
    }

    /// Its values, out of the bytes of its block.
    fn values(&self, block: &[u8]) -> Result<Vec<f32>, String> {
        let span = self.span(block.len())?;
        let size = self.dtype.size();
        let bytes = block.get(span.start * size..span.end * size).ok_or("a value outside its block")?;
        let read = decoder(self.dtype, self.big_endian)
            .ok_or_else(|| format!("{} is no type of floating-point numbers read here", self.dtype.name()))?;
        if self.strides == row_major(&self.shape) {
            return Ok(bytes.chunks_exact(size).map(read).collect());
        }
        let count = self.count().unwrap_or(0);
        let mut values = Vec::with_capacity(count);
        let mut place = vec![0; self.shape.len()];
        let mut at = 0;
        while values.len() < count {
            let element = bytes.get(at * size..(at + 1) * size).ok_or("a value outside its block")?;
            values.push(read(element));
            for axis in (0..place.len()).rev() {
                place[axis] += 1;
                at += self.strides[axis];
                if place[axis] < self.shape[axis] {
                    break;
                }
                at -= self.shape[axis] * self.strides[axis];
                place[axis] = 0;
            }
        }
        Ok(values)
    }
}

/// The strides of an array stored row by row.
pub(crate) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// Reads one value of that type from its bytes; `None` for types that are not read.
fn decoder(dtype: Dtype, big_endian: bool) -> Option<fn(&[u8]) -> f32> {
    fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.first_chunk().copied().unwrap_or([0; N])
    }
    Some(match (dtype, big_endian) {
        (Dtype::F64, false) => |b| f64::from_le_bytes(fixed(b)) as f32,
        (Dtype::F64, true) => |b| f64::from_be_bytes(fixed(b)) as f32,
        (Dtype::F32, false) => |b| f32::from_le_bytes(fixed(b)),
        (Dtype::F32, true) => |b| f32::from_be_bytes(fixed(b)),
        (Dtype::F16, false) => |b| half::f16::from_le_bytes(fixed(b)).to_f32(),
        (Dtype::F16, true) => |b| half::f16::from_be_bytes(fixed(b)).to_f32(),
        (Dtype::Bf16, false) => |b| half::bf16::from_le_bytes(fixed(b)).to_f32(),
        (Dtype::Bf16, true) => |b| half::bf16::from_be_bytes(fixed(b)).to_f32(),
        _ => return None,
    })
}

/// A named array of a file.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) block: usize,
    pub(crate) view: View,
}

/// Arrays of one file: what a [`ifr_net::ParameterStore`] reads from.
#[derive(Debug)]
pub(crate) struct Views {
    file: FileBytes,
    blocks: Vec<Block>,
    /// In the order of the store.
    arrays: Vec<Array>,
    /// The deflated block that was read last: many arrays may lie in one.
    last: Mutex<Option<(usize, Arc<Vec<u8>>)>>,
}

impl Views {
    /// The error says what is wrong with deflated blocks: all that might be inflated to read every array once, in any order,
    /// must be within a few times what the arrays take.
    pub(crate) fn new(file: FileBytes, blocks: Vec<Block>, arrays: Vec<Array>) -> Result<Self, String> {
        let (mut inflated, mut needed) = (0_usize, 0_usize);
        let mut deflated = HashSet::new();
        for array in &arrays {
            if let Some(Block::Deflated { size, .. }) = blocks.get(array.block) {
                deflated.insert(array.block);
                inflated = inflated.saturating_add(*size);
                let bytes = array.view.count().and_then(|n| n.checked_mul(array.view.dtype.size()));
                needed = needed.saturating_add(bytes.unwrap_or(0));
            }
        }
        let most = needed.saturating_mul(4).saturating_add(MOST_INFLATED);
        // A single block is inflated once.
        if deflated.len() > 1 && inflated > most {
            return Err(format!(
                "compressed data of {inflated} bytes would be unpacked for arrays of {needed}; at most {most} are accepted"
            ));
        }
        Ok(Self { file, blocks, arrays, last: Mutex::new(None) })
    }

    /// The bytes of a deflated block.
    fn inflated(&self, index: usize, block: &Block) -> Result<Arc<Vec<u8>>, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((kept, bytes)) if *kept == index => Ok(Arc::clone(bytes)),
            _ => {
                // Given back before the next is made.
                *last = None;
                let bytes = Arc::new(block.bytes(self.file.as_slice())?.into_owned());
                *last = Some((index, Arc::clone(&bytes)));
                Ok(bytes)
            }
        }
    }
}

impl ArraySource for Views {
    fn read(&self, index: usize) -> Result<Vec<f32>, String> {
        let array = self.arrays.get(index).ok_or("no such array")?;
        let block = self.blocks.get(array.block).ok_or("no such block")?;
        match block {
            Block::Deflated { .. } => array.view.values(&self.inflated(array.block, block)?),
            Block::Pieces(_) => array.view.values(&block.bytes(self.file.as_slice())?),
        }
    }
}

/// What a reader found in a file, before anybody asks which network it is.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) blocks: Vec<Block>,
    /// Arrays of floating-point numbers; all lie in their blocks.
    pub(crate) arrays: Vec<Array>,
    /// What is left aside, and why.
    pub(crate) ignored: Vec<String>,
    /// The file's words about itself.
    pub(crate) metadata: std::collections::BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_follow_their_strides_in_either_order_of_bytes() {
        let file: Vec<u8> = (0..6).flat_map(|n| (n as f32).to_be_bytes()).collect();
        let block = Block::Pieces(vec![0..10, 10..24]);
        let view =
            View { dtype: Dtype::F32, big_endian: true, start: 0, shape: vec![3, 2], strides: vec![1, 3] };
        let file = block.bytes(&file).unwrap();
        assert_eq!(view.values(&file).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let tail = View { start: 4, shape: vec![2], strides: vec![1], ..view.clone() };
        assert_eq!(tail.values(&file).unwrap(), [4.0, 5.0]);
        let past = View { start: 5, shape: vec![2], strides: vec![1], ..view.clone() };
        assert!(past.check(&block).unwrap_err().contains("do not lie in its 6"));
        let expanded = View { shape: vec![7, 1], strides: vec![0, 1], ..view.clone() };
        assert!(expanded.check(&block).unwrap_err().contains("an expanded view"));
        let huge = View { shape: vec![usize::MAX, 3], ..view.clone() };
        assert!(huge.check(&block).is_err());
        let far = View { strides: vec![usize::MAX, 1], ..view };
        assert!(far.check(&block).is_err());
    }

    #[test]
    fn a_bomb_is_stopped_at_what_was_announced() {
        use std::io::Write;
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&vec![0; 1 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 2000);
        assert_eq!(inflate(&packed, 1 << 20).unwrap().len(), 1 << 20);
        assert!(inflate(&packed, 1000).unwrap_err().contains("more than the 1000"));
        assert!(inflate(&packed, 2 << 20).unwrap_err().contains("fewer than"));
        assert!(inflate(&packed, usize::MAX).unwrap_err().contains("at most"));
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(data).unwrap();
        packed.finish().unwrap()
    }

    /// As many arrays as asked for in each of several equal blocks of zeros.
    fn many(blocks: usize, size: usize, arrays: usize, values: usize) -> Result<Views, String> {
        let data = vec![0; size];
        let packed = deflated(&data);
        let block = Block::Deflated { range: 0..packed.len(), size, crc: checksum(&data) };
        let arrays = (0..blocks * arrays).map(|n| Array {
            name: n.to_string(),
            block: n % blocks,
            view: View::rows(Dtype::F32, 0, vec![values]),
        });
        Views::new(FileBytes::from(packed), vec![block; blocks], arrays.collect())
    }

    #[test]
    fn a_block_of_many_arrays_is_inflated_once() {
        let views = many(1, MOST_INFLATED, 1000, 1).unwrap();
        let first = views.inflated(0, &views.blocks[0]).unwrap();
        for array in 0..1000 {
            assert_eq!(views.read(array).unwrap(), [0.0]);
        }
        assert!(Arc::ptr_eq(&first, &views.inflated(0, &views.blocks[0]).unwrap()));
        // Of two, each is inflated when its turn comes, which is accepted within bounds.
        let views = many(2, 1 << 20, 30, 1).unwrap();
        let first = views.inflated(0, &views.blocks[0]).unwrap();
        assert_eq!(views.read(1).unwrap(), [0.0]);
        assert!(!Arc::ptr_eq(&first, &views.inflated(0, &views.blocks[0]).unwrap()));
        assert!(many(2, 1 << 20, 34, 1).unwrap_err().contains("would be unpacked for arrays of 272"));
        // Arrays that fill their blocks are accepted in any number.
        assert!(many(300, 1 << 20, 1, 1 << 18).is_ok());
    }

    #[test]
    fn damaged_compressed_data_are_refused() {
        let packed = deflated(&[0; 64]);
        let block = |crc| Block::Deflated { range: 0..packed.len(), size: 64, crc };
        assert_eq!(block(checksum(&[0; 64])).bytes(&packed).unwrap().len(), 64);
        assert!(block(7).bytes(&packed).unwrap_err().contains("the archive says 0x00000007"));
    }
}
