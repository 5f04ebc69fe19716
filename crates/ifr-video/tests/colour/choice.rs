//! Which encoder and pixel format frames get when nobody names one.

use ifr_frame::{Primaries, Transfer};

use crate::support::{clip, copy, ffprobe, open};
use crate::tagged::{checksums, tags};

const PICTURE: &str = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.08";

/// Source codec and pixel format, output, encoder and pixel format expected, and what a notice must say.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str, Option<&'static str>);

const CASES: [Case; 38] = [
    ("libx264", "yuv420p", "a.mp4", "libx264", "yuv420p", None),
    ("libx264", "yuv422p", "a.mkv", "libx264", "yuv422p", None),
    ("libx264", "yuv444p", "a.mov", "libx264", "yuv444p", None),
    ("libx264", "gray", "a.mkv", "libx264", "gray", None),
    // High 10 becomes Main 10: devices play the one in hardware, not the other.
    ("libx264", "yuv420p10le", "a.mp4", "libx265", "yuv420p10le", None),
    ("libx264", "yuv422p10le", "a.mkv", "libx265", "yuv422p10le", None),
    ("libx265", "yuv444p10le", "a.mkv", "libx265", "yuv444p10le", None),
    ("libx265", "yuv420p12le", "a.mkv", "libx265", "yuv420p12le", None),
    ("libx265", "yuv422p12le", "a.mp4", "libx265", "yuv422p12le", None),
    ("libx265", "yuv444p12le", "a.mov", "libx265", "yuv444p12le", None),
    ("libx265", "gbrp", "a.mkv", "libx264rgb", "gbrp", None),
    ("libx265", "gbrp10le", "a.mkv", "libx265", "gbrp10le", None),
    ("libx265", "gbrp12le", "a.mkv", "libx265", "gbrp12le", None),
    ("libx265", "gray10le", "a.mkv", "ffv1", "gray10le", None),
    ("libx265", "gray12le", "a.mp4", "libx265", "gray12le", None),
    ("libvpx-vp9", "yuv420p10le", "a.webm", "libvpx-vp9", "yuv420p10le", None),
    ("libvpx-vp9", "yuva420p", "a.webm", "libvpx-vp9", "yuva420p", None),
    ("libvpx-vp9", "yuva420p", "a.mkv", "ffv1", "yuva420p", None),
    ("libvpx-vp9", "yuva420p", "a.mov", "prores_ks", "yuva444p10le", Some("converted")),
    ("libvpx-vp9", "yuva420p", "a.mp4", "libx264", "yuv420p", Some("alpha is dropped")),
    ("prores_ks", "yuv422p10le", "a.mov", "prores_ks", "yuv422p10le", None),
    ("prores_ks", "yuv422p10le", "a.mkv", "prores_ks", "yuv422p10le", None),
    ("prores_ks", "yuv422p10le", "a.mp4", "libx265", "yuv422p10le", None),
    // FFmpeg's decoder gives 4444's 12 bits, its encoder takes 10 of them.
    ("prores_ks", "yuva444p10le", "a.mov", "prores_ks", "yuva444p10le", Some("yuva444p10le")),
    ("ffv1", "yuv420p", "a.mkv", "ffv1", "yuv420p", None),
    ("ffv1", "yuv420p16le", "a.mkv", "ffv1", "yuv420p16le", None),
    ("ffv1", "yuv422p16le", "a.mp4", "libx265", "yuv422p12le", Some("some loss")),
    ("ffv1", "gbrp16le", "a.mkv", "ffv1", "gbrp16le", None),
    ("ffv1", "gbrp16le", "a.mov", "png", "rgb48be", None),
    ("ffv1", "gbrap16le", "a.mkv", "ffv1", "gbrap16le", None),
    ("ffv1", "yuva444p16le", "a.mkv", "ffv1", "yuva444p16le", None),
    ("ffv1", "gray16le", "a.mov", "png", "gray16be", None),
    ("ffv1", "ya8", "a.mkv", "ffv1", "ya8", None),
    ("qtrle", "argb", "a.mov", "png", "rgba", None),
    ("v210", "yuv422p10le", "a.mkv", "ffv1", "yuv422p10le", None),
    ("v210", "yuv422p10le", "a.mov", "prores_ks", "yuv422p10le", Some("source is lossless")),
    ("libx265", "gray10le", "a.mov", "prores_ks", "yuv444p10le", Some("converted")),
    ("ffv1", "yuv420p16le", "a.webm", "libvpx-vp9", "yuv420p12le", Some("some loss")),
];

