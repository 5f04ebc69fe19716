//! What comes out of a container is what FFmpeg's own command makes of it: samples and times.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use ifr_frame::{ColorModel, Matrix, PixelFormat, Primaries, Range, Subsampling, Time, Transfer};
use ifr_video::{Fields, Item, OpenOptions};
use support::{clip, ffmpeg, frames, open, probed_times, raw, times};

fn same_samples(name: &str, arguments: &str, raw_format: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), name, arguments);
    let expected = ffmpeg(
        &format!("-i {{}} -map 0:v:0 -fps_mode passthrough -f rawvideo -pix_fmt {raw_format} -"),
        &[&path],
    );
    let frames = frames(&path);
    assert!(!frames.is_empty());
    let found: Vec<u8> = frames.iter().flat_map(|f| raw(&f.frame)).collect();
    assert!(found == expected, "{name} {arguments}: {} bytes, expected {}", found.len(), expected.len());
    assert_eq!(times(&frames), probed_times(&path), "{name}");
}

const SOURCE: &str = "-f lavfi -i testsrc2=size=320x180:rate=30000/1001:duration=1.2";

#[test]
fn samples_and_times_of_h264_with_b_frames() {
    let b = "-c:v libx264 -preset medium -bf 3 -g 20 -pix_fmt yuv420p";
    same_samples("a.mp4", &format!("{SOURCE} {b}"), "yuv420p");
    same_samples("a.mkv", &format!("{SOURCE} {b}"), "yuv420p");
    same_samples("a.ts", &format!("{SOURCE} {b}"), "yuv420p");
    same_samples("a.mov", &format!("{SOURCE} {b} -video_track_timescale 48000"), "yuv420p");
}

#[test]
fn samples_of_many_layouts() {
    let odd = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.2 -vf scale=321:181";
    let lossless = |format: &str| format!("{odd} -c:v ffv1 -pix_fmt {format}");
    for format in [
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "yuv440p",
        "yuv411p",
        "yuv410p",
        "yuva420p",
        "gray",
        "yuv420p10le",
        "yuv422p12le",
        "yuv444p16le",
        "gray10le",
        "gray16le",
        "yuva444p10le",
    ] {
        same_samples("a.mkv", &lossless(format), format);
    }
    // FFV1 has RGB as bgr0 or gbrp*.
    for (format, planar) in
        [("bgr0", "gbrp"), ("bgra", "gbrap"), ("gbrp10le", "gbrp10le"), ("gbrap16le", "gbrap16le")]
    {
        rgb_samples(&lossless(format), planar);
    }
    let even = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.2 -c:v rawvideo -pix_fmt";
    for (format, planar) in [
        ("nv12", "yuv420p"),
        ("nv21", "yuv420p"),
        ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"),
        ("yuv420p10be", "yuv420p10le"),
        ("gray16be", "gray16le"),
    ] {
        same_samples("a.nut", &format!("{even} {format}"), planar);
    }
    for (format, planar) in
        [("rgb24", "gbrp"), ("bgr24", "gbrp"), ("argb", "gbrap"), ("0rgb", "gbrp"), ("rgb48be", "gbrp16le")]
    {
        rgb_samples_in("a.nut", &format!("{even} {format}"), planar);
    }
}

fn rgb_samples(arguments: &str, planar: &str) {
    rgb_samples_in("a.mkv", arguments, planar);
}

/// FFmpeg's planes are G, B, R; ours are R, G, B.
fn rgb_samples_in(name: &str, arguments: &str, planar: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), name, arguments);
    let expected = ffmpeg(&format!("-i {{}} -f rawvideo -pix_fmt {planar} -"), &[&path]);
    let mut found = Vec::new();
    for f in frames(&path) {
        let format = f.frame.format();
        assert_eq!(format.model, ColorModel::Rgb);
        let plane = raw(&f.frame);
        let size = plane.len() / format.planes();
        let planes: Vec<&[u8]> = plane.chunks(size).collect();
        for i in [1, 2, 0, 3] {
            found.extend_from_slice(planes.get(i).copied().unwrap_or_default());
        }
    }
    assert!(found == expected, "{arguments}: {} bytes, expected {}", found.len(), expected.len());
}

