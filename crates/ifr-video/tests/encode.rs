//! What goes into a container comes out of it: samples, times, colour description, shape.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::sync::Arc;

use ifr_frame::{
    ChromaSiting, ColorDescription, Frame, Matrix, PixelFormat, Primaries, Range, Rate, Time, TimeBase,
    Transfer,
};
use ifr_video::{
    Item, Segment, SegmentLabel, SegmentSink, VideoError, container_for, encoders, ffmpeg_version,
};
use support::{clip, copy, ffprobe, frames, open, options, pictures, probed_times, times};

const SOURCE: &str = "-f lavfi -i testsrc2=size=320x180:rate=24000/1001:duration=1.5";

#[test]
fn ffv1_keeps_every_bit_of_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    for format in [
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "bgr0",
        "bgra",
        "gray",
        "yuv420p10le",
        "yuv444p16le",
        "gbrp12le",
        "gray16le",
    ] {
        let odd = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.2 -vf scale=321:181";
        let from = clip(folder.path(), "in.mkv", &format!("{odd} -c:v ffv1 -pix_fmt {format}"));
        let to = folder.path().join("out.mkv");
        let (summary, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
        assert_eq!((summary.frames, summary.encoder.as_str()), (5, "ffv1"), "{format}");
        assert!(notices.is_empty(), "{notices:?}");
        let (before, after) = (frames(&from), frames(&to));
        let looks = |f: &[ifr_video::TimedFrame]| (f[0].frame.format(), f[0].frame.color());
        assert_eq!((before[0].frame.width(), before[0].frame.height()), (321, 181));
        assert_eq!(looks(&before), looks(&after), "{format}");
        assert!(pictures(&before) == pictures(&after), "{format}");
        assert_eq!(times(&before), times(&after), "{format}");
    }
}

#[test]
fn times_are_exact_with_b_frames() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mp4", &format!("{SOURCE} -c:v libx264 -bf 3 -pix_fmt yuv420p"));
    let expected: Vec<Time> = times(&frames(&from)).iter().map(|t| t.scaled(1, 2)).collect();
    for name in ["out.mp4", "out.mov"] {
        let to = folder.path().join(name);
        let base = TimeBase::new(1, 48000).unwrap();
        let change = |o: &mut ifr_video::OutputOptions| {
            o.time_base = Some(base);
            o.rate = Some(Rate::new(48000, 1001).unwrap());
            o.encoder_options = vec![("bf".to_owned(), "3".to_owned())];
        };
        copy(&from, &to, change, |t| t.scaled(1, 2)).unwrap();
        assert_eq!(times(&frames(&to)), expected, "{name}");
        assert_eq!(probed_times(&to), expected, "{name}");
        let stream = ffprobe(
            "-select_streams v:0 -show_entries stream=time_base,avg_frame_rate,has_b_frames,duration_ts -of default=nw=1",
            &to,
        );
        assert!(stream.contains("time_base=1/48000"), "{stream}");
        assert!(stream.contains("avg_frame_rate=48000/1001"), "{stream}");
        assert!(stream.contains("has_b_frames=2"), "{stream}");
        // 36 frames of 1001 ticks: the last one's length is there too.
        assert!(stream.contains("duration_ts=36036"), "{stream}");
    }
    // Matroska counts milliseconds: each time rounded once.
    let to = folder.path().join("out.mkv");
    copy(&from, &to, |o| o.time_base = Some(TimeBase::new(1, 48000).unwrap()), |t| t.scaled(1, 2)).unwrap();
    let rounded: Vec<Time> = expected.iter().map(|t| Time::new(t.to_pts(TimeBase::MILLIS), 1000)).collect();
    assert_eq!(times(&frames(&to)), rounded);
}

#[test]
fn clips_shorter_than_an_encoders_reordering() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.mp4");
    for count in 1..=4 {
        let source = format!(
            "-f lavfi -i testsrc2=size=64x48:rate=25 -frames:v {count} -c:v ffv1 -pix_fmt yuv420p10le"
        );
        let from = clip(folder.path(), "in.mkv", &source);
        // What the encoder makes of the first two frames' decoding times is chance: once is not enough.
        for _ in 0..6 {
            copy(&from, &to, |o| o.encoder = Some("libx265".to_owned()), |t| t).unwrap();
            assert_eq!(times(&frames(&to)), times(&frames(&from)), "{count}");
            let list = ffprobe("-select_streams v:0 -show_entries packet=pts,dts -of csv=p=0", &to);
            let packets: Vec<(i64, i64)> = list
                .lines()
                .map(|l| {
                    let (pts, dts) = l.trim().trim_end_matches(',').split_once(',').unwrap();
                    (pts.parse().unwrap(), dts.parse().unwrap())
                })
                .collect();
            assert!(packets.iter().all(|(pts, dts)| dts <= pts), "{packets:?}");
            assert!(packets.windows(2).all(|w| w[0].1 < w[1].1), "{packets:?}");
        }
    }
}

