//! The header of a safetensors file: 8 bytes of length (little-endian), that many bytes of JSON, then the data.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::printable;

/// Longest header accepted, in bytes: some ten thousand arrays. Known networks need a tenth of it.
pub(super) const MAX_HEADER: usize = 1 << 20;
/// Most dimensions an array may have.
const MAX_DIMENSIONS: usize = 8;

/// The type of an array's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the format's own")]
pub enum Dtype {
    F64,
    F32,
    F16,
    #[serde(rename = "BF16")]
    Bf16,
    #[serde(rename = "F8_E4M3")]
    F8E4M3,
    #[serde(rename = "F8_E5M2")]
    F8E5M2,
    I64,
    U64,
    I32,
    U32,
    I16,
    U16,
    I8,
    U8,
    #[serde(rename = "BOOL")]
    Bool,
    /// Any other, such as `C64`: of unknown size, and never read.
    #[serde(other)]
    Other,
}

impl Dtype {
    /// Bytes of one value; 0 for [`Dtype::Other`], which is not known.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F8E4M3 | Self::F8E5M2 | Self::I8 | Self::U8 | Self::Bool => 1,
            Self::Other => 0,
        }
    }

    /// Whether it is a type of floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16 | Self::F8E4M3 | Self::F8E5M2)
    }

    /// The format's name, e.g. `BF16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F8E4M3 => "F8_E4M3",
            Self::F8E5M2 => "F8_E5M2",
            Self::I64 => "I64",
            Self::U64 => "U64",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
            Self::Other => "another type",
        }
    }
}

/// One array of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub dtype: Dtype,
    /// Its shape, row-major.
    pub shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub(super) range: Range<usize>,
}

impl Entry {
    /// Where its bytes lie in a safetensors file; empty in a store of another format.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

#[derive(Debug)]
pub(super) struct Header {
    /// In the order of the data.
    pub(super) entries: Vec<Entry>,
    pub(super) by_name: HashMap<String, usize>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Header {
    /// Reads and checks the header of a whole file. The error says what is wrong.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let Some((length, rest)) = file.split_first_chunk::<8>() else {
            return Err(format!("{} bytes are too few for a header", file.len()));
        };
        let length = u64::from_le_bytes(*length);
        let Some(length) = usize::try_from(length).ok().filter(|&n| n <= rest.len()) else {
            return Err(format!(
                "a header of {length} bytes in a file of {} (cut short, or another format)",
                file.len()
            ));
        };
        if length > MAX_HEADER {
            return Err(format!("a header of {length} bytes; at most {MAX_HEADER} are accepted"));
        }
        let (json, data) = rest.split_at(length);
        let Json { entries: mut raw, metadata } =
            serde_json::from_slice(json).map_err(|e| format!("its header cannot be read: {e}"))?;
        raw.sort_by_key(|(_, info)| info.data_offsets);

        let mut end = 0;
        let mut entries = Vec::with_capacity(raw.len());
        let mut by_name = HashMap::with_capacity(raw.len());
        for (name, info) in raw {
            let entry = info.check(name, &mut end, data.len(), 8 + length)?;
            if by_name.insert(entry.name.clone(), entries.len()).is_some() {
                return Err(format!("'{}' is there twice", printable(&entry.name, 60)));
            }
            entries.push(entry);
        }
        if end != data.len() {
            return Err(format!("{} bytes of data, but the header describes {end}", data.len()));
        }
        Ok(Self { entries, by_name, metadata })
    }
}

struct Json {
    entries: Vec<(String, Info)>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (u64, u64),
}

struct Shape(Vec<u64>);

impl Info {
    /// Arrays must follow each other without gap or overlap, inside the data.
    fn check(self, name: String, end: &mut usize, data: usize, start: usize) -> Result<Entry, String> {
        let (from, to) = self.data_offsets;
        let label = printable(&name, 60);
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        let Some((from, to)) = range.filter(|&(from, to)| from <= to && to <= data) else {
            return Err(format!("'{label}' lies at {from}..{to}, outside the {data} bytes of data"));
        };
        if from != *end {
            return Err(format!("'{label}' starts at {from}, expected {end}: arrays overlap or leave a gap"));
        }
        let sides = self.shape.0.iter().map(|&n| usize::try_from(n).ok());
        let shape: Option<Vec<usize>> = sides.collect();
        let bytes = shape
            .as_ref()
            .and_then(|shape| shape.iter().try_fold(self.dtype.size(), |n, &side| n.checked_mul(side)));
        match (shape, bytes) {
            // Where the size of a value is unknown, the header's word is all there is; it lies inside the file.
            (Some(shape), Some(bytes)) if bytes == to - from || self.dtype == Dtype::Other => {
                *end = to;
                Ok(Entry { name, dtype: self.dtype, shape, range: start + from..start + to })
            }
            _ => Err(format!(
                "'{label}' of {} {:?} does not fill its {} bytes",
                self.dtype.name(),
                self.shape.0,
                to - from
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to arrays")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut json = Json { entries: Vec::new(), metadata: BTreeMap::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        json.metadata = map.next_value::<Option<_>>()?.unwrap_or_default();
                    } else {
                        json.entries.push((name, map.next_value()?));
                    }
                }
                Ok(json)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;
        impl<'de> Visitor<'de> for Sides {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_DIMENSIONS} sides")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut sides = Vec::new();
                while let Some(side) = seq.next_element()? {
                    if sides.len() == MAX_DIMENSIONS {
                        return Err(A::Error::invalid_length(MAX_DIMENSIONS + 1, &self));
                    }
                    sides.push(side);
                }
                Ok(Shape(sides))
            }
        }
        deserializer.deserialize_seq(Sides)
    }
}
