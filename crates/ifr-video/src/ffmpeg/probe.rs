//! What a container says of itself before its first frame, and what that leaves open.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ifr_frame::{
    ChromaSiting, ColorDescription, ColorModel, Matrix, PixelFormat, Primaries, Range, Rate, Time, TimeBase,
    Transfer,
};

use super::av::{Codec, Input, Kind, PixFmt, Rational, StreamView};
use super::fault::malformed;
use super::streams::Streams;
use crate::{CopiedStreams, Rotation, SourceInfo, VideoError, VideoInfo};

/// What the system says of the file, before FFmpeg sees it: its messages are better.
pub(super) fn check_file(path: &Path) -> Result<Option<u64>, VideoError> {
    let io = |source| VideoError::Io { action: "open", path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(malformed(path, "a directory", "a video file"));
    }
    if !metadata.is_file() {
        // Opening a pipe twice would lose what was read.
        return Ok(None);
    }
    File::open(path).map_err(io)?;
    if metadata.len() == 0 {
        return Err(malformed(path, "an empty file", "a video file"));
    }
    Ok(Some(metadata.len()))
}

/// FFmpeg's choice, unless that is cover art.
pub(super) fn choose_video(input: &Input, views: &[Option<StreamView>]) -> Option<usize> {
    let is_video = |v: &StreamView| v.params.kind() == Kind::Video && !v.is_attached_picture();
    let candidate = |i: usize| views.get(i)?.as_ref().filter(|v| is_video(v)).map(|_| i);
    input.best_video().and_then(candidate).or_else(|| (0..views.len()).find_map(candidate))
}

/// The decoder for a stream: FFmpeg's first, but for VP8 and VP9 with alpha, whose second picture only libvpx looks at.
pub(super) fn decoder(view: &StreamView) -> Option<Codec> {
    let has_alpha =
        view.metadata.iter().any(|(k, v)| k.eq_ignore_ascii_case("alpha_mode") && v.trim() == "1");
    let with_alpha = match view.params.codec_name().as_str() {
        "vp8" if has_alpha => Codec::decoder("libvpx"),
        "vp9" if has_alpha => Codec::decoder("libvpx-vp9"),
        _ => None,
    };
    with_alpha.or_else(|| Codec::decoder_for(&view.params))
}

/// What a container says of itself.
pub(super) struct Described {
    pub(super) info: SourceInfo,
    pub(super) streams: Streams,
    /// The video stream's own duration, not the file's.
    pub(super) stated: Option<Time>,
}

/// What the container says; the rest follows from the first frame.
pub(super) fn describe(
    path: &Path,
    input: &Input,
    view: &StreamView,
    container: String,
    bytes: Option<u64>,
) -> Result<Described, VideoError> {
    let time_base = TimeBase::new(view.time_base.num.into(), view.time_base.den.into())?;
    let rate = nominal_rate(view.rates);
    // Matroska states durations of streams in tags; what libavformat gives then may be the whole file's.
    let stated = if container.starts_with("matroska") {
        duration_tag(&view.metadata)
    } else {
        view.duration.and_then(|d| Time::from_pts(d, time_base))
    };
    let duration = stated.or_else(|| input.duration().map(|d| Time::new(d, 1_000_000)));
    // A damaged header may state a length of years. No coded frame takes less than a byte.
    let plausible = |n: i64| bytes.is_none_or(|bytes| u64::try_from(n).is_ok_and(|n| n <= bytes));
    let duration = duration.filter(|d| rate.is_none_or(|rate| plausible(d.div_floor(rate.period()))));
    let counted = Some(view.frames).filter(|&n| plausible(n)).and_then(|n| u64::try_from(n).ok());
    let frames = counted.filter(|&n| n > 0).or_else(|| {
        let n = duration?.div_floor(rate?.period());
        u64::try_from(n).ok().filter(|&n| n > 0)
    });
    let chapters = input.chapters();
    let streams = Streams {
        others: Vec::new(),
        metadata: input.metadata(),
        video_metadata: view.metadata.clone(),
        video_disposition: view.disposition,
        video_side_data: view.side_data.clone(),
        chapters,
        start: None,
    };
    let aspect = [view.sample_aspect, view.params.sample_aspect()].into_iter().find(|a| a.is_positive());
    let video = VideoInfo {
        width: 0,
        height: 0,
        format: PixelFormat::GRAY8,
        color: view.params.color(),
        time_base,
        rounding: Time::ZERO,
        rate,
        duration,
        frames,
        sample_aspect: aspect.map_or((1, 1), |a| (a.num.unsigned_abs(), a.den.unsigned_abs())),
        rotation: None,
        codec: view.params.codec_name(),
        lossless: view.params.is_lossless(),
    };
    if view.time_base.is_positive() {
        let chapters = streams.chapters.len();
        let info = SourceInfo {
            container,
            video,
            others: Vec::new(),
            chapters,
            bytes,
            streams: Arc::new(CopiedStreams::default()),
        };
        Ok(Described { info, streams, stated })
    } else {
        Err(malformed(path, "a time base of zero", "a positive one"))
    }
}