#[test]
fn a_start_that_is_not_zero_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mp4", &format!("{SOURCE} -c:v libx264 -pix_fmt yuv420p"));
    for name in ["out.mp4", "out.mkv", "out.ts"] {
        let to = folder.path().join(name);
        let offset = Time::new(1001, 2400);
        copy(&from, &to, |_| {}, |t| t + offset).unwrap();
        let first = frames(&to)[0].pts;
        let expected = match name {
            "out.mkv" => Time::new(offset.to_pts(TimeBase::MILLIS), 1000),
            "out.ts" => first, // starts where its muxer likes
            _ => offset,
        };
        assert_eq!(first, expected, "{name}");
    }
}

#[test]
fn variable_rates_and_last_durations() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.mp4");
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1"));
    let source = open(&from);
    let mut options = options(source.info(), &to);
    (options.rate, options.time_base) = (None, Some(TimeBase::new(1, 600).unwrap()));
    options.encoder = Some("libx264".to_owned());
    let mut sink = ifr_video::create(&options, None).unwrap();
    let ticks = [0_i64, 20, 25, 100, 101, 400];
    for (i, &t) in ticks.iter().enumerate() {
        let frame = Arc::clone(&frames(&from)[i].frame);
        let length = (i == 5).then(|| Time::new(200, 600));
        sink.write_frame(&frame, Time::new(t, 600), length).unwrap();
    }
    sink.finish().unwrap();
    let expected: Vec<Time> = ticks.iter().map(|&t| Time::new(t, 600)).collect();
    assert_eq!(times(&frames(&to)), expected);
    let duration = ffprobe("-select_streams v:0 -show_entries stream=duration -of csv=p=0", &to);
    assert!(duration.trim().starts_with("1.000000"), "{duration}");
}

#[test]
fn colour_shape_and_rotation_are_tagged() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p"));
    let color = ColorDescription {
        matrix: Matrix::BT2020,
        primaries: Primaries::BT2020,
        transfer: Transfer::PQ,
        range: Range::Limited,
        siting: ChromaSiting::TopLeft,
    };
    let turned = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30];
    for (name, encoder) in [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.mov", "libx264"),
        ("b.mp4", "libx265"),
        ("b.mkv", "ffv1"),
    ] {
        let to = folder.path().join(name);
        let change = |o: &mut ifr_video::OutputOptions| {
            o.color = color;
            o.sample_aspect = (4, 3);
            o.rotation = Some(ifr_video::Rotation(turned));
            o.encoder = Some(encoder.to_owned());
            o.preset = encoder.starts_with("libx").then(|| "ultrafast".to_owned());
        };
        copy(&from, &to, change, |t| t).unwrap();
        let source = open(&to);
        let v = &source.info().video;
        assert_eq!(
            (v.color.matrix, v.color.primaries, v.color.transfer),
            (color.matrix, color.primaries, color.transfer),
            "{name}"
        );
        assert_eq!(v.color.range, Range::Limited, "{name}");
        if encoder != "ffv1" {
            assert_eq!(v.color.siting, ChromaSiting::TopLeft, "{name}");
        }
        assert_eq!(v.sample_aspect, (4, 3), "{name}");
        if name.ends_with("mkv") {
            assert!(v.rotation.is_none() || v.rotation == Some(ifr_video::Rotation(turned)));
        } else {
            assert_eq!(v.rotation, Some(ifr_video::Rotation(turned)), "{name}");
        }
    }
}

