//! Reading containers.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{ColorDescription, PixelFormat, Rate, Time};

use super::av::{self, AvError, AvFrame, CodecContext, Dict, Graph, Input, Kind, Packet, PixFmt, Step};
use super::av::{Rational, SideData};
use super::fault::{malformed, reading};
use super::hdr::Dropped;
use super::pixels;
use super::probe::{Described, check_file, choose_video, decoder, describe, fill, rotation};
use super::reach;
use super::streams::{OtherStream, Streams};
use crate::{CopiedStreams, Item, OpenOptions, Source, SourceInfo, StreamPacket, TimedFrame, VideoError};

/// Other streams' packets kept while the first frame is looked for, in bytes, before it is given up.
const MAX_AHEAD: usize = 256 << 20;
/// Unreadable packets in a row after which a file counts as ended.
const MAX_ERRORS: u32 = 100;

/// Bytes that a file's packets may hold in all, for each byte of the file and besides. Compressed headers and subtitles make packets
/// somewhat larger than the file; only one whose index points to the same bytes again and again makes them much larger.
const MAX_GROWTH: u64 = 16;
const GROWTH_ALLOWANCE: u64 = 16 << 20;
/// What a packet counts at least, so that empty ones come to an end, too.
const LEAST_PACKET: u64 = 16;

/// A container and the decoder of its video stream.
pub(crate) struct FileSource {
    path: PathBuf,
    info: SourceInfo,
    input: Input,
    decoder: CodecContext,
    picture: AvFrame,
    pictures: Pictures,
    /// Index of the video stream.
    video: usize,
    /// Whether the video is decoded: else only the other streams' packets are yielded.
    decodes: bool,
    /// For each stream, whether its packets are yielded.
    wanted: Vec<bool>,
    queue: VecDeque<Item>,
    last: Option<Time>,
    /// How long the video is by its own account.
    stated: Option<Time>,
    /// When the first frame shows.
    start: Option<Time>,
    step: Time,
    frames: u64,
    skipped: u64,
    late: u64,
    /// How much more packets may hold, in bytes; `None` where the file's size is not known.
    budget: Option<u64>,
    ended: bool,
    notices: Vec<String>,
    dropped: Dropped,
    /// Side data of the first picture.
    first_side_data: Vec<SideData>,
}

/// How decoded pictures become frames.
struct Pictures {
    format: PixFmt,
    size: (usize, usize),
    layout: PixelFormat,
    color: ColorDescription,
    /// What brings the samples into a layout of ours, where they must be computed.
    convert: Option<Graph>,
}

