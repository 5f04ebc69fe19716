//! Animated GIF and WebP.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod pictures;

use std::fs;
use std::path::Path;

use ifr_frame::{ColorDescription, Frame, PixelFormat, Rate, Samples, Time};
use ifr_video::{anim, images};
use pictures::{Random, collect, command, mean_difference, options, pattern, random};

const SRGB: ColorDescription = ColorDescription::SRGB;
const RGBA: PixelFormat = PixelFormat { alpha: true, ..PixelFormat::RGB8 };

/// Writes frames at the given times in milliseconds, the last until the last time.
fn write(path: &Path, frames: &[Frame], millis: &[i64], extra: &[(&str, &str)]) -> u64 {
    let mut out = options(path.to_owned(), &frames[0], None);
    out.encoder_options = extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut sink = anim::create(&out).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        let (start, end) = (Time::new(millis[i], 1000), Time::new(millis[i + 1], 1000));
        sink.write_frame(frame, start, Some(end - start)).unwrap();
    }
    let summary = sink.finish().unwrap();
    assert_eq!(summary.bytes, path.metadata().unwrap().len());
    summary.frames
}

/// A frame of few colours: a square that moves over a ground.
fn square(format: PixelFormat, at: usize) -> Frame {
    let (w, h) = (31, 17);
    let inside = |i: usize| (at..at + 8).contains(&(i % w)) && (4..12).contains(&(i / w));
    let ground = if format.alpha { 0 } else { 90 };
    let plane = |p: usize| {
        let of = |i: usize| if inside(i) { [250, 20, 130, 255][p] } else { [ground, ground, ground, 0][p] };
        Samples::U8((0..w * h).map(of).collect())
    };
    Frame::new(format, w, h, (0..format.planes()).map(plane).collect(), SRGB).unwrap()
}

#[test]
fn gif_of_few_colours_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    for format in [PixelFormat::RGB8, RGBA] {
        // The fourth frame repeats the third, the last one is the first.
        let frames: Vec<_> = [0, 5, 9, 9, 23, 0].map(|at| square(format, at)).into();
        let millis = [500, 540, 610, 650, 2650, 2700, 3000];
        assert_eq!(write(&path, &frames, &millis, &[]), 6);
        let mut source = anim::open(&path).unwrap();
        let info = source.info().clone();
        assert_eq!((info.container.as_str(), info.video.format), ("gif", format));
        assert_eq!((info.video.frames, info.video.duration), (Some(6), Some(Time::new(5, 2))));
        assert_eq!(info.video.rate, None);
        let read = collect(source.as_mut());
        assert_eq!(read.len(), 6);
        for (i, (timed, frame)) in read.iter().zip(&frames).enumerate() {
            assert_eq!(*timed.frame, *frame, "frame {i} {format}");
            assert_eq!(timed.pts, Time::new(millis[i] - 500, 1000));
            assert_eq!(timed.duration, Some(Time::new(millis[i + 1] - millis[i], 1000)));
        }
    }
}

#[test]
fn gif_of_many_colours_is_close_and_still_areas_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    // The left half moves, the right half has noise of one code.
    let frames: Vec<_> = (0..6)
        .map(|i| {
            let (moving, still) = (
                pattern(PixelFormat::RGB8, 96, 64, SRGB, 9 * i),
                pattern(PixelFormat::RGB8, 96, 64, SRGB, 0),
            );
            let mut noise = Random::new(i);
            let planes = (0..3)
                .map(|p| {
                    let (a, b) = (moving.planes()[p].as_u8().unwrap(), still.planes()[p].as_u8().unwrap());
                    Samples::U8(
                        (0..a.len())
                            .map(|k| if k % 96 < 48 { a[k] } else { b[k] + (noise.next() % 2) as u8 })
                            .collect(),
                    )
                })
                .collect();
            Frame::new(PixelFormat::RGB8, 96, 64, planes, SRGB).unwrap()
        })
        .collect();
    let millis: Vec<_> = (0..7).map(|i| 40 * i).collect();
    write(&path, &frames, &millis, &[]);
    let read = collect(anim::open(&path).unwrap().as_mut());
    for (timed, frame) in read.iter().zip(&frames) {
        let difference = mean_difference(&timed.frame, frame);
        assert!(difference < 6.0, "{difference}");
    }
    for plane in 0..3 {
        let right = |i: usize| {
            let v = read[i].frame.planes()[plane].as_u8().unwrap();
            v.chunks(96).map(|row| row[48..].to_vec()).collect::<Vec<_>>()
        };
        assert!((1..6).all(|i| right(i) == right(0)), "still areas flicker");
    }
}

