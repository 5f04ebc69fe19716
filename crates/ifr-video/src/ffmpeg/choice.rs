//! Which encoder and which of its pixel formats a video gets.

use ifr_frame::{ColorModel, PixelFormat, Range};

use super::av::{Codec, Muxer, PixFmt};
use super::pixels;
use crate::{SourceInfo, VideoError};

/// Sources whose frames are lossless without their owner caring for it: a video made of them is coded as usual.
const RAW_INPUTS: [&str; 5] = ["images", "y4m", "webp", "gif", "yuv4mpegpipe"];

/// The encoder for the source's frames in a container; `None` when the FFmpeg in use has none.
pub(super) fn default_encoder(source: &SourceInfo, muxer: Muxer) -> Option<Codec> {
    encoder_for(source.video.format, kind_of(source), muxer)
}

fn kind_of(source: &SourceInfo) -> Kind {
    match source.video.codec.as_str() {
        _ if RAW_INPUTS.contains(&source.container.as_str()) => Kind::Usual,
        _ if source.video.lossless => Kind::Lossless,
        "prores" => Kind::ProRes,
        _ => Kind::Usual,
    }
}

/// Whether an encoder that was chosen for a lossless source makes less of it; what people should then be told.
pub(super) fn loses(source: &SourceInfo, codec: Codec) -> Option<String> {
    let keeps = ["ffv1", "png"].contains(&codec.name().as_str());
    (kind_of(source) == Kind::Lossless && !keeps).then(|| {
        format!(
            "the source is lossless, the output is not ({}): name it .mkv to keep every bit",
            codec.name()
        )
    })
}

/// Whether a source's frames want a container for which there is a lossless encoder.
pub(super) fn wants_matroska(source: &SourceInfo, in_mov: bool) -> bool {
    let format = source.video.format;
    let in_png = !matches!(format.model, ColorModel::Yuv(_)) && matches!(format.depth, 8 | 16);
    kind_of(source) == Kind::Lossless && !(in_mov && in_png)
}

/// What the source's codec tells of what its owner cares for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing in particular.
    Usual,
    /// Every bit.
    Lossless,
    /// Files for editing.
    ProRes,
}

/// Whether frames hold what the usual lossy codecs have no place for: alpha, more than 12 bits, deep grey.
pub(super) fn is_rich(format: PixelFormat) -> bool {
    format.alpha || format.depth > 12 || (format.model == ColorModel::Gray && format.depth > 8)
}

/// The encoder for frames of `format`. The first of these that the FFmpeg in use has and the container takes:
/// - lossless stays lossless: FFV1; in MOV, PNG for RGB and grey, else ProRes, which is not ([`loses`] tells). ProRes stays
///   ProRes;
/// - alpha, more than 12 bits, and deep grey: FFV1; in MOV, ProRes 4444 (PNG for deep RGB and grey without alpha); in WebM,
///   VP9. MP4 has nothing that players know: alpha and the bits beyond 12 are dropped, with a notice;
/// - 9 to 12 bits: HEVC, or what else takes that depth;
/// - 8 bits: H.264 (as RGB where frames are RGB, so that colours are not subsampled unasked);
/// - WebM: VP9.
pub(super) fn encoder_for(format: PixelFormat, kind: Kind, muxer: Muxer) -> Option<Codec> {
    let is_mov = muxer.name() == "mov";
    let is_yuv = matches!(format.model, ColorModel::Yuv(_));
    let in_png = !is_yuv && matches!(format.depth, 8 | 16);
    let exact: &[&str] = match kind {
        Kind::Lossless if is_mov && in_png => &["png"],
        Kind::Lossless if is_mov => &["prores_ks"],
        Kind::Lossless => &["ffv1"],
        Kind::ProRes if is_yuv => &["prores_ks"],
        _ if !is_rich(format) => &[],
        _ if is_mov && in_png && !format.alpha => &["png"],
        _ if is_mov => &["prores_ks"],
        _ => &["ffv1"],
    };
    let lossy: &[&str] = match format.model {
        ColorModel::Rgb if format.depth == 8 && !format.alpha => &["libx264rgb", "libx264", "libx265"],
        _ if format.depth == 8 => &["libx264", "libx265"],
        _ => &["libx265", "libx264"],
    };
    let others: &[&str] = &[
        "libvpx-vp9",
        "libsvtav1",
        "libaom-av1",
        "libopenh264",
        "h264_videotoolbox",
        "h264_mf",
        "mpeg4",
        "mpeg2video",
        "flv",
        "ffv1",
    ];
    let known = |names: &[&str]| -> Vec<Codec> {
        names.iter().filter_map(|name| Codec::encoder(name)).filter(|&c| holds(muxer, c)).collect()
    };
    if let Some(&codec) = known(exact).first() {
        return Some(codec);
    }
    let rest = known(&[lossy, others].concat());
    // A build of x265 may lack 10 or 12 bits: another codec then does better.
    let whole = PixelFormat { alpha: false, ..format };
    let deep = |c: &&Codec| c.pixel_formats().iter().any(|&f| pixels::layout_of(f) == Some(whole));
    let keeps = if format.depth > 8 { rest.iter().find(deep) } else { None };
    keeps.or(rest.first()).copied()
}

