use crate::{ColorDescription, ColorModel, FrameError, PixelFormat, Range};

/// The longest side taken, in pixels.
pub const MAX_DIMENSION: usize = 65_535;
/// The largest area taken, in pixels: 16384 × 16384.
pub const MAX_PIXELS: usize = 1 << 28;

/// One plane's samples in rows, top to bottom, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits a sample.
    U8(Vec<u8>),
    /// 9 to 16 bits a sample, in the low bits.
    U16(Vec<u16>),
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::U8(_) => "8-bit",
            Self::U16(_) => "16-bit",
        }
    }
}

/// One plane's samples, to be changed: see [`Frame::samples_mut`].
#[derive(Debug)]
pub enum SamplesMut<'a> {
    /// 8 bits a sample.
    U8(&'a mut [u8]),
    /// 9 to 16 bits a sample, in the low bits.
    U16(&'a mut [u16]),
}

/// One plane of a frame: `width` × `height` samples, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    /// Samples a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The samples, `width * height` of them.
    pub samples: Samples,
}

impl Plane {
    /// The 8-bit samples; `None` for a deeper plane.
    pub fn as_u8(&self) -> Option<&[u8]> {
        match &self.samples {
            Samples::U8(v) => Some(v),
            Samples::U16(_) => None,
        }
    }

    /// The samples above 8 bits; `None` for an 8-bit plane.
    pub fn as_u16(&self) -> Option<&[u16]> {
        match &self.samples {
            Samples::U16(v) => Some(v),
            Samples::U8(_) => None,
        }
    }

    /// The samples as floats, codes unchanged (0 to 2^depth − 1), row by row.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.samples {
            Samples::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Samples::U16(v) => v.iter().map(|&x| f32::from(x)).collect(),
        }
    }
}

/// A picture as a decoder makes it: planar, 8 to 16 bits a sample, with its colour description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: Vec<Plane>,
    color: ColorDescription,
}

impl Frame {
    /// A frame of given planes: Y, Cb, Cr or R, G, B or Y, then alpha where the format has it.
    ///
    /// # Errors
    /// [`FrameError`] when the size is impossible, the depth unknown, or the planes are not of the number, size and
    /// sample type that format and size ask for.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: Vec<Samples>,
        color: ColorDescription,
    ) -> Result<Self, FrameError> {
        check_size(width, height)?;
        format.check()?;
        let fault = |plane: usize, found: String, expected: String| FrameError::Plane {
            plane,
            format: format.to_string(),
            found,
            expected,
        };
        if planes.len() != format.planes() {
            return Err(fault(0, format!("{} planes", planes.len()), format!("{} planes", format.planes())));
        }
        let mut checked = Vec::with_capacity(planes.len());
        for (i, samples) in planes.into_iter().enumerate() {
            let (w, h) = format.plane_size(i, width, height);
            let kind = if format.depth == 8 { "8-bit" } else { "16-bit" };
            if samples.len() != w * h || samples.kind() != kind {
                let found = format!("{} {} samples", samples.len(), samples.kind());
                return Err(fault(i, found, format!("{w}x{h} = {} {kind} samples", w * h)));
            }
            checked.push(Plane { width: w, height: h, samples });
        }
        Ok(Self { format, width, height, planes: checked, color })
    }

    /// A black frame (opaque, where there is alpha).
    ///
    /// # Errors
    /// [`FrameError`] as for [`Frame::new`].
    pub fn black(
        format: PixelFormat,
        width: usize,
        height: usize,
        color: ColorDescription,
    ) -> Result<Self, FrameError> {
        check_size(width, height)?;
        format.check()?;
        let limited = format.model != ColorModel::Rgb && color.range != Range::Full;
        let planes = (0..format.planes())
            .map(|i| {
                let (w, h) = format.plane_size(i, width, height);
                let code = if format.is_alpha(i) {
                    format.max_code()
                } else if format.is_chroma(i) {
                    1 << (format.depth - 1)
                } else if limited {
                    16 << (format.depth - 8)
                } else {
                    0
                };
                match format.depth {
                    8 => Samples::U8(vec![code as u8; w * h]),
                    _ => Samples::U16(vec![code; w * h]),
                }
            })
            .collect();
        Self::new(format, width, height, planes, color)
    }

    /// The layout.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The planes: Y, Cb, Cr or R, G, B or Y, then alpha where there is one.
    pub fn planes(&self) -> &[Plane] {
        &self.planes
    }

    /// A plane's samples, to be changed.
    ///
    /// # Panics
    /// When there is no such plane.
    pub fn samples_mut(&mut self, plane: usize) -> SamplesMut<'_> {
        match &mut self.planes[plane].samples {
            Samples::U8(v) => SamplesMut::U8(v),
            Samples::U16(v) => SamplesMut::U16(v),
        }
    }

    /// How the samples are to be read as colour.
    pub fn color(&self) -> ColorDescription {
        self.color
    }

    /// The same samples under another colour description.
    #[must_use]
    pub fn with_color(mut self, color: ColorDescription) -> Self {
        self.color = color;
        self
    }

    /// Whether the range is limited once unspecified ranges are resolved: RGB is full, everything else limited.
    pub fn is_limited(&self) -> bool {
        is_limited(self.format, self.color)
    }

    /// Whether `other` could stand beside this frame in one stream: same size, format and colour reading.
    pub fn is_like(&self, other: &Self) -> bool {
        self.format == other.format
            && (self.width, self.height) == (other.width, other.height)
            && self.color == other.color
    }
}

pub(crate) fn is_limited(format: PixelFormat, color: ColorDescription) -> bool {
    match color.range {
        Range::Limited => true,
        Range::Full => false,
        Range::Unspecified => format.model != ColorModel::Rgb,
    }
}

pub(crate) fn check_size(width: usize, height: usize) -> Result<(), FrameError> {
    let side = 1..=MAX_DIMENSION;
    if side.contains(&width) && side.contains(&height) && width * height <= MAX_PIXELS {
        Ok(())
    } else {
        Err(FrameError::Size { width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subsampling;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let f = Frame::black(PixelFormat::YUV420P8, 321, 181, ColorDescription::default()).unwrap();
        assert_eq!((f.planes()[1].width, f.planes()[1].height), (161, 91));
    }

    #[test]
    fn wrong_planes_are_named() {
        let color = ColorDescription::default();
        let y = |n| Samples::U8(vec![0; n]);
        let e = Frame::new(PixelFormat::YUV420P8, 4, 4, vec![y(16), y(4), y(5)], color).unwrap_err();
        assert_eq!(
            e.to_string(),
            "plane 2 of a 4:2:0 8-bit frame: found 5 8-bit samples, expected 2x2 = 4 8-bit samples"
        );
        assert!(Frame::new(PixelFormat::RGB16, 1, 1, vec![y(1), y(1), y(1)], color).is_err());
        assert!(Frame::new(PixelFormat::GRAY8, 0, 1, vec![y(0)], color).is_err());
        assert!(Frame::black(PixelFormat::yuv(Subsampling::S420, 17), 2, 2, color).is_err());
        assert!(Frame::black(PixelFormat::GRAY8, 65_535, 65_535, color).is_err());
    }
}
