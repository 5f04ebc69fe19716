use std::fmt;

use crate::FrameError;

/// How far chroma is subsampled, as powers of two: 4:2:0 is (1, 1), 4:2:2 (1, 0), 4:4:4 (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subsampling {
    /// log2 of luma columns a chroma column, 0 to 2.
    pub log2_x: u8,
    /// log2 of luma rows a chroma row, 0 to 2.
    pub log2_y: u8,
}

impl Subsampling {
    /// Half in both directions.
    pub const S420: Self = Self { log2_x: 1, log2_y: 1 };
    /// Half horizontally.
    pub const S422: Self = Self { log2_x: 1, log2_y: 0 };
    /// Not subsampled.
    pub const S444: Self = Self { log2_x: 0, log2_y: 0 };
}

/// What the planes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColorModel {
    /// One plane, Y.
    Gray,
    /// Three planes, Y, Cb, Cr; the latter two subsampled.
    Yuv(Subsampling),
    /// Three planes, R, G, B, in this order.
    Rgb,
}

/// The layout of a planar frame: model, bits a sample, and whether an alpha plane comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelFormat {
    /// What the planes are.
    pub model: ColorModel,
    /// Bits a sample, 8 to 16; samples are stored in u8 at 8 bits and in the low bits of u16 above.
    pub depth: u8,
    /// Whether a full-size alpha plane comes last, in full range.
    pub alpha: bool,
}

impl PixelFormat {
    /// 8-bit 4:2:0.
    pub const YUV420P8: Self = Self::yuv(Subsampling::S420, 8);
    /// 8-bit 4:2:2.
    pub const YUV422P8: Self = Self::yuv(Subsampling::S422, 8);
    /// 8-bit 4:4:4.
    pub const YUV444P8: Self = Self::yuv(Subsampling::S444, 8);
    /// 8-bit RGB.
    pub const RGB8: Self = Self { model: ColorModel::Rgb, depth: 8, alpha: false };
    /// 16-bit RGB.
    pub const RGB16: Self = Self { model: ColorModel::Rgb, depth: 16, alpha: false };
    /// 8-bit grey.
    pub const GRAY8: Self = Self { model: ColorModel::Gray, depth: 8, alpha: false };

    /// Y'CbCr without alpha.
    pub const fn yuv(subsampling: Subsampling, depth: u8) -> Self {
        Self { model: ColorModel::Yuv(subsampling), depth, alpha: false }
    }

    /// # Errors
    /// [`FrameError::Depth`] unless the depth is 8 to 16.
    pub fn check(self) -> Result<Self, FrameError> {
        if (8..=16).contains(&self.depth) { Ok(self) } else { Err(FrameError::Depth(self.depth)) }
    }

    /// Number of planes, alpha included: 1 to 4.
    pub fn planes(self) -> usize {
        let color = if self.model == ColorModel::Gray { 1 } else { 3 };
        color + usize::from(self.alpha)
    }

    /// Whether plane `index` holds subsampled chroma (or chroma at all, for 4:4:4).
    pub fn is_chroma(self, index: usize) -> bool {
        matches!(self.model, ColorModel::Yuv(_)) && (index == 1 || index == 2)
    }

    /// Whether plane `index` is the alpha plane.
    pub fn is_alpha(self, index: usize) -> bool {
        self.alpha && index + 1 == self.planes()
    }

    /// The subsampling of plane `index` as powers of two (x, y).
    pub fn log2_step(self, index: usize) -> (u8, u8) {
        match self.model {
            ColorModel::Yuv(s) if self.is_chroma(index) => (s.log2_x, s.log2_y),
            _ => (0, 0),
        }
    }

    /// Width and height of plane `index` in a frame of `width` × `height`; odd sizes round up.
    pub fn plane_size(self, index: usize, width: usize, height: usize) -> (usize, usize) {
        let (x, y) = self.log2_step(index);
        (width.div_ceil(1 << x), height.div_ceil(1 << y))
    }

    /// The largest code, 2^depth − 1.
    pub fn max_code(self) -> u16 {
        ((1_u32 << self.depth) - 1) as u16
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.model {
            ColorModel::Gray => write!(f, "grey")?,
            ColorModel::Rgb => write!(f, "RGB")?,
            ColorModel::Yuv(Subsampling { log2_x, log2_y }) => match (log2_x, log2_y) {
                (1, 1) => write!(f, "4:2:0")?,
                (1, 0) => write!(f, "4:2:2")?,
                (0, 0) => write!(f, "4:4:4")?,
                (0, 1) => write!(f, "4:4:0")?,
                (2, 0) => write!(f, "4:1:1")?,
                (2, 2) => write!(f, "4:1:0")?,
                _ => write!(f, "Y'CbCr with 1/{} x 1/{} chroma", 1 << log2_x, 1 << log2_y)?,
            },
        }
        write!(f, " {}-bit{}", self.depth, if self.alpha { " with alpha" } else { "" })
    }
}