#[test]
fn gif_delays_do_not_drift() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    let rate = Rate::new(24_000, 1001).unwrap();
    let frames = [square(PixelFormat::RGB8, 0), square(PixelFormat::RGB8, 5)];
    let mut sink = anim::create(&options(path.clone(), &frames[0], Some(rate))).unwrap();
    for i in 0..240 {
        sink.write_frame(&frames[i % 2], rate.time_of(i as i64), None).unwrap();
    }
    sink.finish().unwrap();
    let info = anim::open(&path).unwrap().info().clone();
    assert_eq!((info.video.frames, info.video.duration), (Some(240), Some(Time::new(1001, 100))));
}

#[test]
fn short_gif_delays_are_those_of_browsers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 1, 1, &[1, 2, 3]).unwrap();
    for delay in [0, 1, 2, 3] {
        let frame =
            gif::Frame { delay, width: 1, height: 1, buffer: vec![0].into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    fs::write(&path, file).unwrap();
    let read = collect(anim::open(&path).unwrap().as_mut());
    let durations: Vec<_> = read.iter().map(|t| t.duration.unwrap()).collect();
    assert_eq!(durations, [10, 10, 2, 3].map(|d| Time::new(d, 100)));
}

#[test]
fn gif_frames_are_disposed_of() {
    use gif::DisposalMethod::{Background, Keep, Previous};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 3, 1, &[10, 10, 10, 20, 20, 20, 30, 30, 30]).unwrap();
    for (index, left, width, dispose) in
        [(0, 0, 3, Keep), (1, 1, 1, Previous), (2, 2, 1, Background), (1, 0, 1, Keep)]
    {
        let frame = gif::Frame {
            delay: 5,
            left,
            width,
            height: 1,
            dispose,
            buffer: vec![index; width.into()].into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    fs::write(&path, file).unwrap();
    let read = collect(anim::open(&path).unwrap().as_mut());
    let plane = |i: usize, p: usize| read[i].frame.planes()[p].as_u8().unwrap().to_vec();
    assert_eq!(plane(0, 0), [10, 10, 10]);
    assert_eq!(plane(1, 0), [10, 20, 10]);
    assert_eq!(plane(2, 0), [10, 10, 30]);
    assert_eq!((plane(3, 0), plane(3, 3)), (vec![20, 10, 0], vec![255, 255, 0]));
}

#[test]
fn webp_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.webp");
    for format in [PixelFormat::RGB8, RGBA] {
        let mut frames: Vec<_> = (0..3).map(|i| random(format, 31, 17, SRGB, i)).collect();
        frames.push(frames[2].clone());
        frames.extend([7, 8, 8].map(|at| square(format, at)));
        let millis = [100, 133, 167, 200, 1200, 1201, 1300, 1350];
        assert_eq!(write(&path, &frames, &millis, &[("loop", "3")]), 7);
        assert!(anim::is_animation(&path));
        assert_eq!(anim::plays(&path).unwrap(), 3);
        let mut source = anim::open(&path).unwrap();
        let info = source.info().clone();
        assert_eq!((info.container.as_str(), info.video.format), ("webp", format));
        assert_eq!((info.video.frames, info.video.duration), (Some(7), Some(Time::new(5, 4))));
        let read = collect(source.as_mut());
        assert_eq!(read.len(), 7);
        for (i, (timed, frame)) in read.iter().zip(&frames).enumerate() {
            assert_eq!(*timed.frame, *frame, "frame {i} {format}");
            assert_eq!(timed.pts, Time::new(millis[i] - 100, 1000));
        }
    }
}

#[test]
fn alpha_is_what_is_seen_not_what_is_announced() {
    let dir = tempfile::tempdir().unwrap();
    let opaque = |seed| {
        let plain = random(PixelFormat::RGB8, 12, 9, SRGB, seed);
        let mut planes: Vec<_> = plain.planes().iter().map(|p| p.samples.clone()).collect();
        planes.push(Samples::U8(vec![255; 12 * 9]));
        Frame::new(RGBA, 12, 9, planes, SRGB).unwrap()
    };
    for name in ["a.webp", "a.gif"] {
        let path = dir.path().join(name);
        write(&path, &[opaque(1), opaque(2)], &[0, 100, 200], &[]);
        assert!(!anim::open(&path).unwrap().info().video.format.alpha, "{name}");
        write(&path, &[opaque(1), random(RGBA, 12, 9, SRGB, 2)], &[0, 100, 200], &[]);
        assert!(anim::open(&path).unwrap().info().video.format.alpha, "{name}");
    }
}

#[test]
fn a_webp_that_was_never_finished_plays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.webp");
    let frames: Vec<_> = (0..4).map(|i| random(PixelFormat::RGB8, 20, 10, SRGB, i)).collect();
    let mut sink = anim::create(&options(path.clone(), &frames[0], None)).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        sink.write_frame(frame, Time::new(i as i64, 10), None).unwrap();
    }
    drop(sink);
    let read = collect(anim::open(&path).unwrap().as_mut());
    assert_eq!(read.len(), 3);
    assert!(read.iter().zip(&frames).all(|(a, b)| *a.frame == *b));
}

