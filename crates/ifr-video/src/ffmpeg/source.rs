//! Reading containers.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{ColorDescription, Frame, PixelFormat, Rate, Time, TimeBase};

use super::av::{self, AvError, AvFrame, CodecContext, Dict, Graph, Input, Kind, Packet, PixFmt, Step};
use super::av::{Rational, SideData};
use super::continuity::Continuity;
use super::fault::{malformed, of_system, reading};
use super::fields::{FieldFilter, Treatment};
use super::hdr::Dropped;
use super::pixels;
use super::probe::{Described, check_file, choose_video, decoder, describe, fill, rotation};
use super::reach;
use super::streams::{OtherStream, Streams};
use crate::{
    CopiedStreams, Fields, Item, OpenOptions, Source, SourceInfo, StreamPacket, TimedFrame, VideoError,
};

/// Other streams' packets kept while the first frame is looked for, in bytes, before it is given up.
const MAX_AHEAD: usize = 256 << 20;
/// Frames without a time that are held until one has one.
const MOST_UNTIMED: usize = 32;
/// Unreadable packets in a row after which a file counts as ended.
const MAX_ERRORS: u32 = 100;

/// Of interlaced pictures that are taken as they are.
const COMBED: &str = "the video is interlaced and its pictures are taken as they are, combs and all: --deinterlace auto (or on, \
    where it is not marked) makes whole pictures of them";
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
    /// For each stream, its ticks, and whether its packets are yielded.
    ticks: Vec<Rational>,
    /// Whether the video is decoded: else only the other streams' packets are yielded.
    decodes: bool,
    /// For each stream, whether its packets are yielded.
    wanted: Vec<bool>,
    /// What moves the times of formats whose clock may start anew.
    continuity: Option<Continuity>,
    /// Indices of the sound streams.
    sound: Vec<usize>,
    fields: Fields,
    /// Whether the container says that pictures are interlaced.
    interlaced: bool,
    /// Whether pictures come by that are marked as interlaced, though they are taken as they are.
    combed: bool,
    queue: VecDeque<Item>,
    last: Option<Time>,
    /// How long the video is by its own account.
    stated: Option<Time>,
    /// When the first frame shows.
    start: Option<Time>,
    step: Time,
    /// Time and length of the last picture that the field filter took, in ticks.
    filtered: Option<(i64, i64)>,
    /// Frames before the first that has a time.
    untimed: Vec<(Frame, Option<Time>)>,
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
    /// The decoder's ticks.
    ticks: Rational,
    treatment: Treatment,
    /// What makes whole pictures of fields.
    fields: Option<FieldFilter>,
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
    let mut dropped = Dropped::default();
    notices.extend(dropped.of_stream(&view.side_data));
    let mut wanted = vec![false; views.len()];
    let mut ticks = vec![view.time_base; views.len()];
    let mut others = Vec::new();
    for (index, view) in views.into_iter().enumerate() {
        let Some(view) = view else { continue };
        let other = OtherStream::new(index, view);
        ticks[index] = other.time_base;
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
        ticks: view.time_base,
        treatment: Treatment::None,
        fields: None,
        convert: None,
    };
    let continuity = input.may_jump().then(Continuity::new);
    let mut source = FileSource {
        path: path.to_owned(),
        info,
        input,
        decoder,
        picture: AvFrame::new().map_err(|e| reading(path, e))?,
        pictures: placeholder,
        video,
        ticks,
        decodes: true,
        wanted,
        continuity,
        sound: others.iter().filter(|o| o.params.kind() == Kind::Audio).map(|o| o.index).collect(),
        fields: options.fields,
        interlaced: view.params.is_interlaced(),
        combed: false,
        queue: VecDeque::new(),
        last: None,
        stated,
        start: None,
        step,
        filtered: None,
        untimed: Vec::new(),
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
        source.begin_at(time)?;
    }
    if !options.frames {
        source.decodes = false;
        // A clock that starts anew is told by all streams.
        if source.continuity.is_none() {
            source.input.discard(video);
        }
        source.queue.retain(|item| matches!(item, Item::Packet(_)));
    }
    Ok(source)
}

impl FileSource {
    fn fault(&self, error: AvError) -> VideoError {
        reading(&self.path, error)
    }

