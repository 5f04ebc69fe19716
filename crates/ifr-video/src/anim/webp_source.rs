use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{ColorModel, PixelFormat, Time, TimeBase};
use image_webp::WebPDecoder;

use crate::anim::canvas::{Canvas, Rect};
use crate::anim::riff::{Chunk, chunk, file_header, to_u24, u24};
use crate::anim::settings::Delays;
use crate::files::{self, io_error, malformed};
use crate::images::pixels::srgb;
use crate::images::webp::fault;
use crate::{Item, Source, SourceInfo, TimedFrame, VideoError, VideoInfo};

/// The largest coded frame read, in bytes.
const MAX_FRAME: u32 = 1 << 29;
/// Milliseconds that stand for a duration of 0.
const SHORT: i64 = 100;
/// Bytes of a frame chunk before its picture.
const FRAME_HEADER: u32 = 16;

/// Yields an animated WebP's composed frames with their exact durations.
///
/// Frames are 8-bit sRGB, with alpha if any pixel of any composed frame is transparent. A duration of 0 counts as 100 ms, as
/// in browsers. The background is transparent, as in browsers. A file that is cut short or damaged yields the frames
/// before; the damaged one counts as skipped.
#[derive(Debug)]
pub struct WebPSource {
    info: SourceInfo,
    player: Player,
    tick: i64,
    skipped: u64,
}

/// The file's head: up to the first frame.
struct Head {
    width: usize,
    height: usize,
    alpha: bool,
}

/// One frame's chunk without its picture.
struct FrameHead {
    rect: Rect,
    duration: i64,
    blend: bool,
    dispose: bool,
}

fn read_head(file: &mut impl Read, path: &Path) -> Result<Head, VideoError> {
    let mut bytes = [0_u8; 30];
    let short = |_| malformed(path, "the file ends early", "an animated WebP");
    file.read_exact(&mut bytes).map_err(short)?;
    if !is_animated(&bytes) {
        return Err(malformed(path, "no animation header", "an animated WebP"));
    }
    let side = |at: usize| u24([bytes[at], bytes[at + 1], bytes[at + 2]]) as usize + 1;
    Ok(Head { width: side(24), height: side(27), alpha: bytes[20] & 0x10 != 0 })
}

/// Whether a file that starts with `bytes` (21 suffice) is an animated WebP.
pub(crate) fn is_animated(bytes: &[u8]) -> bool {
    bytes.len() > 20
        && bytes.starts_with(b"RIFF")
        && &bytes[8..16] == b"WEBPVP8X"
        && bytes[16..20] == 10_u32.to_le_bytes()
        && bytes[20] & 0x02 != 0
}

impl FrameHead {
    fn parse(bytes: &[u8; 16]) -> Self {
        let field = |at: usize| u24([bytes[at], bytes[at + 1], bytes[at + 2]]);
        let duration = i64::from(field(12));
        Self {
            rect: Rect {
                x: 2 * field(0) as usize,
                y: 2 * field(3) as usize,
                width: field(6) as usize + 1,
                height: field(9) as usize + 1,
            },
            duration: if duration == 0 { SHORT } else { duration },
            blend: bytes[15] & 0x02 == 0,
            dispose: bytes[15] & 0x01 != 0,
        }
    }
}

/// What the chunks say without decoding pictures: delays, and how often to play.
fn scan(path: &Path) -> Result<(Delays, u32), VideoError> {
    let mut file = BufReader::new(files::open(path)?);
    read_head(&mut file, path)?;
    let failed = |e| io_error("read", path, e);
    let length = path.metadata().map_err(failed)?.len();
    let (mut delays, mut plays) = (Delays::default(), 0);
    while let Some(chunk) = Chunk::read(&mut file).map_err(failed)? {
        let start = file.stream_position().map_err(failed)?;
        if start + u64::from(chunk.size) > length {
            break;
        }
        let mut bytes = [0_u8; FRAME_HEADER as usize];
        match &chunk.name {
            b"ANMF" if chunk.size >= FRAME_HEADER => {
                file.read_exact(&mut bytes).map_err(failed)?;
                delays.add(FrameHead::parse(&bytes).duration);
            }
            b"ANIM" if chunk.size >= 6 => {
                file.read_exact(&mut bytes[..6]).map_err(failed)?;
                plays = u32::from(u16::from_le_bytes([bytes[4], bytes[5]]));
            }
            _ => {}
        }
        file.seek(SeekFrom::Start(start + chunk.padded())).map_err(failed)?;
    }
    Ok((delays, plays))
}

