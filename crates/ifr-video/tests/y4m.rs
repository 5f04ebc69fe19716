//! YUV4MPEG2 streams.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod pictures;

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ifr_frame::{
    ChromaSiting, ColorDescription, ColorModel, Frame, PixelFormat, Range, Rate, Subsampling, Time,
};
use ifr_video::y4m::{self, Interlacing, Y4mHeader, Y4mReader};
use ifr_video::{VideoError, y4m::Y4mSource};
use pictures::{Random, collect, command, options, pattern, random};

const S411: Subsampling = Subsampling { log2_x: 2, log2_y: 0 };

fn layouts() -> Vec<PixelFormat> {
    let yuv = [Subsampling::S420, Subsampling::S422, Subsampling::S444];
    let mut all = vec![
        PixelFormat::yuv(S411, 8),
        PixelFormat { alpha: true, ..PixelFormat::YUV444P8 },
        PixelFormat::GRAY8,
    ];
    for depth in [8, 9, 10, 12, 14, 16] {
        all.extend(yuv.map(|s| PixelFormat::yuv(s, depth)));
        all.push(PixelFormat { depth, ..PixelFormat::GRAY8 });
    }
    all
}

fn color(range: Range, siting: ChromaSiting) -> ColorDescription {
    ColorDescription { range, siting, ..ColorDescription::default() }
}

fn stream(path: &Path, frames: &[Frame], rate: Rate) -> Vec<u8> {
    let mut sink = y4m::create(&options(path.to_owned(), &frames[0], Some(rate))).unwrap();
    for (i, frame) in frames.iter().enumerate() {
        sink.write_frame(frame, rate.time_of(i as i64), None).unwrap();
    }
    let summary = sink.finish().unwrap();
    let bytes = fs::read(path).unwrap();
    assert_eq!((summary.frames, summary.bytes), (frames.len() as u64, bytes.len() as u64));
    bytes
}

#[test]
fn all_layouts_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.y4m");
    let rate = Rate::new(24_000, 1001).unwrap();
    for format in layouts() {
        for (range, siting) in [
            (Range::Full, ChromaSiting::Center),
            (Range::Limited, ChromaSiting::Left),
            (Range::Unspecified, ChromaSiting::TopLeft),
        ] {
            let is_420 = format.model == ColorModel::Yuv(Subsampling::S420) && format.depth == 8;
            let siting = if is_420 { siting } else { ChromaSiting::Unspecified };
            // Odd sizes round up.
            let frames: Vec<_> = (0..3).map(|i| random(format, 19, 11, color(range, siting), i)).collect();
            stream(&path, &frames, rate);
            let mut source = y4m::open(&path).unwrap();
            let info = source.info().clone();
            assert_eq!(info.video.format, format);
            assert_eq!(info.video.color, color(range, siting), "{format}");
            assert_eq!((info.video.rate, info.video.frames), (Some(rate), Some(3)));
            assert_eq!(info.container, "y4m");
            let read = collect(source.as_mut());
            assert_eq!(read.len(), 3);
            for (i, (timed, frame)) in read.iter().zip(&frames).enumerate() {
                assert_eq!(*timed.frame, *frame, "{format}");
                assert_eq!(timed.pts, Time::new(1001 * i as i64, 24_000));
            }
        }
    }
}

#[test]
fn headers_of_other_programs() {
    let parse = |text: &str| Y4mHeader::parse(text.as_bytes(), Path::new("x"));
    let header = parse("YUV4MPEG2 W352 H288 F30000:1001 Ip A128:117 C420jpeg XYSCSS=420JPEG XC444").unwrap();
    assert_eq!((header.width, header.height, header.sample_aspect), (352, 288, (128, 117)));
    assert_eq!(header.rate, Some(Rate::new(30_000, 1001).unwrap()));
    assert_eq!((header.format, header.color.siting), (PixelFormat::YUV420P8, ChromaSiting::Center));
    let header = parse("YUV4MPEG2 W2 H2").unwrap();
    assert_eq!((header.rate, header.format, header.sample_aspect), (None, PixelFormat::YUV420P8, (1, 1)));
    let header = parse("YUV4MPEG2 H4 W6 F0:0 It A0:0 C422p10 XCOLORRANGE=FULL").unwrap();
    assert_eq!((header.rate, header.interlacing), (None, Interlacing::Fields));
    assert_eq!((header.format.depth, header.color.range), (10, Range::Full));
    assert_eq!(parse("YUV4MPEG2 W4 H4 C420paldv").unwrap().color.siting, ChromaSiting::TopLeft);
    assert_eq!(parse("YUV4MPEG2 W4 H4 Im Cmono16").unwrap().format.depth, 16);
}

