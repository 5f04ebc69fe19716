use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gif::{DisposalMethod, Encoder, EncodingError, Repeat};
use ifr_frame::{Frame, Rate, Time};

use crate::anim::canvas::Rect;
use crate::anim::gif_source::time_base;
use crate::anim::pace::Pace;
use crate::anim::quantise::{Rgb, exact_palette, map_exact, map_nearest, palette};
use crate::anim::settings::{Settings, expect_size, rgba};
use crate::files::{io_error, unsupported};
use crate::{OutputOptions, Sink, StreamPacket, Summary, VideoError};

/// Palette entries for colours; one more is for "nothing here".
const COLORS: usize = 255;
/// A pixel of a many-coloured frame is not drawn again while no channel is further than this from what it was when it
/// was drawn last: still areas do not flicker with every frame's palette.
const STILL: u8 = 3;
/// The highest rate that browsers show, in frames a second.
const BROWSER_RATE: i64 = 50;

/// Writes an animated GIF.
///
/// Frames of up to 255 new colours are exact; others get a palette of their own and error diffusion. Only what
/// changes is drawn. Delays are whole hundredths of a second, rounded without drift. Transparency is on or off, at half.
pub struct GifSink {
    encoder: Option<Encoder<BufWriter<File>>>,
    path: PathBuf,
    settings: Settings,
    size: (usize, usize),
    alpha: bool,
    pace: Pace<Vec<[u8; 4]>>,
    /// What is on show, and what each pixel was meant to be when it was drawn; empty before the first frame.
    shown: Vec<Rgb>,
    meant: Vec<Rgb>,
    frames: u64,
}

impl std::fmt::Debug for GifSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GifSink").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

fn fault(path: &Path) -> impl Fn(EncodingError) -> VideoError + '_ {
    move |error| match error {
        EncodingError::Io(e) => io_error("write", path, e),
        other => VideoError::Option(format!("{}: cannot be written as GIF: {other}", path.display())),
    }
}

impl GifSink {
    /// Creates the file and writes its header. Encoder options: `loop` (how often to play, 0 for ever, the default) and
    /// `dither` (`floyd_steinberg`, the default, or `none`).
    ///
    /// # Errors
    /// [`VideoError`] when an option does not fit, a side is above 65535, or the file cannot be made.
    pub fn create(options: &OutputOptions) -> Result<Self, VideoError> {
        let path = options.path.clone();
        let settings = Settings::read(options, &["gif"])?;
        let (Ok(width), Ok(height)) = (u16::try_from(options.width), u16::try_from(options.height)) else {
            return Err(unsupported(&path, "GIF holds sides up to 65535: scale the video down first"));
        };
        if options
            .rate
            .zip(Rate::new(BROWSER_RATE, 1).ok())
            .is_some_and(|(rate, most)| rate.period() < most.period())
        {
            tracing::warn!(
                "{}: browsers slow GIFs above {BROWSER_RATE} frames a second down to 10; write WebP or video, or lower the \
                 rate",
                path.display()
            );
        }
        let file = File::create(&path).map_err(|e| io_error("create", &path, e))?;
        let mut encoder = Encoder::new(BufWriter::new(file), width, height, &[]).map_err(fault(&path))?;
        // Without the extension a GIF plays once.
        match settings.plays {
            0 => encoder.set_repeat(Repeat::Infinite).map_err(fault(&path))?,
            1 => {}
            plays => encoder.set_repeat(Repeat::Finite(plays - 1)).map_err(fault(&path))?,
        }
        Ok(Self {
            encoder: Some(encoder),
            path,
            settings,
            size: (options.width, options.height),
            alpha: options.format.alpha,
            pace: Pace::new(time_base(), options.rate),
            shown: Vec::new(),
            meant: Vec::new(),
            frames: 0,
        })
    }

