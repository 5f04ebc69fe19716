use std::fs::File;
use std::io::BufReader;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use ifr_frame::{ColorModel, PixelFormat, Time, TimeBase};

use crate::anim::canvas::{Canvas, Rect};
use crate::anim::settings::Delays;
use crate::files::{self, io_error, malformed};
use crate::images::pixels::srgb;
use crate::{Item, Source, SourceInfo, TimedFrame, VideoError, VideoInfo};

/// The largest picture of one frame, in bytes of RGBA.
const MAX_PICTURE: NonZeroU64 = NonZeroU64::MIN.saturating_add((4 << 26) - 1);
/// Ticks of a delay that browsers show in place of 0 and 1.
const SHORT: i64 = 10;

/// Yields an animated GIF's composed frames with their exact delays.
///
/// Frames are 8-bit sRGB, with alpha if any pixel of any composed frame is transparent. Delays of 0 and 1 hundredths of
/// a second count as 10, as in browsers. "Restore to background" restores to transparency, as in browsers. A file that
/// is cut short or damaged yields the frames before; the damaged one counts as skipped.
pub struct GifSource {
    info: SourceInfo,
    path: PathBuf,
    player: Player,
    tick: i64,
    skipped: u64,
}

impl std::fmt::Debug for GifSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GifSource")
            .field("info", &self.info)
            .field("tick", &self.tick)
            .finish_non_exhaustive()
    }
}

/// GIF's time base: 1/100 s.
pub(crate) fn time_base() -> TimeBase {
    TimeBase::new(1, 100).unwrap_or(TimeBase::MILLIS)
}

fn options() -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Bytes(MAX_PICTURE));
    options.allow_unknown_blocks(true);
    options
}

fn fault(path: &Path) -> impl Fn(DecodingError) -> VideoError + '_ {
    move |error| match error {
        DecodingError::Io(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => io_error("read", path, e),
        DecodingError::Io(_) => malformed(path, "the file ends early", "a whole GIF"),
        other => malformed(path, format!("a damaged GIF ({other})"), "a sound GIF"),
    }
}

fn delay(stated: u16) -> i64 {
    if stated <= 1 { SHORT } else { stated.into() }
}

/// Decodes and composes frames.
struct Player {
    decoder: Decoder<BufReader<File>>,
    canvas: Canvas,
    /// What to do with the frame that is on show before the next is drawn.
    disposal: Disposal,
}

enum Disposal {
    Keep,
    Clear(Rect),
    Restore(Vec<[u8; 4]>),
}

impl Player {
    fn open(path: &Path) -> Result<Self, VideoError> {
        let mut options = options();
        options.set_color_output(ColorOutput::RGBA);
        let decoder = options.read_info(BufReader::new(files::open(path)?)).map_err(fault(path))?;
        let canvas = Canvas::new(decoder.width().into(), decoder.height().into(), path)?;
        Ok(Self { decoder, canvas, disposal: Disposal::Keep })
    }

    /// Draws the next frame onto the canvas; returns its delay in ticks.
    fn next(&mut self) -> Result<Option<i64>, DecodingError> {
        let Some(frame) = self.decoder.read_next_frame()? else { return Ok(None) };
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Clear(rect) => self.canvas.clear(rect),
            Disposal::Restore(pixels) => self.canvas.pixels = pixels,
        }
        let rect = Rect {
            x: frame.left.into(),
            y: frame.top.into(),
            width: frame.width.into(),
            height: frame.height.into(),
        };
        self.disposal = match frame.dispose {
            DisposalMethod::Background => Disposal::Clear(rect),
            DisposalMethod::Previous => Disposal::Restore(self.canvas.pixels.clone()),
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
        };
        self.canvas.draw(rect, frame.buffer.as_chunks::<4>().0, true);
        Ok(Some(delay(frame.delay)))
    }
}

/// What the blocks say without decoding pictures.
struct Scan {
    delays: Delays,
    plays: u32,
    /// Whether every frame is drawn over a canvas that the first one covers.
    covered: bool,
}