/// Whether a container can hold what an encoder writes. MPEG's streams take anything, as private data that nobody
/// could read.
pub(super) fn holds(muxer: Muxer, codec: Codec) -> bool {
    match muxer.holds_codec(codec) {
        Some(holds) => holds,
        None if muxer.name().starts_with("mpeg") => {
            ["h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4"].contains(&codec.codec_name().as_str())
        }
        None => true,
    }
}

/// The four letters under which a container should hold what an encoder writes, where they are not libavformat's first
/// choice: Apple's players take HEVC in MP4 and MOV only as `hvc1`.
pub(super) fn tag(codec: Codec, muxer: Muxer) -> Option<[u8; 4]> {
    let quicktime = matches!(muxer.name().as_str(), "mov" | "mp4" | "ipod");
    (quicktime && codec.codec_name() == "hevc").then_some(*b"hvc1")
}

/// The encoder that is asked for by name.
pub(super) fn named_encoder(name: &str) -> Result<Codec, VideoError> {
    if let Some(codec) = Codec::encoder(name) {
        if codec.is_video() {
            return Ok(codec);
        }
        return Err(VideoError::Option(format!(
            "'{name}' encodes no video; give a video encoder such as libx264"
        )));
    }
    let lower = name.to_ascii_lowercase();
    // `h264` finds libx264 and h264_nvenc, `x264` libx264, `libx266` libx265.
    let mut similar: Vec<(usize, String)> = Codec::encoders()
        .into_iter()
        .filter(|c| c.is_video())
        .filter_map(|c| {
            let known = c.name();
            let distance = edit_distance(&known, &lower);
            let near = known.contains(&lower) || c.codec_name() == lower || distance <= 2;
            near.then_some((distance, known))
        })
        .collect();
    similar.sort();
    similar.truncate(6);
    let similar: Vec<String> = similar.into_iter().map(|(_, name)| name).collect();
    let advice = if similar.is_empty() {
        "`ifr doctor` lists those there are".to_owned()
    } else {
        format!("similar ones: {}", similar.join(", "))
    };
    Err(VideoError::Option(format!("the FFmpeg in use has no encoder '{name}'; {advice}")))
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A pixel format for the encoder.
pub(super) struct FormatChoice {
    pub(super) format: PixFmt,
    /// Whether samples must be computed (by libswscale) rather than moved.
    pub(super) convert: bool,
    pub(super) notice: Option<String>,
}

/// The encoder's format for frames: the one asked for; else one that holds the very samples; else the nearest.
pub(super) fn pixel_format(
    encoder: Codec,
    layout: PixelFormat,
    range: Range,
    (width, height): (usize, usize),
    requested: Option<&str>,
) -> Result<FormatChoice, VideoError> {
    let name = encoder.name();
    let ours = pixels::planar(layout).ok_or_else(|| {
        VideoError::Option(format!("{layout} frames cannot be encoded: FFmpeg has no format for them"))
    })?;
    let taken = encoder.pixel_formats();
    // The codes of limited range stay what they are only in formats that do not imply full range.
    let same = |f: PixFmt| {
        pixels::layout_of(f) == Some(layout) && (range == Range::Full || !f.name().starts_with("yuvj"))
    };
    if let Some(requested) = requested {
        let list = || taken.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ");
        let format = PixFmt::by_name(requested).filter(|f| !f.is_hardware()).ok_or_else(|| {
            VideoError::Option(format!("there is no pixel format '{requested}'; {name} takes {}", list()))
        })?;
        if !taken.is_empty() && !taken.contains(&format) {
            return Err(VideoError::Option(format!(
                "{name} does not take the pixel format {requested}; it takes {}",
                list()
            )));
        }
        return Ok(FormatChoice { format, convert: !same(format), notice: None });
    }
    if taken.is_empty() {
        return Ok(FormatChoice { format: ours, convert: false, notice: None });
    }

    // JPEG has full range only; FFmpeg's list holds other formats for those who bend the standard.
    let full_only = encoder.codec_name() == "mjpeg" && taken.iter().any(|f| f.name().starts_with("yuvj"));
    let fits = |f: PixFmt| {
        if full_only && !f.name().starts_with("yuvj") {
            return false;
        }
        // H.264 and HEVC crop in whole chroma samples: they have no odd sizes where chroma is subsampled.
        let (x, y) = f.chroma_shift();
        let whole = width.is_multiple_of(1 << x) && height.is_multiple_of(1 << y);
        whole || !matches!(encoder.codec_name().as_str(), "h264" | "hevc")
    };
    let usable: Vec<PixFmt> = taken.iter().copied().filter(|&f| !f.is_hardware() && fits(f)).collect();
    let exact =
        usable.iter().copied().find(|&f| f == ours).or_else(|| usable.iter().copied().find(|&f| same(f)));
    if let Some(format) = exact {
        return Ok(FormatChoice { format, convert: false, notice: None });
    }
    let (format, lossy) = ours.nearest(&usable).ok_or_else(|| {
        VideoError::Option(format!(
            "{name} takes no pixel format that frames of {layout} and {width}x{height} could be brought into; choose another encoder, e.g. ffv1"
        ))
    })?;
    let why = if fits(ours) {
        format!("{name} does not take {layout}")
    } else {
        format!("{} has no odd sizes in {layout} (ffv1 and libvpx-vp9 do)", encoder.codec_name())
    };
    let how = if lossy { "with some loss " } else { "" };
    let mut notice = format!("{why}: frames are converted {how}to {}", format.name());
    if layout.alpha && !format.has_alpha() {
        notice += "; alpha is dropped (FFV1 in .mkv, ProRes 4444 in .mov and PNG images keep it)";
    }
    Ok(FormatChoice { format, convert: true, notice: Some(notice) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_encoders_bring_similar_ones_to_mind() {
        let error = |name| named_encoder(name).err().unwrap().to_string();
        assert!(error("libx246").contains("libx264"), "{}", error("libx246"));
        assert!(error("x264").contains("libx264"));
        assert!(error("h264").contains("libx264"), "{}", error("h264"));
        assert!(error("no such thing").contains("ifr doctor"));
        assert!(error("aac").contains("no video"));
    }

    #[test]
    fn odd_sizes_in_h264_need_full_chroma() {
        let x264 = Codec::encoder("libx264").unwrap();
        let choose = |w, h| pixel_format(x264, PixelFormat::YUV420P8, Range::Limited, (w, h), None).unwrap();
        assert_eq!(choose(320, 180).format.name(), "yuv420p");
        assert!(!choose(320, 180).convert);
        assert_eq!(choose(320, 181).format.name(), "yuv422p");
        assert_eq!(choose(321, 181).format.name(), "yuv444p");
        assert!(choose(321, 181).notice.unwrap().contains("odd"));
    }
}
