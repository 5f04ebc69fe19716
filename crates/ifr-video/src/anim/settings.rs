use std::path::Path;

use ifr_frame::{Frame, Rate, Samples, Time, TimeBase};

use crate::images::pixels::Packed;
use crate::{OutputOptions, VideoError};

/// What both animation formats take from the output options.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// How often the animation is played; 0 for ever.
    pub(crate) plays: u16,
    /// Whether colours are dithered (GIF).
    pub(crate) dither: bool,
}

impl Settings {
    /// Takes the encoder options `loop` (plays, 0 for ever, the default) and `dither` (`none` or `floyd_steinberg`).
    pub(crate) fn read(options: &OutputOptions, encoders: &[&str]) -> Result<Self, VideoError> {
        if let Some(name) = options.encoder.as_deref().filter(|name| !encoders.contains(name)) {
            let path = options.path.display();
            return Err(VideoError::Option(format!(
                "{path}: '{name}' does not write it: {} does",
                encoders[0]
            )));
        }
        if options.pix_fmt.is_some() {
            let what = "animated images are written as RGB: they take no pixel format";
            return Err(VideoError::Option(format!("{}: {what}", options.path.display())));
        }
        let mut settings = Self { plays: 0, dither: true };
        for (key, value) in &options.encoder_options {
            let bad =
                |expected: &str| VideoError::Option(format!("option {key}={value}: expected {expected}"));
            match (key.as_str(), value.as_str()) {
                ("loop", value) => {
                    settings.plays =
                        value.parse().map_err(|_| bad("how often to play, 0 for ever, to 65535"))?;
                }
                ("dither", "none") => settings.dither = false,
                ("dither", "floyd_steinberg") => settings.dither = true,
                ("dither", _) => return Err(bad("none or floyd_steinberg")),
                _ => return Err(bad("loop or dither, the options of animated images")),
            }
        }
        if options.crf.is_some() || options.preset.is_some() {
            tracing::warn!(
                "{}: animated images have no crf or preset here: not used",
                options.path.display()
            );
        }
        Ok(settings)
    }
}

/// A frame as 8-bit RGBA pixels; grey is repeated, frames without alpha are opaque.
pub(crate) fn rgba(frame: &Frame) -> Result<Vec<[u8; 4]>, VideoError> {
    let packed = Packed::from_frame(frame, 8, true)?;
    let Samples::U8(v) = packed.samples else { return Ok(Vec::new()) };
    Ok(match packed.channels {
        1 => v.iter().map(|&y| [y, y, y, u8::MAX]).collect(),
        2 => v.as_chunks::<2>().0.iter().map(|&[y, a]| [y, y, y, a]).collect(),
        3 => v.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, u8::MAX]).collect(),
        _ => v.as_chunks::<4>().0.to_vec(),
    })
}

/// Refuses a frame of another size than the animation's.
pub(crate) fn expect_size(frame: &Frame, width: usize, height: usize, path: &Path) -> Result<(), VideoError> {
    if (frame.width(), frame.height()) == (width, height) {
        return Ok(());
    }
    Err(VideoError::Option(format!(
        "{}: a frame of {}x{} in an animation of {width}x{height}",
        path.display(),
        frame.width(),
        frame.height()
    )))
}

/// The sums that a scan of an animation's delays yields.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) frames: u64,
    /// In ticks.
    pub(crate) total: i64,
    first: i64,
    varies: bool,
}

impl Delays {
    pub(crate) fn add(&mut self, ticks: i64) {
        if self.frames == 0 {
            self.first = ticks;
        }
        self.varies |= ticks != self.first;
        self.total = self.total.saturating_add(ticks);
        self.frames += 1;
    }

    /// The rate, where all delays are one.
    pub(crate) fn rate(&self, base: TimeBase) -> Option<Rate> {
        let ticks = Some(self.first).filter(|&t| t > 0 && !self.varies && self.frames > 1)?;
        Rate::new(base.den().into(), ticks.checked_mul(base.num().into())?).ok()
    }

    pub(crate) fn duration(&self, base: TimeBase) -> Option<Time> {
        Time::from_pts(self.total, base)
    }
}
