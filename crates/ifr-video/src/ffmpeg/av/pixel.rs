use std::ptr;

use super::{c_string, ffi, owned};

/// FFmpeg's name for a way to store pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixFmt(pub(super) ffi::AVPixelFormat);

/// Where one component of a pixel lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Which plane.
    pub plane: usize,
    /// Bytes from one pixel's sample to the next.
    pub step: usize,
    /// Bytes before the first sample.
    pub offset: usize,
    /// Bits to shift the sample right by.
    pub shift: u32,
    /// Bits a sample.
    pub depth: u32,
}

impl PixFmt {
    /// The format of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        // SAFETY: looks a string up.
        let format = unsafe { ffi::av_get_pix_fmt(c_string(name).as_ptr()) };
        (format != ffi::AVPixelFormat::NONE).then_some(Self(format))
    }

    /// All formats.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        let (mut all, mut last) = (Vec::new(), ptr::null());
        loop {
            // SAFETY: null or the descriptor that the last call returned; descriptors are static.
            unsafe {
                last = ffi::av_pix_fmt_desc_next(last);
                if last.is_null() {
                    return all;
                }
                all.push(Self(ffi::av_pix_fmt_desc_get_id(last)));
            }
        }
    }

    fn descriptor(self) -> Option<&'static ffi::AVPixFmtDescriptor> {
        // SAFETY: returns null or a static descriptor.
        unsafe { ffi::av_pix_fmt_desc_get(self.0).as_ref() }
    }

    pub fn name(self) -> String {
        self.descriptor().map_or_else(|| "unknown".to_owned(), |d| owned(d.name))
    }

    fn has(self, flag: i32) -> bool {
        self.descriptor().is_some_and(|d| d.flags & flag as u64 != 0)
    }

    pub fn is_rgb(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_RGB)
    }

    pub fn has_alpha(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_ALPHA)
    }

    pub fn has_palette(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_PAL)
    }

    pub fn is_big_endian(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_BE)
    }

    pub fn is_hardware(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_HWACCEL)
    }

    pub fn is_float(self) -> bool {
        self.has(ffi::AV_PIX_FMT_FLAG_FLOAT)
    }

    /// Whether each sample can be read at its own bytes: not for formats of several pixels a byte, Bayer patterns,
    /// hardware surfaces, floats, and XYZ.
    pub fn is_plain(self) -> bool {
        let others = ffi::AV_PIX_FMT_FLAG_BITSTREAM
            | ffi::AV_PIX_FMT_FLAG_BAYER
            | ffi::AV_PIX_FMT_FLAG_HWACCEL
            | ffi::AV_PIX_FMT_FLAG_FLOAT;
        // In uyyvyy411 luma samples are not evenly spaced, so that the descriptor cannot tell where they are.
        let odd = self.name() == "uyyvyy411" || self.name().starts_with("xyz");
        self.descriptor().is_some_and(|d| d.flags & others as u64 == 0) && !odd
    }

    /// log2 of luma columns and rows a chroma sample.
    pub fn chroma_shift(self) -> (u8, u8) {
        self.descriptor().map_or((0, 0), |d| (d.log2_chroma_w, d.log2_chroma_h))
    }

    /// The components in order: Y, Cb, Cr or R, G, B or Y, then alpha.
    pub fn components(self) -> Vec<Component> {
        let Some(d) = self.descriptor() else { return Vec::new() };
        let count = usize::from(d.nb_components).min(d.comp.len());
        let size = |v: i32| usize::try_from(v).unwrap_or(0);
        d.comp[..count]
            .iter()
            .map(|c| Component {
                plane: size(c.plane),
                step: size(c.step),
                offset: size(c.offset),
                shift: size(c.shift) as u32,
                depth: size(c.depth) as u32,
            })
            .collect()
    }

    /// Of `list`, the format that loses the least of this one, and whether it loses anything but room.
    pub fn nearest(self, list: &[Self]) -> Option<(Self, bool)> {
        let mut terminated: Vec<ffi::AVPixelFormat> = list.iter().map(|f| f.0).collect();
        terminated.push(ffi::AVPixelFormat::NONE);
        let mut loss = 0;
        let alpha = i32::from(self.has_alpha());
        // SAFETY: the list ends with NONE.
        let best = unsafe {
            ffi::avcodec_find_best_pix_fmt_of_list(terminated.as_ptr(), self.0, alpha, &raw mut loss)
        };
        (best != ffi::AVPixelFormat::NONE).then_some((Self(best), loss != 0))
    }

    /// Reads a list that ends with NONE; empty for null.
    ///
    /// # Safety
    /// `list` is null or such a list.
    pub(super) unsafe fn list(mut list: *const ffi::AVPixelFormat) -> Vec<Self> {
        let mut formats = Vec::new();
        while !ptr::eq(list, ptr::null()) {
            // SAFETY: not past the end, which is NONE.
            let format = unsafe { *list };
            if format == ffi::AVPixelFormat::NONE {
                break;
            }
            formats.push(Self(format));
            // SAFETY: the list goes on at least to NONE.
            list = unsafe { list.add(1) };
        }
        formats
    }
}
