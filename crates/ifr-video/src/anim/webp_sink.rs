use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::PathBuf;

use ifr_frame::{Frame, Samples, Time, TimeBase};

use crate::anim::canvas::Rect;
use crate::anim::pace::Pace;
use crate::anim::riff::{chunk, file_header, to_u24};
use crate::anim::settings::{Settings, expect_size, rgba};
use crate::files::{io_error, unsupported};
use crate::images::pixels::Packed;
use crate::images::webp::{MAX_SIDE, encode_packed};
use crate::{OutputOptions, Sink, StreamPacket, Summary, VideoError};

/// The longest duration of a frame, in milliseconds.
const MAX_DURATION: i64 = (1 << 24) - 1;
/// Frame flags: replace what is there, and leave it there.
const REPLACE_AND_KEEP: u8 = 0x02;

/// Writes an animated WebP, losslessly.
///
/// Only the rectangle that changes is stored. Durations are whole milliseconds, rounded without drift. The file is
/// whole after every frame.
#[derive(Debug)]
pub struct WebPSink {
    output: BufWriter<File>,
    path: PathBuf,
    size: (usize, usize),
    alpha: bool,
    pace: Pace<Vec<[u8; 4]>>,
    /// What is on show; empty before the first frame.
    shown: Vec<[u8; 4]>,
    summary: Summary,
}

impl WebPSink {
    /// Creates the file and writes its header. Encoder option: `loop` (how often to play, 0 for ever, the default).
    ///
    /// # Errors
    /// [`VideoError`] when an option does not fit, a side is above 16384, or the file cannot be made.
    pub fn create(options: &OutputOptions) -> Result<Self, VideoError> {
        let path = options.path.clone();
        let settings = Settings::read(options, &["webp", "libwebp_anim", "libwebp"])?;
        let (width, height) = (options.width, options.height);
        if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
            let what =
                format!("{width}x{height}: WebP holds sides of 1 to {MAX_SIDE}; scale the video down first");
            return Err(unsupported(&path, what));
        }
        let file = File::create(&path).map_err(|e| io_error("create", &path, e))?;
        let alpha = options.format.alpha;
        let flags = 0x02 | if alpha { 0x10 } else { 0 };
        let (w, h) = (to_u24(width as u32 - 1), to_u24(height as u32 - 1));
        let head = chunk(b"VP8X", &[&[flags, 0, 0, 0], &w, &h]);
        let anim = chunk(b"ANIM", &[&[0; 4], &settings.plays.to_le_bytes()]);
        let summary = Summary { encoder: "webp".to_owned(), ..Summary::default() };
        let pace = Pace::new(TimeBase::MILLIS, options.rate);
        let output = BufWriter::new(file);
        let size = (width, height);
        let mut sink = Self { output, path, size, alpha, pace, shown: Vec::new(), summary };
        sink.append(&[&file_header(0), &head, &anim])?;
        Ok(sink)
    }

    /// Appends bytes and states the new size at the start.
    fn append(&mut self, parts: &[&[u8]]) -> Result<(), VideoError> {
        let size = self.summary.bytes + parts.iter().map(|p| p.len() as u64).sum::<u64>();
        if size > u64::from(u32::MAX) {
            let what = "WebP holds at most 4 GiB: write a video container, or a shorter part";
            return Err(unsupported(&self.path, what));
        }
        self.summary.bytes = size;
        let output = &mut self.output;
        let mut write = || {
            parts.iter().try_for_each(|part| output.write_all(part))?;
            output.seek(SeekFrom::Start(0))?;
            output.write_all(&file_header(size))?;
            output.seek(SeekFrom::Start(size)).map(|_| ())
        };
        write().map_err(|e| io_error("write", &self.path, e))
    }

    /// Writes a frame, shown for `duration` milliseconds.
    fn encode(&mut self, pixels: Vec<[u8; 4]>, duration: i64) -> Result<(), VideoError> {
        let (width, height) = self.size;
        if duration > MAX_DURATION {
            tracing::warn!("{}: WebP holds no duration above 16777 s; one is cut", self.path.display());
        }
        let rect = Rect::around(width, height, |i| self.shown.get(i).is_none_or(|shown| *shown != pixels[i]));
        // A frame that changes nothing is its first pixel: it holds the time.
        let rect = rect.unwrap_or(Rect { x: 0, y: 0, width: 1, height: 1 });
        // Offsets are even.
        let (x, y) = (rect.x & !1, rect.y & !1);
        let (w, h) = (rect.x + rect.width - x, rect.y + rect.height - y);
        let channels = if self.alpha { 4 } else { 3 };
        let rows = pixels.chunks_exact(width).skip(y).take(h);
        let samples: Vec<u8> =
            rows.flat_map(|row| &row[x..x + w]).flat_map(|p| &p[..channels]).copied().collect();
        let still = encode_packed(
            Packed { width: w, height: h, channels, samples: Samples::U8(samples) },
            &self.path,
        )?;
        let duration = duration.min(MAX_DURATION) as u32;
        let picture = still.get(12..).unwrap_or_default();
        let frame = chunk(
            b"ANMF",
            &[
                &to_u24(x as u32 / 2),
                &to_u24(y as u32 / 2),
                &to_u24(w as u32 - 1),
                &to_u24(h as u32 - 1),
                &to_u24(duration),
                &[REPLACE_AND_KEEP],
                picture,
            ],
        );
        self.append(&[&frame])?;
        self.shown = pixels;
        self.summary.frames += 1;
        Ok(())
    }
}

impl Sink for WebPSink {
    fn write_frame(&mut self, frame: &Frame, pts: Time, duration: Option<Time>) -> Result<(), VideoError> {
        expect_size(frame, self.size.0, self.size.1, &self.path)?;
        match self.pace.push(rgba(frame)?, pts, duration) {
            Some((pixels, duration)) => self.encode(pixels, duration),
            None => Ok(()),
        }
    }

    fn write_packet(&mut self, _: StreamPacket) -> Result<(), VideoError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Summary, VideoError> {
        if let Some((pixels, duration)) = self.pace.finish() {
            self.encode(pixels, duration)?;
        }
        if self.pace.dropped > 0 {
            tracing::warn!(
                "{}: {} frames less than a millisecond before the next are left out",
                self.path.display(),
                self.pace.dropped
            );
        }
        self.output.flush().map_err(|e| io_error("write", &self.path, e))?;
        Ok(self.summary)
    }
}
