//! Writing containers.

use std::path::{Path, PathBuf};

use ifr_frame::{Frame, Time};

use super::audio::{AudioTrack, PcmTrack, SoundWriter};
use super::av::{self, AvError, Chapter, Dict, Kind, Muxer, Output, Packet, Rational, SideData, Writer};
use super::container::{self, Fit};
use super::encoder::{Encoder, Opened, rational};
use super::fault::writing;
use super::streams::{OtherStream, Streams};
use super::text::TextConversion;
use crate::{OutputOptions, Rotation, Sink, SourceInfo, StreamPacket, Summary, VideoError};

/// Metadata that speak of the file that was, not of the one that will be.
const STALE: [&str; 7] =
    ["major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id", "alpha_mode"];

/// A container, the encoder of its video stream, and the streams that are taken along.
pub(crate) struct FileSink {
    path: PathBuf,
    output: Output,
    encoder: Encoder,
    video: usize,
    /// For each of the source's streams, where it goes.
    routes: Vec<Option<Route>>,
    sound: Option<SoundWriter>,
    stretch: (u32, u32),
    /// Whether the muxer wants times that increase.
    strict: bool,
    frames: u64,
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

/// Where the packets of one stream go.
struct Route {
    /// Stream in the output.
    to: usize,
    time_base: Rational,
    kind: Kind,
    how: How,
    /// The decoding time of the packet before, as the output counts.
    last: Option<i64>,
}

enum How {
    Copy,
    /// Sound whose source counts in more than samples: milliseconds, in Matroska.
    Sound {
        params: av::Params,
        last: Option<i64>,
    },
    Text(TextConversion, String),
    /// Decoded, stretched, and encoded again.
    Stretch(Box<AudioTrack>),
}

/// Which of the source's streams an attempt takes: some muxers find out only when the header is written.
#[derive(Clone, Copy)]
struct Attempt {
    data: bool,
    time_code: bool,
}

/// Creates a container for [`crate::create`].
pub(crate) fn create(
    options: &OutputOptions,
    source: Option<&SourceInfo>,
    sound: Option<PcmTrack>,
) -> Result<FileSink, VideoError> {
    av::route_log();
    check_stretch(options.stretch)?;
    let path = &options.path;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let muxer = container::muxer_of_extension(extension).ok_or_else(|| {
        VideoError::Option(format!(
            "no video container is known for '{}'; name the output .mp4, .mkv, .mov or .webm",
            path.display()
        ))
    })?;
    let none = Streams::default();
    let streams = source.map_or(&none, |s| &s.streams.inner);
    let attempts = [
        Attempt { data: true, time_code: true },
        Attempt { data: false, time_code: true },
        Attempt { data: false, time_code: false },
    ];
    let has_data = streams.others.iter().any(|o| o.params.kind() == Kind::Data && !o.is_chapter_track());
    let has_code = streams.video_metadata.iter().chain(&streams.metadata).any(|(k, _)| k == "timecode");
    let mut failure = None;
    for attempt in attempts {
        if !(attempt.data || has_data || has_code) {
            break;
        }
        match FileSink::create(options, source, streams, muxer, sound.clone(), attempt) {
            Ok(sink) => return Ok(sink),
            // Only what the muxer says of the header is worth another attempt.
            Err(Failure::Header(e)) => failure = failure.or(Some(e)),
            Err(Failure::Other(e)) => return Err(e),
        }
    }
    Err(failure.unwrap_or_else(|| VideoError::Option("nothing to write".to_owned())))
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

fn check_stretch((num, den): (u32, u32)) -> Result<(), VideoError> {
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

impl FileSink {
    fn create(
        options: &OutputOptions,
        source: Option<&SourceInfo>,
        streams: &Streams,
        muxer: Muxer,
        sound: Option<PcmTrack>,
        attempt: Attempt,
    ) -> Result<Self, Failure> {
        let path = &options.path;
        let fault = |e: AvError| Failure::Other(writing(path, e));
        let Opened { encoder, options: mut left, mut notices } = Encoder::open(options, source, muxer)?;
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
        let side_data = picture_side_data(options, streams);
        if options.rotation.is_some_and(|r| r != UPRIGHT) && !stores_rotation(muxer) {
            notices.push(format!(
                "{} does not store rotation: name the output .mp4 or .mov to keep it",
                muxer.name()
            ));
        }
        let disposition = if extras { streams.video_disposition } else { 0 };
        let aspect = rational(options.sample_aspect);
        let video = output
            .add_video(&encoder.context, rate, aspect, disposition, &metadata, &side_data)
            .map_err(fault)?;

        let count = streams.others.iter().map(|o| o.index + 1).max().unwrap_or(0);
        let mut routes: Vec<Option<Route>> = (0..count).map(|_| None).collect();
        for other in &streams.others {
            let wanted = match other.params.kind() {
                Kind::Audio => options.audio,
                Kind::Data => extras && attempt.data,
                _ => extras,
            };
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
            for chapter in &streams.chapters {
                output.add_chapter(&stretched(chapter, options.stretch)).map_err(fault)?;
            }
        }
        set_muxer_options(&mut left, muxer, &encoder, streams);
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
                encoder.name,
                muxer.name(),
                unknown.join(", ")
            ))));
        }
        Ok(Self {
            path: path.clone(),
            output,
            encoder,
            video,
            routes,
            sound,
            stretch: options.stretch,
            strict: muxer.is_strict(),
            frames: 0,
            notices,
            refused: Refused::default(),
            full: false,
        })
    }

    /// After each write: a full disk is told once the reserve is in use, while there is room left to finish.
    fn check_room(&mut self) -> Result<(), VideoError> {
        if self.output.written().disk_full && !self.full {
            self.full = true;
            return Err(self.disk_full());
        }
        Ok(())
    }

    fn disk_full(&self) -> VideoError {
        VideoError::DiskFull { path: self.path.clone() }
    }

    fn refuse_when_full(&self) -> Result<(), VideoError> {
        if self.full { Err(self.disk_full()) } else { Ok(()) }
    }

    fn told_of_refused(&self) -> Option<String> {
        let Refused { count, text, .. } = &self.refused;
        (*count > 0).then(|| format!("damaged packets beside the video were left out: {count} ({text})"))
    }

    fn close(&mut self) -> Result<(), VideoError> {
        if !self.full {
            let Self { output, encoder, video, path, refused, .. } = self;
            let ticks = encoder.ticks();
            encoder.flush(&mut |packet| write_video(output, *video, ticks, packet, path, refused))?;
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

fn write_video(
    output: &mut Output,
    index: usize,
    ticks: Rational,
    mut packet: Packet,
    path: &Path,
    refused: &mut Refused,
) -> Result<(), VideoError> {
    packet.set_stream(index);
    packet.rescale(ticks, output.time_base(index));
    match output.write(packet) {
        Ok(()) => refused.in_a_row = 0,
        // Packets are held back until it is their turn: this may speak of another stream's.
        Err(e) if e == AvError::INVALID_DATA => {
            refused.tolerate(output, e).map_err(|e| writing(path, e))?;
        }
        Err(e) => return Err(writing(path, e)),
    }
    Ok(())
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

/// What came of adding a stream.
enum Added {
    /// It has a place in the output; people may have to know how.
    Routed(Route, Option<String>),
    /// No packets are written; people may have to know why.
    Left(Option<String>),
}

impl Route {
    /// Adds a stream to the output.
    fn add(
        output: &mut Output,
        muxer: Muxer,
        other: &OtherStream,
        stretch: (u32, u32),
    ) -> Result<Added, AvError> {
        let name = format!("stream {} ({})", other.index, other.describe());
        let (kind, time_base) = (other.params.kind(), other.time_base);
        let routed =
            |to, how, notice| Ok(Added::Routed(Self { to, time_base, kind, how, last: None }, notice));
        if kind == Kind::Audio && stretch.0 != stretch.1 {
            return match AudioTrack::add(output, muxer, other, stretch) {
                Ok((to, track, notice)) => routed(to, How::Stretch(Box::new(track)), notice),
                Err(reason) => {
                    let notice = format!("{name} is left out: it cannot be stretched ({reason})");
                    Ok(Added::Left(Some(notice)))
                }
            };
        }
        let add = |output: &mut Output, params: &av::Params, side_data: &[SideData]| {
            output.add_stream(params, time_base, other.disposition, &other.metadata, side_data)
        };
        match container::fit(muxer, other) {
            Fit::Copy => {
                let to = add(output, &other.params, &other.side_data)?;
                if other.rate.is_positive() {
                    output.set_rate(to, other.rate);
                }
                let samples = i64::from(other.params.sample_rate()) * i64::from(time_base.num);
                if kind == Kind::Audio && samples > i64::from(time_base.den) {
                    let params = other.params.duplicate()?;
                    return routed(to, How::Sound { params, last: None }, None);
                }
                routed(to, How::Copy, None)
            }
            Fit::Text(conversion) => {
                let becomes = conversion.params()?;
                let to = add(output, &becomes, &[])?;
                let notice = format!("{name} becomes {}: styles are lost", becomes.codec_name());
                routed(to, How::Text(conversion, other.params.codec_name()), Some(notice))
            }
            Fit::Attach => {
                let params = other.params.attachment(&other.picture)?;
                output.add_stream(&params, time_base, 0, &attached_as(other), &[])?;
                Ok(Added::Left(None))
            }
            Fit::Remade => Ok(Added::Left(None)),
            Fit::Not => Ok(Added::Left(Some(format!("{name} is left out: {} cannot hold it", muxer.name())))),
        }
    }
}

/// Metadata by which players find an attached picture to be the cover.
fn attached_as(picture: &OtherStream) -> Vec<(String, String)> {
    let (extension, kind) = match picture.params.codec_name().as_str() {
        "mjpeg" => ("jpg", "jpeg"),
        "png" => ("png", "png"),
        "bmp" => ("bmp", "bmp"),
        "gif" => ("gif", "gif"),
        "webp" => ("webp", "webp"),
        _ => ("bin", "x-unknown"),
    };
    let mut metadata = picture.metadata.clone();
    for (key, value) in [("filename", format!("cover.{extension}")), ("mimetype", format!("image/{kind}"))] {
        if !metadata.iter().any(|(k, _)| k.eq_ignore_ascii_case(key)) {
            metadata.push((key.to_owned(), value));
        }
    }
    metadata
}

/// Metadata without what would be wrong of the new file.
fn fresh(metadata: &[(String, String)], attempt: Attempt) -> Vec<(String, String)> {
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

/// A timestamp multiplied by the stretch, to nearest.
pub(super) fn scaled(ticks: i64, (num, den): (u32, u32)) -> i64 {
    if num == den {
        return ticks;
    }
    let product = i128::from(ticks) * i128::from(num) * 2 + i128::from(den);
    i64::try_from(product.div_euclid(2 * i128::from(den))).unwrap_or(i64::MAX)
}

/// Options of ours that a muxer may not know.
fn is_own(key: &str) -> bool {
    key == "movie_timescale"
}

fn set_muxer_options(options: &mut Dict, muxer: Muxer, encoder: &Encoder, streams: &Streams) {
    // Sound may begin before zero (its encoder's priming): Matroska can tell that, and nothing has to be moved for it.
    let from_zero = streams.start.is_none_or(|start| start >= Time::ZERO);
    let key = "avoid_negative_ts";
    if matches!(muxer.name().as_str(), "matroska" | "webm") && from_zero && options.get(key).is_none() {
        options.set(key, "disabled");
    }
    if matches!(muxer.name().as_str(), "mp4" | "mov" | "ipod" | "3gp" | "3g2") {
        // Start offsets are stored in the movie's time scale, milliseconds by default: not exact for most rates. The
        // track's own is doubled by the muxer until it is 10000 or more.
        let mut scale = u64::from(encoder.time_base.den());
        while scale < 10_000 {
            scale *= 2;
        }
        let set = options.get("movie_timescale").is_some();
        if !set && scale <= 10_000_000 {
            options.set("movie_timescale", &scale.to_string());
        }
    }
}

impl Sink for FileSink {
    fn write_frame(&mut self, frame: &Frame, pts: Time, duration: Option<Time>) -> Result<(), VideoError> {
        self.refuse_when_full()?;
        let Self { output, encoder, video, path, refused, .. } = self;
        let ticks = encoder.ticks();
        let taken = encoder.send(frame, pts, duration, &mut |packet| {
            write_video(output, *video, ticks, packet, path, refused)
        })?;
        self.frames += u64::from(taken);
        if let Some(sound) = &mut self.sound {
            sound.write_until(&mut self.output, pts + Time::new(1, 1)).map_err(|e| writing(&self.path, e))?;
        }
        self.check_room()
    }

    fn write_packet(&mut self, packet: StreamPacket) -> Result<(), VideoError> {
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

    fn notices(&self) -> Vec<String> {
        let mut notices = self.notices.clone();
        notices.extend(self.told_of_refused());
        notices
    }

    fn finish(mut self: Box<Self>) -> Result<Summary, VideoError> {
        let told = self.full;
        let closed = self.close();
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
        Ok(Summary { frames: self.frames, bytes: written.bytes, encoder: self.encoder.name.clone(), notices })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{Item, OpenOptions};

    #[test]
    fn a_damaged_packet_of_sound_costs_only_itself() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("in.mkv"), folder.path().join("out.ts"));
        let arguments = "-v error -f lavfi -i testsrc2=size=64x48:rate=25:duration=2 -f lavfi -i sine=duration=2 \
            -c:v ffv1 -pix_fmt yuv420p -c:a aac";
        assert!(Command::new("ffmpeg").args(arguments.split_whitespace()).arg(&from).status()?.success());
        let mut source = crate::open(&from, &OpenOptions::default())?;
        let info = source.info().clone();
        let video = &info.video;
        let options = OutputOptions {
            path: to.clone(),
            width: video.width,
            height: video.height,
            format: video.format,
            color: video.color,
            sample_aspect: video.sample_aspect,
            rotation: None,
            rate: video.rate,
            time_base: None,
            encoder: None,
            crf: None,
            preset: None,
            pix_fmt: None,
            encoder_options: Vec::new(),
            threads: 1,
            stretch: (1, 1),
            audio: true,
            extras: true,
        };
        let mut sink = crate::create(&options, Some(&info))?;
        let mut packets = 0;
        while let Some(item) = source.next()? {
            match item {
                Item::Frame(f) => sink.write_frame(&f.frame, f.pts, f.duration)?,
                Item::Packet(StreamPacket { stream, mut packet }) => {
                    packets += 1;
                    if packets % 20 == 0 {
                        // Transport streams take no sound so short.
                        packet = packet.with_data(&[1]).map_err(|e| e.to_string())?;
                    }
                    sink.write_packet(StreamPacket { stream, packet })?;
                }
            }
        }
        let summary = sink.finish()?;
        assert_eq!(summary.frames, 50);
        let told = format!("left out: {}", packets / 20);
        assert!(summary.notices.len() == 1 && summary.notices[0].contains(&told), "{:?}", summary.notices);
        let mut source = crate::open(&to, &OpenOptions::default())?;
        let (mut frames, mut sound) = (0, 0);
        while let Some(item) = source.next()? {
            *(if matches!(item, Item::Frame(_)) { &mut frames } else { &mut sound }) += 1;
        }
        assert!(frames == 50 && sound >= packets - packets / 20 - 1, "{frames} {sound} of {packets}");
        Ok(())
    }
}
