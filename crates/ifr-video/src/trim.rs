//! A part of a video, cut to the frame, with everything that belongs to it.

use std::collections::VecDeque;

use ifr_frame::Time;

use crate::{Item, OpenOptions, Position, Range, Source, SourceInfo, StreamPacket, TimedFrame, VideoError};

/// How long before the first frame reading begins: subtitles that show there may have begun before it.
const RUN_UP: Time = Time::TEN_SECONDS;
/// How far the picture is followed beyond the end, for sound that its container stores later.
const RUN_OUT: Time = Time::TEN_SECONDS;

/// The part, in the source's own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// When the first frame taken shows.
    from: Time,
    /// From when on nothing is shown, where that is known.
    to: Option<Time>,
    /// What is taken from all times.
    shift: Time,
}

/// What becomes of something that lasts.
#[cfg(feature = "ffmpeg")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is over before the part begins, or begins after its end.
    Out,
    /// It is taken.
    In,
    /// That cannot be said yet.
    Unknown,
}

/// A source of which a part is read.
struct Trimmed {
    inner: Box<dyn Source>,
    info: SourceInfo,
    range: Range,
    /// Whether frames are yielded, and not just what goes with them.
    frames: bool,
    origin: Time,
    /// Whether the first frame read is the video's first.
    counted: bool,
    seen: u64,
    taken: u64,
    cut: Option<Cut>,
    /// The frame read last, whether or not it was taken.
    latest: Time,
    /// Packets of which nothing can be said yet.
    held: VecDeque<StreamPacket>,
    ready: VecDeque<Item>,
    /// Sound streams that have not come to the end yet.
    sound: Vec<usize>,
    ended: bool,
}

/// Reads the part of `source` that `options` ask for; what it yields of that, too. The source yields frames in any case.
pub(crate) fn take(source: Box<dyn Source>, options: &OpenOptions) -> Result<Box<dyn Source>, VideoError> {
    let info = source.info().clone();
    let sound = if options.audio { sound_streams(&info) } else { Vec::new() };
    let mut trimmed = Trimmed {
        inner: source,
        info,
        range: options.range,
        frames: options.frames,
        origin: Time::ZERO,
        counted: true,
        seen: 0,
        taken: 0,
        cut: None,
        latest: Time::ZERO,
        held: VecDeque::new(),
        ready: VecDeque::new(),
        sound,
        ended: false,
    };
    trimmed.begin()?;
    trimmed.describe();
    Ok(Box::new(trimmed))
}

impl Trimmed {
    /// Reads up to the first frame of the part.
    fn begin(&mut self) -> Result<(), VideoError> {
        let Some(first) = self.next_frame()? else { return Ok(()) };
        self.origin = first.pts;
        let far = match self.range.start {
            Position::Time(start) if start > RUN_UP => self.inner.seek(self.origin + start - RUN_UP)?,
            _ => false,
        };
        let mut frame = Some(first);
        if let (true, Position::Time(start)) = (far, self.range.start) {
            self.held.clear();
            frame = self.next_frame()?;
            let late = frame.as_ref().is_none_or(|f| f.pts >= self.origin + start);
            if late && self.inner.seek(self.origin)? {
                // The index led too far: from the start, then.
                self.held.clear();
                frame = self.next_frame()?;
            }
            self.counted = false;
        }
        while let Some(timed) = frame {
            self.frame(timed);
            if self.cut.is_some() {
                return Ok(());
            }
            frame = self.next_frame()?;
        }
        Err(VideoError::Option(self.nothing()))
    }

    /// Why no frame was taken.
    fn nothing(&self) -> String {
        let length = self.latest - self.origin;
        match self.range.start {
            Position::Frame(n) => {
                format!("there is no frame {n}: the video has {} frames, numbered from 0", self.seen)
            }
            Position::Time(start) => format!(
                "no frame is shown at {start} s or later: the video's last frame is shown at {length} s (times count from the \
                 first)"
            ),
        }
    }

    /// The next frame as it is read; packets before it are held.
    fn next_frame(&mut self) -> Result<Option<TimedFrame>, VideoError> {
        loop {
            match self.inner.next()? {
                Some(Item::Frame(frame)) => return Ok(Some(frame)),
                Some(Item::Packet(packet)) => self.held.push_back(packet),
                None => return Ok(None),
            }
        }
    }

