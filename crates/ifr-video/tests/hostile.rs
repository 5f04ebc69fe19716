//! Files that are no videos, damaged ones, and disks that run full: errors that say so, and never a panic.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::fs;
use std::path::Path;

use ifr_frame::Time;
use ifr_video::{Item, OpenOptions, OutputOptions, VideoError};
use support::{clip, copy, ffmpeg, frames, open, options};

fn error(path: &Path) -> VideoError {
    ifr_video::open(path, &OpenOptions::default()).err().expect("an error")
}

const FILM: &str = "-f lavfi -i testsrc2=size=160x96:rate=25:duration=4 -f lavfi -i sine=duration=4 -c:v libx264 -g 10 -pix_fmt yuv420p -c:a aac";

#[test]
fn what_is_no_video() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(error(&at("missing.mp4")), VideoError::Io { action: "open", .. }));
    fs::write(at("empty.mp4"), "").unwrap();
    assert!(error(&at("empty.mp4")).to_string().contains("empty file"));
    fs::write(at("text.mp4"), "This is not a video, whatever its name says. ".repeat(100)).unwrap();
    assert!(matches!(error(&at("text.mp4")), VideoError::Malformed { .. }), "{:?}", error(&at("text.mp4")));
    fs::write(at("text.txt"), "Text is not ANSI art either.\n".repeat(100)).unwrap();
    assert!(matches!(error(&at("text.txt")), VideoError::Malformed { .. }), "{:?}", error(&at("text.txt")));
    let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(at("noise.mkv"), noise).unwrap();
    assert!(matches!(error(&at("noise.mkv")), VideoError::Malformed { .. }), "{:?}", error(&at("noise.mkv")));

    let sound = clip(folder.path(), "a.m4a", "-f lavfi -i sine=duration=1 -c:a aac");
    let e = error(&sound);
    assert!(matches!(&e, VideoError::NoVideo { found, .. } if found == "audio aac 44100 Hz mono"), "{e:?}");
    // Cover art is no video.
    let cover = clip(folder.path(), "c.png", "-f lavfi -i testsrc=size=64x64 -frames:v 1");
    ffmpeg(
        "-i {} -i {} -map 0 -map 1 -c copy -disposition:v attached_pic {}",
        &[&sound, &cover, &at("b.m4a")],
    );
    let e = error(&at("b.m4a"));
    assert!(matches!(&e, VideoError::NoVideo { found, .. } if found.contains("picture png 64x64")), "{e:?}");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", FILM);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if fs::File::open(&path).is_err() {
        assert!(matches!(error(&path), VideoError::Io { action: "open", .. }));
    }
}

#[test]
fn names_that_look_like_protocols_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "in.mp4", FILM);
    let odd = folder.path().join("concat:a|b http:%20 \u{e9}.mp4");
    fs::rename(&path, &odd).unwrap();
    assert_eq!(frames(&odd).len(), 100);
    let to = folder.path().join("tcp: out?.mp4");
    copy(&odd, &to, |_| {}, |t| t).unwrap();
    assert_eq!(frames(&to).len(), 100);
}

#[test]
fn limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.mp4", FILM);
    let small = OpenOptions { max_pixels: 160 * 96 - 1, ..OpenOptions::default() };
    let e = ifr_video::open(&path, &small).err().unwrap();
    assert!(e.to_string().contains("160x96 is over the limit of 15359 pixels"), "{e}");
}

#[test]
fn truncated_files_yield_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = clip(folder.path(), "a.mkv", FILM);
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.mkv");
    fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (before, after) = (frames(&whole), frames(&cut));
    assert!(after.len() > 30 && after.len() < 90, "{}", after.len());
    for (a, b) in before.iter().zip(&after).take(after.len() - 3) {
        assert!(a.pts == b.pts && a.frame == b.frame);
    }
    // MP4 with its index first.
    let whole = clip(folder.path(), "a.mp4", &format!("{FILM} -movflags faststart"));
    let bytes = fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.mp4");
    fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let mut source = open(&cut);
    let mut count = 0;
    while let Some(item) = source.next().unwrap() {
        count += usize::from(matches!(item, Item::Frame(_)));
    }
    assert!(count > 30 && count < 95, "{count}");
    assert!(!source.notices().is_empty() || source.skipped() > 0);
    // MP4 with its index last, which is lost.
    let whole = clip(folder.path(), "b.mp4", FILM);
    let bytes = fs::read(&whole).unwrap();
    fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).unwrap();
    assert!(matches!(error(&cut), VideoError::Malformed { .. }));
}

#[test]
fn damage_is_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.mkv", "a.ts", "a.avi"] {
        let whole = clip(folder.path(), name, FILM);
        let clean = fs::read(&whole).unwrap();
        for seed in 0..12_u32 {
            let mut bytes = clean.clone();
            let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
            for _ in 0..60 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state as usize >> 3) % bytes.len();
                bytes[at] ^= (state >> 24) as u8 | 1;
            }
            let path = folder.path().join(format!("damaged_{name}"));
            fs::write(&path, bytes).unwrap();
            // Whatever comes of it, it ends, and frames come in order.
            let Ok(mut source) = ifr_video::open(&path, &OpenOptions::default()) else { continue };
            let mut last = None;
            while let Ok(Some(item)) = source.next() {
                if let Item::Frame(f) = item {
                    assert!(last.is_none_or(|l| l < f.pts));
                    last = Some(f.pts);
                }
            }
        }
    }
}

#[test]
fn a_change_of_size_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, size: &str| {
        let source = format!("-f lavfi -i testsrc2=size={size}:rate=25:duration=0.4");
        clip(folder.path(), name, &format!("{source} -c:v mpeg2video -f mpegts"))
    };
    let (a, b) = (part("a.ts", "160x96"), part("b.ts", "320x192"));
    let joined = folder.path().join("joined.ts");
    fs::write(&joined, [fs::read(a).unwrap(), fs::read(b).unwrap()].concat()).unwrap();
    let mut source = open(&joined);
    let error = loop {
        match source.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the change went unnoticed"),
            Err(e) => break e,
        }
    };
    let text = error.to_string();
    assert!(text.contains("160x96") && text.contains("320x192"), "{text}");
}

/// A device on which every write finds the disk full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "a.mkv", FILM);
    let to = folder.path().join("out.mkv");
    std::os::unix::fs::symlink("/dev/full", &to).unwrap();
    let result = copy(&from, &to, |o: &mut OutputOptions| o.audio = false, |t| t);
    assert!(matches!(result, Err(VideoError::DiskFull { .. })), "{result:?}");
}

#[test]
fn times_that_do_not_increase_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "a.mp4", FILM);
    let info = open(&from).info().clone();
    let to = folder.path().join("out.mp4");
    let mut sink = ifr_video::create(&options(&info, &to), None).unwrap();
    let frame = &frames(&from)[0].frame;
    for t in [0, 1, 1, 0, 2] {
        sink.write_frame(frame, Time::new(t, 25), None).unwrap();
    }
    assert_eq!(sink.finish().unwrap().frames, 3);
}
