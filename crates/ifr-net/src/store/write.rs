use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Dtype, StoreError};

/// Writes a safetensors file: arrays (name, shape, values) in the order given, as `dtype`, and words about them.
///
/// A file of that name is replaced; rounding to `F16` and `BF16` is to nearest, ties to even.
///
/// # Errors
/// [`StoreError::Type`] when `dtype` is none of `F32`, `F16`, `BF16`; [`StoreError::Malformed`] when values do not fill
/// their shape; [`StoreError::Range`] when `dtype` would make a finite value infinite (then nothing is written);
/// [`StoreError::Io`] when the file cannot be written.
pub fn write_safetensors<'a>(
    path: &Path,
    dtype: Dtype,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let origin = path.display().to_string();
    if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::Bf16) {
        return Err(StoreError::Type { origin, name: "values to write".to_owned(), found: dtype.name() });
    }
    let tensors: Vec<_> = tensors.collect();
    for (name, shape, values) in &tensors {
        if shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side)) != Some(values.len()) {
            let what = format!("'{name}' of shape {shape:?} has {} values", values.len());
            return Err(StoreError::malformed(&origin, &what));
        }
        values.iter().try_for_each(|&value| rounded(name, value, dtype).map(drop))?;
    }
    write(path, dtype, &tensors, metadata).map_err(|source| StoreError::Io { origin, source })
}

/// A value as a file holds it that is written as `dtype`.
pub(crate) fn rounded(name: &str, value: f32, dtype: Dtype) -> Result<f32, StoreError> {
    let held = match dtype {
        Dtype::F16 => half::f16::from_f32(value).to_f32(),
        Dtype::Bf16 => half::bf16::from_f32(value).to_f32(),
        _ => value,
    };
    if held.is_infinite() && value.is_finite() {
        return Err(StoreError::Range { name: name.to_owned(), value, dtype: dtype.name() });
    }
    Ok(held)
}

type Named<'a> = (&'a str, &'a [usize], &'a [f32]);

fn write(
    path: &Path,
    dtype: Dtype,
    tensors: &[Named<'_>],
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    let mut json = serde_json::to_vec(&Header { dtype, tensors, metadata })?;
    // The data starts at a multiple of 8 bytes; the format pads with spaces.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&(json.len() as u64).to_le_bytes())?;
    out.write_all(&json)?;
    for (_, _, values) in tensors {
        for &value in *values {
            match dtype {
                Dtype::F16 => out.write_all(&half::f16::from_f32(value).to_le_bytes())?,
                Dtype::Bf16 => out.write_all(&half::bf16::from_f32(value).to_le_bytes())?,
                _ => out.write_all(&value.to_le_bytes())?,
            }
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

struct Header<'a> {
    dtype: Dtype,
    tensors: &'a [Named<'a>],
    metadata: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Info<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: (usize, usize),
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.metadata.is_empty() {
            map.serialize_entry("__metadata__", self.metadata)?;
        }
        let mut start = 0;
        for (name, shape, values) in self.tensors {
            let end = start + values.len() * self.dtype.size();
            map.serialize_entry(name, &Info { dtype: self.dtype.name(), shape, data_offsets: (start, end) })?;
            start = end;
        }
        map.end()
    }
}
