#![allow(unsafe_code, reason = "a memory map is unsafe: another process might cut the file short")]

use std::borrow::Cow;
use std::fs::File;
use std::io;

use memmap2::Mmap;

/// The bytes of a file, mapped or in memory.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(Mmap),
    Memory(Cow<'static, [u8]>),
}

impl Bytes {
    /// Maps a regular file.
    pub(super) fn of_file(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::Memory(Cow::Borrowed(&[])));
        }
        // SAFETY: the map is read-only and private to this store, and is only ever read as bytes, for which every value
        // is valid. `ParameterStore` documents that the file must not be cut short meanwhile.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self::Mapped(map))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}
