//! HDR10 and HLG through every encoder and container that is chosen or likely to be named.

use std::path::{Path, PathBuf};

use ifr_video::encoders;

use crate::support::{clip, copy};
use crate::tagged::{differences, hdr, tags};

const PICTURE: &str = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=0.12";

/// What the graded display and the content are said to be: P3 in BT.2020, 0.005 to 1000 cd/m².
const HDR10: &str =
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400";

/// A generated clip of 4:2:0 10-bit HEVC with all tags of HDR10.
fn hdr10(folder: &Path, name: &str, siting: &str) -> PathBuf {
    tagged(folder, name, "smpte2084", siting, &format!("-x265-params {HDR10}:log-level=none"))
}

fn tagged(folder: &Path, name: &str, transfer: &str, siting: &str, more: &str) -> PathBuf {
    let colour =
        format!("-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc -color_range tv");
    let set = format!("setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc");
    let coded = "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast";
    clip(
        folder,
        name,
        &format!("{PICTURE} -vf {set} {colour} -chroma_sample_location {siting} {coded} {more}"),
    )
}

/// Encoders and outputs; the tolerance of what the decoder says, where the codec has a place for it: AV1 counts in 1/65536
/// (and luminance in 1/256 and 1/16384), which is 0.4 % of the least luminance of 0.005.
const OUTPUTS: [(Option<&str>, &str, Option<f64>); 9] = [
    (None, "a.mkv", Some(1e-9)),
    (None, "a.mp4", Some(1e-9)),
    (None, "a.mov", Some(1e-9)),
    (Some("libsvtav1"), "b.mkv", Some(5e-3)),
    (Some("libsvtav1"), "b.mp4", Some(5e-3)),
    (Some("libaom-av1"), "c.mkv", None),
    (Some("libvpx-vp9"), "d.webm", None),
    (Some("libx264"), "e.mp4", None),
    (Some("ffv1"), "f.mkv", None),
];

fn convert(from: &Path, to: &Path, encoder: Option<&str>) {
    let change = |o: &mut ifr_video::OutputOptions| {
        o.encoder = encoder.map(str::to_owned);
        o.preset = match encoder {
            None | Some("libx264") => Some("ultrafast".to_owned()),
            Some("libsvtav1") => Some("12".to_owned()),
            Some("libaom-av1" | "libvpx-vp9") => Some("8".to_owned()),
            _ => None,
        };
        if encoder == Some("libaom-av1") {
            o.encoder_options = vec![("usage".to_owned(), "realtime".to_owned())];
        }
    };
    let (_, notices) = copy(from, to, change, |t| t).unwrap();
    assert!(notices.is_empty(), "{}: {notices:?}", to.display());
}

#[test]
fn hdr10_keeps_every_tag() {
    let folder = tempfile::tempdir().unwrap();
    for source in ["in.mkv", "in.mp4"] {
        let from = hdr10(folder.path(), source, "topleft");
        let (before, stated) = (tags(&from), hdr(&from, "frame"));
        assert_eq!((before.len(), stated.len()), (5, 12), "{before:?} {stated:?}");
        // What HEVC states in MP4 is read as in Matroska: two outputs tell.
        let outputs = if source == "in.mkv" { &OUTPUTS[..] } else { &OUTPUTS[1..3] };
        for &(encoder, name, exact) in outputs {
            if encoder.is_some_and(|e| encoders().iter().all(|known| known.name != e)) {
                continue;
            }
            let to = folder.path().join(name);
            convert(&from, &to, encoder);
            assert_eq!(tags(&to), before, "{source} {name} {encoder:?}");
            // MP4 counts in 1/50000 and 1/10000, Matroska in floats.
            let container = differences(&hdr(&to, "stream"), &stated, 1e-6);
            assert!(container.is_empty(), "{source} {name} {encoder:?}: {container:?}");
            if let Some(tolerance) = exact {
                let coded = differences(&hdr(&to, "frame"), &stated, tolerance);
                assert!(coded.is_empty(), "{source} {name} {encoder:?}: {coded:?}");
            }
        }
    }
}

#[test]
fn hlg_keeps_every_tag() {
    let folder = tempfile::tempdir().unwrap();
    let from = tagged(folder.path(), "in.mp4", "arib-std-b67", "topleft", "-x265-params log-level=none");
    let before = tags(&from);
    assert_eq!(before.get("color_transfer").map(String::as_str), Some("arib-std-b67"));
    for (encoder, name, _) in OUTPUTS {
        if encoder.is_some_and(|e| encoders().iter().all(|known| known.name != e)) {
            continue;
        }
        let to = folder.path().join(name);
        convert(&from, &to, encoder);
        assert_eq!(tags(&to), before, "{name} {encoder:?}");
        assert!(hdr(&to, "stream").is_empty() && hdr(&to, "frame").is_empty(), "{name} {encoder:?}");
    }
}
