//! Times of frames, from containers that state them oddly or not at all, held against what ffprobe makes of them.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::path::Path;

use ifr_frame::Time;
use ifr_video::{Item, OpenOptions, Position, Range};
use support::{clip, ffprobe, frames, raw};

/// When the frames show, as ffprobe decodes them, in seconds.
fn probed(path: &Path) -> Vec<f64> {
    let arguments = "-select_streams v:0 -show_entries frame=best_effort_timestamp_time -of csv=p=0";
    ffprobe(arguments, path).lines().filter_map(|l| l.trim_end_matches(',').parse().ok()).collect()
}

/// When they show as they are read here.
fn read(path: &Path) -> Vec<f64> {
    frames(path).iter().map(|f| f.pts.as_secs_f64()).collect()
}

fn agree(path: &Path, expected: usize) -> Vec<f64> {
    let (ours, theirs) = (read(path), probed(path));
    assert_eq!(ours.len(), expected, "{}: {ours:?}", path.display());
    assert_eq!(theirs.len(), expected, "{}: {theirs:?}", path.display());
    assert!(
        ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 2e-6),
        "{}: {ours:?} {theirs:?}",
        path.display()
    );
    ours
}

const SOURCE: &str = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=2";

#[test]
fn edit_lists_and_offsets() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let plain =
        clip(dir, "plain.mp4", &format!("{SOURCE} -f lavfi -i sine=d=2 -c:v libx264 -bf 2 -g 25 -c:a aac"));
    assert_eq!(agree(&plain, 50)[0], 0.0, "B-frames are no offset");
    let name = plain.to_str().unwrap();
    // Picture half a second after the sound: an empty edit.
    let late =
        clip(dir, "late.mp4", &format!("-itsoffset 0.5 -i {name} -i {name} -map 0:v -map 1:a -c copy"));
    assert!((agree(&late, 50)[0] - 0.5).abs() < 1e-3);
    // Cut in at 1.2 s without coding anew: the frames from the key frame at 1 s on are there, but not shown.
    let inside = clip(dir, "inside.mp4", &format!("-ss 1.2 -i {name} -c copy -avoid_negative_ts disabled"));
    let times = agree(&inside, 20);
    assert!((times[0]).abs() < 1e-3, "{times:?}");
    let (first, whole) = (&frames(&inside)[0], &frames(&plain)[30]);
    assert_eq!(raw(&first.frame), raw(&whole.frame), "the very frame");
    // Before zero: in Matroska by a little; in a transport stream whose clock comes round, by more.
    let before = clip(
        dir,
        "before.mkv",
        &format!("{SOURCE} -c:v libx264 -bf 0 -output_ts_offset -0.08 -avoid_negative_ts disabled"),
    );
    // libavformat does not tell what lies before zero there: it follows from the rate.
    let times = read(&before);
    assert!((0..50).all(|i| (times[i] - (i as f64 * 0.04 - 0.08)).abs() < 1e-6), "{times:?}");
    let round = clip(dir, "round.ts", &format!("{SOURCE} -c:v libx264 -bf 2 -output_ts_offset 95442"));
    let times = agree(&round, 50);
    assert!(times[0] < 0.0 && times.windows(2).all(|w| (w[1] - w[0] - 0.04).abs() < 1e-6), "{times:?}");
    let delayed = clip(dir, "delayed.mkv", &format!("{SOURCE} -c:v libx264 -bf 2 -output_ts_offset 12.3"));
    assert!((agree(&delayed, 50)[0] - 12.3).abs() < 0.0011);
}

#[test]
fn variable_rates_with_frames_out_of_order() {
    let folder = tempfile::tempdir().unwrap();
    let vary = "-vf setpts='(N+mod(N*N\\,5)/8)/25/TB' -fps_mode passthrough -enc_time_base 1:1000 -c:v libx264 -bf 3";
    for name in ["vfr.mkv", "vfr.mp4", "vfr.mov", "vfr.nut"] {
        let times = agree(&clip(folder.path(), name, &format!("{SOURCE} {vary}")), 50);
        assert!(times.windows(2).all(|w| w[0] < w[1]), "{name}: {times:?}");
    }
}

#[test]
fn times_that_are_not_there_follow_from_the_rate() {
    let folder = tempfile::tempdir().unwrap();
    // Streams without any times, and a container that numbers frames as they are decoded.
    for (name, codec) in [
        ("raw.h264", "-c:v libx264 -bf 3 -f h264"),
        ("raw.hevc", "-c:v libx265 -x265-params log-level=none:bframes=3 -f hevc"),
        ("raw.m4v", "-c:v mpeg4 -bf 2 -f m4v"),
        ("raw.m2v", "-c:v mpeg2video -bf 2 -f mpeg2video"),
        ("frames.avi", "-c:v libx264 -bf 3"),
        ("frames2.avi", "-c:v mpeg4 -bf 2"),
    ] {
        let path = clip(folder.path(), name, &format!("{SOURCE} {codec}"));
        let times = read(&path);
        assert_eq!(times.len(), 50, "{name}: {times:?}");
        let uneven = times.windows(2).map(|w| (w[1] - w[0] - 0.04).abs()).fold(0.0, f64::max);
        assert!(uneven < 1e-4, "{name}: {times:?}");
        let reference = clip(
            folder.path(),
            "reference.nut",
            &format!("-i {} -c:v rawvideo -fps_mode passthrough", path.display()),
        );
        let pictures = |path: &Path| frames(path).iter().map(|f| raw(&f.frame)).collect::<Vec<_>>();
        assert_eq!(pictures(&path), pictures(&reference), "{name}: in order, none lost");
    }
}

#[test]
fn a_part_of_what_has_no_streams() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "in.y4m", &format!("{SOURCE} -pix_fmt yuv420p"));
    let whole = frames(&path);
    let options = OpenOptions {
        range: Range { start: Position::Time(Time::new(1, 2)), end: Some(Time::new(1, 1)), frames: None },
        ..OpenOptions::default()
    };
    let mut source = ifr_video::open(&path, &options).unwrap();
    assert_eq!(source.info().video.frames.unwrap_or(12), 12);
    let mut part = Vec::new();
    while let Some(Item::Frame(frame)) = source.next().unwrap() {
        part.push(frame);
    }
    // 0.5 s is between frames 12 and 13.
    assert_eq!(part.len(), 12);
    assert!(part.iter().zip(&whole[13..]).all(|(a, b)| a.frame == b.frame));
    assert_eq!(part[0].pts, Time::ZERO);
    assert_eq!(part[11].pts, Time::new(11, 25));
}
