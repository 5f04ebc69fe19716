//! Ranges, matrices, primaries, transfers and siting through encoders and containers.

use std::path::{Path, PathBuf};

use ifr_video::encoders;

use crate::support::{clip, copy};
use crate::tagged::{checksums, tags};

const PICTURE: &str = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=0.08";

/// Matrix, primaries, transfer, range and siting.
type Colour = [&'static str; 5];

/// BT.601 of both systems, BT.709, BT.2020 of both kinds, SMPTE 240M; each range, each siting, each with another codec's
/// favourite.
const COLOURS: [Colour; 7] = [
    ["smpte170m", "smpte170m", "smpte170m", "tv", "left"],
    ["bt470bg", "bt470bg", "linear", "pc", "center"],
    ["bt709", "bt709", "bt709", "tv", "left"],
    ["bt709", "bt709", "iec61966-2-1", "pc", "topleft"],
    ["bt2020nc", "bt2020", "bt2020-10", "tv", "topleft"],
    ["bt2020c", "bt2020", "bt2020-12", "tv", "topleft"],
    ["smpte240m", "smpte240m", "smpte240m", "tv", "center"],
];

/// A clip in FFV1 under the given colour.
fn source(folder: &Path, format: &str, [matrix, primaries, transfer, range, siting]: Colour) -> PathBuf {
    // The option knows this one matrix under another name than the filter.
    let filtered = if matrix == "rgb" { "gbr" } else { matrix };
    let set = format!(
        "setparams=range={range}:color_primaries={primaries}:color_trc={transfer}:colorspace={filtered}"
    );
    let colour = format!(
        "-colorspace {matrix} -color_primaries {primaries} -color_trc {transfer} -color_range {range} \
         -chroma_sample_location {siting}"
    );
    clip(folder, "in.mkv", &format!("{PICTURE} -pix_fmt {format} -vf {set} {colour} -c:v ffv1"))
}

fn has(encoder: &str) -> bool {
    encoders().iter().any(|e| e.name == encoder)
}

fn convert(from: &Path, to: &Path, encoder: &str) {
    let change = |o: &mut ifr_video::OutputOptions| {
        o.encoder = Some(encoder.to_owned());
        o.preset = match encoder {
            "libx264" | "libx265" => Some("ultrafast".to_owned()),
            "libsvtav1" => Some("12".to_owned()),
            "libaom-av1" | "libvpx-vp9" => Some("8".to_owned()),
            _ => None,
        };
        if encoder == "libaom-av1" {
            o.encoder_options = vec![("usage".to_owned(), "realtime".to_owned())];
        }
    };
    let (_, notices) = copy(from, to, change, |t| t).unwrap();
    assert!(notices.is_empty(), "{}: {notices:?}", to.display());
}

#[test]
fn every_tag_survives_every_encoder() {
    let folder = tempfile::tempdir().unwrap();
    for colour in COLOURS {
        let from = source(folder.path(), "yuv420p", colour);
        let before = tags(&from);
        assert_eq!(before.len(), if colour[3] == "pc" { 6 } else { 5 }, "{before:?}");
        for (encoder, name) in [
            ("libx264", "a.mp4"),
            ("libx264", "a.mkv"),
            ("libx265", "b.mp4"),
            ("libx265", "b.mkv"),
            ("libsvtav1", "c.mkv"),
            ("libaom-av1", "d.mkv"),
            ("libvpx-vp9", "e.webm"),
            ("ffv1", "f.mkv"),
        ] {
            // VP9 has no code for BT.2020 with constant luminance.
            if !has(encoder) || (encoder == "libvpx-vp9" && colour[0] == "bt2020c") {
                continue;
            }
            let to = folder.path().join(name);
            convert(&from, &to, encoder);
            assert_eq!(tags(&to), before, "{encoder} {name} {colour:?}");
        }
    }
}

#[test]
fn every_siting_survives_where_there_is_a_place_for_it() {
    let folder = tempfile::tempdir().unwrap();
    for siting in ["left", "center", "topleft", "top", "bottomleft", "bottom"] {
        let from = clip(
            folder.path(),
            "in.mkv",
            &format!(
                "{PICTURE} -pix_fmt yuv420p -c:v libx264 -preset ultrafast -color_range tv -chroma_sample_location {siting}"
            ),
        );
        let before = tags(&from);
        assert_eq!(before.get("chroma_location").map(String::as_str), Some(siting));
        for (encoder, name) in
            [("libx264", "a.mp4"), ("libx265", "b.mov"), ("libx265", "b.mkv"), ("libx264", "a.ts")]
        {
            let to = folder.path().join(name);
            convert(&from, &to, encoder);
            assert_eq!(tags(&to), before, "{encoder} {name}");
        }
    }
}

#[test]
fn formats_keep_their_range_and_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (format, range) in [
        ("yuv420p", "pc"),
        ("yuv422p10le", "tv"),
        ("yuv422p10le", "pc"),
        ("yuv444p12le", "tv"),
        ("yuva420p", "tv"),
        ("yuva422p10le", "tv"),
        ("yuva444p16le", "pc"),
        ("yuv420p16le", "tv"),
        ("gray", "pc"),
        ("gray10le", "tv"),
        ("gray12le", "tv"),
        ("gray16le", "pc"),
        ("ya8", "pc"),
        ("yuv440p12le", "tv"),
        ("yuv411p", "tv"),
    ] {
        let colour = ["bt709", "bt709", "bt709", range, "left"];
        let from = source(folder.path(), format, colour);
        let to = folder.path().join("out.mkv");
        convert(&from, &to, "ffv1");
        assert_eq!(tags(&to), tags(&from), "{format} {range}");
        assert_eq!(tags(&to).contains_key("color_range"), range == "pc", "{format}");
        let sums = checksums(&from, format);
        assert_eq!((sums.len(), &sums), (2, &checksums(&to, format)), "{format} {range}");
    }
    for format in ["bgr0", "bgra", "gbrp10le", "gbrp12le", "gbrp14le", "gbrap10le", "gbrp16le", "gbrap16le"] {
        let colour = ["rgb", "bt709", "iec61966-2-1", "pc", "unspecified"];
        let from = source(folder.path(), format, colour);
        let to = folder.path().join("out.mkv");
        convert(&from, &to, "ffv1");
        assert_eq!(tags(&to), tags(&from), "{format}");
        assert_eq!(checksums(&from, format), checksums(&to, format), "{format}");
    }
}

#[test]
fn what_is_not_said_stays_unsaid() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{PICTURE} -pix_fmt yuv420p -c:v ffv1"));
    let before = tags(&from);
    assert!(!before.contains_key("color_space") && !before.contains_key("chroma_location"), "{before:?}");
    for (encoder, name) in [("libx265", "a.mp4"), ("libx264", "a.mkv"), ("ffv1", "b.mkv")] {
        let to = folder.path().join(name);
        convert(&from, &to, encoder);
        let mut after = tags(&to);
        // Decoders of H.264 and HEVC state what the standard says of files that say nothing: left.
        if after.get("chroma_location").is_some_and(|s| s == "left") {
            after.remove("chroma_location");
        }
        assert_eq!(after, before, "{encoder} {name}");
    }
}