fn scan(path: &Path) -> Result<Scan, VideoError> {
    let mut options = options();
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(BufReader::new(files::open(path)?)).map_err(fault(path))?;
    let (width, height) = (decoder.width(), decoder.height());
    let (mut delays, mut covered) = (Delays::default(), true);
    loop {
        match decoder.next_frame_info() {
            Ok(Some(frame)) => {
                let first = delays.frames == 0;
                let full =
                    (frame.left, frame.top) == (0, 0) && frame.width >= width && frame.height >= height;
                covered &= !first || (full && frame.transparent.is_none());
                covered &= match frame.dispose {
                    DisposalMethod::Background => false,
                    DisposalMethod::Previous => !first,
                    DisposalMethod::Any | DisposalMethod::Keep => true,
                };
                delays.add(delay(frame.delay));
            }
            Ok(None) => break,
            // The player comes to the same place, and tells.
            Err(_) if delays.frames > 0 => break,
            Err(e) => return Err(fault(path)(e)),
        }
    }
    let plays = match decoder.repeat() {
        Repeat::Infinite => 0,
        Repeat::Finite(times) => u32::from(times) + 1,
    };
    Ok(Scan { delays, plays, covered })
}

/// How often the file says to play; 0 for ever.
pub(crate) fn plays(path: &Path) -> Result<u32, VideoError> {
    Ok(scan(path)?.plays)
}

impl GifSource {
    /// Opens a GIF, reads all its delays, and finds out whether any composed frame is transparent anywhere.
    ///
    /// # Errors
    /// [`VideoError`] when the file cannot be opened, is damaged before the end of its first frame, or is larger than
    /// 8192 × 8192 pixels in area.
    pub fn open(path: &Path) -> Result<Self, VideoError> {
        let scan = scan(path)?;
        if scan.delays.frames == 0 {
            return Err(VideoError::NoVideo {
                path: path.to_owned(),
                found: "a GIF without pictures".to_owned(),
            });
        }
        let mut alpha = false;
        if !scan.covered {
            let mut player = Player::open(path)?;
            while let Ok(Some(_)) = player.next() {
                alpha = !player.canvas.is_opaque();
                if alpha {
                    break;
                }
            }
        }
        let player = Player::open(path)?;
        let format = PixelFormat { alpha, ..PixelFormat::RGB8 };
        let base = time_base();
        let video = VideoInfo {
            width: player.canvas.width,
            height: player.canvas.height,
            format,
            color: srgb(ColorModel::Rgb),
            time_base: base,
            rounding: Time::ZERO,
            rate: scan.delays.rate(base),
            duration: scan.delays.duration(base),
            frames: Some(scan.delays.frames),
            sample_aspect: (1, 1),
            rotation: None,
            codec: "gif".to_owned(),
            lossless: true,
        };
        let bytes = path.metadata().map(|m| m.len()).ok();
        let info = files::video_only("gif", video, bytes);
        Ok(Self { info, path: path.to_owned(), player, tick: 0, skipped: 0 })
    }
}

impl Source for GifSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        if self.skipped > 0 {
            return Ok(None);
        }
        let delay = match self.player.next() {
            Ok(Some(delay)) => delay,
            Ok(None) => return Ok(None),
            Err(error) if self.tick > 0 => {
                tracing::warn!("{}; what comes before is used", fault(&self.path)(error));
                self.skipped = 1;
                return Ok(None);
            }
            Err(error) => return Err(fault(&self.path)(error)),
        };
        let frame = self.player.canvas.to_frame(self.info.video.format.alpha)?;
        let base = time_base();
        let beyond = || malformed(&self.path, "delays beyond 35,000 years", "a shorter GIF");
        let pts = Time::from_pts(self.tick, base).ok_or_else(beyond)?;
        self.tick += delay;
        Ok(Some(Item::Frame(TimedFrame {
            frame: Arc::new(frame),
            pts,
            duration: Time::from_pts(delay, base),
        })))
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
