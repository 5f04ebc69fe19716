//! Writing containers: coded video and the packets of other streams into one file.

use std::path::{Path, PathBuf};

use ifr_frame::{Time, TimeBase};

use super::audio::{PcmTrack, SoundWriter};
use super::av::{self, AvError, Chapter, Dict, Kind, Muxer, Output, Packet, Rational, SideData, Writer};
use super::container;
use super::encoder::{CodedVideo, Span, rational};
use super::fault::writing;
use super::route::{Added, How, Route, scaled};
use super::streams::Streams;
use crate::{OutputOptions, Rotation, SourceInfo, StreamPacket, Summary, VideoError};

/// Metadata that speak of the file that was, not of the one that will be.
const STALE: [&str; 7] =
    ["major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id", "alpha_mode"];

/// A container that is written: its video stream, and the streams that are taken along.
pub(super) struct Mux {
    path: PathBuf,
    output: Output,
    /// Index of the video stream.
    video: usize,
    /// In what the video's packets count.
    ticks: Rational,
    encoder: String,
    /// The video's packet that came last; see [`Mux::finish`].
    held: Option<Packet>,
    first_dts: Option<i64>,
    /// For each of the source's streams, where it goes.
    routes: Vec<Option<Route>>,
    sound: Option<SoundWriter>,
    stretch: (u32, u32),
    /// Whether the muxer wants times that increase.
    strict: bool,
    notices: Vec<String>,
    refused: Refused,
    full: bool,
}

/// The display matrix that changes nothing.
const UPRIGHT: Rotation = Rotation([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30]);

fn stores_rotation(muxer: Muxer) -> bool {
    match muxer.name().as_str() {
        "mov" | "mp4" | "ipod" | "3gp" | "3g2" | "psp" | "ismv" | "f4v" => true,
        "matroska" | "webm" => cfg!(ffmpeg_7_0),
        _ => false,
    }
}

/// Which of the source's streams an attempt takes: some muxers find out only when the header is written.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    data: bool,
    time_code: bool,
    /// Indices of the streams taken along; `None`: all that the container holds.
    only: Option<&'a [usize]>,
    /// Chapters of what is written.
    chapters: &'a [Chapter],
}

/// Streams that are tried one by one where the muxer refuses them together; those behind are left out then.
const MOST_TRIED: usize = 32;

/// The muxer that a file's name asks for.
pub(super) fn muxer_of(path: &Path) -> Result<Muxer, VideoError> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    container::muxer_of_extension(extension).ok_or_else(|| {
        VideoError::Option(format!(
            "no video container is known for '{}'; name the output .mp4, .mkv, .mov or .webm",
            path.display()
        ))
    })
}

enum Failure {
    Header(VideoError),
    Other(VideoError),
}

impl From<VideoError> for Failure {
    fn from(error: VideoError) -> Self {
        Self::Other(error)
    }
}

pub(super) fn check_stretch((num, den): (u32, u32)) -> Result<(), VideoError> {
    if num == 0 || den == 0 {
        return Err(VideoError::Option(format!(
            "a stretch of {num}/{den} is not possible: both parts must be positive"
        )));
    }
    Ok(())
}

/// How much room is kept for a container's end, in bytes: MP4's index lies there, without which nothing plays, and
/// grows by about 15 bytes a packet.
fn reserve(muxer: &str) -> u64 {
    match muxer {
        "mp4" | "mov" | "ipod" | "3gp" | "3g2" | "psp" | "f4v" => 16 << 20,
        _ => 1 << 20,
    }
}

