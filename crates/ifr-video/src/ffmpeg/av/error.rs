use std::ffi::{c_char, c_int};
use std::fmt;

use super::{ffi, owned};

/// What an FFmpeg call returned, if negative.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AvError(c_int);

impl AvError {
    pub const EOF: Self = Self(ffi::AVERROR_EOF);
    pub const AGAIN: Self = Self(ffi::AVERROR(libc::EAGAIN));
    pub const NO_MEMORY: Self = Self(ffi::AVERROR(libc::ENOMEM));
    pub const NO_SPACE: Self = Self(ffi::AVERROR(libc::ENOSPC));
    pub const INVALID_DATA: Self = Self(ffi::AVERROR_INVALIDDATA);
    pub const INVALID_ARGUMENT: Self = Self(ffi::AVERROR(libc::EINVAL));

    /// The value if it is no error.
    pub fn check(code: c_int) -> Result<c_int, Self> {
        if code < 0 { Err(Self(code)) } else { Ok(code) }
    }

    /// The system's error number, where the error is the system's.
    pub fn errno(self) -> Option<i32> {
        let errno = ffi::AVUNERROR(self.0);
        // FFmpeg's own errors are tags of four letters, far above any errno.
        (1..4096).contains(&errno).then_some(errno)
    }
}

impl fmt::Display for AvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0 as c_char; 128];
        // SAFETY: writes at most `len` bytes, NUL included.
        unsafe { ffi::av_strerror(self.0, buffer.as_mut_ptr(), buffer.len()) };
        f.write_str(&owned(buffer.as_ptr()))
    }
}

impl fmt::Debug for AvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.0)
    }
}