    /// Takes or leaves out a frame, and what can be decided with it.
    fn frame(&mut self, timed: TimedFrame) {
        let TimedFrame { frame, pts, duration } = timed;
        let index = self.seen;
        self.seen += 1;
        self.latest = pts;
        let started = match self.range.start {
            Position::Time(start) => pts >= self.origin + start,
            Position::Frame(n) => index >= n,
        };
        if !started {
            return self.release();
        }
        let end = self.range.end.map(|end| self.origin + end);
        let cut = *self.cut.get_or_insert(Cut { from: pts, to: end, shift: pts - self.origin });
        let over = cut.to.is_some_and(|to| pts >= to);
        if over || self.range.frames.is_some_and(|most| self.taken >= most) {
            let to = cut.to.map_or(pts, |to| to.min(pts));
            self.cut = Some(Cut { to: Some(to), ..cut });
            self.release();
            self.ended |= self.sound.is_empty() || pts >= to + RUN_OUT;
            return;
        }
        self.taken += 1;
        let duration = match (duration, cut.to) {
            (Some(d), Some(to)) => Some(d.min(to - pts)),
            (d, _) => d,
        };
        if self.frames {
            self.ready.push_back(Item::Frame(TimedFrame { frame, pts: pts - cut.shift, duration }));
        }
        self.release();
    }

    /// Hands on or drops what was held, as far as that is decided.
    fn release(&mut self) {
        for packet in std::mem::take(&mut self.held) {
            self.packet(packet);
        }
    }

    /// Hands on, drops or holds a packet.
    #[cfg(feature = "ffmpeg")]
    fn packet(&mut self, mut packet: StreamPacket) {
        use crate::ffmpeg::Kind;

        let other = self.info.streams.inner.others.iter().find(|o| o.index == packet.stream);
        let Some((kind, base, (start, end))) = other.and_then(|o| {
            let base = ifr_frame::TimeBase::new(o.time_base.num.into(), o.time_base.den.into()).ok()?;
            Some((o.params.kind(), base, span(&packet, base)?))
        }) else {
            return;
        };
        let fate = match &self.cut {
            // Nothing before the frames seen so far will be taken.
            None if end <= self.latest && self.seen > 0 => Fate::Out,
            None => Fate::Unknown,
            Some(cut) => cut.fate(start, end, self.latest, self.range.frames.is_some()),
        };
        let (Fate::In, Some(cut)) = (fate, self.cut) else {
            if fate == Fate::Unknown {
                self.held.push_back(packet);
            } else if let Some(to) = self.cut.and_then(|c| c.to)
                && start >= to
            {
                self.sound.retain(|&s| s != packet.stream);
            }
            return;
        };
        let shift = |t: Option<i64>| t.map(|t| t.saturating_sub(cut.shift.to_pts(base)));
        let coded = &mut packet.packet;
        let (mut pts, mut dts, mut duration) = (shift(coded.pts()), shift(coded.dts()), coded.duration());
        if kind != Kind::Audio {
            // What is shown, is shown for as long as the part shows it. Sound is cut at whole packets.
            let begin = (cut.from - cut.shift).to_pts(base);
            let late = begin - pts.or(dts).unwrap_or(begin);
            if late > 0 {
                (pts, dts) = (Some(begin), Some(begin));
                duration = if duration > 0 { (duration - late).max(1) } else { 0 };
            }
            if let (Some(to), Some(at)) = (cut.to, pts)
                && duration > 0
            {
                duration = duration.min((to - cut.shift).to_pts(base) - at).max(1);
            }
        }
        coded.set_times(pts, dts, duration);
        self.ready.push_back(Item::Packet(packet));
    }

    /// Without FFmpeg there are no packets.
    #[cfg(not(feature = "ffmpeg"))]
    fn packet(&mut self, _packet: StreamPacket) {}

