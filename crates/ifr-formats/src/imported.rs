use std::fmt;
use std::path::{Path, PathBuf};

use ifr_net::{FileBytes, Network, ParameterStore, Parameters, Ratio};

use crate::data::{Found, Views};
use crate::select::select;
use crate::{FormatError, mindspore, ncnn, pytorch, safetensors};

/// Formats of checkpoints that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// What `torch.save` writes: a zip archive or, before version 1.6, a row of pickles.
    PyTorch,
    /// ncnn's `.param` (text) with its `.bin`.
    Ncnn,
    /// What `mindspore.save_checkpoint` writes.
    MindSpore,
    /// A JSON header and plain arrays.
    Safetensors,
}

impl Format {
    /// What it is called, e.g. `PyTorch`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PyTorch => "PyTorch",
            Self::Ncnn => "ncnn",
            Self::MindSpore => "MindSpore",
            Self::Safetensors => "safetensors",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A checkpoint in which a network was recognised. Values are read when asked for.
#[derive(Debug)]
pub struct Imported {
    pub(crate) format: Format,
    pub(crate) network: Network,
    pub(crate) store: ParameterStore,
    pub(crate) prefix: String,
    pub(crate) ignored: Vec<String>,
}

impl Imported {
    /// Takes the bytes of a checkpoint that is one file: any format but ncnn's. `origin` names them in messages.
    ///
    /// # Errors
    /// As [`open`].
    pub fn from_bytes(origin: &str, bytes: impl Into<FileBytes>) -> Result<Self, FormatError> {
        let file = bytes.into();
        let (format, found) = Self::found(origin, &file)?;
        select(origin, format, file, found)
    }

    /// All arrays of floating-point numbers in the bytes of a checkpoint that is one file, under the names they have there, whatever
    /// they are for. `origin` names the file in messages.
    ///
    /// # Errors
    /// As [`open`], but for those about networks.
    pub fn arrays(origin: &str, bytes: impl Into<FileBytes>) -> Result<ParameterStore, FormatError> {
        let file = bytes.into();
        let (format, found) = Self::found(origin, &file)?;
        let entries: Vec<_> =
            found.arrays.iter().map(|a| (a.name.clone(), a.view.dtype, a.view.shape.clone())).collect();
        let views = Views::new(file, found.blocks, found.arrays)
            .map_err(|what| FormatError::malformed(origin, format, &what))?;
        Ok(ParameterStore::from_source(origin, entries, found.metadata, Box::new(views))?)
    }

    /// Takes the bytes of ncnn's two files. `origin` names them in messages.
    ///
    /// # Errors
    /// As [`open`].
    pub fn from_ncnn(origin: &str, param: &[u8], bin: impl Into<FileBytes>) -> Result<Self, FormatError> {
        let bin = bin.into();
        let found = ncnn::read(param, bin.as_slice())
            .map_err(|what| FormatError::malformed(origin, Format::Ncnn, &what))?;
        select(origin, Format::Ncnn, bin, found)
    }