/// How often the file says to play; 0 for ever.
pub(crate) fn plays(path: &Path) -> Result<u32, VideoError> {
    Ok(scan(path)?.1)
}

impl WebPSource {
    /// Opens an animated WebP, reads all its durations, and finds out whether any composed frame is transparent
    /// anywhere: many files announce transparency because single frames leave out what does not change.
    ///
    /// # Errors
    /// [`VideoError`] when the file cannot be opened, is no animated WebP, has no whole frame, or is larger than
    /// 8192 × 8192 pixels in area.
    pub fn open(path: &Path) -> Result<Self, VideoError> {
        let (delays, _) = scan(path)?;
        if delays.frames == 0 {
            let found = "a WebP animation without a whole frame".to_owned();
            return Err(VideoError::NoVideo { path: path.to_owned(), found });
        }
        let head = read_head(&mut files::open(path)?, path)?;
        let mut alpha = false;
        if head.alpha {
            let mut player = Player::open(path)?;
            while let Ok(Some(_)) = player.next() {
                alpha = !player.canvas.is_opaque();
                if alpha {
                    break;
                }
            }
        }
        let player = Player::open(path)?;
        let video = VideoInfo {
            width: head.width,
            height: head.height,
            format: PixelFormat { alpha, ..PixelFormat::RGB8 },
            color: srgb(ColorModel::Rgb),
            time_base: TimeBase::MILLIS,
            rounding: Time::ZERO,
            rate: delays.rate(TimeBase::MILLIS),
            duration: delays.duration(TimeBase::MILLIS),
            frames: Some(delays.frames),
            sample_aspect: (1, 1),
            rotation: None,
            codec: "webp".to_owned(),
            lossless: false,
        };
        let bytes = path.metadata().map(|m| m.len()).ok();
        let info = files::video_only("webp", video, bytes);
        Ok(Self { info, player, tick: 0, skipped: 0 })
    }
}

/// Decodes and composes frames.
#[derive(Debug)]
struct Player {
    path: PathBuf,
    file: BufReader<File>,
    canvas: Canvas,
    /// What to clear before the next frame is drawn.
    dispose: Option<Rect>,
}

impl Player {
    fn open(path: &Path) -> Result<Self, VideoError> {
        let mut file = BufReader::new(files::open(path)?);
        let head = read_head(&mut file, path)?;
        let canvas = Canvas::new(head.width, head.height, path)?;
        Ok(Self { path: path.to_owned(), file, canvas, dispose: None })
    }

    /// Draws the next frame onto the canvas; returns its duration in milliseconds.
    fn next(&mut self) -> Result<Option<i64>, VideoError> {
        loop {
            let failed = |e| io_error("read", &self.path, e);
            let Some(chunk) = Chunk::read(&mut self.file).map_err(failed)? else { return Ok(None) };
            if &chunk.name != b"ANMF" {
                let skip = i64::try_from(chunk.padded()).unwrap_or(i64::MAX);
                self.file.seek_relative(skip).map_err(failed)?;
                continue;
            }
            if !(FRAME_HEADER..=MAX_FRAME).contains(&chunk.size) {
                let found = format!("a frame of {} bytes", chunk.size);
                return Err(malformed(&self.path, found, format!("{FRAME_HEADER} to {MAX_FRAME} bytes")));
            }
            let mut bytes = Vec::new();
            (&mut self.file).take(chunk.padded()).read_to_end(&mut bytes).map_err(failed)?;
            bytes.truncate(chunk.size as usize);
            let Some((head, picture)) = bytes.split_first_chunk::<16>() else { return Ok(None) };
            let head = FrameHead::parse(head);
            if bytes.len() < chunk.size as usize {
                return Err(malformed(&self.path, "the file ends early", "a whole animated WebP"));
            }
            let Rect { x, y, width, height } = head.rect;
            if x + width > self.canvas.width || y + height > self.canvas.height {
                let found = format!("a frame of {width}x{height} at {x},{y}");
                let expected = format!("frames within {}x{}", self.canvas.width, self.canvas.height);
                return Err(malformed(&self.path, found, expected));
            }
            let pixels = decode(picture, width, height, &self.path)?;
            if let Some(rect) = self.dispose.take() {
                self.canvas.clear(rect);
            }
            self.canvas.draw(head.rect, &pixels, head.blend);
            self.dispose = head.dispose.then_some(head.rect);
            return Ok(Some(head.duration));
        }
    }
}

