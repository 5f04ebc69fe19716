//! Frames into a video stream.

use std::collections::VecDeque;

use ifr_frame::{ColorDescription, ColorModel, Frame, Matrix, PixelFormat, Range, Time, TimeBase};

use super::av::{
    AvError, AvFrame, Codec, CodecContext, Dict, EncoderSetup, Graph, Muxer, Packet, Params, PixFmt,
    Rational, SideData, Step,
};
use super::choice::{self, FormatChoice};
use super::hdr::{Hdr, append};
use super::pixels;
use crate::{OutputOptions, SourceInfo, VideoError};

/// Constant quality where none is asked for: H.264's CRF 17 is hard to tell from the source, and in-between frames cost
/// far more to make than to store. Other codecs' scales differ.
fn default_crf(encoder: &str) -> f32 {
    match encoder {
        "libx265" => 19.0,
        "libvpx-vp9" | "libvpx" | "libsvtav1" | "libaom-av1" | "librav1e" => 24.0,
        _ => 17.0,
    }
}

/// An encoder, with what brings frames into its pixel format.
pub(super) struct Encoder {
    context: CodecContext,
    name: String,
    time_base: TimeBase,
    layout: PixelFormat,
    size: (usize, usize),
    color: ColorDescription,
    format: PixFmt,
    convert: Option<Graph>,
    span: Option<Span>,
    /// The tick that the first frame must lie behind.
    floor: Option<i64>,
    /// Whether a packet has come out.
    emitted: bool,
    /// Whether it was told that no more frames come.
    flushed: bool,
    /// Times and durations of frames whose packets have not come out yet.
    pending: VecDeque<(i64, i64)>,
}

/// When an encoder's frames show, in its ticks: the first, the last, and the last one's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) end: i64,
}

/// What a muxer must know of a coded video, however it came to be.
pub(super) struct CodedVideo {
    /// FFmpeg's name of the encoder.
    pub(super) encoder: String,
    pub(super) params: Params,
    /// Side data of the stream that the parameters do not carry.
    pub(super) side_data: Vec<SideData>,
    pub(super) time_base: Rational,
    /// Options that the encoder does not know: perhaps the muxer does.
    pub(super) options: Vec<(String, String)>,
    pub(super) notices: Vec<String>,
}

/// A new encoder, and what the container must know of its stream.
pub(super) struct Opened {
    pub(super) encoder: Encoder,
    pub(super) video: CodedVideo,
}

impl Encoder {
    pub(super) fn open(
        options: &OutputOptions,
        source: Option<&SourceInfo>,
        muxer: Muxer,
    ) -> Result<Opened, VideoError> {
        let codec = choose_codec(options, source, muxer)?;
        let name = codec.name();
        let mut notices = Vec::new();
        // Quality 0 is lossless by itself.
        if options.encoder.is_none() && options.crf != Some(0.0) {
            notices.extend(source.and_then(|source| choice::loses(source, codec)));
        }
        let size = (options.width, options.height);
        let FormatChoice { format, convert, notice } = choice::pixel_format(
            codec,
            options.format,
            options.color.range,
            size,
            options.pix_fmt.as_deref(),
        )?;
        notices.extend(notice);
        let color = output_color(options, format);
        let (time_base, notice) = time_base(options, &name, &muxer.name());
        notices.extend(notice);

        let mut dict = Dict::new();
        let quality = set_quality(options, codec, &mut dict, &mut notices);
        set_preset(options, codec, &mut dict)?;
        if name == "ffv1" {
            // Version 3 in slices: checksums, and decoding on all cores.
            dict.set("level", "3");
            dict.set("slicecrc", "1");
        }
        for (key, value) in &options.encoder_options {
            match dict.get(key).filter(|_| key == "x265-params") {
                Some(ours) => dict.set(key, &format!("{value}:{ours}")),
                None => dict.set(key, value),
            }
        }
        if name == "libx264" {
            keep_x264_deterministic(&mut dict);
        }
        if name == "libx265" {
            // It would write to standard error past FFmpeg's log.
            append(&mut dict, "x265-params", "log-level", "none");
            // With three frames or more at once what it makes depends on chance (seen with 3.5, with cu-tree and B-frames,
            // most with few workers); segments made again must be equal. Rows are coded in parallel all the same.
            append(&mut dict, "x265-params", "frame-threads", "1");
        }
        if let Some(source) = source {
            Hdr::of(&source.streams.inner.video_side_data).tell(codec, &mut dict);
        }
        let side = |v: usize| {
            i32::try_from(v)
                .map_err(|_| VideoError::Option(format!("{v} pixels are more than any encoder takes")))
        };
        let sample_aspect = rational(options.sample_aspect);
        let setup = EncoderSetup {
            width: side(options.width)?,
            height: side(options.height)?,
            format,
            time_base: Rational::new(time_base.num() as i32, time_base.den() as i32),
            rate: options.rate.map(|r| Rational::new(r.num() as i32, r.den() as i32)),
            sample_aspect,
            color,
            threads: i32::try_from(options.threads).unwrap_or(0),
            global_header: muxer.wants_global_header(),
            quality: quality.general,
            no_bit_rate: quality.no_bit_rate,
            tag: choice::tag(codec, muxer),
        };
        let convert = if convert {
            Some(converter(options, format, color).map_err(|e| refused(&name, options, format, e))?)
        } else {
            None
        };
        // What is open belongs to an `Encoder` at once, which knows how to close it.
        let context = CodecContext::video_encoder(codec, &setup, &mut dict)
            .map_err(|e| refused(&name, options, format, e))?;
        let encoder = Self {
            context,
            name,
            time_base,
            layout: options.format,
            size,
            color,
            format,
            convert,
            span: None,
            floor: None,
            emitted: false,
            flushed: false,
            pending: VecDeque::new(),
        };
        let params = encoder.context.params().map_err(|e| encoder.fault(e))?;
        let video = CodedVideo {
            encoder: encoder.name.clone(),
            params,
            side_data: Vec::new(),
            time_base: encoder.context.time_base(),
            options: dict.pairs(),
            notices,
        };
        Ok(Opened { encoder, video })
    }