#[test]
fn odd_sizes_and_rgb_find_a_format() {
    let folder = tempfile::tempdir().unwrap();
    let odd = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.2 -vf scale=321:181 -c:v ffv1 -pix_fmt";
    let from = clip(folder.path(), "odd.mkv", &format!("{odd} yuv420p"));
    let to = folder.path().join("odd.mp4");
    let (summary, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
    assert_eq!(summary.encoder, "libx264");
    assert!(notices.iter().any(|n| n.contains("yuv444p")), "{notices:?}");
    let after = open(&to);
    assert_eq!((after.info().video.width, after.info().video.height), (321, 181));
    // VP9 has odd sizes.
    let to = folder.path().join("odd.webm");
    let (summary, notices) = copy(&from, &to, |o| o.preset = Some("8".to_owned()), |t| t).unwrap();
    assert_eq!(summary.encoder, "libvpx-vp9");
    assert!(notices.len() == 1 && notices[0].contains("source is lossless"), "{notices:?}");
    assert_eq!(open(&to).info().video.format, PixelFormat::YUV420P8);

    let from = clip(folder.path(), "rgb.mkv", &format!("{odd} bgr0"));
    let to = folder.path().join("rgb.mp4");
    let lossless = |o: &mut ifr_video::OutputOptions| o.crf = Some(0.0);
    let (summary, notices) = copy(&from, &to, lossless, |t| t).unwrap();
    assert_eq!((summary.encoder.as_str(), notices.len()), ("libx264rgb", 0), "{notices:?}");
    let (before, after) = (frames(&from), frames(&to));
    assert!(before.iter().zip(&after).all(|(a, b)| a.frame.planes() == b.frame.planes()));
    assert_eq!(after[0].frame.color().matrix, Matrix::RGB);
    // Converted to Y'CbCr when that is asked for.
    let to = folder.path().join("yuv.mp4");
    let change = |o: &mut ifr_video::OutputOptions| {
        o.encoder = Some("libx264".to_owned());
        o.pix_fmt = Some("yuv444p".to_owned());
    };
    copy(&from, &to, change, |t| t).unwrap();
    let info = open(&to).info().clone();
    assert_eq!((info.video.format, info.video.color.matrix), (PixelFormat::YUV444P8, Matrix::BT601));
}

#[test]
fn encoders_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=128x96:rate=25:duration=0.4 -c:v ffv1 -pix_fmt yuv420p",
    );
    for (encoder, name) in [
        ("libx264", "a.mp4"),
        ("libx265", "a.mp4"),
        ("mpeg4", "a.mp4"),
        ("libvpx-vp9", "a.webm"),
        ("libsvtav1", "a.mkv"),
        ("mjpeg", "a.mkv"),
        ("prores_ks", "a.mov"),
        ("huffyuv", "a.mkv"),
        ("mpeg2video", "a.ts"),
        ("libaom-av1", "a.mp4"),
        ("png", "a.mov"),
    ] {
        if !encoders().iter().any(|e| e.name == encoder) {
            continue;
        }
        let to = folder.path().join(name);
        let change = |o: &mut ifr_video::OutputOptions| {
            o.encoder = Some(encoder.to_owned());
            o.crf = Some(20.0);
            if encoder == "libaom-av1" {
                o.preset = Some("8".to_owned());
            }
        };
        let (summary, notices) = copy(&from, &to, change, |t| t).unwrap_or_else(|e| panic!("{encoder}: {e}"));
        assert_eq!((summary.frames, summary.encoder.as_str()), (10, encoder), "{notices:?}");
        assert_eq!(frames(&to).len(), 10, "{encoder}");
        let length = std::fs::metadata(&to).unwrap().len();
        assert_eq!(summary.bytes, length, "{encoder}");
    }
    assert!(ffmpeg_version().chars().next().is_some_and(|c| c.is_ascii_alphanumeric()));
}

#[test]
fn options_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=128x96:rate=25:duration=0.2 -c:v ffv1 -pix_fmt yuv420p",
    );
    let message = |name: &str, change: fn(&mut ifr_video::OutputOptions)| {
        let error = copy(&from, &folder.path().join(name), change, |t| t).unwrap_err();
        assert!(matches!(error, VideoError::Option(_)), "{error:?}");
        error.to_string()
    };
    let text = message("a.mp4", |o| o.encoder = Some("libx246".to_owned()));
    assert!(text.contains("no encoder 'libx246'") && text.contains("libx264"), "{text}");
    let text = message("a.mp4", |o| o.encoder = Some("ffv1".to_owned()));
    assert!(text.contains("mp4 cannot hold ffv1") && text.contains(".mkv"), "{text}");
    let text = message("a.xyz", |_| {});
    assert!(text.contains("a.xyz") && text.contains(".mkv"), "{text}");
    let text = message("a.mp4", |o| o.pix_fmt = Some("bgr24".to_owned()));
    assert!(text.contains("yuv420p"), "{text}");
    let text = message("a.mp4", |o| o.encoder_options = vec![("no_such".to_owned(), "1".to_owned())]);
    assert!(text.contains("no_such"), "{text}");
    let text = message("a.mp4", |o| o.preset = Some("warp".to_owned()));
    assert!(text.contains("warp"), "{text}");
    let text = message("a.mkv", |o| {
        o.encoder = Some("ffv1".to_owned());
        o.preset = Some("slow".to_owned());
    });
    assert!(text.contains("no presets"), "{text}");
    let error = copy(&from, &folder.path().join("no/such/a.mp4"), |_| {}, |t| t).unwrap_err();
    assert!(matches!(error, VideoError::Io { action: "create", .. }), "{error:?}");
}