    /// Says of the part what the source said of the whole.
    fn describe(&mut self) {
        let Some(cut) = self.cut else { return };
        let video = &mut self.info.video;
        let skipped = cut.from - self.origin;
        let mut length = video.duration.map(|d| d - skipped);
        if let Some(end) = self.range.end {
            length = Some(length.map_or(end - skipped, |l| l.min(end - skipped)));
        }
        let period = video.rate.map(|r| r.period());
        if let (Some(frames), Some(period)) = (self.range.frames, period) {
            let most = period.scaled(i64::try_from(frames).unwrap_or(i64::MAX), 1);
            length = Some(length.map_or(most, |l| l.min(most)));
        }
        // Frames are counted by rate, unless the whole says that they are not.
        let counted = match (length, period) {
            (Some(length), Some(period)) => {
                u64::try_from((length + period.scaled(1, 2)).div_floor(period)).ok().filter(|&n| n > 0)
            }
            _ => None,
        };
        video.frames = match (counted.or(self.range.frames), video.frames) {
            (Some(part), Some(whole)) => Some(part.min(whole)),
            (part, _) => part,
        };
        video.duration = length;
        #[cfg(feature = "ffmpeg")]
        {
            let to = cut.to.or_else(|| Some(cut.from + length?));
            let streams = crate::CopiedStreams {
                inner: std::sync::Arc::clone(&self.info.streams.inner),
                cut: Some(Cut { to, ..cut }),
            };
            self.info.chapters = streams.chapters().len();
            self.info.streams = std::sync::Arc::new(streams);
        }
    }
}

#[cfg(feature = "ffmpeg")]
impl Cut {
    /// What becomes of something from `start` to `end`, where the video was read up to `latest` and its end may
    /// (`counted`) still turn up.
    fn fate(&self, start: Time, end: Time, latest: Time, counted: bool) -> Fate {
        if end <= self.from && start < self.from {
            return Fate::Out;
        }
        match self.to {
            Some(to) if start >= to => Fate::Out,
            None if counted && start > latest => Fate::Unknown,
            _ => Fate::In,
        }
    }

    /// The share of a chapter that lies in the part, in its times.
    #[cfg(feature = "ffmpeg")]
    pub(crate) fn chapter(&self, chapter: &crate::ffmpeg::Chapter) -> Option<crate::ffmpeg::Chapter> {
        let base = chapter.time_base;
        let base = ifr_frame::TimeBase::new(base.num.into(), base.den.into()).ok()?;
        let start = Time::from_pts(chapter.start, base)?.max(self.from);
        let end = Time::from_pts(chapter.end, base)?;
        let end = self.to.map_or(end, |to| end.min(to));
        (start < end).then(|| crate::ffmpeg::Chapter {
            start: (start - self.shift).to_pts(base),
            end: (end - self.shift).to_pts(base),
            ..chapter.clone()
        })
    }
}

/// From when to when a packet is heard or shown.
#[cfg(feature = "ffmpeg")]
fn span(packet: &StreamPacket, base: ifr_frame::TimeBase) -> Option<(Time, Time)> {
    let start = packet.packet.pts().or(packet.packet.dts())?;
    let end = start.saturating_add(packet.packet.duration().max(0));
    Some((Time::from_pts(start, base)?, Time::from_pts(end, base)?))
}

/// Indices of the streams of sound.
#[cfg(feature = "ffmpeg")]
fn sound_streams(info: &SourceInfo) -> Vec<usize> {
    let others = info.streams.inner.others.iter();
    others.filter(|o| o.params.kind() == crate::ffmpeg::Kind::Audio).map(|o| o.index).collect()
}

#[cfg(not(feature = "ffmpeg"))]
fn sound_streams(_info: &SourceInfo) -> Vec<usize> {
    Vec::new()
}

impl Source for Trimmed {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            let over = self.cut.is_some_and(|c| c.to.is_some() && self.latest >= c.to.unwrap_or(c.from));
            if self.ended || (over && self.sound.is_empty()) {
                return Ok(None);
            }
            match self.inner.next()? {
                Some(Item::Frame(frame)) => self.frame(frame),
                Some(Item::Packet(packet)) => self.packet(packet),
                None => {
                    // There are no more frames than were seen: what is held follows the last.
                    self.range.frames = None;
                    self.release();
                    self.ended = true;
                }
            }
        }
    }

    fn skipped(&self) -> u64 {
        self.inner.skipped()
    }

    fn notices(&self) -> Vec<String> {
        self.inner.notices()
    }
}
