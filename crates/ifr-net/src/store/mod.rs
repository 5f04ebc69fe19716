mod error;
mod header;
mod map;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

pub use error::StoreError;
pub(crate) use error::printable;
pub use header::{Dtype, Entry};
pub use write::write_safetensors;

use header::Header;

/// A safetensors file: named arrays, and words about them. Values are read when asked for.
///
/// The file is memory-mapped, so it must not be cut short by others while the store lives. Anything may be in it:
/// lengths and offsets are checked before they are believed, and what is allocated stays in proportion to what is there.
#[derive(Debug)]
pub struct ParameterStore {
    origin: String,
    bytes: map::Bytes,
    header: Header,
}

impl ParameterStore {
    /// Opens a file.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or is no well-formed safetensors file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let failed = |source| StoreError::Io { origin: origin.clone(), source };
        // Looked at before it is opened: opening a pipe waits for its other end.
        let regular = std::fs::metadata(path).map_err(failed)?.is_file();
        let file = if regular {
            File::open(path).map_err(failed)?
        } else {
            return Err(StoreError::malformed(&origin, "not a regular file"));
        };
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(StoreError::malformed(&origin, "not a regular file"));
        }
        let bytes = map::Bytes::of_file(&file).map_err(failed)?;
        Self::new(origin, bytes)
    }

    /// Takes the bytes of a file: a `Vec`, or a slice that is part of the program (`include_bytes!`), which is not copied.
    /// `origin` names them in messages.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] when it is no well-formed safetensors file.
    pub fn from_bytes(origin: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, StoreError> {
        Self::new(origin.to_owned(), map::Bytes::Memory(bytes.into()))
    }

    fn new(origin: String, bytes: map::Bytes) -> Result<Self, StoreError> {
        let header = Header::parse(bytes.as_slice()).map_err(|what| StoreError::malformed(&origin, &what))?;
        Ok(Self { origin, bytes, header })
    }

    /// Where the bytes come from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What the file holds, in the order of its data.
    pub fn entries(&self) -> &[Entry] {
        &self.header.entries
    }

    /// The array of that name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        let index = *self.header.by_name.get(name)?;
        self.header.entries.get(index)
    }

    /// The file's own words about itself (`__metadata__`), such as how a network was trained.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// The raw little-endian bytes of an array, row-major.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`] when there is none of that name.
    pub fn bytes(&self, name: &str) -> Result<&[u8], StoreError> {
        let none = || StoreError::NoEntry { origin: self.origin.clone(), name: name.to_owned() };
        let entry = self.entry(name).ok_or_else(none)?;
        self.bytes.as_slice().get(entry.range.clone()).ok_or_else(none)
    }

    /// The values of an array of `F32`, `F16` or `BF16` as `f32`, row-major.
    ///
    /// # Errors
    /// [`StoreError`] when there is none of that name or it is of another type.
    pub fn read(&self, name: &str) -> Result<Vec<f32>, StoreError> {
        let bytes = self.bytes(name)?;
        let dtype = self.entry(name).map(|entry| entry.dtype);
        let pairs = || bytes.as_chunks::<2>().0.iter();
        match dtype {
            Some(Dtype::F32) => Ok(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()),
            Some(Dtype::F16) => Ok(pairs().map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()),
            Some(Dtype::Bf16) => Ok(pairs().map(|&b| half::bf16::from_le_bytes(b).to_f32()).collect()),
            other => Err(StoreError::Type {
                origin: self.origin.clone(),
                name: name.to_owned(),
                found: other.map_or("nothing", Dtype::name),
            }),
        }
    }
}
