use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::av::Packet;
use super::super::encoder::CodedVideo;
use super::format::{self, END, Footer, MAGIC};
use super::writer::SegmentLabel;
use crate::VideoError;
use crate::files::{io_error, malformed};

/// A whole segment, as [`SegmentSink`](crate::SegmentSink) left it.
pub struct Segment {
    pub(super) path: PathBuf,
    label: SegmentLabel,
    pub(super) video: CodedVideo,
    pub(super) footer: Footer,
    /// Where packets begin and end.
    packets: (u64, u64),
    bytes: u64,
}

impl Segment {
    /// Opens a segment and reads what it says of itself; its packets are read (and their checksums compared) by
    /// [`join`](crate::join) only.
    ///
    /// # Errors
    /// [`VideoError`] when the file cannot be read, or is not a whole segment.
    pub fn open(path: &Path) -> Result<Self, VideoError> {
        let file = File::open(path).map_err(|e| io_error("open", path, e))?;
        let not = |found: &str| malformed(path, found, "a whole segment of a video");
        let read = |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => not("a file that ends too soon"),
            _ => io_error("read", path, e),
        };
        let bytes = file.metadata().map_err(read)?.len();
        let mut file = BufReader::new(file);
        let mut magic = [0; 8];
        file.read_exact(&mut magic).map_err(read)?;
        if magic != MAGIC {
            return Err(not("another kind of file"));
        }
        let header = block(&mut file, bytes).map_err(read)?.ok_or_else(|| not("a damaged header"))?;
        let (label, video) =
            format::read_header(&header).ok_or_else(|| not("a header that makes no sense"))?;
        let begin = file.stream_position().map_err(read)?;
        let tail = bytes.checked_sub(16).ok_or_else(|| not("a file that ends too soon"))?;
        file.seek(SeekFrom::Start(tail)).map_err(read)?;
        let mut end = [0; 16];
        file.read_exact(&mut end).map_err(read)?;
        let (at, mark) = end.split_at(8);
        let at = u64::from_le_bytes(at.try_into().unwrap_or_default());
        if mark != END || at < begin || at > tail {
            return Err(not("a file without its end"));
        }
        file.seek(SeekFrom::Start(at)).map_err(read)?;
        let footer = block(&mut file, bytes).map_err(read)?.ok_or_else(|| not("a damaged footer"))?;
        let footer = format::read_footer(&footer).ok_or_else(|| not("a footer that makes no sense"))?;
        Ok(Self { path: path.to_owned(), label, video, footer, packets: (begin, at), bytes })
    }

    /// Which segment of which output.
    pub fn label(&self) -> SegmentLabel {
        self.label
    }

    /// Frames in it.
    pub fn frames(&self) -> u64 {
        self.footer.frames
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads all packets, to see that none is damaged.
    ///
    /// # Errors
    /// [`VideoError`] when one is, or the file cannot be read.
    pub fn verify(&self) -> Result<(), VideoError> {
        let mut packets = self.packets()?;
        (0..self.footer.packets.len()).try_for_each(|_| packets.next().map(drop))
    }

    /// Its packets, one after the other.
    pub(super) fn packets(&self) -> Result<Packets<'_>, VideoError> {
        let mut file = File::open(&self.path).map_err(|e| io_error("open", &self.path, e))?;
        file.seek(SeekFrom::Start(self.packets.0)).map_err(|e| io_error("read", &self.path, e))?;
        let left = self.packets.1 - self.packets.0;
        Ok(Packets { segment: self, next: 0, file: BufReader::with_capacity(1 << 18, file.take(left)) })
    }
}

/// Reads a block of a file of at most `limit` bytes; `None`: its checksum is wrong.
fn block(file: &mut impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut number = [0; 4];
    file.read_exact(&mut number)?;
    let length = u32::from_le_bytes(number);
    if u64::from(length) > limit {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    if file.take(length.into()).read_to_end(&mut bytes)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    file.read_exact(&mut number)?;
    Ok((crc32fast::hash(&bytes) == u32::from_le_bytes(number)).then_some(bytes))
}

/// The packets of one segment.
pub(super) struct Packets<'a> {
    segment: &'a Segment,
    next: usize,
    file: BufReader<io::Take<File>>,
}

impl Packets<'_> {
    /// The next one.
    pub(super) fn next(&mut self) -> Result<Packet, VideoError> {
        let Segment { path, footer, .. } = self.segment;
        let times = footer.packets.get(self.next);
        self.next += 1;
        let damaged = || {
            malformed(path, "a damaged packet", "a whole segment of a video; remove the file and run again")
        };
        match block(&mut self.file, self.segment.bytes) {
            Ok(bytes) => {
                let packet = bytes.and_then(|b| format::read_packet(&b));
                // Where it is to stand is reckoned from what the footer says.
                packet.filter(|p| p.pts() == times.map(|t| t.pts)).ok_or_else(damaged)
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(damaged()),
            Err(e) => Err(io_error("read", path, e)),
        }
    }
}