    /// Has frames left out that fall on the tick of one at `last` or before, as if that had been sent.
    pub(super) fn begin_after(&mut self, last: Time) {
        self.floor = Some(last.to_pts(self.time_base));
    }

    /// When the frames taken so far show.
    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    /// Takes a frame. Returns its time in ticks; `None` when it falls on the frame before, and is left out.
    pub(super) fn send(
        &mut self,
        frame: &Frame,
        pts: Time,
        duration: Option<Time>,
        emit: &mut dyn FnMut(Packet) -> Result<(), VideoError>,
    ) -> Result<bool, VideoError> {
        let found = (frame.width(), frame.height());
        if frame.format() != self.layout || found != self.size {
            return Err(VideoError::Option(format!(
                "a frame of {}x{} {} was written to a video of {}x{} {}",
                found.0,
                found.1,
                frame.format(),
                self.size.0,
                self.size.1,
                self.layout
            )));
        }
        let ticks = pts.to_pts(self.time_base);
        let last = self.span.map(|s| s.last).or(self.floor);
        if last.is_some_and(|last| ticks <= last) {
            tracing::warn!(
                "a frame at {pts} s falls on the same tick of {} s as the one before: left out",
                self.time_base
            );
            return Ok(false);
        }
        let mut picture = match &mut self.convert {
            None => pixels::write(frame, self.format),
            Some(graph) => pixels::planar(self.layout).ok_or(AvError::INVALID_ARGUMENT).and_then(|format| {
                graph.push(Some(&pixels::write(frame, format)?))?;
                match graph.pull()? {
                    (Step::Got, picture) => Ok(picture),
                    _ => Err(AvError::INVALID_DATA),
                }
            }),
        }
        .map_err(|e| self.fault(e))?;
        picture.set_color(self.color);
        picture.set_pts(ticks);
        // The end is rounded rather than the length, so that the frame ends where the next one would begin.
        let length = duration.map_or(0, |d| (pts + d).to_pts(self.time_base).saturating_sub(ticks).max(0));
        picture.set_duration(length);
        let step = if length > 0 { length } else { last.map_or(0, |last| ticks - last) };
        let first = self.span.map_or(ticks, |s| s.first);
        self.span = Some(Span { first, last: ticks, end: ticks.saturating_add(step) });
        self.pending.push_back((ticks, length));
        self.feed(Some(&picture), emit)?;
        Ok(true)
    }