#[test]
fn encoders_match_what_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    for (codec, format, name, encoder, expected, notice) in CASES {
        let case = format!("{codec} {format} {name}");
        let source = if matches!(codec, "prores_ks" | "qtrle" | "v210") { "in.mov" } else { "in.mkv" };
        let fast = if codec.starts_with("libx") { "-preset ultrafast" } else { "" };
        let quiet = if codec == "libx265" { "-x265-params log-level=none" } else { "" };
        let from =
            clip(folder.path(), source, &format!("{PICTURE} -pix_fmt {format} -c:v {codec} {fast} {quiet}"));
        let to = folder.path().join(name);
        let change = |o: &mut ifr_video::OutputOptions| {
            o.preset = match encoder {
                "libvpx-vp9" => Some("8".to_owned()),
                _ if encoder.starts_with("libx") => Some("ultrafast".to_owned()),
                _ => None,
            };
        };
        let (summary, notices) = copy(&from, &to, change, |t| t).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(summary.encoder, encoder, "{case}: {notices:?}");
        match notice {
            None => assert!(notices.is_empty(), "{case}: {notices:?}"),
            Some(text) => assert!(notices.iter().any(|n| n.contains(text)), "{case}: {notices:?}"),
        }
        // FFmpeg's decoders give H.264 without chroma a grey one, VP9 no alpha, and ProRes 4444 twelve bits.
        let told = match (encoder, expected) {
            ("libx264", "gray") => "yuv420p",
            ("libvpx-vp9", "yuva420p") => "yuv420p",
            ("prores_ks", "yuva444p10le") => "yuva444p12le",
            ("prores_ks", "yuv444p10le") => "yuv444p12le",
            _ => expected,
        };
        assert_eq!(tags(&to).get("pix_fmt").map(String::as_str), Some(told), "{case}");
        // Lossless stays lossless, PNG and FFV1 alike.
        if matches!(encoder, "ffv1" | "png") && codec != "libvpx-vp9" {
            assert_eq!(checksums(&from, format), checksums(&to, format), "{case}");
        }
    }
}

#[test]
fn quality_zero_is_lossless() {
    let folder = tempfile::tempdir().unwrap();
    for (encoder, name, format) in [
        ("libx264", "a.mp4", "yuv420p"),
        ("libx264", "a.mkv", "yuv420p10le"),
        ("libx264rgb", "a.mkv", "gbrp"),
        ("libx265", "a.mp4", "yuv420p"),
        ("libx265", "a.mkv", "yuv422p10le"),
        ("libx265", "a.mkv", "yuv444p12le"),
        ("libvpx-vp9", "a.webm", "yuv420p10le"),
    ] {
        let from = clip(folder.path(), "in.mkv", &format!("{PICTURE} -pix_fmt {format} -c:v ffv1"));
        let to = folder.path().join(name);
        let change = |o: &mut ifr_video::OutputOptions| {
            o.encoder = Some(encoder.to_owned());
            o.crf = Some(0.0);
            o.preset = encoder.starts_with("libx").then(|| "ultrafast".to_owned());
        };
        let (_, notices) = copy(&from, &to, change, |t| t).unwrap();
        assert!(notices.is_empty(), "{encoder} {format}: {notices:?}");
        assert_eq!(checksums(&from, format), checksums(&to, format), "{encoder} {format}");
    }
}

#[test]
fn what_images_and_pipes_cannot_hold_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let set = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc";
    let colour = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";
    let from = clip(
        folder.path(),
        "in.mkv",
        &format!("{PICTURE} -pix_fmt yuva444p10le -vf {set} {colour} -c:v ffv1"),
    );
    for (name, words) in [
        ("a_%03d.png", &[][..]),
        ("a_%03d.jpg", &["8-bit", "alpha is dropped", "HDR"][..]),
        ("a_%03d.webp", &["8-bit", "HDR"][..]),
        ("a.y4m", &["alpha is dropped", "HDR"][..]),
    ] {
        let (summary, notices) = copy(&from, &folder.path().join(name), |_| {}, |t| t).unwrap();
        assert_eq!((summary.frames, notices.len()), (2, words.len()), "{name}: {notices:?}");
        let told = |word: &&str| notices.iter().any(|n| n.contains(*word));
        assert!(words.iter().all(told), "{name}: {notices:?}");
    }
    // PNG has places for all of it.
    let first = ffprobe(
        "-show_entries stream=pix_fmt,color_primaries,color_transfer -of default=nw=1",
        &folder.path().join("a_001.png"),
    );
    assert!(first.contains("pix_fmt=rgba64be"), "{first}");
    let back = open(&folder.path().join("a_%03d.png"));
    let color = back.info().video.color;
    assert_eq!((color.primaries, color.transfer), (Primaries::BT2020, Transfer::PQ));
}
