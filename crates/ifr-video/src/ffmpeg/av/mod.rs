//! The safe layer over FFmpeg's C libraries, cut to what this crate needs. All `unsafe` code of the crate is in here:
//! each type owns one C object, frees it when dropped, and never hands out its pointer beyond this module.
#![allow(unsafe_code, reason = "FFmpeg is a C library")]
#![allow(clippy::unnecessary_cast, reason = "the types of constants differ between versions of FFmpeg")]
#![allow(unreachable_pub, reason = "the module is private: `pub` here means the crate")]

mod codec;
mod dict;
mod error;
mod frame;
mod graph;
mod input;
mod log;
mod output;
mod packet;
mod params;
mod pixel;
mod write;

pub use codec::{Codec, CodecContext, EncoderSetup, Step};
pub use dict::Dict;
pub use error::AvError;
pub use frame::{AvFrame, Streamed};
pub use graph::Graph;
pub use input::{Chapter, Input, StreamView, demuxers};
pub use log::route_log;
pub use output::{Muxer, Output};
pub use packet::Packet;
pub use params::{Kind, Params, SideData, VideoParts};
pub use pixel::{Component, PixFmt};
pub use write::{Writer, Written};

use std::ffi::{CStr, CString, c_char};
use std::path::Path;

use ffmpeg_sys_the_third as ffi;

/// A fraction as FFmpeg has them; the denominator may be 0 for "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rational {
    pub num: i32,
    pub den: i32,
}

impl Rational {
    pub fn new(num: i32, den: i32) -> Self {
        Self { num, den }
    }

    fn from_c(r: ffi::AVRational) -> Self {
        Self { num: r.num, den: r.den }
    }

    fn to_c(self) -> ffi::AVRational {
        ffi::AVRational { num: self.num, den: self.den }
    }

    /// Whether it is a positive number.
    pub fn is_positive(self) -> bool {
        self.num > 0 && self.den > 0
    }
}

/// A C string; whatever follows a NUL byte is cut off (names and options hold none).
fn c_string(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|&b| b != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

/// Copies a C string; empty for a null pointer.
fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: FFmpeg's names and dictionary values are NUL-terminated strings that live at least for this call.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The URL by which FFmpeg opens this very file: `file:` keeps a colon in its name from being read as a protocol.
/// `None` when the path holds a NUL byte.
pub fn file_url(path: &Path) -> Option<CString> {
    let mut bytes = b"file:".to_vec();
    bytes.extend_from_slice(path.as_os_str().as_encoded_bytes());
    CString::new(bytes).ok()
}

/// A path that is an address (`https://…`), as it stands. `None` when it holds a NUL byte.
pub fn address(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_encoded_bytes()).ok()
}

/// The most that FFmpeg allocates in one piece, in bytes: the largest picture at four bytes a pixel, and its margins.
const MAX_ALLOCATION: usize = 4 * ifr_frame::MAX_PIXELS + (64 << 20);

/// Sets FFmpeg's limit on single allocations, for the whole process. Cheap to call again.
pub fn limit_memory() {
    // SAFETY: stores a number.
    unsafe { ffi::av_max_alloc(MAX_ALLOCATION) };
}

/// The version of the FFmpeg in use, e.g. `5.1.9`.
pub fn version() -> String {
    // SAFETY: returns a static string.
    owned(unsafe { ffi::av_version_info() })
}

/// `timestamp` counted in `from`, in `to`, to nearest.
pub fn rescale(timestamp: i64, from: Rational, to: Rational) -> i64 {
    let keep = ffi::AVRounding::NEAR_INF.0 | ffi::AVRounding::PASS_MINMAX.0;
    // SAFETY: arithmetic on plain values.
    unsafe { ffi::av_rescale_q_rnd(timestamp, from.to_c(), to.to_c(), ffi::AVRounding(keep)) }
}

/// "No timestamp".
pub const NO_PTS: i64 = ffi::AV_NOPTS_VALUE;