impl Mux {
    /// Creates the container that `options.path` names, for this video and the other streams of `source`.
    pub(super) fn create(
        options: &OutputOptions,
        source: Option<&SourceInfo>,
        video: &CodedVideo,
        sound: Option<PcmTrack>,
    ) -> Result<Self, VideoError> {
        check_stretch(options.stretch)?;
        let muxer = muxer_of(&options.path)?;
        let none = Streams::default();
        let streams = source.map_or(&none, |s| s.streams.inner.as_ref());
        let chapters = source.map_or_else(Vec::new, |s| s.streams.chapters());
        let attempts = [
            Attempt { data: true, time_code: true, only: None, chapters: &chapters },
            Attempt { data: false, time_code: true, only: None, chapters: &chapters },
            Attempt { data: false, time_code: false, only: None, chapters: &chapters },
        ];
        let has_data = streams.others.iter().any(|o| o.params.kind() == Kind::Data && !o.is_chapter_track());
        let has_code = streams.video_metadata.iter().chain(&streams.metadata).any(|(k, _)| k == "timecode");
        let mut failure = None;
        for attempt in attempts {
            if !(attempt.data || has_data || has_code) {
                break;
            }
            match Self::attempt(options, streams, muxer, video, sound.clone(), attempt) {
                Ok(mux) => return Ok(mux),
                // Only what the muxer says of the header is worth another attempt.
                Err(Failure::Header(e)) => failure = failure.or(Some(e)),
                Err(Failure::Other(e)) => return Err(e),
            }
        }
        // It may be one stream with a damaged header, or one too many of its kind; muxers do not say which.
        let mut chosen = Vec::new();
        let attempt = |chosen: &[usize]| {
            let attempt = Attempt { data: true, time_code: false, only: Some(chosen), chapters: &chapters };
            Self::attempt(options, streams, muxer, video, sound.clone(), attempt)
        };
        let alone = match attempt(&chosen) {
            Err(Failure::Other(e)) => return Err(e),
            Err(Failure::Header(_)) => false,
            // Each attempt begins the file anew: this one must be gone before the next.
            Ok(mux) => {
                drop(mux);
                true
            }
        };
        if alone && !streams.others.is_empty() {
            for other in streams.others.iter().take(MOST_TRIED) {
                chosen.push(other.index);
                match attempt(&chosen) {
                    Ok(mux) => drop(mux),
                    Err(Failure::Header(_)) => drop(chosen.pop()),
                    Err(Failure::Other(e)) => return Err(e),
                }
            }
            return attempt(&chosen).map_err(|failure| match failure {
                Failure::Header(e) | Failure::Other(e) => e,
            });
        }
        Err(failure.unwrap_or_else(|| VideoError::Option("nothing to write".to_owned())))
    }