#[test]
fn hostile_headers_are_errors() {
    for text in [
        "",
        "\n",
        "RIFF....",
        "YUV4MPEG W4 H4\n",
        "YUV4MPEG2X W4 H4\n",
        "YUV4MPEG2 W4\n",
        "YUV4MPEG2 W0 H4\n",
        "YUV4MPEG2 W-4 H4\n",
        "YUV4MPEG2 W4 H99999999999999999999\n",
        "YUV4MPEG2 W65535 H65535\n",
        "YUV4MPEG2 W70000 H1\n",
        "YUV4MPEG2 W4 H4 F1\n",
        "YUV4MPEG2 W4 H4 F1:0\n",
        "YUV4MPEG2 W4 H4 F4294967295:1\n",
        "YUV4MPEG2 W4 H4 C420p17\n",
        "YUV4MPEG2 W4 H4 C420p8\n",
        "YUV4MPEG2 W4 H4 C411p10\n",
        "YUV4MPEG2 W4 H4 Cmono0\n",
        "YUV4MPEG2 W4 H4 C\n",
    ] {
        assert!(Y4mReader::new(Cursor::new(text), "x").is_err(), "{text}");
    }
    let endless = format!("YUV4MPEG2 W4 H4 X{}", "c".repeat(1 << 20));
    let error = Y4mReader::new(Cursor::new(endless), "x").unwrap_err().to_string();
    assert!(error.contains("4096"), "{error}");
    assert!(Y4mReader::new(Cursor::new(b"YUV4MPEG2 W4 H4 X\xff\xfe\n"), "x").is_err());
}

#[test]
fn a_promise_allocates_nothing() {
    let text = "YUV4MPEG2 W16384 H16384 C444p16\nFRAME\nabc";
    let mut reader = Y4mReader::new(Cursor::new(text), "x").unwrap();
    assert!(reader.next_frame().unwrap().is_none());
    assert!(reader.is_truncated());
    pictures::assert_peak_memory_below(256 << 20);
}

#[test]
fn cut_streams_yield_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.y4m");
    let frames: Vec<_> =
        (0..3).map(|i| random(PixelFormat::YUV420P8, 16, 16, ColorDescription::default(), i)).collect();
    let bytes = stream(&path, &frames, Rate::new(25, 1).unwrap());
    let header = bytes.iter().position(|&b| b == b'\n').unwrap() + 1;
    let frame = 384 + 6;
    for (cut, whole, skipped) in [
        (header, 0, 0),
        (header + 3, 0, 1),
        (header + frame, 1, 0),
        (bytes.len() - 1, 2, 1),
        (bytes.len(), 3, 0),
    ] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let mut source = y4m::open(&path).unwrap();
        let read = collect(source.as_mut());
        assert_eq!((read.len(), source.skipped()), (whole, skipped), "cut at {cut}");
        assert!(read.iter().zip(&frames).all(|(a, b)| a.frame.planes() == b.planes()));
    }
    let mut damaged = bytes.clone();
    damaged[header + frame] = b'X';
    fs::write(&path, &damaged).unwrap();
    let mut source = Y4mSource::open(&path).unwrap();
    use ifr_video::Source;
    assert!(source.next().unwrap().is_some());
    let error = source.next().unwrap_err().to_string();
    assert!(error.contains("after frame 1"), "{error}");
}

#[test]
fn frame_headers_may_have_tags() {
    let text = b"YUV4MPEG2 W2 H1 Cmono\nFRAME Ixyz XABC\nabFRAME\ncd";
    let mut reader = Y4mReader::new(Cursor::new(text), "x").unwrap();
    for expected in [b"ab", b"cd"] {
        let frame = reader.next_frame().unwrap().unwrap();
        assert_eq!(frame.planes()[0].as_u8().unwrap(), expected);
    }
    assert!(reader.next_frame().unwrap().is_none() && !reader.is_truncated());
}

#[test]
fn samples_stay_within_their_depth() {
    let text = b"YUV4MPEG2 W2 H1 Cmono10\nFRAME\n\xff\xff\x01\x02";
    let mut reader = Y4mReader::new(Cursor::new(text), "x").unwrap();
    assert_eq!(reader.next_frame().unwrap().unwrap().planes()[0].as_u16().unwrap(), [1023, 513]);
}