    /// Writes a frame, shown for `delay` ticks.
    fn encode(&mut self, pixels: &[[u8; 4]], delay: i64) -> Result<(), VideoError> {
        let (width, height) = self.size;
        let delay = u16::try_from(delay).unwrap_or_else(|_| {
            tracing::warn!("{}: GIF holds no delay above 655 s; one is cut", self.path.display());
            u16::MAX
        });
        let first = self.frames == 0;
        let color = |i: usize| -> Rgb { [pixels[i][0], pixels[i][1], pixels[i][2]] };
        let drawn: Vec<bool>;
        let exact: Option<Vec<Rgb>>;
        if self.alpha {
            drawn = pixels.iter().map(|p| p[3] >= 128).collect();
            exact = exact_palette((0..pixels.len()).filter(|&i| drawn[i]).map(color), COLORS);
        } else {
            let all: Vec<bool> = (0..pixels.len()).map(|i| first || self.shown[i] != color(i)).collect();
            exact = exact_palette((0..pixels.len()).filter(|&i| all[i]).map(color), COLORS);
            drawn = match exact {
                Some(_) => all,
                None => (0..pixels.len()).map(|i| first || moved(self.meant[i], color(i))).collect(),
            };
        }
        // A frame that draws nothing is one pixel of nothing: it holds the time.
        let rect = Rect::around(width, height, |i| drawn[i]);
        let rect = rect.unwrap_or(Rect { x: 0, y: 0, width: 1, height: 1 });
        let mut part = Vec::with_capacity(rect.width * rect.height);
        for y in rect.y..rect.y + rect.height {
            part.extend((rect.x..rect.x + rect.width).map(|x| {
                let i = y * width + x;
                drawn[i].then(|| color(i))
            }));
        }
        let is_exact = exact.is_some();
        let mut colors = exact.unwrap_or_else(|| palette(part.iter().flatten().copied(), COLORS));
        let transparent = part.contains(&None).then_some(colors.len() as u8);
        let nothing = transparent.unwrap_or(0);
        let indices = if is_exact || colors.is_empty() {
            map_exact(&part, &colors, nothing)
        } else {
            map_nearest(&part, rect.width, &colors, nothing, self.settings.dither)
        };
        if transparent.is_some() {
            colors.push([0; 3]);
        }
        if !self.alpha {
            self.remember(pixels, rect, &part, &indices, &colors);
        }
        let frame = gif::Frame {
            delay,
            dispose: if self.alpha { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent,
            // Sizes fit: the canvas does.
            left: rect.x as u16,
            top: rect.y as u16,
            width: rect.width as u16,
            height: rect.height as u16,
            palette: Some(colors.concat()),
            buffer: Cow::Owned(indices),
            ..gif::Frame::default()
        };
        if let Some(encoder) = &mut self.encoder {
            encoder.write_frame(&frame).map_err(fault(&self.path))?;
        }
        self.frames += 1;
        Ok(())
    }

    fn remember(
        &mut self,
        pixels: &[[u8; 4]],
        rect: Rect,
        part: &[Option<Rgb>],
        indices: &[u8],
        colors: &[Rgb],
    ) {
        let width = self.size.0;
        self.shown.resize(pixels.len(), [0; 3]);
        self.meant.resize(pixels.len(), [0; 3]);
        for (at, (pixel, &index)) in part.iter().zip(indices).enumerate() {
            if let Some(color) = pixel {
                let i = (rect.y + at / rect.width) * width + rect.x + at % rect.width;
                self.shown[i] = colors[usize::from(index)];
                self.meant[i] = *color;
            }
        }
    }
}

fn moved(from: Rgb, to: Rgb) -> bool {
    from.iter().zip(&to).any(|(a, b)| a.abs_diff(*b) > STILL)
}

impl Sink for GifSink {
    fn write_frame(&mut self, frame: &Frame, pts: Time, duration: Option<Time>) -> Result<(), VideoError> {
        expect_size(frame, self.size.0, self.size.1, &self.path)?;
        match self.pace.push(rgba(frame)?, pts, duration) {
            Some((pixels, delay)) => self.encode(&pixels, delay),
            None => Ok(()),
        }
    }

    fn write_packet(&mut self, _: StreamPacket) -> Result<(), VideoError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Summary, VideoError> {
        if let Some((pixels, delay)) = self.pace.finish() {
            self.encode(&pixels, delay)?;
        }
        if self.pace.dropped > 0 {
            tracing::warn!(
                "{}: {} frames less than a hundredth of a second before the next are left out",
                self.path.display(),
                self.pace.dropped
            );
        }
        if let Some(encoder) = self.encoder.take() {
            let mut output = encoder.into_inner().map_err(fault(&self.path))?;
            output.flush().map_err(|e| io_error("write", &self.path, e))?;
        }
        let bytes = self.path.metadata().map_or(0, |m| m.len());
        Ok(Summary { frames: self.frames, bytes, encoder: "gif".to_owned(), ..Summary::default() })
    }
}