#[test]
fn palettes_are_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(
        folder.path(),
        "a.mov",
        "-f lavfi -i testsrc=size=64x48:rate=5:duration=0.4 -pix_fmt rgb24 -c:v qtrle",
    );
    let all = frames(&path);
    assert_eq!(all[0].frame.format(), PixelFormat::RGB8);
    let path = clip(
        folder.path(),
        "b.nut",
        "-f lavfi -i testsrc=size=64x48:rate=5:duration=0.4 -c:v rawvideo -pix_fmt pal8",
    );
    let expected = ffmpeg("-i {} -f rawvideo -pix_fmt rgb24 -frames:v 1 -", &[&path]);
    let all = frames(&path);
    assert_eq!(all[0].frame.format(), PixelFormat::RGB8);
    for (i, plane) in all[0].frame.planes().iter().enumerate() {
        assert!(plane.as_u8().unwrap().iter().eq(expected.iter().skip(i).step_by(3)));
    }
}

#[test]
fn what_the_file_says_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(
        folder.path(),
        "a.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=24000/1001:duration=1.001 -f lavfi -i sine=duration=1:sample_rate=48000 \
         -c:v libx264 -pix_fmt yuv420p -color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv \
         -vf setsar=4/3 -c:a aac -ac 2 -metadata:s:a:0 language=eng",
    );
    let source = open(&path);
    let info = source.info();
    let v = &info.video;
    assert_eq!((v.width, v.height, v.format), (320, 180, PixelFormat::YUV420P8));
    assert_eq!(v.rate.unwrap().to_string(), "24000/1001");
    assert_eq!(v.time_base.to_string(), "1/24000");
    assert_eq!(v.frames, Some(24));
    assert_eq!(v.sample_aspect, (4, 3));
    assert_eq!(v.codec, "h264");
    assert!(!v.lossless && v.rotation.is_none());
    assert_eq!(
        (v.color.matrix, v.color.primaries, v.color.transfer),
        (Matrix::BT709, Primaries::BT709, Transfer::BT709)
    );
    assert_eq!(v.color.range, Range::Limited);
    assert_eq!(info.others, ["audio aac 48000 Hz stereo (eng)"]);
    assert!(info.container.starts_with("mov,mp4"));
    assert!(info.bytes.unwrap() > 1000);
}

#[test]
fn full_range_and_subsampling_of_jpeg() {
    let folder = tempfile::tempdir().unwrap();
    let path = clip(folder.path(), "a.avi", &format!("{SOURCE} -c:v mjpeg -pix_fmt yuvj422p"));
    let source = open(&path);
    let v = &source.info().video;
    assert_eq!(v.format, PixelFormat::yuv(Subsampling::S422, 8));
    assert_eq!(v.color.range, Range::Full);
}

#[test]
fn beginning_later_is_beginning_at_a_key_frame_before() {
    let folder = tempfile::tempdir().unwrap();
    let coded = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=4 -c:v libx264 -preset ultrafast -g 5 -keyint_min 5";
    let first = |path: &std::path::Path, fields| {
        let seek = Some(Time::new(2, 1));
        let options = OpenOptions { seek, fields, ..OpenOptions::default() };
        let mut source = ifr_video::open(path, &options).unwrap();
        loop {
            if let Some(Item::Frame(frame)) = source.next().unwrap() {
                return frame.pts;
            }
        }
    };
    let file = clip(folder.path(), "a.mp4", coded);
    for fields in [Fields::Keep, Fields::Double, Fields::Merge] {
        let at = first(&file, fields);
        assert!(Time::new(1, 1) < at && at <= Time::new(2, 1), "{fields:?}: {at}");
    }
    // A clock that may start anew is followed from the beginning.
    let stream = clip(folder.path(), "a.ts", coded);
    assert_eq!(first(&stream, Fields::Keep), frames(&stream)[0].pts);
}