/// Opens a container for [`crate::open`].
pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<FileSource, VideoError> {
    av::route_log();
    av::limit_memory();
    let remote = options.is_address(path);
    let bytes = if remote { None } else { check_file(path)? };
    let url = if remote { av::address(path) } else { av::file_url(path) };
    let url = url.ok_or_else(|| malformed(path, "a NUL byte in the file's name", "a file name"))?;
    let list = !remote && reach::is_list(path, options)?;
    // What a list of files holds has little to do with its own size.
    let bytes = bytes.filter(|_| !list);
    let limit = options.max_pixels.to_string();
    let limits = || Dict::of([("max_pixels", limit.as_str())]);
    let mut input =
        Input::open(&url, reach::demuxer_options(options), &limits()).map_err(|e| reading(path, e))?;
    if input.streams() > options.max_streams {
        return Err(VideoError::Unsupported {
            path: path.to_owned(),
            what: format!("its {} streams are over the limit of {}", input.streams(), options.max_streams),
        });
    }
    let container = input.format_name();
    // Text files pass for "ANSI art", which FFmpeg renders as video.
    if matches!(container.as_str(), "tty" | "bin" | "xbin" | "adf" | "idf") {
        return Err(malformed(path, "a text file", "a video file"));
    }

    let mut views = Vec::new();
    for index in 0..input.streams() {
        views.push(Some(input.stream(index).map_err(|e| reading(path, e))?));
    }
    let Some(video) = choose_video(&input, &views) else {
        let found: Vec<String> =
            views.into_iter().flatten().enumerate().map(|(i, v)| OtherStream::new(i, v).describe()).collect();
        let found = if found.is_empty() { "no streams at all".to_owned() } else { found.join(", ") };
        return Err(VideoError::NoVideo { path: path.to_owned(), found });
    };
    let view = views[video].take().ok_or_else(|| malformed(path, "no streams", "a video stream"))?;

    let mut notices = Vec::new();
    if view.params.is_interlaced() {
        notices.push(
            "the video is interlaced, and its frames are taken as whole pictures: deinterlace it first, for example with \
             FFmpeg's bwdif filter"
                .to_owned(),
        );
    }
    let mut dropped = Dropped::default();
    notices.extend(dropped.of_stream(&view.side_data));
    let mut wanted = vec![false; views.len()];
    let mut others = Vec::new();
    for (index, view) in views.into_iter().enumerate() {
        let Some(view) = view else { continue };
        let other = OtherStream::new(index, view);
        let kind = other.params.kind();
        if kind == Kind::Video && !other.attached_picture {
            notices.push(format!(
                "stream {index} ({} {}x{}) is left out: only one video stream is read",
                other.params.codec_name(),
                other.params.size().0,
                other.params.size().1
            ));
            input.discard(index);
            continue;
        }
        wanted[index] = match kind {
            Kind::Audio => options.audio,
            _ => options.extras,
        };
        if !wanted[index] {
            input.discard(index);
        }
        others.push(other);
    }

    let codec = decoder(&view).ok_or_else(|| VideoError::Unsupported {
        path: path.to_owned(),
        what: format!(
            "its video is {}, for which the FFmpeg in use has no decoder; convert it first, or install a fuller FFmpeg",
            view.params.codec_name()
        ),
    })?;
    let (w, h) = view.params.size();
    let too_large = |w: usize, h: usize| {
        (w.saturating_mul(h) > options.max_pixels).then(|| VideoError::Unsupported {
            path: path.to_owned(),
            what: format!("its picture of {w}x{h} is over the limit of {limit} pixels"),
        })
    };
    if let Some(error) = too_large(usize::try_from(w).unwrap_or(0), usize::try_from(h).unwrap_or(0)) {
        return Err(error);
    }
    let threads = i32::try_from(options.threads).unwrap_or(0);
    let decoder = CodecContext::decoder(codec, &view.params, view.time_base, threads, limits())
        .map_err(|e| reading(path, e))?;

    let Described { info, streams, stated } = describe(path, &input, &view, container, bytes)?;
    let step = info.video.rate.map_or(Time::new(1, 25), Rate::period);
    let placeholder = Pictures {
        format: PixFmt::by_name("gray").ok_or_else(|| reading(path, AvError::INVALID_ARGUMENT))?,
        size: (0, 0),
        layout: PixelFormat::GRAY8,
        color: info.video.color,
        convert: None,
    };
    let mut source = FileSource {
        path: path.to_owned(),
        info,
        input,
        decoder,
        picture: AvFrame::new().map_err(|e| reading(path, e))?,
        pictures: placeholder,
        video,
        decodes: true,
        wanted,
        queue: VecDeque::new(),
        last: None,
        stated,
        start: None,
        step,
        frames: 0,
        skipped: 0,
        late: 0,
        budget: bytes.map(|bytes| bytes.saturating_mul(MAX_GROWTH).saturating_add(GROWTH_ALLOWANCE)),
        ended: false,
        notices,
        dropped,
        first_side_data: Vec::new(),
    };
    source.first_frame()?;
    source.finish_info(streams, others);
    if let Some(time) = options.seek {
        source.seek(time)?;
    }
    if !options.frames {
        source.decodes = false;
        source.input.discard(video);
        source.queue.retain(|item| matches!(item, Item::Packet(_)));
    }
    Ok(source)
}

impl FileSource {
    fn fault(&self, error: AvError) -> VideoError {
        reading(&self.path, error)
    }

    /// Goes on from a key frame before `time`; from the beginning, where the container finds none.
    fn seek(&mut self, time: Time) -> Result<(), VideoError> {
        let ticks = time.to_pts(self.info.video.time_base);
        if self.input.seek(self.video, ticks).or_else(|_| self.input.seek(self.video, i64::MIN)).is_err() {
            return Err(VideoError::Unsupported {
                path: self.path.clone(),
                what: "it can only be read from its beginning".to_owned(),
            });
        }
        self.decoder.flush();
        self.queue.clear();
        (self.last, self.frames, self.ended) = (None, self.frames.max(1), false);
        Ok(())
    }

