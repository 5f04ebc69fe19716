use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use ifr_frame::{Rate, Time, TimeBase};

use crate::files;
use crate::y4m::{Interlacing, Y4mReader};
use crate::{Item, Source, SourceInfo, TimedFrame, VideoError, VideoInfo};

/// Bytes of buffer between the file and the reader; planes are read past it.
const BUFFER: usize = 1 << 16;
/// The rate of streams that state none, in frames a second.
const DEFAULT_RATE: i64 = 25;

/// Yields the frames of a y4m stream at its constant rate (25 a second where it states none), from time zero.
///
/// A stream that ends in the middle of a frame yields the frames before; the cut one counts as skipped.
pub struct Y4mSource {
    info: SourceInfo,
    rate: Rate,
    reader: Y4mReader<Box<dyn BufRead + Send>>,
    next: i64,
}

impl std::fmt::Debug for Y4mSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Y4mSource")
            .field("info", &self.info)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Y4mSource {
    /// Opens a file, or standard input for `-`, and reads the stream header.
    ///
    /// # Errors
    /// [`VideoError`] when it cannot be opened or its header is damaged, unsupported or over a limit.
    pub fn open(path: &Path) -> Result<Self, VideoError> {
        let (input, bytes): (Box<dyn BufRead + Send>, _) = if path.as_os_str() == "-" {
            (Box::new(BufReader::with_capacity(BUFFER, io::stdin())), None)
        } else {
            let bytes = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.len());
            (Box::new(BufReader::with_capacity(BUFFER, files::open(path)?)), bytes)
        };
        let reader = Y4mReader::new(input, path)?;
        let header = reader.header();
        if header.interlacing != Interlacing::Progressive {
            tracing::warn!(
                "{}: interlaced video is taken frame by frame as it is; deinterlace it first for good in-between frames",
                path.display()
            );
        }
        let rate = match header.rate {
            Some(rate) => rate,
            None => {
                tracing::warn!("{}: no frame rate in the header; {DEFAULT_RATE} is assumed", path.display());
                Rate::new(DEFAULT_RATE, 1)?
            }
        };
        // Frame headers are usually the bare word and a line feed.
        let frames = bytes
            .map(|b| b.saturating_sub(reader.header().line().map_or(0, |l| l.len() as u64 + 1)))
            .map(|b| b / (header.frame_bytes() + 6));
        let video = VideoInfo {
            width: header.width,
            height: header.height,
            format: header.format,
            color: header.color,
            time_base: rate.time_base().unwrap_or(TimeBase::MPEG),
            rounding: Time::ZERO,
            rate: header.rate,
            duration: frames.and_then(|n| i64::try_from(n).ok()).map(|n| rate.time_of(n)),
            frames,
            sample_aspect: header.sample_aspect,
            rotation: None,
            codec: "rawvideo".to_owned(),
            lossless: true,
        };
        let info = files::video_only("y4m", video, bytes);
        Ok(Self { info, rate, reader, next: 0 })
    }
}

impl Source for Y4mSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        let Some(frame) = self.reader.next_frame()? else {
            if self.reader.is_truncated() {
                tracing::warn!("the y4m stream ends in the middle of frame {}; it is dropped", self.next);
            }
            return Ok(None);
        };
        let (pts, duration) = (self.rate.time_of(self.next), Some(self.rate.period()));
        self.next += 1;
        Ok(Some(Item::Frame(TimedFrame { frame: Arc::new(frame), pts, duration })))
    }

    fn skipped(&self) -> u64 {
        self.reader.is_truncated().into()
    }
}