/// What `fuzz/fuzz_targets/y4m.rs` does with mutations of its own.
#[test]
fn mutations_neither_panic_nor_swell() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    let mut cases = 0;
    for format in layouts() {
        let frames: Vec<_> =
            (0..2).map(|i| pattern(format, 10, 6, color(Range::Full, ChromaSiting::Left), i)).collect();
        let seed = stream(&dir.path().join("a.y4m"), &frames, Rate::new(25, 1).unwrap());
        let header = seed.iter().position(|&b| b == b'\n').unwrap() + 8;
        for _ in 0..150 {
            let mut bytes = seed.clone();
            for _ in 0..1 + random.next() % 4 {
                if bytes.is_empty() {
                    break;
                }
                let at = random.next() as usize
                    % if random.next().is_multiple_of(4) { bytes.len() } else { header };
                let at = at.min(bytes.len() - 1);
                match random.next() % 5 {
                    0 => bytes[at] = random.next() as u8,
                    1 => bytes[at] = b"0123456789 :\nWHFCAIXp"[random.next() as usize % 21],
                    2 => bytes.insert(at, b"0123456789 :\nWHFCAIXp"[random.next() as usize % 21]),
                    3 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            cases += 1;
            let Ok(mut reader) = Y4mReader::new(Cursor::new(&bytes), "x") else { continue };
            let mut read = 0;
            while let Ok(Some(frame)) = reader.next_frame() {
                read += 1;
                assert_eq!(frame.format(), reader.header().format);
                assert!(read <= bytes.len());
            }
        }
    }
    assert!(cases >= 3000);
    pictures::assert_peak_memory_below(256 << 20);
}

#[test]
fn sinks_want_a_rate_and_a_name_for_the_layout() {
    let dir = tempfile::tempdir().unwrap();
    let frame = random(PixelFormat::YUV420P8, 8, 8, ColorDescription::default(), 1);
    let mut out = options(dir.path().join("a.y4m"), &frame, None);
    let error = y4m::create(&out).err().unwrap();
    assert!(matches!(&error, VideoError::Option(text) if text.contains("constant rate")), "{error}");
    out.rate = Some(Rate::new(25, 1).unwrap());
    out.format = PixelFormat::yuv(Subsampling { log2_x: 0, log2_y: 1 }, 8);
    assert!(matches!(y4m::create(&out), Err(VideoError::Unsupported { .. })));
    out.format = frame.format();
    let mut sink = y4m::create(&out).unwrap();
    let other = random(PixelFormat::YUV420P8, 8, 6, ColorDescription::default(), 1);
    assert!(sink.write_frame(&other, Time::ZERO, None).is_err());
}

#[test]
fn rgb_becomes_444() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.y4m");
    let frame = pattern(PixelFormat { alpha: true, ..PixelFormat::RGB8 }, 40, 30, ColorDescription::SRGB, 1);
    stream(&path, std::slice::from_ref(&frame), Rate::new(25, 1).unwrap());
    let read = collect(y4m::open(&path).unwrap().as_mut());
    assert_eq!(read[0].frame.format(), PixelFormat::YUV444P8);
    let (before, after) = (frame.to_rgb(), read[0].frame.to_rgb());
    let worst = before.data().iter().zip(after.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 0.02, "{worst}");
}

#[test]
fn agrees_with_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    for pix_fmt in [
        "yuv420p",
        "yuvj420p",
        "yuv411p",
        "yuv422p",
        "yuv444p",
        "gray",
        "yuv420p10le",
        "yuv422p12le",
        "yuv444p16le",
        "gray10le",
    ] {
        let theirs = dir.path().join("theirs.y4m");
        let args = [
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=54x38:r=30000/1001",
            "-frames:v",
            "3",
            "-pix_fmt",
            pix_fmt,
            "-strict",
            "-1",
        ];
        if !command("ffmpeg", &args, &theirs) {
            eprintln!("no ffmpeg: not compared");
            return;
        }
        let mut source = y4m::open(&theirs).unwrap();
        let info = source.info().clone();
        assert_eq!(info.video.rate, Some(Rate::new(30_000, 1001).unwrap()));
        let frames: Vec<_> = collect(source.as_mut()).into_iter().map(|t| (*t.frame).clone()).collect();
        assert_eq!(frames.len(), 3);
        let ours = dir.path().join("ours.y4m");
        stream(&ours, &frames, info.video.rate.unwrap());
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for (from, to) in [(&theirs, &a), (&ours, &b)] {
            assert!(command("ffmpeg", &["-i", from.to_str().unwrap(), "-f", "rawvideo"], to));
        }
        assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap(), "{pix_fmt}");
    }
}
