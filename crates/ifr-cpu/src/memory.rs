//! The buffer a plan works in, and how threads share it.
#![allow(unsafe_code, reason = "threads write disjoint rows of one buffer")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use crate::error::CpuError;
use crate::layout::LANES;

/// Bytes of a cache line.
const LINE: usize = LANES * size_of::<f32>();

/// Zeroed floats, aligned to cache lines.
///
/// Large ones are the system's own zeros until somebody writes them: threads fault in what they write first, each its part, and what
/// nobody writes takes no memory.
#[derive(Default)]
pub(crate) struct Buffer {
    /// What was allocated, a cache line more than what is used; `None`: nothing.
    held: Option<(NonNull<u8>, Layout)>,
    /// Floats that are used.
    len: usize,
}

// SAFETY: this owns plain floats, which are read and written through `Memory` alone.
unsafe impl Send for Buffer {}
// SAFETY: as above; a shared buffer tells nothing but its length.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// At least `len` zeros.
    pub(crate) fn new(len: usize) -> Result<Self, CpuError> {
        let lines = len.div_ceil(LANES);
        if lines == 0 {
            return Ok(Self::default());
        }
        let bytes = lines.saturating_add(1).saturating_mul(LINE);
        // Systems promise more memory than they have: asking is not enough.
        if available().is_some_and(|free| bytes > free) {
            return Err(CpuError::Memory { bytes });
        }
        // Aligned by hand: with a larger alignment than any value's Rust's allocator would write the zeros itself.
        let layout = Layout::from_size_align(bytes, align_of::<u128>());
        let layout = layout.map_err(|_| CpuError::Memory { bytes })?;
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(CpuError::Memory { bytes })?;
        advise(start, bytes);
        Ok(Self { held: Some((start, layout)), len: lines * LANES })
    }

    /// Length in floats.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn memory(&mut self) -> Memory {
        let first = |(start, _): (NonNull<u8>, Layout)| {
            let skip = start.as_ptr().align_offset(LINE);
            // SAFETY: less than the cache line that was allocated beyond what is used.
            unsafe { start.as_ptr().add(skip) }
        };
        let base = self.held.map_or(NonNull::<Line>::dangling().as_ptr().cast(), first);
        Memory { base: base.cast(), len: self.len }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some((start, layout)) = self.held {
            // SAFETY: allocated with this layout, and not freed since.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

/// What an empty buffer's address is aligned for.
#[repr(align(64))]
struct Line;

/// Bytes that can be had without driving anything out, by the kernel's estimate and the limits of the control group.
#[cfg(target_os = "linux")]
fn available() -> Option<usize> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let number = |path: &str| read(path)?.trim().parse::<usize>().ok();
    let info = read("/proc/meminfo")?;
    let line = info.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let free = line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.saturating_mul(1024);
    let group = number("/sys/fs/cgroup/memory.max").zip(number("/sys/fs/cgroup/memory.current"));
    Some(group.map_or(free, |(most, used)| free.min(most.saturating_sub(used))))
}

#[cfg(not(target_os = "linux"))]
fn available() -> Option<usize> {
    None
}

/// Asks for large pages: a tile of a convolution reads a few rows of dozens of planes, each on a page of its own.
#[cfg(target_os = "linux")]
fn advise(start: NonNull<u8>, bytes: usize) {
    const PAGE: usize = 1 << 21;
    let skip = start.as_ptr().align_offset(PAGE);
    let len = bytes.saturating_sub(skip) / PAGE * PAGE;
    if len > 0 {
        // SAFETY: the range is whole pages of memory that was allocated and that nobody has used yet; the advice changes how it is
        // backed, not what it holds. Refusal does no harm.
        unsafe { libc::madvise(start.as_ptr().add(skip).cast(), len, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: NonNull<u8>, _: usize) {}

/// A [`Buffer`] as kernels on several threads see it.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    base: *mut f32,
    len: usize,
}

// SAFETY: the pointer is only followed by unsafe functions, whose callers see to it that threads do not meet.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// The first float.
    pub(crate) fn base(self) -> *mut f32 {
        self.base
    }

    /// The floats `at .. at + len`.
    ///
    /// # Panics
    /// When they are not all in the buffer.
    ///
    /// # Safety
    /// The buffer is alive, and nobody writes these floats for as long as the slice is.
    pub(crate) unsafe fn read<'a>(self, at: usize, len: usize) -> &'a [f32] {
        self.check(at, len);
        // SAFETY: inside the buffer, which is initialised; the caller promises the rest.
        unsafe { std::slice::from_raw_parts(self.base.add(at), len) }
    }

    /// The floats `at .. at + len`, to write.
    ///
    /// # Panics
    /// When they are not all in the buffer.
    ///
    /// # Safety
    /// The buffer is alive, and nobody else reads or writes these floats for as long as the slice is.
    pub(crate) unsafe fn write<'a>(self, at: usize, len: usize) -> &'a mut [f32] {
        self.check(at, len);
        // SAFETY: inside the buffer, which is initialised; the caller promises the rest.
        unsafe { std::slice::from_raw_parts_mut(self.base.add(at), len) }
    }

    fn check(self, at: usize, len: usize) {
        assert!(at <= self.len && len <= self.len - at, "{at} + {len} floats of {}", self.len);
    }
}
