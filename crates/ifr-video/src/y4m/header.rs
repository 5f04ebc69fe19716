use std::fmt::Write;
use std::path::Path;

use ifr_frame::{ChromaSiting, ColorDescription, MAX_DIMENSION, MAX_PIXELS, PixelFormat, Range, Rate};

use crate::VideoError;
use crate::files::{malformed, unsupported};
use crate::y4m::{MAGIC, chroma};

/// How fields make up frames, by the header's I tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interlacing {
    /// Whole frames (`p`, `?` or no tag).
    #[default]
    Progressive,
    /// Two fields a frame (`t`, `b`).
    Fields,
    /// Both, told apart frame by frame (`m`).
    Mixed,
}

/// The stream header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Y4mHeader {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Frames a second; `None` where the header does not say.
    pub rate: Option<Rate>,
    /// Sample aspect ratio; (1, 1) where unknown.
    pub sample_aspect: (u32, u32),
    /// How fields make up frames.
    pub interlacing: Interlacing,
    /// Layout of the frames.
    pub format: PixelFormat,
    /// Range (`XCOLORRANGE`) and chroma siting; y4m states no more of colour.
    pub color: ColorDescription,
}

impl Y4mHeader {
    /// Parses a header line without its line feed. Unknown tags are skipped.
    ///
    /// # Errors
    /// [`VideoError`] for what is no header or lacks a size, and for chroma formats and sizes that are not taken; they
    /// name `path`.
    pub fn parse(line: &[u8], path: &Path) -> Result<Self, VideoError> {
        let bad = |found: String| malformed(path, found, "a YUV4MPEG2 header");
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|t| t.as_bytes().starts_with(MAGIC))
            .ok_or_else(|| bad("something else at the start".to_owned()))?;
        let mut tags = text.split(' ').filter(|t| !t.is_empty());
        if tags.next().is_none_or(|first| first.as_bytes() != MAGIC) {
            return Err(bad("something else at the start".to_owned()));
        }
        let (mut width, mut height, mut rate, mut aspect) = (None, None, None, (1, 1));
        let (mut interlacing, mut range) = (Interlacing::default(), Range::Unspecified);
        // The default is 4:2:0 as in JPEG.
        let mut layout = (PixelFormat::YUV420P8, ChromaSiting::Center);
        for tag in tags {
            let mut chars = tag.chars();
            let Some(key) = chars.next() else { continue };
            let value = chars.as_str();
            match key {
                'W' => width = Some(side(value).ok_or_else(|| bad(format!("width '{value}'")))?),
                'H' => height = Some(side(value).ok_or_else(|| bad(format!("height '{value}'")))?),
                'F' => rate = fraction(value, "frame rate", path)?,
                'A' => aspect = aspect_of(value),
                'I' => {
                    interlacing = match value {
                        "t" | "b" => Interlacing::Fields,
                        "m" => Interlacing::Mixed,
                        _ => Interlacing::Progressive,
                    }
                }
                'C' => {
                    layout = chroma::parse(value).ok_or_else(|| {
                        let what = format!(
                            "chroma format '{value}' is not supported: 420, 422, 444 and mono with 8 to 16 bits, 411 \
                             and 444alpha are"
                        );
                        unsupported(path, what)
                    })?;
                }
                'X' if value == "COLORRANGE=FULL" => range = Range::Full,
                'X' if value == "COLORRANGE=LIMITED" => range = Range::Limited,
                _ => {}
            }
        }
        let (Some(width), Some(height)) = (width, height) else {
            return Err(bad("a header without width or height".to_owned()));
        };
        if width > MAX_DIMENSION || height > MAX_DIMENSION || width * height > MAX_PIXELS {
            return Err(unsupported(
                path,
                format!(
                    "frames of {width}x{height} are over the limit: sides up to {MAX_DIMENSION} and {MAX_PIXELS} \
                     pixels are taken"
                ),
            ));
        }
        let (format, siting) = layout;
        let color = ColorDescription { range, siting, ..ColorDescription::default() };
        Ok(Self { width, height, rate, sample_aspect: aspect, interlacing, format, color })
    }

    /// The header line without its line feed; `None` where y4m has no name for the layout.
    pub fn line(&self) -> Option<String> {
        let tag = chroma::tag(self.format, self.color.siting)?;
        let mut line = format!("YUV4MPEG2 W{} H{}", self.width, self.height);
        if let Some(rate) = self.rate {
            // Writing to a string cannot fail.
            let _ = write!(line, " F{}:{}", rate.num(), rate.den());
        }
        let (num, den) = self.sample_aspect;
        let interlacing = match self.interlacing {
            Interlacing::Progressive => 'p',
            Interlacing::Fields => 't',
            Interlacing::Mixed => 'm',
        };
        let _ = write!(line, " I{interlacing} A{num}:{den} C{tag}");
        match self.color.range {
            Range::Full => line.push_str(" XCOLORRANGE=FULL"),
            Range::Limited => line.push_str(" XCOLORRANGE=LIMITED"),
            Range::Unspecified => {}
        }
        Some(line)
    }

    /// The size of one frame's samples in bytes.
    pub fn frame_bytes(&self) -> u64 {
        let sample = if self.format.depth == 8 { 1 } else { 2 };
        (0..self.format.planes())
            .map(|plane| {
                let (w, h) = self.format.plane_size(plane, self.width, self.height);
                (w * h) as u64 * sample
            })
            .sum()
    }
}

fn side(value: &str) -> Option<usize> {
    let plain = !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| value.parse().ok()).flatten().filter(|&n| n > 0)
}

fn pair(value: &str) -> Option<(u32, u32)> {
    let (num, den) = value.split_once(':')?;
    let part = |s: &str| s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse().ok()).flatten();
    Some((part(num)?, part(den)?))
}

/// A rate, where 0:0 means unknown.
fn fraction(value: &str, what: &str, path: &Path) -> Result<Option<Rate>, VideoError> {
    let bad = || malformed(path, format!("{what} '{value}'"), "a fraction such as 30000:1001");
    match pair(value).ok_or_else(bad)? {
        (0, _) => Ok(None),
        (num, den) => Rate::new(num.into(), den.into()).map(Some).map_err(|_| bad()),
    }
}

fn aspect_of(value: &str) -> (u32, u32) {
    pair(value).filter(|&(num, den)| num > 0 && den > 0).unwrap_or((1, 1))
}
