//! Writing through a file of our own, so that a full disk costs nothing already written: a reserve, allocated when
//! the file is made, is given back to the file system when it runs full, which leaves room for the index that makes
//! the file playable.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use super::{AvError, ffi};

/// libavformat's buffer, in bytes.
const BUFFER: usize = 1 << 18;

#[cfg(ffmpeg_7_0)]
type Bytes = *const u8;
#[cfg(not(ffmpeg_7_0))]
type Bytes = *mut u8;

/// How writing went so far.
#[derive(Debug, Default, Clone)]
pub struct Written {
    /// The highest byte written.
    pub bytes: u64,
    /// Whether the disk was found full; the reserve is gone then.
    pub disk_full: bool,
    /// The first error of the system that could not be helped.
    pub errno: Option<i32>,
}

struct State {
    file: File,
    position: u64,
    reserve: Option<File>,
    written: Arc<Mutex<Written>>,
}

impl State {
    fn update(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), i32> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(libc::EIO),
                Ok(n) => {
                    self.position += n as u64;
                    bytes = &bytes[n..];
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let errno = e.raw_os_error().unwrap_or(libc::EIO);
                    let full = matches!(errno, libc::ENOSPC | libc::EDQUOT);
                    if full {
                        self.update(|w| w.disk_full = true);
                    }
                    // The reserve is a file without a name: closing it frees its room.
                    if !full || self.reserve.take().is_none() {
                        return Err(errno);
                    }
                }
            }
        }
        let position = self.position;
        self.update(|w| w.bytes = w.bytes.max(position));
        Ok(())
    }
}

/// A file that a muxer writes to.
pub struct Writer {
    context: NonNull<ffi::AVIOContext>,
    state: *mut State,
    written: Arc<Mutex<Written>>,
}

// SAFETY: the context and its state are only used by the one who holds the writer.
unsafe impl Send for Writer {}

impl Writer {
    /// Creates the file, with `reserve` bytes kept free for its end.
    pub fn create(path: &Path, reserve: u64) -> io::Result<Self> {
        let file = File::create(path)?;
        // Devices and pipes cannot be sought in, and have no room to reserve.
        let seekable = file.metadata()?.is_file();
        let reserve = if seekable { keep_free(path, reserve) } else { None };
        let written = Arc::new(Mutex::new(Written::default()));
        let state = State { file, position: 0, reserve, written: Arc::clone(&written) };
        let state = Box::into_raw(Box::new(state));
        // SAFETY: the buffer is allocated as libavformat asks for; the state outlives the context (see `drop`).
        let context = unsafe {
            let buffer = ffi::av_malloc(BUFFER).cast::<u8>();
            let seek: Option<unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64> =
                if seekable { Some(seek) } else { None };
            ffi::avio_alloc_context(buffer, BUFFER as c_int, 1, state.cast(), None, Some(write), seek)
        };
        match NonNull::new(context) {
            Some(context) => Ok(Self { context, state, written }),
            None => {
                // SAFETY: made by `Box::into_raw` above, and not handed on.
                drop(unsafe { Box::from_raw(state) });
                Err(io::Error::from(io::ErrorKind::OutOfMemory))
            }
        }
    }

    /// How writing went so far.
    pub fn written(&self) -> Written {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what libavformat still holds, so that [`Self::written`] is up to date.
    pub fn flush(&mut self) -> Result<(), AvError> {
        // SAFETY: a valid context.
        unsafe {
            ffi::avio_flush(self.context.as_ptr());
            AvError::check((*self.context.as_ptr()).error).map(drop)
        }
    }

    pub(super) fn as_ptr(&mut self) -> *mut ffi::AVIOContext {
        self.context.as_ptr()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: libavformat may have replaced the buffer, so the context's own is freed; then the context; then the
        // state, which only the context pointed to.
        unsafe {
            ffi::avio_flush(context);
            ffi::av_freep((&raw mut (*context).buffer).cast());
            ffi::avio_context_free(&raw mut context);
            drop(Box::from_raw(self.state));
        }
    }
}

/// A nameless file of `bytes` beside `path`; smaller or none where the disk is nearly full.
fn keep_free(path: &Path, bytes: u64) -> Option<File> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
    let directory = directory.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let mut file = tempfile::tempfile_in(directory).ok()?;
    // Zeros are written rather than a length set: a sparse file would reserve nothing.
    let block = vec![0_u8; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(block.len() as u64);
        if file.write_all(&block[..n as usize]).is_err() {
            // Half of what there is stays for the video.
            let length = (bytes - left) / 2;
            file.set_len(length).ok()?;
            break;
        }
        left -= n;
    }
    Some(file)
}

unsafe extern "C" fn write(opaque: *mut c_void, bytes: Bytes, size: c_int) -> c_int {
    let Ok(length) = usize::try_from(size) else { return ffi::AVERROR(libc::EINVAL) };
    // SAFETY: the state given to `avio_alloc_context`, and as many bytes as libavformat says.
    let (state, bytes) = unsafe {
        (&mut *opaque.cast::<State>(), ptr::slice_from_raw_parts(bytes.cast_const(), length).as_ref())
    };
    match state.write(bytes.unwrap_or_default()) {
        Ok(()) => size,
        Err(errno) => {
            state.update(|w| w.errno = w.errno.or(Some(errno)));
            ffi::AVERROR(errno)
        }
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: the state given to `avio_alloc_context`.
    let state = unsafe { &mut *opaque.cast::<State>() };
    if whence & ffi::AVSEEK_SIZE as c_int != 0 {
        return state.file.metadata().map_or(-1, |m| m.len() as i64);
    }
    let target = match whence & !(ffi::AVSEEK_FORCE as c_int) {
        libc::SEEK_SET => match u64::try_from(offset) {
            Ok(offset) => SeekFrom::Start(offset),
            Err(_) => return i64::from(ffi::AVERROR(libc::EINVAL)),
        },
        libc::SEEK_CUR => SeekFrom::Current(offset),
        libc::SEEK_END => SeekFrom::End(offset),
        _ => return i64::from(ffi::AVERROR(libc::EINVAL)),
    };
    match state.file.seek(target) {
        Ok(position) => {
            state.position = position;
            position as i64
        }
        Err(e) => i64::from(ffi::AVERROR(e.raw_os_error().unwrap_or(libc::EIO))),
    }
}