    /// What is in a checkpoint that is one file.
    fn found(origin: &str, file: &FileBytes) -> Result<(Format, Found), FormatError> {
        let format = sniff(file.as_slice())
            .map_err(|what| FormatError::Unknown { origin: origin.to_owned(), what })?;
        let found = match format {
            Format::PyTorch => pytorch::read(file.as_slice()),
            Format::MindSpore => mindspore::read(file.as_slice()),
            Format::Safetensors => safetensors::read(file),
            Format::Ncnn => {
                Err("this is the .param, which says nothing without the .bin beside it".to_owned())
            }
        };
        Ok((format, found.map_err(|what| FormatError::malformed(origin, format, &what))?))
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The network whose parameters these are.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The parameters under the network's own names. Its metadata are the file's own, where the format has them.
    pub fn store(&self) -> &ParameterStore {
        &self.store
    }

    /// What stood before the parameters' names in the file, e.g. `module.`; often nothing.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What else is in the file, in words, one line each.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Reads the values of all parameters.
    ///
    /// # Errors
    /// [`FormatError::Parameters`] when some cannot be read, e.g. because compressed data are damaged.
    pub fn parameters(&self) -> Result<Parameters, FormatError> {
        let graph = self
            .network
            .graph(Ratio::ONE)
            .map_err(|e| FormatError::malformed(self.store.origin(), self.format, &e.to_string()))?;
        Ok(Parameters::read(&graph, &self.store)?)
    }
}

/// Opens a checkpoint and recognises the network in it. What the file contains decides of which format it is; its name does
/// not. Of ncnn's two files either may be given, the other must lie beside it under the same name.
///
/// Nothing in a file is executed. Until values are read, at most 256 MiB are allocated, and where the file has very many parts
/// four times its size besides (checkpoints of the known networks take some MiB). Reading values takes what the network takes,
/// and at most 96 MiB for compressed data, of which 64 are kept as long as the parameters' store.
///
/// # Errors
/// [`FormatError`] when the file cannot be read, is of no known format, is damaged, or holds no known network; for the last, the
/// message names the network that comes closest and how the two differ.
pub fn open(path: impl AsRef<Path>) -> Result<Imported, FormatError> {
    let path = path.as_ref();
    let origin = path.display().to_string();
    let map = |path: &Path| {
        FileBytes::open(path).map_err(|source| FormatError::Io { origin: path.display().to_string(), source })
    };
    let file = map(path)?;
    match sniff(file.as_slice()) {
        Ok(Format::Ncnn) => Imported::from_ncnn(&origin, file.as_slice(), map(&beside(path, "bin"))?),
        Err(_) if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("bin")) => {
            // Weights alone, which nothing marks as ncnn's.
            match FileBytes::open(beside(path, "param")) {
                Ok(param) => Imported::from_ncnn(&origin, param.as_slice(), file),
                Err(_) => Imported::from_bytes(&origin, file),
            }
        }
        _ => Imported::from_bytes(&origin, file),
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_extension(extension)
}

/// Of which format a file is; the error says what it looks like instead.
fn sniff(bytes: &[u8]) -> Result<Format, String> {
    if bytes.starts_with(b"PK\x03\x04") || pytorch::is_legacy(bytes) {
        return Ok(Format::PyTorch);
    }
    if ncnn::is_text(bytes) {
        return Ok(Format::Ncnn);
    }
    if let Some((length, rest)) = bytes.split_first_chunk::<8>()
        && u64::from_le_bytes(*length) <= rest.len() as u64
        && rest.first() == Some(&b'{')
    {
        return Ok(Format::Safetensors);
    }
    if mindspore::is_checkpoint(bytes) {
        return Ok(Format::MindSpore);
    }
    let known: [(&[u8], usize, &str); 7] = [
        (b"\xDD\x85\x76\x00", 0, "a binary ncnn .param, which lacks names; the text form is needed"),
        (b"ustar", 257, "a tar archive, as torch before 0.2 wrote: load and save it with a newer torch"),
        (b"\x80", 0, "a pickle that torch.save did not write"),
        (b"\x89HDF", 0, "an HDF5 file"),
        (b"\x08", 0, "perhaps an ONNX model, which is written here but not read"),
        (b"version https://git-lfs", 0, "a Git LFS pointer: the file itself was not downloaded"),
        (b"<", 0, "a web page or XML"),
    ];
    let is = |(magic, at, _): &(&[u8], usize, &str)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic));
    match known.iter().find(|k| is(k)) {
        Some((_, _, what)) => Err((*what).to_owned()),
        None if bytes.is_empty() => Err("it is empty".to_owned()),
        None => {
            let first: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
            Err(format!("its {} bytes begin with {}", bytes.len(), first.join(" ")))
        }
    }
}