    /// Writes what the encoder still holds back.
    pub(super) fn flush(
        &mut self,
        emit: &mut dyn FnMut(Packet) -> Result<(), VideoError>,
    ) -> Result<(), VideoError> {
        self.flushed = true;
        if self.name != "libx265" || self.emitted || self.pending.len() > 2 {
            return self.feed(None, emit);
        }
        // Before its third frame x265 does not know by how much decoding comes first, and makes times of chance.
        let mut packets = Vec::new();
        self.feed(None, &mut |packet| {
            packets.push(packet);
            Ok(())
        })?;
        order_anew(&mut packets);
        packets.into_iter().try_for_each(emit)
    }

    fn feed(
        &mut self,
        picture: Option<&AvFrame>,
        emit: &mut dyn FnMut(Packet) -> Result<(), VideoError>,
    ) -> Result<(), VideoError> {
        loop {
            let sent = self.context.send_frame(picture).map_err(|e| self.fault(e))?;
            loop {
                let mut packet = Packet::new().map_err(|e| self.fault(e))?;
                if self.context.receive_packet(&mut packet).map_err(|e| self.fault(e))? != Step::Got {
                    break;
                }
                // Encoders before FFmpeg 6.1 do not hand durations through.
                if let Some(pts) = packet.pts()
                    && let Some(at) = self.pending.iter().position(|&(p, _)| p == pts)
                    && let Some((_, length)) = self.pending.remove(at)
                    && length > 0
                {
                    let (pts, dts) = (packet.pts(), packet.dts());
                    packet.set_times(pts, dts, length);
                }
                self.emitted = true;
                emit(packet)?;
            }
            if sent {
                return Ok(());
            }
        }
    }

    fn fault(&self, error: AvError) -> VideoError {
        VideoError::Ffmpeg { action: format!("encode with {}", self.name), message: error.to_string() }
    }
}

impl Drop for Encoder {
    /// SVT-AV1 that is closed before its end waits for ever for packets (seen with 1.4.1), and so it does when it is ended
    /// without a frame: it gets one, and the end.
    fn drop(&mut self) {
        if self.name != "libsvtav1" || self.flushed {
            return;
        }
        let black = || {
            let layout = pixels::layout_of(self.format)?;
            let frame = Frame::black(layout, self.size.0, self.size.1, self.color).ok()?;
            let mut picture = pixels::write(&frame, self.format).ok()?;
            picture.set_pts(0);
            Some(picture)
        };
        let nowhere = &mut |_| Ok(());
        let begun =
            self.span.is_some() || black().is_some_and(|picture| self.feed(Some(&picture), nowhere).is_ok());
        if begun {
            // Nobody is left to hear of an error.
            let _ = self.feed(None, nowhere);
        }
    }
}

/// Gives packets, which stand in the order of decoding, decoding times of their own: the times they are shown at, in
/// order, and earlier by as little as keeps each from being shown before it is decoded.
fn order_anew(packets: &mut [Packet]) {
    let shown: Vec<i64> = packets.iter().filter_map(Packet::pts).collect();
    if shown.len() < packets.len() {
        return;
    }
    let mut sorted = shown.clone();
    sorted.sort_unstable();
    let late = sorted.iter().zip(&shown).map(|(dts, pts)| dts - pts).max().unwrap_or(0).max(0);
    for (packet, dts) in packets.iter_mut().zip(sorted) {
        packet.set_times(packet.pts(), Some(dts - late), packet.duration());
    }
}

/// Keeps x264 from its AVX-512 code: with macroblock trees and B-frames that reads memory which nobody wrote (seen with
/// build 164), so that the same frames come out a little different each time; segments made again must be equal. What
/// it has for AVX2 writes what plain C does.
fn keep_x264_deterministic(dict: &mut Dict) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx2") {
        let given = dict.get("x264-params").map_or_else(String::new, |p| p + ":");
        if !given.contains("asm") {
            dict.set("x264-params", &format!("{given}asm=AVX2"));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = dict;
}

