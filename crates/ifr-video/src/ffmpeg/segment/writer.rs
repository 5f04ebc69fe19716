use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use ifr_frame::{Frame, Time};

use super::super::av::{self, Packet};
use super::super::encoder::{Encoder, Opened};
use super::super::mux;
use super::format::{self, END, Footer, MAGIC, PacketTimes};
use crate::files::io_error;
use crate::{OutputOptions, SourceInfo, VideoError};

/// Which segment of which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentLabel {
    /// What all segments of one output have in common, and those of no other.
    pub job: [u8; 16],
    /// Its place among them, from 0.
    pub index: u64,
}

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Frames.
    pub frames: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Encodes frames into a segment's file.
pub struct SegmentSink {
    encoder: Encoder,
    file: Blocks,
    frames: u64,
}

impl SegmentSink {
    /// Creates the file at `path`, for a segment of the output that `options` describe: `options.path` is the output's
    /// name, which decides the container. Frames that fall on the same tick as one at `after`, the last time of the
    /// segment before, will be left out as in one run.
    ///
    /// # Errors
    /// [`VideoError`] when an option does not fit, or the file cannot be made.
    pub fn create(
        path: &Path,
        label: &SegmentLabel,
        options: &OutputOptions,
        source: Option<&SourceInfo>,
        after: Option<Time>,
    ) -> Result<Self, VideoError> {
        av::route_log();
        let Opened { mut encoder, video } = Encoder::open(options, source, mux::muxer_of(&options.path)?)?;
        if let Some(after) = after {
            encoder.begin_after(after);
        }
        let mut file = Blocks::create(path)?;
        file.write(&format::header(label, &video))?;
        Ok(Self { encoder, file, frames: 0 })
    }

    /// Writes one frame at `pts`, shown for `duration`.
    ///
    /// # Errors
    /// [`VideoError`]; the segment cannot be finished then.
    pub fn write_frame(
        &mut self,
        frame: &Frame,
        pts: Time,
        duration: Option<Time>,
    ) -> Result<(), VideoError> {
        let Self { encoder, file, .. } = self;
        let taken = encoder.send(frame, pts, duration, &mut |packet| file.packet(&packet))?;
        self.frames += u64::from(taken);
        Ok(())
    }

    /// Flushes the encoder, writes what makes the file whole, and waits until the disk has it.
    ///
    /// # Errors
    /// [`VideoError`] as above.
    pub fn finish(mut self) -> Result<SegmentSummary, VideoError> {
        let file = &mut self.file;
        // Not every encoder takes the end well that was given nothing.
        if self.frames > 0 {
            self.encoder.flush(&mut |packet| file.packet(&packet))?;
        }
        let (frames, span) = (self.frames, self.encoder.span());
        let packets = std::mem::take(&mut file.packets);
        let bytes = file.finish(&format::footer(&Footer { frames, span, packets }))?;
        Ok(SegmentSummary { frames, bytes })
    }
}

/// The file: blocks with their lengths and checksums.
struct Blocks {
    path: PathBuf,
    file: BufWriter<File>,
    packets: Vec<PacketTimes>,
}

impl Blocks {
    fn create(path: &Path) -> Result<Self, VideoError> {
        let file = File::create(path).map_err(|e| io_error("create", path, e))?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.write_all(&MAGIC).map_err(|e| io_error("write", path, e))?;
        Ok(Self { path: path.to_owned(), file, packets: Vec::new() })
    }

    fn packet(&mut self, packet: &Packet) -> Result<(), VideoError> {
        let unfit = |message: &str| VideoError::Ffmpeg {
            action: format!("write {}", self.path.display()),
            message: format!("the encoder {message}: choose another one"),
        };
        let pts = packet.pts().ok_or_else(|| unfit("gave a packet without a time"))?;
        if self.packets.is_empty() && !packet.is_key() {
            return Err(unfit("does not begin with a key frame"));
        }
        self.packets.push(PacketTimes { pts, dts: packet.dts() });
        self.write(&format::packet(packet))
    }

    fn write(&mut self, block: &[u8]) -> Result<(), VideoError> {
        self.try_write(block).map_err(|e| io_error("write", &self.path, e))
    }

    fn try_write(&mut self, block: &[u8]) -> io::Result<()> {
        let length = u32::try_from(block.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(block)?;
        self.file.write_all(&crc32fast::hash(block).to_le_bytes())
    }

    fn finish(&mut self, footer: &[u8]) -> Result<u64, VideoError> {
        let mut finish = || -> io::Result<u64> {
            let begin = self.file.stream_position()?;
            self.try_write(footer)?;
            self.file.write_all(&begin.to_le_bytes())?;
            self.file.write_all(&END)?;
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            self.file.stream_position()
        };
        finish().map_err(|e| io_error("write", &self.path, e))
    }
}