/// Decodes one frame's picture: an optional ALPH chunk, then VP8, or VP8L.
fn decode(picture: &[u8], width: usize, height: usize, path: &Path) -> Result<Vec<[u8; 4]>, VideoError> {
    let (mut alpha, mut rest) = (None, picture);
    let still = loop {
        let mut reader = rest;
        let header = Chunk::read(&mut reader).ok().flatten();
        let content = header.and_then(|c| reader.get(..c.size as usize).map(|content| (c, content)));
        let Some((header, content)) = content else {
            return Err(malformed(path, "a frame without a picture", "a VP8 or VP8L picture in each frame"));
        };
        match &header.name {
            b"ALPH" => alpha = Some(content),
            b"VP8L" => break vec![chunk(b"VP8L", &[content])],
            b"VP8 " => match alpha {
                None => break vec![chunk(b"VP8 ", &[content])],
                Some(alpha) => {
                    let (w, h) = (to_u24(width as u32 - 1), to_u24(height as u32 - 1));
                    let head = chunk(b"VP8X", &[&[0x10, 0, 0, 0], &w, &h]);
                    break vec![head, chunk(b"ALPH", &[alpha]), chunk(b"VP8 ", &[content])];
                }
            },
            _ => {}
        }
        rest = reader.get(header.padded() as usize..).unwrap_or_default();
    };
    let size = 12 + still.iter().map(|c| c.len() as u64).sum::<u64>();
    let mut file = file_header(size).to_vec();
    still.iter().for_each(|c| file.extend_from_slice(c));
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(fault(path))?;
    let found = decoder.dimensions();
    if (found.0 as usize, found.1 as usize) != (width, height) {
        let found = format!("a picture of {}x{} in a frame of {width}x{height}", found.0, found.1);
        return Err(malformed(path, found, "pictures of their frames' sizes"));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut data = vec![0_u8; width * height * channels];
    if decoder.output_buffer_size() != Some(data.len()) {
        return Err(malformed(path, "an impossible picture size", "a sound WebP"));
    }
    decoder.read_image(&mut data).map_err(fault(path))?;
    Ok(match channels {
        4 => data.as_chunks::<4>().0.to_vec(),
        _ => data.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, u8::MAX]).collect(),
    })
}

impl Source for WebPSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        if self.skipped > 0 {
            return Ok(None);
        }
        let duration = match self.player.next() {
            Ok(Some(duration)) => duration,
            Ok(None) => return Ok(None),
            Err(error) if self.tick > 0 => {
                tracing::warn!("{error}; what comes before is used");
                self.skipped = 1;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let frame = self.player.canvas.to_frame(self.info.video.format.alpha)?;
        let beyond = || malformed(&self.player.path, "durations beyond 35,000 years", "a shorter WebP");
        let pts = Time::from_pts(self.tick, TimeBase::MILLIS).ok_or_else(beyond)?;
        self.tick += duration;
        let duration = Time::from_pts(duration, TimeBase::MILLIS);
        Ok(Some(Item::Frame(TimedFrame { frame: Arc::new(frame), pts, duration })))
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }
}
