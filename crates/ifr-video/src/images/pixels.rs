//! Between frames' planes and the packed, full-range samples of image files.

use std::borrow::Cow;

use ifr_frame::{
    ColorDescription, ColorModel, Frame, FrameError, Matrix, PixelFormat, Primaries, Samples, Transfer,
};

/// Packed samples of one depth, full range: grey, grey + alpha, RGB or RGBA a pixel.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 1 to 4.
    pub(crate) channels: usize,
    /// `width * height * channels` samples.
    pub(crate) samples: Samples,
}

/// The colour description of an image file's frames: sRGB in full range. Grey has no matrix.
pub(crate) fn srgb(model: ColorModel) -> ColorDescription {
    let matrix = if model == ColorModel::Rgb { Matrix::RGB } else { Matrix::UNSPECIFIED };
    ColorDescription { matrix, ..ColorDescription::SRGB }
}

/// Whether primaries and transfer are so far from sRGB that an image without a tag would be shown wrongly (wide
/// gamut, PQ, HLG).
pub(crate) fn needs_tag(color: ColorDescription) -> bool {
    let wide = matches!(color.primaries, Primaries(9 | 11 | 12));
    wide || matches!(color.transfer, Transfer(14..=18))
}

/// The layout of packed samples.
pub(crate) fn format_of(channels: usize, depth: u8) -> PixelFormat {
    let model = if channels < 3 { ColorModel::Gray } else { ColorModel::Rgb };
    PixelFormat { model, depth, alpha: channels.is_multiple_of(2) }
}

impl Packed {
    /// A frame's samples at `depth` (8 or 16) bits in full range; Y'CbCr becomes RGB by the frame's own matrix, range
    /// and siting. Alpha is kept where `alpha` says so and the frame has it.
    pub(crate) fn from_frame(frame: &Frame, depth: u8, alpha: bool) -> Result<Self, FrameError> {
        let format = frame.format();
        let direct = !matches!(format.model, ColorModel::Yuv(_)) && !frame.is_limited();
        let model = if format.model == ColorModel::Gray { ColorModel::Gray } else { ColorModel::Rgb };
        let converted;
        let mut planes: Vec<Cow<'_, Samples>> = if direct {
            let colors = format.planes() - usize::from(format.alpha);
            frame.planes()[..colors].iter().map(|p| scaled(&p.samples, format.depth, depth)).collect()
        } else {
            let target = PixelFormat { model, depth, alpha: false };
            converted = frame.to_rgb().to_frame(target, srgb(model))?;
            converted.planes().iter().map(|p| Cow::Borrowed(&p.samples)).collect()
        };
        if alpha
            && format.alpha
            && let Some(plane) = frame.planes().last()
        {
            planes.push(scaled(&plane.samples, format.depth, depth));
        }
        let channels = planes.len();
        let pixels = frame.width() * frame.height();
        let samples = match depth {
            8 => {
                let mut out = vec![0_u8; pixels * channels];
                for (c, plane) in planes.iter().enumerate() {
                    if let Samples::U8(v) = plane.as_ref() {
                        out[c..].iter_mut().step_by(channels).zip(v).for_each(|(o, &s)| *o = s);
                    }
                }
                Samples::U8(out)
            }
            _ => {
                let mut out = vec![0_u16; pixels * channels];
                for (c, plane) in planes.iter().enumerate() {
                    if let Samples::U16(v) = plane.as_ref() {
                        out[c..].iter_mut().step_by(channels).zip(v).for_each(|(o, &s)| *o = s);
                    }
                }
                Samples::U16(out)
            }
        };
        Ok(Self { width: frame.width(), height: frame.height(), channels, samples })
    }

    /// The samples as a planar frame.
    pub(crate) fn into_frame(self, color: ColorDescription) -> Result<Frame, FrameError> {
        let channels = self.channels;
        let (planes, depth): (Vec<Samples>, u8) = match &self.samples {
            Samples::U8(v) => {
                let plane = |c: usize| Samples::U8(v.iter().skip(c).step_by(channels).copied().collect());
                ((0..channels).map(plane).collect(), 8)
            }
            Samples::U16(v) => {
                let plane = |c: usize| Samples::U16(v.iter().skip(c).step_by(channels).copied().collect());
                ((0..channels).map(plane).collect(), 16)
            }
        };
        Frame::new(format_of(channels, depth), self.width, self.height, planes, color)
    }

    /// The samples as bytes, most significant first, as PNG has them.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.samples {
            Samples::U8(v) => v,
            Samples::U16(v) => v.into_iter().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

/// Full-range samples from one depth to another, to the nearest code.
fn scaled(samples: &Samples, from: u8, to: u8) -> Cow<'_, Samples> {
    if from == to {
        return Cow::Borrowed(samples);
    }
    let (top, max) = ((1_u32 << to) - 1, (1_u32 << from) - 1);
    let scale = |v: u32| (v.min(max) * top + max / 2) / max;
    let values: Box<dyn Iterator<Item = u32> + '_> = match samples {
        Samples::U8(v) => Box::new(v.iter().map(|&v| scale(v.into()))),
        Samples::U16(v) => Box::new(v.iter().map(|&v| scale(v.into()))),
    };
    Cow::Owned(match to {
        8 => Samples::U8(values.map(|v| v as u8).collect()),
        _ => Samples::U16(values.map(|v| v as u16).collect()),
    })
}

/// The smallest layout that holds both: RGB over grey, the deeper, with alpha if either has it.
pub(crate) fn union(a: PixelFormat, b: PixelFormat) -> PixelFormat {
    let model = if a.model == b.model { a.model } else { ColorModel::Rgb };
    PixelFormat { model, depth: a.depth.max(b.depth), alpha: a.alpha || b.alpha }
}

/// A full-range grey or RGB frame in a layout that holds it (see [`union`]), losslessly: grey is repeated, 8 bits
/// become 16 by 257, alpha is opaque.
pub(crate) fn widened(
    frame: Frame,
    format: PixelFormat,
    color: ColorDescription,
) -> Result<Frame, FrameError> {
    if frame.format() == format {
        return Ok(frame.with_color(color));
    }
    let (width, height, from) = (frame.width(), frame.height(), frame.format());
    let colors = from.planes() - usize::from(from.alpha);
    let mut planes: Vec<Samples> = frame
        .planes()
        .iter()
        .take(colors)
        .map(|p| scaled(&p.samples, from.depth, format.depth).into_owned())
        .collect();
    if format.model == ColorModel::Rgb && colors == 1 {
        planes = vec![planes[0].clone(), planes[0].clone(), planes.swap_remove(0)];
    }
    if format.alpha {
        let own = frame.planes().last().filter(|_| from.alpha);
        planes.push(match own {
            Some(p) => scaled(&p.samples, from.depth, format.depth).into_owned(),
            None if format.depth == 8 => Samples::U8(vec![u8::MAX; width * height]),
            None => Samples::U16(vec![format.max_code(); width * height]),
        });
    }
    Frame::new(format, width, height, planes, color)
}