    fn attempt(
        options: &OutputOptions,
        streams: &Streams,
        muxer: Muxer,
        coded: &CodedVideo,
        sound: Option<PcmTrack>,
        attempt: Attempt<'_>,
    ) -> Result<Self, Failure> {
        let path = &options.path;
        let fault = |e: AvError| Failure::Other(writing(path, e));
        let mut left = Dict::of(coded.options.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let mut notices = coded.notices.clone();
        let url = av::file_url(path)
            .ok_or_else(|| VideoError::Option("the output's name holds a NUL byte".to_owned()))?;
        let writer = Writer::create(path, reserve(&muxer.name())).map_err(|source| VideoError::Io {
            action: "create",
            path: path.clone(),
            source,
        })?;
        let mut output = Output::create(muxer, &url, writer).map_err(fault)?;

        let extras = options.extras;
        if extras {
            output.set_metadata(&fresh(&streams.metadata, attempt));
        }
        let metadata = if extras { fresh(&streams.video_metadata, attempt) } else { Vec::new() };
        let rate = options.rate.map(|r| Rational::new(r.num() as i32, r.den() as i32));
        let mut side_data = coded.side_data.clone();
        side_data.extend(picture_side_data(options, streams));
        if options.rotation.is_some_and(|r| r != UPRIGHT) && !stores_rotation(muxer) {
            notices.push(format!(
                "{} does not store rotation: name the output .mp4 or .mov to keep it",
                muxer.name()
            ));
        }
        let disposition = if extras { streams.video_disposition } else { 0 };
        let aspect = rational(options.sample_aspect);
        let video = output
            .add_video(&coded.params, coded.time_base, rate, aspect, disposition, &metadata, &side_data)
            .map_err(fault)?;

        let count = streams.others.iter().map(|o| o.index + 1).max().unwrap_or(0);
        let mut routes: Vec<Option<Route>> = (0..count).map(|_| None).collect();
        for other in &streams.others {
            let wanted = match other.params.kind() {
                Kind::Audio => options.audio,
                Kind::Data => extras && attempt.data,
                _ => extras,
            };
            if wanted && attempt.only.is_some_and(|only| !only.contains(&other.index)) {
                let (name, index, what) = (muxer.name(), other.index, other.describe());
                notices.push(format!("{name} refuses stream {index} ({what}): it is left out"));
                continue;
            }
            if !wanted {
                if extras && other.params.kind() == Kind::Data && !other.is_chapter_track() {
                    notices.push(format!(
                        "{} does not take stream {} ({})",
                        muxer.name(),
                        other.index,
                        other.describe()
                    ));
                }
                continue;
            }
            let notice = match Route::add(&mut output, muxer, other, options.stretch).map_err(fault)? {
                Added::Routed(route, notice) => {
                    routes[other.index] = Some(route);
                    notice
                }
                Added::Left(notice) => notice,
            };
            notices.extend(notice);
        }
        let sound = match sound {
            Some(track) => Some(SoundWriter::add(&mut output, muxer, track)?),
            None => None,
        };
        if extras {
            for chapter in attempt.chapters {
                output.add_chapter(&stretched(chapter, options.stretch)).map_err(fault)?;
            }
        }
        set_muxer_options(&mut left, muxer, coded.time_base, streams);
        output.write_header(&mut left).map_err(|e| {
            Failure::Header(match e.errno() {
                Some(_) if e != AvError::INVALID_ARGUMENT => writing(path, e),
                _ => VideoError::Option(format!(
                    "{} refuses this combination of streams: {e} (RUST_LOG=ffmpeg=debug shows its own words); try .mkv",
                    muxer.name()
                )),
            })
        })?;
        let unknown: Vec<String> = left.pairs().into_iter().map(|(k, _)| k).filter(|k| !is_own(k)).collect();
        if !unknown.is_empty() {
            return Err(Failure::Other(VideoError::Option(format!(
                "neither {} nor {} knows the option {}",
                coded.encoder,
                muxer.name(),
                unknown.join(", ")
            ))));
        }
        Ok(Self {
            path: path.clone(),
            output,
            video,
            ticks: coded.time_base,
            encoder: coded.encoder.clone(),
            held: None,
            first_dts: None,
            routes,
            sound,
            stretch: options.stretch,
            strict: muxer.is_strict(),
            notices,
            refused: Refused::default(),
            full: false,
        })
    }

    /// After each write: a full disk is told once the reserve is in use, while there is room left to finish.
    pub(super) fn check_room(&mut self) -> Result<(), VideoError> {
        if self.output.written().disk_full && !self.full {
            self.full = true;
            return Err(self.disk_full());
        }
        Ok(())
    }

    fn disk_full(&self) -> VideoError {
        VideoError::DiskFull { path: self.path.clone() }
    }

    /// Once a full disk was told, nothing more is taken.
    pub(super) fn refuse_when_full(&self) -> Result<(), VideoError> {
        if self.full { Err(self.disk_full()) } else { Ok(()) }
    }

    /// What people should be told of the output.
    pub(super) fn notices(&self) -> Vec<String> {
        let mut notices = self.notices.clone();
        notices.extend(self.told_of_refused());
        notices
    }

    fn told_of_refused(&self) -> Option<String> {
        let Refused { count, text, .. } = &self.refused;
        (*count > 0).then(|| format!("damaged packets beside the video were left out: {count} ({text})"))
    }

    /// Writes a packet of the video, its times counted in the encoder's ticks.
    pub(super) fn write_video(&mut self, packet: Packet) -> Result<(), VideoError> {
        self.first_dts = self.first_dts.or(packet.dts());
        match self.held.replace(packet) {
            Some(before) => self.emit(before),
            None => Ok(()),
        }
    }

    fn emit(&mut self, mut packet: Packet) -> Result<(), VideoError> {
        packet.set_stream(self.video);
        packet.rescale(self.ticks, self.output.time_base(self.video));
        match self.output.write(packet) {
            Ok(()) => self.refused.in_a_row = 0,
            // Packets are held back until it is their turn: this may speak of another stream's.
            Err(e) if e == AvError::INVALID_DATA => {
                self.refused.tolerate(&self.output, e).map_err(|e| writing(&self.path, e))?;
            }
            Err(e) => return Err(writing(&self.path, e)),
        }
        Ok(())
    }

    /// Writes the generated sound up to a second behind `pts`.
    pub(super) fn write_sound(&mut self, pts: Time) -> Result<(), VideoError> {
        match &mut self.sound {
            Some(sound) => {
                sound.write_until(&mut self.output, pts + Time::new(1, 1)).map_err(|e| writing(&self.path, e))
            }
            None => Ok(()),
        }
    }

    /// When a packet of another stream is due in the output, in seconds; `None`: it has no time, or no place.
    pub(super) fn due(&self, packet: &StreamPacket) -> Option<Time> {
        let route = self.routes.get(packet.stream)?.as_ref()?;
        let base = TimeBase::new(route.time_base.num.into(), route.time_base.den.into()).ok()?;
        let time = Time::from_pts(packet.packet.dts().or(packet.packet.pts())?, base)?;
        Some(time.scaled(self.stretch.0.into(), self.stretch.1.into()))
    }

    /// Writes a packet of another stream.
    pub(super) fn write_packet(&mut self, packet: StreamPacket) -> Result<(), VideoError> {
        self.refuse_when_full()?;
        let StreamPacket { stream, mut packet } = packet;
        let Some(Some(route)) = self.routes.get_mut(stream) else { return Ok(()) };
        let fault = |e| writing(&self.path, e);
        if let How::Stretch(track) = &mut route.how {
            track.write(&mut self.output, route.to, &packet).map_err(fault)?;
            return self.check_room();
        }
        if let How::Text(conversion, from) = &route.how {
            match conversion.convert(&packet, from).map_err(fault)? {
                Some(converted) => packet = converted,
                None => return Ok(()),
            }
        }
        if self.stretch.0 != self.stretch.1 {
            let s = self.stretch;
            let times = (packet.pts().map(|t| scaled(t, s)), packet.dts().map(|t| scaled(t, s)));
            let duration = scaled(packet.duration(), s);
            packet.set_times(times.0, times.1, duration);
        }
        packet.set_stream(route.to);
        packet.forget_position();
        let ticks = self.output.time_base(route.to);
        match &mut route.how {
            // Matroska's own ticks fit as they are.
            How::Sound { params, last } if ticks != route.time_base => {
                packet.rescale_sound(route.time_base, ticks, params, last);
            }
            _ => packet.rescale(route.time_base, ticks),
        }
        if let Some(dts) = packet.dts().or(packet.pts()) {
            // Muxers refuse times that go back; for sound most refuse those that stay, too.
            let strict = self.strict && !matches!(route.kind, Kind::Data | Kind::Subtitle);
            let least = route.last.map_or(i64::MIN, |last| last.saturating_add(i64::from(strict)));
            if dts < least {
                let pts = packet.pts().map_or(least, |pts| pts.max(least));
                packet.set_times(Some(pts), Some(least), packet.duration());
            }
            route.last = Some(dts.max(least));
        }
        if let Err(e) = self.output.write(packet) {
            self.refused.tolerate(&self.output, e).map_err(|e| writing(&self.path, e))?;
        }
        self.check_room()
    }

    /// Ends the file. `span` is that of the video's frames.
    ///
    /// MP4 stores how long packets last in the order of decoding. For the whole to last from the first frame's
    /// beginning to the last one's end, the packet that is decoded last must make up what is missing, whichever frame
    /// it holds; where the rate is constant that is its own length.
    pub(super) fn finish(
        mut self,
        flushed: Result<(), VideoError>,
        span: Option<Span>,
        frames: u64,
    ) -> Result<Summary, VideoError> {
        let told = self.full;
        let closed = flushed.and_then(|()| self.close(span));
        let written = self.output.written();
        if closed.is_err() && !told && written.disk_full {
            return Err(self.disk_full());
        }
        closed?;
        if written.disk_full && !told {
            return Err(self.disk_full());
        }
        if let Some(errno) = written.errno {
            let source = std::io::Error::from_raw_os_error(errno);
            return Err(VideoError::Io { action: "write", path: self.path.clone(), source });
        }
        let notices = self.told_of_refused().into_iter().collect();
        Ok(Summary { frames, bytes: written.bytes, encoder: self.encoder, notices })
    }

    fn close(&mut self, span: Option<Span>) -> Result<(), VideoError> {
        if !self.full {
            if let Some(mut packet) = self.held.take() {
                if let (Some(span), Some(first), Some(last)) = (span, self.first_dts, packet.dts()) {
                    let length = (span.end - span.first) - (last - first);
                    if length > 0 {
                        packet.set_times(packet.pts(), packet.dts(), length);
                    }
                }
                self.emit(packet)?;
            }
            for route in self.routes.iter_mut().flatten() {
                if let How::Stretch(track) = &mut route.how {
                    track.finish(&mut self.output, route.to).map_err(|e| writing(&self.path, e))?;
                }
            }
            if let Some(sound) = &mut self.sound {
                sound.finish(&mut self.output).map_err(|e| writing(&self.path, e))?;
            }
            // What is still held back goes first: the trailer would stop at a damaged packet.
            while let Err(e) = self.output.write_held() {
                self.refused.tolerate(&self.output, e).map_err(|e| writing(&self.path, e))?;
            }
        }
        self.output.write_trailer().map_err(|e| writing(&self.path, e))
    }
}

/// Packets that the muxer would not take.
#[derive(Default)]
struct Refused {
    count: u64,
    /// What it said of the first.
    text: String,
    /// How many since a packet of the video was taken.
    in_a_row: u32,
}

impl Refused {
    /// How many packets may be refused before the next of the video is taken.
    const MAX_IN_A_ROW: u32 = 1000;