#[test]
fn loops_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let frames = [square(PixelFormat::RGB8, 0), square(PixelFormat::RGB8, 5)];
    for name in ["a.gif", "a.webp"] {
        let path = dir.path().join(name);
        for plays in [0, 1, 2, 7] {
            write(&path, &frames, &[0, 100, 200], &[("loop", &plays.to_string())]);
            assert_eq!(anim::plays(&path).unwrap(), plays, "{name}");
        }
        let mut out = options(path, &frames[0], None);
        out.encoder_options = vec![("loop".to_owned(), "-1".to_owned())];
        assert!(anim::create(&out).is_err());
    }
}

#[test]
fn cut_and_damaged_animations_yield_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let frames: Vec<_> = (0..4).map(|i| pattern(PixelFormat::RGB8, 40, 30, SRGB, 11 * i)).collect();
    for name in ["a.gif", "a.webp"] {
        let path = dir.path().join(name);
        write(&path, &frames, &[0, 100, 200, 300, 400], &[]);
        let whole = fs::read(&path).unwrap();
        let expected = collect(anim::open(&path).unwrap().as_mut());
        let mut most = 0;
        for cut in (0..whole.len()).step_by(97) {
            fs::write(&path, &whole[..cut]).unwrap();
            let Ok(mut source) = anim::open(&path) else { continue };
            let mut read = 0;
            while let Ok(Some(ifr_video::Item::Frame(timed))) = source.next() {
                assert_eq!(*timed.frame, *expected[read].frame, "{name} cut at {cut}");
                read += 1;
            }
            most = most.max(read);
        }
        assert_eq!(most, 3, "{name}");
        let mut random = Random::new(3);
        for _ in 0..200 {
            let mut damaged = whole.clone();
            for _ in 0..1 + random.next() % 4 {
                let limit = if random.next().is_multiple_of(2) { 60 } else { damaged.len() };
                let at = random.next() as usize % limit;
                damaged[at] = random.next() as u8;
            }
            fs::write(&path, &damaged).unwrap();
            let Ok(mut source) = anim::open(&path) else { continue };
            for _ in 0..10 {
                if !matches!(source.next(), Ok(Some(_))) {
                    break;
                }
            }
        }
    }
    pictures::assert_peak_memory_below(2 << 30);
}