    /// Goes on from a key frame before `time`; from the beginning, where the container finds none.
    fn begin_at(&mut self, time: Time) -> Result<(), VideoError> {
        // A clock that may start anew is followed from the beginning: elsewhere it would count from another zero.
        if self.continuity.is_some() {
            return Ok(());
        }
        // The stream's own ticks: those of the info are finer where fields become pictures.
        let ticks = self.pictures.ticks;
        let base = TimeBase::new(ticks.num.into(), ticks.den.into())?;
        if self.go_to(time.to_pts(base))? || self.go_to(i64::MIN)? {
            self.frames = self.frames.max(1);
            return Ok(());
        }
        Err(VideoError::Unsupported {
            path: self.path.clone(),
            what: "it can only be read from its beginning".to_owned(),
        })
    }

    /// Goes on from a key frame before `ticks` of the video stream; `false` where the container finds none.
    fn go_to(&mut self, ticks: i64) -> Result<bool, VideoError> {
        if self.input.seek(self.video, ticks).is_err() {
            return Ok(false);
        }
        self.decoder.flush();
        let (format, size) = (self.pictures.format, self.pictures.size);
        let (treatment, base) = (self.pictures.treatment, self.pictures.ticks);
        self.pictures.fields = FieldFilter::new(treatment, format, size, base).map_err(|e| self.fault(e))?;
        self.queue.clear();
        self.untimed.clear();
        (self.last, self.filtered, self.ended) = (None, None, false);
        Ok(true)
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
        self.info.streams = Arc::new(CopiedStreams { inner: Arc::new(streams), cut: None });
    }