pub(super) fn rational((num, den): (u32, u32)) -> Rational {
    match (i32::try_from(num), i32::try_from(den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => Rational::new(num, den),
        _ => Rational::new(0, 1),
    }
}

fn choose_codec(
    options: &OutputOptions,
    source: Option<&SourceInfo>,
    muxer: Muxer,
) -> Result<Codec, VideoError> {
    let container = muxer.name();
    if let Some(name) = &options.encoder {
        let codec = choice::named_encoder(name)?;
        if !choice::holds(muxer, codec) {
            return Err(VideoError::Option(format!(
                "{container} cannot hold {} video ({name}); name the output .mkv, or choose another encoder",
                codec.codec_name()
            )));
        }
        return Ok(codec);
    }
    let chosen = match source {
        Some(source) => {
            let mut source = source.clone();
            source.video.format = options.format;
            choice::default_encoder(&source, muxer)
        }
        None => choice::encoder_for(options.format, choice::Kind::Usual, muxer),
    };
    chosen.ok_or_else(|| {
        VideoError::Option(format!(
            "the FFmpeg in use has no encoder for {container} that is chosen by itself; name one (`ifr doctor` lists them), or name the output .mkv"
        ))
    })
}

/// The frames' colour description as it will be in the encoder's format.
fn output_color(options: &OutputOptions, format: PixFmt) -> ColorDescription {
    let mut color = options.color;
    match (options.format.model == ColorModel::Rgb, format.is_rgb()) {
        (true, false) => {
            color.matrix = if options.height >= 720 { Matrix::BT709 } else { Matrix::BT601 };
            color.range = if format.name().starts_with("yuvj") { Range::Full } else { Range::Limited };
        }
        (false, true) => {
            color.matrix = Matrix::RGB;
            color.range = Range::Full;
        }
        (true, true) => color.matrix = Matrix::RGB,
        (false, false) if format.name().starts_with("yuvj") => color.range = Range::Full,
        (false, false) => {}
    }
    color
}

/// The conversion by libswscale, with matrices and ranges spelled out.
fn converter(options: &OutputOptions, to: PixFmt, color: ColorDescription) -> Result<Graph, AvError> {
    let from = pixels::planar(options.format).ok_or(AvError::INVALID_ARGUMENT)?;
    let matrix = |m: Matrix| match m {
        Matrix::BT709 => "bt709",
        Matrix::FCC => "fcc",
        Matrix::BT470BG | Matrix::BT601 => "smpte170m",
        Matrix::SMPTE240M => "smpte240m",
        Matrix(9 | 10) => "bt2020",
        _ if options.height >= 720 => "bt709",
        _ => "smpte170m",
    };
    let range = |rgb: bool, r: Range| match r {
        Range::Full => "full",
        Range::Unspecified if rgb => "full",
        Range::Limited | Range::Unspecified => "limited",
    };
    // Frames that are RGB on one side are converted by the other side's matrix.
    let (source, target) = (options.color.matrix, color.matrix);
    let from_matrix = matrix(if source == Matrix::RGB { target } else { source });
    let to_matrix = matrix(if target == Matrix::RGB { source } else { target });
    let filters = format!(
        "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact:in_color_matrix={from_matrix}:out_color_matrix={to_matrix}:in_range={}:out_range={},format={}",
        range(from.is_rgb(), options.color.range),
        range(to.is_rgb(), color.range),
        to.name()
    );
    let side = |v: usize| i32::try_from(v).map_err(|_| AvError::INVALID_ARGUMENT);
    Graph::video(from, side(options.width)?, side(options.height)?, Rational::new(1, 1), &filters)
}

/// The time base to encode in: the one in which all times are exact; without it, one that suits the container. A
/// container with a time base of its own then rounds once more where it must, from exact values.
fn time_base(options: &OutputOptions, encoder: &str, muxer: &str) -> (TimeBase, Option<String>) {
    let wanted = options.time_base.or_else(|| options.rate.and_then(|r| r.time_base()));
    let fallback = if matches!(muxer, "matroska" | "webm") { TimeBase::MILLIS } else { TimeBase::MPEG };
    let chosen = wanted.unwrap_or(fallback);
    // AVI and MPEG-1 and -2 count frames; MPEG-4 part 2 and its kin store 16 bits of time base.
    let by_frame = muxer == "avi" || matches!(encoder, "mpeg1video" | "mpeg2video");
    let small = matches!(encoder, "mpeg4" | "libxvid" | "h263" | "h263p" | "msmpeg4" | "msmpeg4v2" | "flv");
    let too_fine = small && chosen.den() > 65_535;
    if !by_frame && !too_fine {
        return (chosen, None);
    }
    let by_rate = options.rate.and_then(|r| r.time_base()).filter(|t| !small || t.den() <= 65_535);
    let coarse = by_rate.unwrap_or(TimeBase::MILLIS);
    let notice = (coarse != chosen).then(|| {
        let who = if muxer == "avi" { muxer } else { encoder };
        format!("times are rounded to {coarse} s: {who} has no finer ones")
    });
    (coarse, notice)
}

/// How constant quality is asked for, beyond the encoder's own options.
#[derive(Default)]
struct Quality {
    general: Option<i32>,
    no_bit_rate: bool,
}

/// Maps a CRF (0 lossless … 17 very good … 51 worst) to the encoder's own notion of constant quality.
fn set_quality(options: &OutputOptions, codec: Codec, dict: &mut Dict, notices: &mut Vec<String>) -> Quality {
    let name = codec.name();
    // Whoever sets a bit rate or quality in so many words has the last one.
    let own = ["crf", "cq", "qp", "b", "q", "global_quality", "b:v", "q:v", "qscale"];
    if options.crf.is_none() && options.encoder_options.iter().any(|(k, _)| own.contains(&k.as_str())) {
        return Quality::default();
    }
    let crf = options.crf.unwrap_or_else(|| default_crf(&name)).clamp(0.0, 63.0);
    let text = format!("{crf}");
    let whole = format!("{}", crf.round());
    if crf == 0.0 && set_lossless(&name, dict) {
        return Quality { no_bit_rate: true, ..Quality::default() };
    }
    if codec.has_option("crf") {
        dict.set("crf", &text);
        return Quality { no_bit_rate: true, ..Quality::default() };
    }
    if name.ends_with("_nvenc") {
        dict.set("rc", "vbr");
        dict.set("cq", &text);
        return Quality { no_bit_rate: true, ..Quality::default() };
    }
    if name.ends_with("_vaapi") || name.ends_with("_amf") || name.ends_with("_vulkan") {
        let keys: &[&str] = if name.ends_with("_amf") { &["qp_i", "qp_p"] } else { &["qp"] };
        keys.iter().for_each(|key| dict.set(key, &whole));
        if name.ends_with("_amf") {
            dict.set("rc", "cqp");
        }
        return Quality { no_bit_rate: true, ..Quality::default() };
    }
    if name.ends_with("_qsv") {
        dict.set("global_quality", &whole);
        return Quality { no_bit_rate: true, ..Quality::default() };
    }
    let general = if name.ends_with("_videotoolbox") {
        // 1 worst … 100 best.
        Some((100.0 - crf * 1.8).clamp(1.0, 100.0))
    } else if matches!(
        codec.codec_name().as_str(),
        "mpeg4"
            | "mpeg2video"
            | "mpeg1video"
            | "mjpeg"
            | "h263"
            | "flv1"
            | "msmpeg4v3"
            | "msmpeg4v2"
            | "wmv1"
            | "wmv2"
    ) {
        // Quantiser scale: 2 best … 31 worst.
        Some((2.0 + (crf - 17.0) / 3.0).clamp(1.0, 31.0))
    } else {
        None
    };
    if general.is_none() && options.crf.is_some() {
        notices.push(format!("{name} has no constant quality to set: the quality asked for is ignored"));
    }
    Quality { general: general.map(|q| q.round() as i32), no_bit_rate: false }
}

/// Lossless in the encoder's own words, where it has some. CRF 0 itself is lossless in x264 at 8 bits only.
fn set_lossless(name: &str, dict: &mut Dict) -> bool {
    match name {
        "libx264" | "libx264rgb" => dict.set("qp", "0"),
        "libx265" => append(dict, "x265-params", "lossless", "1"),
        "libvpx-vp9" => dict.set("lossless", "1"),
        _ => return false,
    }
    true
}

fn set_preset(options: &OutputOptions, codec: Codec, dict: &mut Dict) -> Result<(), VideoError> {
    let Some(preset) = &options.preset else { return Ok(()) };
    let key = ["preset", "cpu-used", "speed", "quality"].into_iter().find(|k| codec.has_option(k));
    let Some(key) = key else {
        return Err(VideoError::Option(format!("{} has no presets: leave '{preset}' out", codec.name())));
    };
    dict.set(key, preset);
    Ok(())
}

fn refused(name: &str, options: &OutputOptions, format: PixFmt, error: AvError) -> VideoError {
    let mut settings = vec![format!("{}x{}", options.width, options.height), format.name()];
    if let Some(preset) = &options.preset {
        settings.push(format!("preset {preset}"));
    }
    settings.extend(options.encoder_options.iter().map(|(k, v)| format!("{k}={v}")));
    VideoError::Option(format!(
        "the encoder {name} refused to start with {}: {error} (RUST_LOG=ffmpeg=debug shows its own words)",
        settings.join(", ")
    ))
}