    /// Reads up to the first frame, whose format the info needs.
    fn first_frame(&mut self) -> Result<(), VideoError> {
        let mut ahead = 0;
        while self.frames == 0 && !self.ended && ahead <= MAX_AHEAD {
            let before = self.queue.len();
            self.advance()?;
            for item in self.queue.iter().skip(before) {
                if let Item::Packet(p) = item {
                    ahead += p.packet.size();
                }
            }
        }
        if self.frames > 0 {
            return Ok(());
        }
        let damaged =
            if self.skipped > 0 { format!(" ({} damaged packets)", self.skipped) } else { String::new() };
        Err(malformed(
            &self.path,
            &format!(
                "a {} video stream without a picture that can be decoded{damaged}",
                self.info.video.codec
            ),
            "at least one picture",
        ))
    }

    fn finish_info(&mut self, mut streams: Streams, others: Vec<OtherStream>) {
        let mut side_data = std::mem::take(&mut streams.video_side_data);
        for data in std::mem::take(&mut self.first_side_data) {
            if !side_data.iter().any(|d| d.kind == data.kind) {
                side_data.push(data);
            }
        }
        let matrix = side_data.iter().find(|d| d.kind == SideData::DISPLAY_MATRIX);
        self.info.video.rotation = matrix.and_then(|d| rotation(&d.bytes));
        side_data.retain(|d| SideData::OF_PICTURE.contains(&d.kind));
        streams.video_side_data = side_data;
        self.info.others =
            others.iter().filter(|o| !o.is_chapter_track()).map(OtherStream::describe).collect();
        streams.others = others;
        streams.start = self.start;
        self.info.streams = Arc::new(CopiedStreams { inner: streams });
    }

