//! Depth and colour through the whole program: what comes in goes out, between sources too.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod common;

use std::path::Path;

use common::{ffmpeg, ifr_ok, text};

const FIELDS: &str = "stream=pix_fmt,color_range,color_space,color_transfer,color_primaries,chroma_location";

/// What `ffprobe` says of a video's stream or first frame, a line an entry.
fn ffprobe(entries: &str, path: &Path) -> String {
    let arguments =
        ["-v", "error", "-select_streams", "v:0", "-read_intervals", "%+#1", "-of", "default=nw=1"];
    let out = std::process::Command::new("ffprobe")
        .args(arguments)
        .args(["-show_entries", entries, text(path)])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn tags(path: &Path) -> String {
    ffprobe(FIELDS, path)
}

/// The numbers of HDR10 as the container (`stream`) or the decoder of the first frame (`frame`) states them, in thousandths
/// of what they are: fractions may be reduced.
fn hdr(path: &Path, of: &str) -> Vec<(String, i64)> {
    let entries = format!("{of}_side_data_list:{of}_side_data");
    let list = ffprobe(&entries, path);
    let pairs = list.lines().filter_map(|l| l.trim().split_once('='));
    let number = |v: &str| match v.split_once('/') {
        Some((num, den)) => Some(num.parse::<f64>().ok()? / den.parse::<f64>().ok()?),
        None => v.parse().ok(),
    };
    let mut found: Vec<_> =
        pairs.filter_map(|(k, v)| Some((k.to_owned(), (number(v)? * 1000.0).round() as i64))).collect();
    found.sort();
    found
}

#[test]
fn hdr10_stays_hdr10() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.mp4");
    let display = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)";
    let parameters = format!("{display}:max-cll=1000,400:log-level=none");
    let arguments = "-f lavfi -i testsrc2=size=96x64:rate=24:duration=0.5 -pix_fmt yuv420p10le \
        -vf setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc -color_range tv \
        -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -chroma_sample_location topleft \
        -c:v libx265 -preset ultrafast -x265-params";
    let mut list: Vec<&str> = arguments.split_whitespace().collect();
    list.extend([parameters.as_str(), text(&input)]);
    ffmpeg(&list);
    let (before, stated) = (tags(&input), hdr(&input, "frame"));
    assert!(before.contains("smpte2084") && before.contains("topleft"), "{before}");
    assert_eq!(stated.len(), 12, "{stated:?}");
    for name in ["out.mp4", "out.mkv"] {
        let out = folder.path().join(name);
        ifr_ok(&[
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--model",
            "flow-fast",
            "--encoder-preset",
            "ultrafast",
        ]);
        assert_eq!(tags(&out), before, "{name}");
        assert_eq!(hdr(&out, "stream"), stated, "{name}");
        assert_eq!(hdr(&out, "frame"), stated, "{name}");
        let tag = ffprobe("stream=codec_tag_string", &out);
        assert!(name.ends_with("mkv") || tag.trim() == "codec_tag_string=hvc1", "{tag}");
    }
}

/// Checksums of a file's frames as `format`: all, or every other.
fn checksums(path: &Path, format: &str, every: usize) -> Vec<String> {
    let arguments = ["-i", text(path), "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", format];
    let out = ffmpeg(&[&arguments[..], &["-f", "framemd5", "-"]].concat());
    let lines = String::from_utf8(out).unwrap();
    let sums = lines.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(',').next());
    sums.map(|s| s.trim().to_owned()).step_by(every).collect()
}

#[test]
fn source_frames_go_through_ffv1_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.mkv");
    for format in ["yuv420p", "yuv422p10le", "yuv444p12le", "yuva444p16le", "gbrap16le", "gray16le"] {
        let source = "testsrc2=size=64x48:rate=24:duration=0.25";
        ffmpeg(&["-f", "lavfi", "-i", source, "-pix_fmt", format, "-c:v", "ffv1", text(&input)]);
        let out = folder.path().join(format!("{format}.mkv"));
        ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--model", "flow-fast"]);
        assert_eq!(tags(&out), tags(&input), "{format}");
        let (before, after) = (checksums(&input, format, 1), checksums(&out, format, 2));
        assert_eq!((before.len(), &after), (6, &before), "{format}");
    }
}