/// The duration that Matroska's statistics state: `00:00:02.920000000`, under a key that may have a language.
fn duration_tag(metadata: &[(String, String)]) -> Option<Time> {
    let is_ours = |key: &str| {
        let key = key.to_ascii_uppercase();
        key == "DURATION" || key.starts_with("DURATION-")
    };
    let (_, text) = metadata.iter().find(|(k, _)| is_ours(k))?;
    let mut parts = text.trim().splitn(3, ':');
    let mut whole = || parts.next()?.parse::<i64>().ok().filter(|n| (0..1_000_000).contains(n));
    let (hours, minutes) = (whole()?, whole()?);
    let (seconds, fraction) = parts.next().map(|s| s.split_once('.').unwrap_or((s, "0")))?;
    let seconds = seconds.parse::<i64>().ok().filter(|n| (0..60).contains(n))?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = digits.parse::<i64>().ok().filter(|&n| n >= 0)?;
    let time = Time::new((hours * 60 + minutes) * 60 + seconds, 1) + Time::new(micros, 1_000_000);
    (time > Time::ZERO).then_some(time)
}

/// The lowest common rate, unless the average tells that the rate varies (or that fields were counted).
fn nominal_rate([average, common]: [Rational; 2]) -> Option<Rate> {
    let rate = |r: Rational| Rate::new(r.num.into(), r.den.into()).ok();
    match (rate(average), rate(common)) {
        (Some(a), Some(c)) if (a.as_f64() - c.as_f64()).abs() <= 0.01 * a.as_f64() => Some(c),
        (a, c) => a.or(c),
    }
}

/// The picture's colour description, completed by the container's and by what the format implies.
pub(super) fn fill(
    picture: ColorDescription,
    container: ColorDescription,
    format: PixFmt,
    layout: PixelFormat,
) -> ColorDescription {
    let mut color = picture;
    if color.matrix == Matrix::UNSPECIFIED {
        color.matrix = container.matrix;
    }
    if color.primaries == Primaries::UNSPECIFIED {
        color.primaries = container.primaries;
    }
    if color.transfer == Transfer::UNSPECIFIED {
        color.transfer = container.transfer;
    }
    if color.range == Range::Unspecified {
        color.range = container.range;
    }
    if color.siting == ChromaSiting::Unspecified {
        color.siting = container.siting;
    }
    if format.name().starts_with("yuvj") {
        color.range = Range::Full;
    }
    match layout.model {
        ColorModel::Rgb => color.matrix = Matrix::RGB,
        // Some decoders leave 0 where they mean nothing.
        _ if color.matrix == Matrix::RGB => color.matrix = Matrix::UNSPECIFIED,
        _ => {}
    }
    color
}

pub(super) fn rotation(bytes: &[u8]) -> Option<Rotation> {
    let mut matrix = [0; 9];
    if bytes.len() < 36 {
        return None;
    }
    for (value, b) in matrix.iter_mut().zip(bytes.chunks_exact(4)) {
        *value = i32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
    }
    Some(Rotation(matrix))
}
