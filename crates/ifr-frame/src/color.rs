//! Colour as ITU-T H.273 (CICP) describes it. The newtypes hold the standard's own code points, which are also those
//! of FFmpeg's `AVCOL_*` constants, so that what a file says survives even where `ifr` does not know its meaning.

use std::fmt;

/// Matrix coefficients (H.273 table 4): how Y'CbCr was made from R'G'B'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Matrix(pub u8);

impl Matrix {
    /// Not Y'CbCr: planes are R, G, B.
    pub const RGB: Self = Self(0);
    /// BT.709: HD.
    pub const BT709: Self = Self(1);
    /// The file does not say.
    pub const UNSPECIFIED: Self = Self(2);
    /// FCC 73.682, close to BT.601.
    pub const FCC: Self = Self(4);
    /// BT.470BG: 625-line SD, the coefficients of BT.601.
    pub const BT470BG: Self = Self(5);
    /// SMPTE 170M: 525-line SD, the coefficients of BT.601.
    pub const BT601: Self = Self(6);
    /// SMPTE 240M.
    pub const SMPTE240M: Self = Self(7);
    /// BT.2020 non-constant luminance: UHD and HDR.
    pub const BT2020: Self = Self(9);

    /// The luma weights (Kr, Kb). Unknown matrices are taken for BT.709 from 720 lines up and BT.601 below, which is
    /// what players do.
    pub fn weights(self, height: usize) -> (f32, f32) {
        match self {
            Self::BT709 => (0.2126, 0.0722),
            Self::FCC => (0.30, 0.11),
            Self::BT470BG | Self::BT601 => (0.299, 0.114),
            Self::SMPTE240M => (0.212, 0.087),
            Self(9 | 10) => (0.2627, 0.0593),
            _ if height >= 720 => (0.2126, 0.0722),
            _ => (0.299, 0.114),
        }
    }
}

/// Colour primaries (H.273 table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Primaries(pub u8);

impl Primaries {
    /// BT.709 and sRGB.
    pub const BT709: Self = Self(1);
    /// The file does not say.
    pub const UNSPECIFIED: Self = Self(2);
    /// BT.2020.
    pub const BT2020: Self = Self(9);
}

/// Transfer characteristics (H.273 table 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transfer(pub u8);

impl Transfer {
    /// BT.709.
    pub const BT709: Self = Self(1);
    /// The file does not say.
    pub const UNSPECIFIED: Self = Self(2);
    /// sRGB.
    pub const SRGB: Self = Self(13);
    /// SMPTE ST 2084: PQ.
    pub const PQ: Self = Self(16);
    /// ARIB STD-B67: HLG.
    pub const HLG: Self = Self(18);
}

/// Which codes black and white are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Range {
    /// The file does not say: limited for Y'CbCr and grey video, full for RGB.
    #[default]
    Unspecified,
    /// "TV", "studio": luma 16…235 and chroma 16…240 at 8 bits.
    Limited,
    /// "PC", "JPEG": all codes.
    Full,
}

/// Where chroma samples lie in relation to luma samples; the code points are FFmpeg's `AVChromaLocation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChromaSiting {
    /// The file does not say: taken for [`Left`](Self::Left).
    #[default]
    Unspecified,
    /// MPEG-2, H.264, HEVC by default: on the left luma column, halfway between rows.
    Left,
    /// JPEG, MPEG-1: in the middle of each group.
    Center,
    /// BT.2020, HDR10: on the top left luma sample.
    TopLeft,
    /// On the top row, halfway between columns.
    Top,
    /// On the bottom left luma sample.
    BottomLeft,
    /// On the bottom row, halfway between columns.
    Bottom,
}

impl ChromaSiting {
    /// Offset (x, y) of the first chroma sample from the first luma sample, in luma pixels, where each chroma
    /// sample stands for `step_x` × `step_y` luma pixels.
    pub fn offset(self, step_x: usize, step_y: usize) -> (f32, f32) {
        let (last_x, last_y) = ((step_x - 1) as f32, (step_y - 1) as f32);
        let x = match self {
            Self::Center | Self::Top | Self::Bottom => last_x / 2.0,
            _ => 0.0,
        };
        let y = match self {
            Self::TopLeft | Self::Top => 0.0,
            Self::BottomLeft | Self::Bottom => last_y,
            _ => last_y / 2.0,
        };
        (x, y)
    }
}

/// How a frame's samples are to be read as colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColorDescription {
    /// How Y'CbCr was made from R'G'B'.
    pub matrix: Matrix,
    /// Which red, green and blue.
    pub primaries: Primaries,
    /// Which curve from light to code.
    pub transfer: Transfer,
    /// Limited or full.
    pub range: Range,
    /// Where chroma lies.
    pub siting: ChromaSiting,
}

impl Default for ColorDescription {
    /// Everything unspecified.
    fn default() -> Self {
        Self {
            matrix: Matrix::UNSPECIFIED,
            primaries: Primaries::UNSPECIFIED,
            transfer: Transfer::UNSPECIFIED,
            range: Range::Unspecified,
            siting: ChromaSiting::Unspecified,
        }
    }
}

impl ColorDescription {
    /// BT.709, limited range, left siting: HD video.
    pub const BT709: Self = Self {
        matrix: Matrix::BT709,
        primaries: Primaries::BT709,
        transfer: Transfer::BT709,
        range: Range::Limited,
        siting: ChromaSiting::Left,
    };
    /// sRGB in full range: image files.
    pub const SRGB: Self = Self {
        matrix: Matrix::RGB,
        primaries: Primaries::BT709,
        transfer: Transfer::SRGB,
        range: Range::Full,
        siting: ChromaSiting::Unspecified,
    };
}

impl fmt::Display for ColorDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matrix = match self.matrix {
            Matrix::RGB => "RGB",
            Matrix::BT709 => "BT.709",
            Matrix::BT470BG | Matrix::BT601 | Matrix::FCC => "BT.601",
            Matrix::BT2020 => "BT.2020",
            Matrix::UNSPECIFIED => "unspecified matrix",
            _ => "other matrix",
        };
        let range = match self.range {
            Range::Limited => "limited",
            Range::Full => "full",
            Range::Unspecified => "unspecified range",
        };
        write!(f, "{matrix} {range}")
    }
}
