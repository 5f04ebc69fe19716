mod error;
mod header;
mod map;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::Path;

pub use error::StoreError;
pub use error::printable;
pub use header::{Dtype, Entry};
pub use map::FileBytes;
pub(crate) use write::rounded;
pub use write::write_safetensors;

use header::Header;

/// Named arrays, and words about them: a safetensors file, or what a reader of another format found. Values are read when
/// asked for.
///
/// The file is memory-mapped, so it must not be cut short by others while the store lives. Anything may be in it:
/// lengths and offsets are checked before they are believed, and what is allocated stays in proportion to what is there.
#[derive(Debug)]
pub struct ParameterStore {
    origin: String,
    data: Data,
    header: Header,
}

#[derive(Debug)]
enum Data {
    Bytes(FileBytes),
    Source(Box<dyn ArraySource>),
}

/// Where a store that is no safetensors file takes its values from.
pub trait ArraySource: fmt::Debug + Send + Sync {
    /// The values of the array at that place in the list the store was made with, row-major.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    fn read(&self, index: usize) -> Result<Vec<f32>, String>;
}

impl ParameterStore {
    /// Opens a safetensors file.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read or is no well-formed safetensors file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        match FileBytes::open(path) {
            Ok(bytes) => Self::from_bytes(&origin, bytes),
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                Err(StoreError::malformed(&origin, "not a regular file"))
            }
            Err(source) => Err(StoreError::Io { origin, source }),
        }
    }

    /// Takes the bytes of a safetensors file: a `Vec`, or a slice that is part of the program (`include_bytes!`), which is not
    /// copied, or a mapped file. `origin` names them in messages.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] when it is no well-formed safetensors file.
    pub fn from_bytes(origin: &str, bytes: impl Into<FileBytes>) -> Result<Self, StoreError> {
        let bytes = bytes.into();
        let header = Header::parse(bytes.as_slice()).map_err(|what| StoreError::malformed(origin, &what))?;
        Ok(Self { origin: origin.to_owned(), data: Data::Bytes(bytes), header })
    }

    /// What the header of a safetensors file says: its arrays in the order of the data, all inside the file, and its metadata.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn header_of(file: &[u8]) -> Result<(Vec<Entry>, BTreeMap<String, String>), String> {
        Header::parse(file).map(|header| (header.entries, header.metadata))
    }

    /// Takes arrays (name, type in the file, shape) whose values another reader supplies. `origin` names them in messages.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] when two are of one name.
    pub fn from_source(
        origin: &str,
        arrays: impl IntoIterator<Item = (String, Dtype, Vec<usize>)>,
        metadata: BTreeMap<String, String>,
        source: Box<dyn ArraySource>,
    ) -> Result<Self, StoreError> {
        let entries =
            arrays.into_iter().map(|(name, dtype, shape)| Entry { name, dtype, shape, range: 0..0 });
        let entries: Vec<Entry> = entries.collect();
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            if by_name.insert(entry.name.clone(), index).is_some() {
                let what = format!("'{}' is there twice", printable(&entry.name, 60));
                return Err(StoreError::Foreign { origin: origin.to_owned(), what });
            }
        }
        let header = Header { entries, by_name, metadata };
        Ok(Self { origin: origin.to_owned(), data: Data::Source(source), header })
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

    /// The raw little-endian bytes of an array of a safetensors file, row-major.
    ///
    /// # Errors
    /// [`StoreError::NoEntry`] when there is none of that name, [`StoreError::Foreign`] when this is no safetensors file.
    pub fn bytes(&self, name: &str) -> Result<&[u8], StoreError> {
        let none = || StoreError::NoEntry { origin: self.origin.clone(), name: name.to_owned() };
        let entry = self.entry(name).ok_or_else(none)?;
        match &self.data {
            Data::Bytes(bytes) => bytes.as_slice().get(entry.range.clone()).ok_or_else(none),
            Data::Source(_) => {
                Err(self.foreign(format!("'{name}' is not stored as a safetensors file's arrays are")))
            }
        }
    }

    /// The values of an array of `F64`, `F32`, `F16` or `BF16` as `f32`, row-major.
    ///
    /// # Errors
    /// [`StoreError`] when there is none of that name or it is of another type.
    pub fn read(&self, name: &str) -> Result<Vec<f32>, StoreError> {
        if let Data::Source(source) = &self.data {
            let Some(&index) = self.header.by_name.get(name) else {
                return Err(StoreError::NoEntry { origin: self.origin.clone(), name: name.to_owned() });
            };
            return source.read(index).map_err(|what| self.foreign(format!("'{name}': {what}")));
        }
        let bytes = self.bytes(name)?;
        let dtype = self.entry(name).map(|entry| entry.dtype);
        let pairs = || bytes.as_chunks::<2>().0.iter();
        match dtype {
            Some(Dtype::F64) => {
                Ok(bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect())
            }
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

    fn foreign(&self, what: String) -> StoreError {
        StoreError::Foreign { origin: self.origin.clone(), what }
    }
}