#[test]
fn huge_canvases_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 65_535, 65_535, &[1, 2, 3]).unwrap();
    let frame = gif::Frame { width: 1, height: 1, buffer: vec![0].into(), ..gif::Frame::default() };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    fs::write(&path, file).unwrap();
    let error = anim::open(&path).err().unwrap().to_string();
    assert!(error.contains("65535x65535"), "{error}");
}

#[test]
fn names_and_contents() {
    assert!(anim::is_animation_name(Path::new("a.GIF")));
    assert!(anim::is_animation_name(Path::new("a.webp")));
    assert!(!anim::is_animation_name(Path::new("a_%03d.webp")));
    assert!(!anim::is_animation(Path::new("none.gif")));
    let dir = tempfile::tempdir().unwrap();
    let still = dir.path().join("still.webp");
    images::write_image(&still, &square(PixelFormat::RGB8, 3)).unwrap();
    assert!(!anim::is_animation(&still) && images::is_sequence(&still));
    let moving = dir.path().join("moving.webp");
    write(&moving, &[square(PixelFormat::RGB8, 3)], &[0, 10], &[]);
    assert!(anim::is_animation(&moving) && !images::is_sequence(&moving));
    assert!(!images::is_sequence_name(Path::new("a.webp")));
    assert!(anim::open(&still).is_err());
}

#[test]
fn agrees_with_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    // Theirs in: an animated WebP of lossless frames, partly transparent blends included.
    let theirs = dir.path().join("theirs.webp");
    let source = ["-f", "lavfi", "-i", "testsrc=s=50x40:r=10", "-frames:v", "5"];
    let encoder = ["-c:v", "libwebp_anim", "-lossless", "1", "-pix_fmt", "bgra", "-loop", "2"];
    if !command("ffmpeg", &[&source[..], &encoder[..]].concat(), &theirs) {
        eprintln!("no ffmpeg: not compared");
        return;
    }
    let raw = dir.path().join("raw");
    assert!(command("ffmpeg", &[&source[..], &["-f", "rawvideo", "-pix_fmt", "gbrp"]].concat(), &raw));
    let raw = fs::read(raw).unwrap();
    let read = collect(anim::open(&theirs).unwrap().as_mut());
    assert_eq!((read.len(), anim::plays(&theirs).unwrap()), (5, 2));
    for (i, (timed, expected)) in read.iter().zip(raw.chunks(50 * 40 * 3)).enumerate() {
        assert_eq!(timed.pts, Time::new(i as i64, 10));
        let planes = timed.frame.planes();
        let ours: Vec<u8> =
            [1, 2, 0].iter().flat_map(|&p: &usize| planes[p].as_u8().unwrap()).copied().collect();
        assert_eq!(ours, expected, "frame {i}");
    }
    // Ours out: FFmpeg reads the same pictures and times from a GIF.
    let ours = dir.path().join("ours.gif");
    let frames: Vec<_> = [0, 5, 9, 23].map(|at| square(PixelFormat::RGB8, at)).into();
    write(&ours, &frames, &[0, 40, 80, 120, 160], &[]);
    let raw = dir.path().join("raw2");
    let args =
        ["-i", ours.to_str().unwrap(), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gbrp"];
    assert!(command("ffmpeg", &args, &raw));
    let raw = fs::read(raw).unwrap();
    assert_eq!(raw.len(), 4 * 31 * 17 * 3);
    for (frame, theirs) in frames.iter().zip(raw.chunks(31 * 17 * 3)) {
        let expected: Vec<u8> =
            [1, 2, 0].iter().flat_map(|&p: &usize| frame.planes()[p].as_u8().unwrap()).copied().collect();
        assert_eq!(expected, theirs);
    }
}