    /// A damaged packet of another stream is no reason to lose the video; errors of the system are.
    fn tolerate(&mut self, output: &Output, error: AvError) -> Result<(), AvError> {
        let invalid = error == AvError::INVALID_DATA || error == AvError::INVALID_ARGUMENT;
        self.in_a_row += 1;
        if !invalid || self.in_a_row > Self::MAX_IN_A_ROW || output.written().errno.is_some() {
            return Err(error);
        }
        if self.count == 0 {
            tracing::warn!("a packet beside the video is left out: {error}");
            self.text = error.to_string();
        }
        self.count += 1;
        Ok(())
    }
}

/// Metadata without what would be wrong of the new file.
fn fresh(metadata: &[(String, String)], attempt: Attempt<'_>) -> Vec<(String, String)> {
    let keeps = |key: &str| {
        let lower = key.to_ascii_lowercase();
        let statistics = lower.starts_with("_statistics")
            || lower.starts_with("bps")
            || lower.starts_with("number_of_")
            || lower.starts_with("duration");
        !STALE.contains(&lower.as_str()) && !statistics && (attempt.time_code || lower != "timecode")
    };
    metadata.iter().filter(|(k, _)| keeps(k)).cloned().collect()
}

fn picture_side_data(options: &OutputOptions, streams: &Streams) -> Vec<SideData> {
    let mut side_data = streams.video_side_data.clone();
    if let Some(rotation) = options.rotation {
        let bytes = rotation.0.iter().flat_map(|v| v.to_ne_bytes()).collect();
        side_data.push(SideData { kind: SideData::DISPLAY_MATRIX, bytes });
    }
    side_data
}

fn stretched(chapter: &Chapter, stretch: (u32, u32)) -> Chapter {
    let mut chapter = chapter.clone();
    chapter.start = scaled(chapter.start, stretch);
    chapter.end = scaled(chapter.end, stretch);
    chapter
}

/// Options of ours that a muxer may not know.
fn is_own(key: &str) -> bool {
    key == "movie_timescale"
}

fn set_muxer_options(options: &mut Dict, muxer: Muxer, ticks: Rational, streams: &Streams) {
    // Sound may begin before zero (its encoder's priming): Matroska can tell that, and nothing has to be moved for it.
    let from_zero = streams.start.is_none_or(|start| start >= Time::ZERO);
    let key = "avoid_negative_ts";
    if matches!(muxer.name().as_str(), "matroska" | "webm") && from_zero && options.get(key).is_none() {
        options.set(key, "disabled");
    }
    if matches!(muxer.name().as_str(), "mp4" | "mov" | "ipod" | "3gp" | "3g2") {
        if !from_zero && options.get(key).is_none() {
            // Of what begins before zero an edit list would show the rest: everything is moved instead.
            options.set(key, "make_non_negative");
        }
        // Start offsets are stored in the movie's time scale, milliseconds by default: not exact for most rates. The
        // track's own is doubled by the muxer until it is 10000 or more.
        let mut scale = u64::from(ticks.den.unsigned_abs()).max(1);
        while scale < 10_000 {
            scale *= 2;
        }
        let set = options.get("movie_timescale").is_some();
        if !set && scale <= 10_000_000 {
            options.set("movie_timescale", &scale.to_string());
        }
    }
}
