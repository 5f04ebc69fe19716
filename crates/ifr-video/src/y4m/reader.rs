use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use ifr_frame::{Frame, Samples};

use crate::VideoError;
use crate::files::{io_error, malformed};
use crate::y4m::Y4mHeader;

/// The longest stream header taken, in bytes, comments included.
const MAX_HEADER: usize = 4096;
/// The longest frame header taken, in bytes.
const MAX_FRAME_HEADER: usize = 1024;
/// How much is read at a time: what a header promises is allocated only as it arrives.
const CHUNK: usize = 4 << 20;

/// Reads frames from a y4m stream, one at a time.
///
/// Memory is bounded by what the stream really holds, not by what its header promises.
#[derive(Debug)]
pub struct Y4mReader<R> {
    input: R,
    path: PathBuf,
    header: Y4mHeader,
    frames: u64,
    truncated: bool,
}

impl<R: BufRead> Y4mReader<R> {
    /// Reads the stream header. `path` is for error messages.
    ///
    /// # Errors
    /// [`VideoError`] when reading fails or the header is damaged, unsupported or over a limit.
    pub fn new(mut input: R, path: impl Into<PathBuf>) -> Result<Self, VideoError> {
        let path = path.into();
        let line = line(&mut input, MAX_HEADER, &path)?;
        let line = line.ok_or_else(|| malformed(&path, "no data", "a YUV4MPEG2 header"))?;
        let header = Y4mHeader::parse(&line, &path)?;
        Ok(Self { input, path, header, frames: 0, truncated: false })
    }

    /// The stream header.
    pub fn header(&self) -> &Y4mHeader {
        &self.header
    }

    /// Whether the stream ended in the middle of a frame, which was dropped.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The next frame; `None` at the end, and where the stream ends in the middle of a frame (see
    /// [`is_truncated`](Self::is_truncated)).
    ///
    /// # Errors
    /// [`VideoError`] when reading fails or something else stands where a frame should begin.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        if self.truncated {
            return Ok(None);
        }
        let Some(line) = line(&mut self.input, MAX_FRAME_HEADER, &self.path)? else { return Ok(None) };
        if line != b"FRAME" && !line.starts_with(b"FRAME ") {
            if b"FRAME".starts_with(&line) && self.ended()? {
                self.truncated = true;
                return Ok(None);
            }
            let found = format!("no frame header after frame {}", self.frames);
            return Err(malformed(&self.path, found, "FRAME; the stream is damaged there"));
        }
        let Y4mHeader { width, height, format, color, .. } = self.header;
        let mut planes = Vec::with_capacity(format.planes());
        for plane in 0..format.planes() {
            let (w, h) = format.plane_size(plane, width, height);
            let samples = if format.depth == 8 {
                self.bytes(w * h)?.map(Samples::U8)
            } else {
                self.words(w * h, format.max_code())?.map(Samples::U16)
            };
            let Some(samples) = samples else {
                self.truncated = true;
                return Ok(None);
            };
            planes.push(samples);
        }
        self.frames += 1;
        Ok(Some(Frame::new(format, width, height, planes, color)?))
    }

    fn ended(&mut self) -> Result<bool, VideoError> {
        let rest = self.input.fill_buf().map_err(|e| io_error("read", &self.path, e))?;
        Ok(rest.is_empty())
    }

    /// `count` bytes; `None` where the stream ends before.
    fn bytes(&mut self, count: usize) -> Result<Option<Vec<u8>>, VideoError> {
        let mut out = Vec::new();
        while out.len() < count {
            let more = (count - out.len()).min(CHUNK.max(out.len()));
            out.reserve_exact(more);
            let read = (&mut self.input).take(more as u64).read_to_end(&mut out);
            if read.map_err(|e| io_error("read", &self.path, e))? < more {
                return Ok(None);
            }
        }
        Ok(Some(out))
    }

    /// `count` little-endian samples, none above `max`.
    fn words(&mut self, count: usize, max: u16) -> Result<Option<Vec<u16>>, VideoError> {
        let mut out = Vec::new();
        while out.len() < count {
            let more = (count - out.len()).min(CHUNK);
            let Some(bytes) = self.bytes(2 * more)? else { return Ok(None) };
            // Codes beyond the depth would be out of bounds for whoever looks them up.
            out.extend(bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair).min(max)));
        }
        Ok(Some(out))
    }
}

/// A line without its line feed, at most `limit` bytes; `None` at the end of the stream. A last line may lack the line
/// feed.
fn line(input: &mut impl BufRead, limit: usize, path: &Path) -> Result<Option<Vec<u8>>, VideoError> {
    let mut line = Vec::new();
    let read: io::Result<usize> = input.take(limit as u64 + 1).read_until(b'\n', &mut line);
    read.map_err(|e| io_error("read", path, e))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > limit {
        return Err(malformed(path, format!("a header line above {limit} bytes"), "a YUV4MPEG2 stream"));
    }
    Ok(Some(line))
}
