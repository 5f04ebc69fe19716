//! What belongs to single pictures and has no place in new ones is dropped, and people are told.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{clip, copy, ffprobe, frames, open};

const PICTURE: &str = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2";

/// A raw stream whose every coded picture has a NAL unit put in front.
fn with_units(folder: &Path, name: &str, coded: &str, is_slice: fn(u8) -> bool, before: &[u8]) -> PathBuf {
    let plain = clip(folder, name, &format!("{PICTURE} {coded}"));
    let bytes = fs::read(&plain).unwrap();
    let starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(i, _)| i).collect();
    let mut out = Vec::new();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(bytes.len());
        let slice = is_slice(bytes[start + 3]);
        if slice {
            out.extend_from_slice(&[0, 0, 0, 1]);
            out.extend_from_slice(before);
        }
        out.push(0);
        out.extend_from_slice(&bytes[start..end]);
    }
    let path = folder.join(format!("with_{name}"));
    fs::write(&path, out).unwrap();
    path
}

/// A registered user data message (ITU-T T.35) of `payload` behind a NAL unit's `header`, with its bytes escaped.
fn message(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut raw = vec![4, payload.len() as u8];
    raw.extend_from_slice(payload);
    raw.push(0x80);
    let mut unit = header.to_vec();
    let mut zeros = 0;
    for byte in raw {
        if zeros == 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        unit.push(byte);
    }
    unit
}

/// Numbers of the given widths as bytes, most significant bits first.
fn packed(fields: &[(u32, usize)]) -> Vec<u8> {
    let bits: Vec<bool> =
        fields.iter().flat_map(|&(v, width)| (0..width).rev().map(move |b| v >> b & 1 == 1)).collect();
    bits.chunks(8)
        .map(|c| c.iter().enumerate().fold(0, |b, (i, &bit)| b | u8::from(bit) << (7 - i)))
        .collect()
}

/// The notices of reading a whole file, once copied into FFV1.
fn told(from: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    copy(from, &folder.path().join("out.mkv"), |o| o.encoder = Some("ffv1".to_owned()), |t| t).unwrap();
    let mut source = open(from);
    while source.next().unwrap().is_some() {}
    assert_eq!(frames(from).len(), 5);
    source.notices()
}

#[test]
fn dynamic_metadata_and_captions_are_dropped_with_notice() {
    let folder = tempfile::tempdir().unwrap();
    let hevc = "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=0";
    let plain = clip(folder.path(), "plain.hevc", &format!("{PICTURE} {hevc}"));
    assert!(told(&plain).is_empty(), "{:?}", told(&plain));

    // HDR10+ (SMPTE ST 2094-40): one window, no curves.
    let mut payload = vec![0xb5, 0, 0x3c, 0, 1, 4];
    payload.extend(packed(&[
        (1, 8),
        (1, 2),
        (400, 27),
        (0, 1),
        (10_000, 17),
        (10_000, 17),
        (10_000, 17),
        (5_000, 17),
        (0, 4),
        (0, 10),
        (0, 1),
        (0, 1),
        (0, 1),
    ]));
    let unit = message(&[0x4e, 1], &payload);
    let from = with_units(folder.path(), "plus.hevc", hevc, |header| header >> 1 & 0x3f < 32, &unit);
    let notices = told(&from);
    assert!(notices.len() == 1 && notices[0].contains("HDR10+"), "{notices:?}");

    // One pair of CEA-608 (ATSC A/53 part 4).
    let payload = [0xb5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x41, 0xff, 0xfc, 0x94, 0x20, 0xff];
    let unit = message(&[6], &payload);
    let coded = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast";
    let from =
        with_units(folder.path(), "captions.h264", coded, |header| matches!(header & 31, 1 | 5), &unit);
    let notices = told(&from);
    assert!(notices.len() == 1 && notices[0].contains("closed captions"), "{notices:?}");
}

#[test]
fn alpha_of_vp9_is_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = "-f lavfi -i color=red@0.5:size=64x48:rate=25:duration=0.12,format=yuva420p";
    let from = clip(folder.path(), "in.webm", &format!("{drawn} -c:v libvpx-vp9 -crf 10 -auto-alt-ref 0"));
    let before = frames(&from);
    assert!(before[0].frame.format().alpha);
    let alpha = |f: &ifr_video::TimedFrame| f32::from(f.frame.planes()[3].as_u8().unwrap()[100]);
    assert!((alpha(&before[0]) - 127.0).abs() < 3.0, "{}", alpha(&before[0]));
    for (name, encoder) in [("out.webm", "libvpx-vp9"), ("out.mkv", "ffv1")] {
        let to = folder.path().join(name);
        let (summary, notices) =
            copy(&from, &to, |o| o.preset = (encoder != "ffv1").then(|| "8".to_owned()), |t| t).unwrap();
        assert_eq!((summary.encoder.as_str(), notices.len()), (encoder, 0), "{notices:?}");
        let after = frames(&to);
        assert_eq!((after.len(), after[0].frame.format()), (3, before[0].frame.format()), "{name}");
        assert!(after.iter().all(|f| (alpha(f) - alpha(&before[0])).abs() < 3.0), "{name}");
    }
}

/// An MP4 with a Dolby Vision configuration (`dvcC`) in its video's sample entry.
fn with_dolby_vision(folder: &Path, profile: u16, compatible: u8) -> PathBuf {
    let coded = "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1";
    let path = clip(folder, "dv.mp4", &format!("{PICTURE} {coded}"));
    let mut bytes = fs::read(&path).unwrap();
    let size = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    // Each box's start, from the outermost to the sample entry; the media data stand before all of them.
    let (mut from, mut to, mut starts) = (0, bytes.len(), Vec::new());
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"] {
        let mut at = from;
        while at < to && &bytes[at + 4..at + 8] != name {
            at += size(&bytes, at);
        }
        assert!(at < to, "{}", String::from_utf8_lossy(name));
        starts.push(at);
        (from, to) = (at + if name == b"stsd" { 16 } else { 8 }, at + size(&bytes, at));
    }
    let mut record = vec![0, 0, 0, 32, b'd', b'v', b'c', b'C', 1, 0];
    // Profile, level 6, with metadata, without an enhancement layer, with a base layer.
    record.extend((profile << 9 | 6 << 3 | 0b101).to_be_bytes());
    record.push(compatible << 4);
    record.resize(32, 0);
    for at in starts {
        let grown = (size(&bytes, at) + record.len()) as u32;
        bytes[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    bytes.splice(to..to, record);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn dolby_vision_is_dropped_with_notice() {
    let folder = tempfile::tempdir().unwrap();
    for (profile, compatible, text) in
        [(8, 1, "base layer is kept"), (5, 0, "colours of the output will be wrong")]
    {
        let from = with_dolby_vision(folder.path(), profile, compatible);
        let record = |path: &Path| {
            ffprobe("-show_entries stream_side_data=dv_profile -select_streams v -of default=nw=1", path)
        };
        assert_eq!(record(&from).trim(), format!("dv_profile={profile}"));
        let notices = told(&from);
        assert!(notices.len() == 1 && notices[0].contains(text), "{notices:?}");
        for name in ["out.mp4", "out.mkv"] {
            let to = folder.path().join(name);
            copy(&from, &to, |o| o.preset = Some("ultrafast".to_owned()), |t| t).unwrap();
            assert_eq!(record(&to).trim(), "", "{name}");
        }
    }
}
