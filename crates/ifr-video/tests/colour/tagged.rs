//! What `ffprobe` says of a file's colour.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::ffprobe;

/// The fields of a stream that describe its colour.
const FIELDS: &str = "pix_fmt,color_range,color_space,color_transfer,color_primaries,chroma_location";

/// Colour tags of the video stream by ffprobe's names, under their plain formats: `yuvj420p` is `yuv420p` in full range,
/// and what is `unspecified` or `unknown` is left out. So is limited range, which H.264 has no other way to state than to
/// say nothing.
pub(crate) fn tags(path: &Path) -> BTreeMap<String, String> {
    let text = ffprobe(&format!("-select_streams v:0 -show_entries stream={FIELDS} -of default=nw=1"), path);
    let pairs = text.lines().filter_map(|l| l.trim().split_once('='));
    pairs
        .filter(|(k, v)| FIELDS.contains(k) && !matches!(*v, "unknown" | "unspecified" | "N/A" | "tv"))
        .map(|(k, v)| (k.to_owned(), v.replacen("yuvj", "yuv", 1)))
        .collect()
}

/// HDR10's numbers by ffprobe's names (`red_x`, `max_content`, …), as the container states them (`stream`), or the decoder
/// of the first frame (`frame`).
pub(crate) fn hdr(path: &Path, of: &str) -> BTreeMap<String, f64> {
    let text = ffprobe(
        &format!("-select_streams v:0 -read_intervals %+#1 -show_entries {of}_side_data_list:{of}_side_data"),
        path,
    );
    let number = |v: &str| match v.split_once('/') {
        Some((num, den)) => Some(num.parse::<f64>().ok()? / den.parse::<f64>().ok()?),
        None => v.parse().ok(),
    };
    let is_ours = |k: &str| {
        ["red_", "green_", "blue_", "white_point_", "min_lum", "max_lum", "max_content", "max_average"]
            .iter()
            .any(|p| k.starts_with(p))
    };
    let pairs = text.lines().filter_map(|l| l.trim().split_once('='));
    pairs.filter(|(k, _)| is_ours(k)).filter_map(|(k, v)| Some((k.to_owned(), number(v)?))).collect()
}

/// Where two sets of numbers differ by more than `tolerance` of the greater, in words.
pub(crate) fn differences(
    a: &BTreeMap<String, f64>,
    b: &BTreeMap<String, f64>,
    tolerance: f64,
) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let differ = |name: &&&String| match (a.get(**name), b.get(**name)) {
        (Some(a), Some(b)) => (a - b).abs() > tolerance * a.abs().max(b.abs()),
        _ => true,
    };
    names.iter().filter(differ).map(|n| format!("{n}: {:?} {:?}", a.get(*n), b.get(*n))).collect()
}

/// The `framemd5` of each frame as `format`, as ffmpeg decodes the file.
pub(crate) fn checksums(path: &Path, format: &str) -> Vec<String> {
    let out = crate::support::ffmpeg(
        &format!("-i {{}} -map 0:v:0 -fps_mode passthrough -pix_fmt {format} -f framemd5 -"),
        &[path],
    );
    let text = String::from_utf8(out).unwrap();
    let sums = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(',').next());
    sums.map(|s| s.trim().to_owned()).collect()
}