    /// Reads one packet and queues what comes of it.
    fn advance(&mut self) -> Result<(), VideoError> {
        let mut errors = 0;
        let packet = loop {
            match self.input.read() {
                Ok(packet) => break packet,
                // Some demuxers ask to be called again; others stumble over damage and go on behind it.
                Err(e) if e == AvError::AGAIN || e == AvError::INVALID_DATA => {
                    errors += 1;
                    self.skipped += u64::from(e == AvError::INVALID_DATA);
                    if errors > MAX_ERRORS {
                        self.notice("the file is damaged from here on: it ends early".to_owned());
                        break None;
                    }
                }
                Err(e) => {
                    self.notice(format!("the file cannot be read further ({e}): it ends early"));
                    break None;
                }
            }
        };
        let Some(packet) = packet else {
            if let Some(e) = self.input.read_error() {
                self.notice(format!("the file cannot be read further ({e}): it ends early"));
            }
            self.ended = true;
            if self.decodes {
                self.decode(None)?;
                self.check_end();
            }
            return Ok(());
        };
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub((packet.size() as u64).max(LEAST_PACKET));
            if *budget == 0 {
                self.notice("the file repeats its own data without end: it is read no further".to_owned());
                self.decode(None)?;
                self.ended = true;
                return Ok(());
            }
        }
        let stream = packet.stream();
        if stream == self.video {
            return if self.decodes { self.decode(Some(&packet)) } else { Ok(()) };
        }
        if self.wanted.get(stream) == Some(&true) {
            self.queue.push_back(Item::Packet(StreamPacket { stream, packet }));
        }
        Ok(())
    }

    /// Tells when the file holds clearly less than it says.
    fn check_end(&mut self) {
        if let (Some(stated), Some(last)) = (self.stated, self.last) {
            let missing = stated - last;
            let told = self.notices.iter().any(|n| n.ends_with("it ends early"));
            if missing > stated.scaled(1, 20) && missing > Time::new(2, 1) && !told {
                self.notice(format!(
                    "the video ends after {last} s, though the file says {stated} s: it may be cut off"
                ));
            }
        }
        match self.late {
            0 => {}
            1 => self
                .notice("1 frame that goes back in time was left out: the file's timestamps jump".to_owned()),
            n => self
                .notice(format!("{n} frames that go back in time were left out: the file's timestamps jump")),
        }
    }

    fn notice(&mut self, text: String) {
        tracing::warn!("{}: {text}", self.path.display());
        self.notices.push(text);
    }

    fn decode(&mut self, packet: Option<&Packet>) -> Result<(), VideoError> {
        let mut errors = 0;
        loop {
            let sent = match self.decoder.send_packet(packet) {
                Ok(sent) => sent,
                Err(e) if e == AvError::NO_MEMORY => return Err(self.fault(e)),
                Err(e) => {
                    tracing::debug!("a packet is skipped: {e}");
                    self.skipped += 1;
                    true
                }
            };
            loop {
                match self.decoder.receive_frame(&mut self.picture) {
                    Ok(Step::Got) => self.take_picture()?,
                    Ok(Step::Again | Step::End) => break,
                    Err(e) if e == AvError::NO_MEMORY => return Err(self.fault(e)),
                    Err(e) => {
                        tracing::debug!("a frame is skipped: {e}");
                        self.skipped += 1;
                        errors += 1;
                        if errors > MAX_ERRORS {
                            break;
                        }
                    }
                }
            }
            if sent || errors > MAX_ERRORS {
                return Ok(());
            }
        }
    }

    /// Queues the decoded picture as a frame.
    fn take_picture(&mut self) -> Result<(), VideoError> {
        if self.frames == 0 {
            self.learn_format()?;
            // Now: the decoder empties the picture when it is asked for the next.
            self.first_side_data = self.picture.side_data();
        }
        let (format, size) = (self.picture.format(), (self.picture.width(), self.picture.height()));
        if format != self.pictures.format || size != self.pictures.size {
            let (was, (w0, h0)) = (self.pictures.format.name(), self.pictures.size);
            return Err(VideoError::Unsupported {
                path: self.path.clone(),
                what: format!(
                    "the picture changes from {w0}x{h0} {was} to {}x{} {} after {} frames; cut or convert the file to one format first",
                    size.0,
                    size.1,
                    format.name(),
                    self.frames
                ),
            });
        }
        for text in self.dropped.of_picture(&self.picture.streamed()) {
            self.notice(text);
        }
        let time_base = self.info.video.time_base;
        let next = self.last.map_or(Time::ZERO, |last| last + self.step);
        let pts = self.picture.best_pts().and_then(|t| Time::from_pts(t, time_base)).unwrap_or(next);
        let duration =
            Some(self.picture.duration()).filter(|&d| d > 0).and_then(|d| Time::from_pts(d, time_base));
        if self.last.is_some_and(|last| pts <= last) {
            tracing::debug!("{}: a frame at {pts} s comes late and is dropped", self.path.display());
            self.late += 1;
            return Ok(());
        }
        let frame = self.pictures.frame(&self.picture).map_err(|e| self.fault(e))?;
        if let Some(duration) = duration {
            self.step = duration;
        }
        self.start = self.start.or(Some(pts));
        self.last = Some(pts);
        self.frames += 1;
        self.queue.push_back(Item::Frame(TimedFrame { frame: Arc::new(frame), pts, duration }));
        Ok(())
    }

    /// Learns from the first picture how all will look.
    fn learn_format(&mut self) -> Result<(), VideoError> {
        let format = self.picture.format();
        let (width, height) = (self.picture.width(), self.picture.height());
        let unsupported = || VideoError::Unsupported {
            path: self.path.clone(),
            what: format!(
                "its pixel format {} is not supported; convert it first, e.g. with `ffmpeg -i IN -pix_fmt yuv420p OUT`",
                format.name()
            ),
        };
        let mut convert = None;
        let layout = match pixels::layout_of(format) {
            Some(layout) => layout,
            None if format.has_palette() => PixelFormat::RGB8,
            None => {
                let to =
                    pixels::substitute(format).filter(|_| !format.is_hardware()).ok_or_else(unsupported)?;
                let filters =
                    format!("scale=flags=accurate_rnd+full_chroma_int+bitexact,format={}", to.name());
                let graph = Graph::video(format, width as i32, height as i32, Rational::new(1, 1), &filters);
                convert = Some(graph.map_err(|e| self.fault(e))?);
                let layout = pixels::layout_of(to).ok_or_else(unsupported)?;
                self.notices.push(format!("its pixel format {} is read as {}", format.name(), to.name()));
                layout
            }
        };
        let color = fill(self.picture.color(), self.info.video.color, format, layout);
        self.pictures = Pictures { format, size: (width, height), layout, color, convert };
        let video = &mut self.info.video;
        (video.width, video.height) = (width, height);
        (video.format, video.color) = (layout, color);
        let aspect = self.picture.sample_aspect();
        if video.sample_aspect == (1, 1) && aspect.is_positive() {
            video.sample_aspect = (aspect.num.unsigned_abs(), aspect.den.unsigned_abs());
        }
        Ok(())
    }
}

impl Pictures {
    fn frame(&mut self, picture: &AvFrame) -> Result<ifr_frame::Frame, AvError> {
        let frame = match &mut self.convert {
            None => pixels::read(picture, self.layout, self.color),
            Some(graph) => {
                graph.push(Some(picture))?;
                let (_, converted) = graph.pull()?;
                pixels::read(&converted, self.layout, self.color)
            }
        };
        frame.ok_or(AvError::INVALID_DATA)
    }
}

impl Source for FileSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            self.advance()?;
        }
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }

    fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }
}