#[test]
fn containers_that_suit() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mp4", &format!("{SOURCE} -c:v libx264 -pix_fmt yuv420p"));
    let info = open(&from).info().clone();
    let choice = container_for(&info, None);
    assert_eq!((choice.extension.as_str(), choice.muxer.as_str(), choice.notices.len()), ("mp4", "mp4", 0));
    let choice = container_for(&info, Some("x.MKV".as_ref()));
    assert_eq!((choice.extension.as_str(), choice.muxer.as_str()), ("MKV", "matroska"));
    let from = clip(folder.path(), "in.avi", &format!("{SOURCE} -c:v mpeg4"));
    assert_eq!(container_for(open(&from).info(), None).muxer, "matroska");
    let from = clip(folder.path(), "in.mov", &format!("{SOURCE} -c:v libx264 -pix_fmt yuv420p"));
    assert_eq!(container_for(open(&from).info(), None).muxer, "mov");
}

#[test]
fn frames_of_another_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=128x96:rate=25:duration=0.2 -c:v ffv1 -pix_fmt yuv420p",
    );
    let info = open(&from).info().clone();
    let mut sink = ifr_video::create(&options(&info, &folder.path().join("a.mp4")), Some(&info)).unwrap();
    let other = Frame::black(PixelFormat::YUV422P8, 128, 96, info.video.color).unwrap();
    assert!(sink.write_frame(&other, Time::ZERO, None).is_err());
    let same = Frame::black(PixelFormat::YUV420P8, 128, 96, info.video.color).unwrap();
    sink.write_frame(&same, Time::ZERO, None).unwrap();
    assert_eq!(sink.finish().unwrap().frames, 1);
}

#[test]
fn a_run_that_stops_halfway_leaves_a_file_that_plays() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mp4", &format!("{SOURCE} -c:v libx264 -pix_fmt yuv420p"));
    let mut source = open(&from);
    let info = source.info().clone();
    let to = folder.path().join("out.partial.mp4");
    let mut sink = ifr_video::create(&options(&info, &to), Some(&info)).unwrap();
    for _ in 0..10 {
        if let Some(Item::Frame(f)) = source.next().unwrap() {
            sink.write_frame(&f.frame, f.pts, f.duration).unwrap();
        }
    }
    sink.finish().unwrap();
    assert_eq!(times(&frames(&to)), times(&frames(&from))[..10]);
}

/// SVT-AV1 is known to wait for ever here.
#[test]
fn encoders_can_be_closed_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=128x96:rate=25:duration=0.4 -c:v ffv1 -pix_fmt yuv420p",
    );
    let (frames, info) = (frames(&from), open(&from).info().clone());
    for encoder in ["libx264", "libx265", "libsvtav1", "libvpx-vp9", "libaom-av1", "librav1e", "prores_ks"] {
        if !encoders().iter().any(|e| e.name == encoder) {
            continue;
        }
        let mut options = options(&info, &folder.path().join("out.mkv"));
        options.encoder = Some(encoder.to_owned());
        for count in [0, 1, 10] {
            let mut sink = ifr_video::create(&options, None).unwrap();
            for f in &frames[..count] {
                sink.write_frame(&f.frame, f.pts, f.duration).unwrap();
            }
            drop(sink);
        }
        // Segments may be without frames.
        let (label, path) = (SegmentLabel { job: [7; 16], index: 0 }, folder.path().join("0.seg"));
        let summary = SegmentSink::create(&path, &label, &options, None, None).unwrap().finish().unwrap();
        assert_eq!((summary.frames, Segment::open(&path).unwrap().frames()), (0, 0), "{encoder}");
    }
}
