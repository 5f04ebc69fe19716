use std::path::Path;

use crate::files;

/// An image file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// PNG: lossless, 8 and 16 bits a sample, grey or RGB, alpha.
    Png,
    /// JPEG: lossy, 8 bits a sample, grey or RGB.
    Jpeg,
    /// WebP: read lossless and lossy, written lossless; 8 bits a sample, RGB, alpha; sides up to 16384.
    WebP,
}

impl ImageKind {
    /// The format that a file name's extension means: `png`, `jpg`, `jpeg`, `jpe`, `webp`, in any case.
    pub fn of_name(path: &Path) -> Option<Self> {
        match files::extension(path).as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" | "jpe" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// The format that a file's first bytes mean; twelve suffice.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// The usual extension: `png`, `jpg`, `webp`.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }

    /// The codec's name as FFmpeg gives it: `png`, `mjpeg`, `webp`.
    pub fn codec(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "mjpeg",
            Self::WebP => "webp",
        }
    }

    /// The format that an encoder's name means: the extensions, and FFmpeg's `mjpeg` and `libwebp`.
    pub(crate) fn of_encoder(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" | "mjpeg" => Some(Self::Jpeg),
            "webp" | "libwebp" => Some(Self::WebP),
            _ => None,
        }
    }
}
