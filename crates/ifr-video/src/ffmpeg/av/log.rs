//! FFmpeg's own messages go to `tracing`, target `ffmpeg`, instead of standard error.

use std::ffi::{c_char, c_int, c_void};
use std::mem;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{ffi, owned};

type Format<V> =
    unsafe extern "C" fn(*mut c_void, c_int, *const c_char, V, *mut c_char, c_int, *mut c_int) -> c_int;
type Callback<V> = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, V);

/// `av_log_format_line2`, kept for the callback.
static FORMAT: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Routes FFmpeg's log from now on. Cheap to call again.
pub fn route_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| install(ffi::av_log_set_callback, ffi::av_log_format_line2));
}

/// The type of a C argument list, `V`, differs between platforms and has no portable name: it is inferred here.
fn install<V>(set: unsafe extern "C" fn(Option<Callback<V>>), format: Format<V>) {
    FORMAT.store(format as *mut (), Ordering::Release);
    // SAFETY: the callback has the type that FFmpeg expects and may be called from any thread at any time.
    unsafe { set(Some(forward::<V>)) };
}

unsafe extern "C" fn forward<V>(context: *mut c_void, level: c_int, format: *const c_char, arguments: V) {
    // Below "verbose" there is nothing to learn, and formatting costs.
    if level > ffi::AV_LOG_VERBOSE as c_int {
        return;
    }
    let line2 = FORMAT.load(Ordering::Acquire);
    if line2.is_null() {
        return;
    }
    // SAFETY: stored by `install` with this very `V`, there being one type of argument list on a platform.
    let line2: Format<V> = unsafe { mem::transmute::<*mut (), Format<V>>(line2) };
    let (mut buffer, mut prefix) = ([0 as c_char; 1024], 1);
    let size = buffer.len() as c_int;
    // SAFETY: arguments as handed over by FFmpeg; at most `size` bytes are written, NUL included.
    unsafe { line2(context, level, format, arguments, buffer.as_mut_ptr(), size, &raw mut prefix) };
    let message = owned(buffer.as_ptr());
    let message = message.trim_end();
    if message.is_empty() {
        return;
    }
    match level {
        l if l <= ffi::AV_LOG_ERROR as c_int => tracing::error!(target: "ffmpeg", "{message}"),
        l if l <= ffi::AV_LOG_WARNING as c_int => tracing::warn!(target: "ffmpeg", "{message}"),
        // Encoders tell their settings and statistics as "info".
        l if l <= ffi::AV_LOG_INFO as c_int => tracing::debug!(target: "ffmpeg", "{message}"),
        _ => tracing::trace!(target: "ffmpeg", "{message}"),
    }
}
