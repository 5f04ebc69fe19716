#![allow(unsafe_code, reason = "a memory map is unsafe: another process might cut the file short")]

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// The bytes of a file, mapped or in memory. A mapped file must not be cut short by others meanwhile.
#[derive(Debug)]
pub struct FileBytes(Kind);

#[derive(Debug)]
enum Kind {
    Mapped(Mmap),
    Memory(Cow<'static, [u8]>),
}

impl FileBytes {
    /// Maps a regular file.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::InvalidInput`] for what is no regular file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let irregular = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        // Looked at before it is opened: opening a pipe waits for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(irregular());
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(irregular());
        }
        if metadata.len() == 0 {
            return Ok(Self(Kind::Memory(Cow::Borrowed(&[]))));
        }
        // SAFETY: the map is read-only and private to this value, and is only ever read as bytes, for which every value
        // is valid. The type documents that the file must not be cut short meanwhile.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(Kind::Mapped(map)))
    }

    /// All of them.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kind::Mapped(map) => map,
            Kind::Memory(bytes) => bytes,
        }
    }
}

impl<B: Into<Cow<'static, [u8]>>> From<B> for FileBytes {
    fn from(bytes: B) -> Self {
        Self(Kind::Memory(bytes.into()))
    }
}