    /// Reads one packet and queues what comes of it.
    fn advance(&mut self) -> Result<(), VideoError> {
        let (mut errors, mut failed) = (0, None);
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
                // The file may be sound, and more of it be read another time.
                Err(e) if of_system(e) => return Err(self.fault(e)),
                Err(e) => {
                    failed = Some(e);
                    break None;
                }
            }
        };
        let Some(mut packet) = packet else {
            // Many demuxers take what could not be read for the end.
            if let Some(e) = self.input.read_error().filter(|&e| e != AvError::INVALID_DATA) {
                return Err(self.fault(e));
            }
            if let Some(e) = failed {
                self.notice(format!("the file cannot be read further ({e}): it ends early"));
            }
            self.ended = true;
            if self.decodes {
                self.decode(None)?;
                self.drain(true)?;
                self.count_back(None);
                self.check_end();
            }
            return Ok(());
        };
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub((packet.size() as u64).max(LEAST_PACKET));
            if *budget == 0 {
                self.notice("the file repeats its own data without end: it is read no further".to_owned());
                self.decode(None)?;
                self.drain(true)?;
                self.count_back(None);
                self.ended = true;
                return Ok(());
            }
        }
        let stream = packet.stream();
        self.join(&mut packet);
        if stream == self.video {
            return if self.decodes { self.decode(Some(&packet)) } else { Ok(()) };
        }
        if self.wanted.get(stream) == Some(&true) {
            self.queue.push_back(Item::Packet(StreamPacket { stream, packet }));
        }
        Ok(())
    }

    /// Moves a packet's times where the file's clock started anew before it.
    fn join(&mut self, packet: &mut Packet) {
        let Some(continuity) = &mut self.continuity else { return };
        let stream = packet.stream();
        let base = self.ticks.get(stream).and_then(|t| TimeBase::new(t.num.into(), t.den.into()).ok());
        let (Some(base), Some(ticks)) = (base, packet.dts().or(packet.pts())) else { return };
        let Some(dts) = Time::from_pts(ticks, base) else { return };
        let duration = Time::from_pts(packet.duration(), base).unwrap_or(Time::ZERO);
        let steady = stream == self.video || self.sound.contains(&stream);
        let offset = continuity.offset(stream, dts, duration, steady).to_pts(base);
        if offset != 0 {
            let moved = |t: Option<i64>| t.map(|t| t.saturating_add(offset));
            packet.set_times(moved(packet.pts()), moved(packet.dts()), packet.duration());
        }
    }

    /// Tells when the file holds clearly less than it says.
    fn check_end(&mut self) {
        if let (Some(stated), Some(last)) = (self.stated, self.last) {
            let missing = stated - last;
            // Clocks that start anew make nonsense of what is stated.
            let one_clock = self.continuity.as_ref().is_none_or(|c| c.jumps() == 0);
            let told = self.notices.iter().any(|n| n.ends_with("it ends early")) || !one_clock;
            if missing > stated.scaled(1, 20) && missing > Time::new(2, 1) && !told {
                self.notice(format!(
                    "the video ends after {last} s, though the file says {stated} s: it may be cut off"
                ));
            }
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

    /// Takes the decoded picture: to the field filter, or right away.
    fn take_picture(&mut self) -> Result<(), VideoError> {
        if self.pictures.size == (0, 0) {
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
        self.combed |= self.pictures.treatment == Treatment::None && self.picture.is_interlaced();
        let pts = self.picture.best_pts();
        let duration = self.picture.duration();
        if self.pictures.fields.is_none() {
            let empty = AvFrame::new().map_err(|e| reading(&self.path, e))?;
            let picture = std::mem::replace(&mut self.picture, empty);
            let time = |t: i64| Time::from_pts(t, self.info.video.time_base);
            let (pts, duration) = (pts.and_then(time), Some(duration).filter(|&d| d > 0).and_then(time));
            self.queue_frame(&picture, pts, duration)?;
            self.picture = picture;
            return Ok(());
        }
        // The filter needs a time for every picture.
        let ticks = self.pictures.ticks;
        let next = self.filtered.map_or(0, |(pts, step)| pts.saturating_add(step));
        let pts = pts.unwrap_or(next);
        if self.filtered.is_some_and(|(last, _)| pts <= last) {
            self.late += 1;
            return Ok(());
        }
        let nominal = || self.step_ticks(ticks);
        self.filtered = Some((pts, if duration > 0 { duration } else { nominal() }));
        self.picture.set_pts(pts);
        if let Some(filter) = &mut self.pictures.fields {
            filter.push(Some(&self.picture)).map_err(|e| reading(&self.path, e))?;
        }
        self.drain(false)
    }

    /// The step between frames in ticks of the video, before fields are taken apart.
    fn step_ticks(&self, ticks: Rational) -> i64 {
        let doubled = self.pictures.fields.as_ref().is_some_and(|f| f.doubles);
        let step = if doubled { self.step.scaled(2, 1) } else { self.step };
        TimeBase::new(ticks.num.into(), ticks.den.into()).map_or(1, |base| step.to_pts(base).max(1))
    }

    /// Queues what the field filter has ready; at the end, all that it holds.
    fn drain(&mut self, end: bool) -> Result<(), VideoError> {
        let fault = |path: &Path, e| reading(path, e);
        if let (true, Some(filter)) = (end, &mut self.pictures.fields) {
            filter.push(None).map_err(|e| fault(&self.path, e))?;
        }
        while let Some(filter) = &mut self.pictures.fields {
            let Some((picture, pts)) = filter.pull().map_err(|e| fault(&self.path, e))? else { break };
            // How long a filtered picture lasts is not told reliably.
            self.queue_frame(&picture, pts, None)?;
        }
        Ok(())
    }

    /// Queues a picture as a frame, with when and how long it shows, where that is known.
    fn queue_frame(
        &mut self,
        picture: &AvFrame,
        pts: Option<Time>,
        duration: Option<Time>,
    ) -> Result<(), VideoError> {
        let Some(pts) = pts.or_else(|| self.last.map(|last| last + self.step)) else {
            // Times of the first frames follow from the first that is stated.
            let frame = self.pictures.frame(picture).map_err(|e| self.fault(e))?;
            self.untimed.push((frame, duration));
            if self.untimed.len() > MOST_UNTIMED {
                self.count_back(None);
            }
            return Ok(());
        };
        if !self.untimed.is_empty() {
            self.count_back(Some(pts));
        }
        if self.last.is_some_and(|last| pts <= last) {
            tracing::debug!("{}: a frame at {pts} s comes late and is dropped", self.path.display());
            self.late += 1;
            return Ok(());
        }
        let frame = self.pictures.frame(picture).map_err(|e| self.fault(e))?;
        self.queue_timed(frame, pts, duration);
        Ok(())
    }

    fn queue_timed(&mut self, frame: Frame, pts: Time, duration: Option<Time>) {
        if let Some(duration) = duration {
            self.step = duration;
        }
        self.start = self.start.or(Some(pts));
        self.last = Some(pts);
        self.frames += 1;
        self.queue.push_back(Item::Frame(TimedFrame { frame: Arc::new(frame), pts, duration }));
    }

    /// Queues the frames before the first one with a time: back from that, or, if there is none, on from zero.
    fn count_back(&mut self, stated: Option<Time>) {
        let untimed = std::mem::take(&mut self.untimed);
        let count = i64::try_from(untimed.len()).unwrap_or(0);
        let first = stated.map_or(Time::ZERO, |stated| stated - self.step.scaled(count, 1));
        let step = self.step;
        for (i, (frame, duration)) in (0..).zip(untimed) {
            self.queue_timed(frame, first + step.scaled(i, 1), duration);
        }
    }

    /// Sets up what makes whole pictures of fields, where that is wanted.
    fn set_up_fields(&mut self, format: PixFmt, size: (usize, usize)) -> Result<(), VideoError> {
        let mut treatment = Treatment::of(self.fields, self.interlaced, self.picture.is_interlaced());
        if !treatment.takes(format) {
            self.notices.push(format!(
                "fields are matched in 8-bit YUV only, and this is {}: repeated pictures alone are looked for",
                format.name()
            ));
            treatment = Treatment::None;
        }
        if treatment == Treatment::None && (self.interlaced || self.picture.is_interlaced()) {
            self.interlaced = true;
            self.notices.push(COMBED.to_owned());
        }
        self.pictures.fields = FieldFilter::new(treatment, format, size, self.pictures.ticks).map_err(|e| {
            VideoError::Unsupported {
                path: self.path.clone(),
                what: format!(
                    "its pictures ({}x{} {}) cannot be deinterlaced ({e}): take them as they are with --deinterlace off",
                    size.0,
                    size.1,
                    format.name()
                ),
            }
        })?;
        self.pictures.treatment = treatment;
        Ok(())
    }

    /// Says of the video what becomes of it when each field becomes a picture.
    fn double(&mut self) -> Result<(), VideoError> {
        let video = &mut self.info.video;
        let base = video.time_base;
        if video.rate.is_some_and(|rate| !base.holds(rate.period())) {
            // Finer ticks make no time truer: the container rounded to its own.
            video.rounding = base.tick().scaled(1, 2);
        }
        video.time_base = TimeBase::new(base.num().into(), 2 * i64::from(base.den()))?;
        video.rate = video.rate.and_then(|r| r.scaled(2, 1).ok());
        video.frames = video.frames.map(|n| n.saturating_mul(2));
        self.step = self.step.scaled(1, 2);
        self.notices.push(
            "the video is interlaced: each field becomes a picture of its own, at twice the rate (--deinterlace half: one for \
             each two; off: as they are)"
                .to_owned(),
        );
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
        let ticks = self.pictures.ticks;
        self.pictures = Pictures {
            format,
            size: (width, height),
            layout,
            color,
            ticks,
            treatment: Treatment::None,
            fields: None,
            convert,
        };
        self.set_up_fields(format, (width, height))?;
        if self.pictures.fields.as_ref().is_some_and(|f| f.doubles) {
            self.double()?;
        }
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
    fn frame(&mut self, picture: &AvFrame) -> Result<Frame, AvError> {
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

    fn seek(&mut self, to: Time) -> Result<bool, VideoError> {
        // Only these keep an index that can be trusted.
        let indexed = ["mov", "matroska"].iter().any(|name| self.info.container.starts_with(name));
        let ticks = self.pictures.ticks;
        let base = TimeBase::new(ticks.num.into(), ticks.den.into())?;
        if !indexed { Ok(false) } else { self.go_to(to.to_pts(base)) }
    }

    fn skipped(&self) -> u64 {
        self.skipped
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.notices.clone();
        match self.continuity.as_ref().map_or(0, Continuity::jumps) {
            0 => {}
            1 => notices.push(
                "the file's clock starts anew once: what follows was joined on, sound and picture alike".to_owned(),
            ),
            n => notices.push(format!(
                "the file's clock starts anew {n} times: what follows was joined on each time, sound and picture alike"
            )),
        }
        if self.combed && !self.interlaced {
            notices.push(COMBED.to_owned());
        }
        match self.late {
            0 => {}
            1 => notices
                .push("1 frame that goes back in time was left out: the file's timestamps jump".to_owned()),
            n => notices
                .push(format!("{n} frames that go back in time were left out: the file's timestamps jump")),
        }
        notices
    }
}
