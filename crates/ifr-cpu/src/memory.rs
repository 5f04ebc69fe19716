//! The buffer a plan works in, and how threads share it.
#![allow(unsafe_code, reason = "threads write disjoint rows of one buffer")]

use crate::error::CpuError;
use crate::layout::LANES;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// Zeroed floats, aligned to cache lines.
#[derive(Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
}

impl Buffer {
    /// At least `len` zeros.
    pub(crate) fn new(len: usize) -> Result<Self, CpuError> {
        let count = len.div_ceil(LANES);
        let bytes = count.saturating_mul(size_of::<Line>());
        // Systems promise more memory than they have: asking is not enough.
        if available().is_some_and(|free| bytes > free) {
            return Err(CpuError::Memory { bytes });
        }
        let mut lines = Vec::new();
        lines.try_reserve_exact(count).map_err(|_| CpuError::Memory { bytes })?;
        advise(&mut lines);
        lines.resize(count, Line([0.0; LANES]));
        Ok(Self { lines })
    }

    /// Length in floats.
    pub(crate) fn len(&self) -> usize {
        self.lines.len() * LANES
    }

    pub(crate) fn memory(&mut self) -> Memory {
        Memory { base: self.lines.as_mut_ptr().cast(), len: self.len() }
    }
}

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
fn advise(lines: &mut Vec<Line>) {
    const PAGE: usize = 1 << 21;
    let spare = lines.spare_capacity_mut();
    let start = spare.as_mut_ptr().cast::<u8>();
    let skip = start.align_offset(PAGE);
    let len = size_of_val(spare).saturating_sub(skip) / PAGE * PAGE;
    if len > 0 {
        // SAFETY: the range is whole pages of memory that this vector owns and nobody has used yet; the advice changes how it
        // is backed, not what it holds. Refusal does no harm.
        unsafe { libc::madvise(start.add(skip).cast(), len, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &mut Vec<Line>) {}

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
