//! Image files and sequences.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod pictures;

use std::fs;
use std::path::Path;

use ifr_frame::{ColorDescription, ColorModel, Frame, PixelFormat, Primaries, Rate, Samples, Time, Transfer};
use ifr_video::images::{self, ImageKind, read_image, write_image};
use ifr_video::{Sink, VideoError};
use pictures::{collect, command, options, pattern, random};

const FORMATS: [(ColorModel, bool); 4] =
    [(ColorModel::Gray, false), (ColorModel::Gray, true), (ColorModel::Rgb, false), (ColorModel::Rgb, true)];

fn rate(fps: i64) -> Rate {
    Rate::new(fps, 1).unwrap()
}

fn write(sink: &mut Box<dyn Sink>, frames: &[Frame]) {
    for (i, frame) in frames.iter().enumerate() {
        sink.write_frame(frame, Time::new(i as i64, 25), None).unwrap();
    }
}

#[test]
fn png_is_exact_at_8_and_16_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    for depth in [8, 16] {
        for (model, alpha) in FORMATS {
            let frame = random(PixelFormat { model, depth, alpha }, 37, 23, ColorDescription::SRGB, 1);
            write_image(&path, &frame).unwrap();
            let back = read_image(&path).unwrap();
            assert_eq!(back.format(), frame.format());
            assert_eq!(back.planes(), frame.planes());
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "temporary files are gone");
}

#[test]
fn deep_samples_scale_to_sixteen_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let format = PixelFormat { depth: 10, ..PixelFormat::RGB8 };
    let plane = || Samples::U16(vec![0, 1023, 512, 1]);
    let frame = Frame::new(format, 4, 1, vec![plane(), plane(), plane()], ColorDescription::SRGB).unwrap();
    write_image(&path, &frame).unwrap();
    let back = read_image(&path).unwrap();
    assert_eq!(back.planes()[0].as_u16().unwrap(), [0, 65_535, 32_800, 64]);
}

#[test]
fn webp_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.webp");
    for alpha in [false, true] {
        let format = PixelFormat { alpha, ..PixelFormat::RGB8 };
        let frame = random(format, 61, 40, ColorDescription::SRGB, 2);
        write_image(&path, &frame).unwrap();
        assert_eq!(read_image(&path).unwrap(), frame);
    }
}

#[test]
fn jpeg_is_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    for model in [ColorModel::Rgb, ColorModel::Gray] {
        let format = PixelFormat { model, ..PixelFormat::RGB8 };
        let frame = pattern(format, 75, 50, ColorDescription::SRGB, 3);
        write_image(&path, &frame).unwrap();
        let back = read_image(&path).unwrap();
        assert_eq!(back.format(), format);
        assert!(pictures::mean_difference(&frame, &back) < 2.0);
    }
}

#[test]
fn yuv_frames_become_rgb_by_their_own_description() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let planes = vec![Samples::U8(vec![235; 16]), Samples::U8(vec![128; 4]), Samples::U8(vec![128; 4])];
    let frame = Frame::new(PixelFormat::YUV420P8, 4, 4, planes, ColorDescription::BT709).unwrap();
    write_image(&path, &frame).unwrap();
    let back = read_image(&path).unwrap();
    assert_eq!(back.format(), PixelFormat::RGB8);
    assert!(back.planes().iter().all(|p| p.as_u8().unwrap() == [255; 16]));
}

#[test]
fn hdr_colour_is_kept_in_png() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let color =
        ColorDescription { primaries: Primaries::BT2020, transfer: Transfer::PQ, ..ColorDescription::SRGB };
    let frame = random(PixelFormat::RGB16, 8, 8, color, 4);
    write_image(&path, &frame).unwrap();
    assert_eq!(read_image(&path).unwrap(), frame);
}

#[test]
fn files_are_told_apart_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let frame = random(PixelFormat::RGB8, 8, 8, ColorDescription::SRGB, 5);
    write_image(dir.path().join("a.png"), &frame).unwrap();
    fs::rename(dir.path().join("a.png"), dir.path().join("a.jpg")).unwrap();
    assert_eq!(read_image(dir.path().join("a.jpg")).unwrap(), frame);
    fs::write(dir.path().join("b.png"), "GIF89a and so on").unwrap();
    let error = read_image(dir.path().join("b.png")).unwrap_err().to_string();
    assert!(error.contains("a GIF") && error.contains("expected a PNG, JPEG or WebP image"), "{error}");
    assert!(matches!(write_image(dir.path().join("c.bmp"), &frame), Err(VideoError::Option(_))));
}

#[test]
fn directories_are_read_in_natural_order() {
    let dir = tempfile::tempdir().unwrap();
    let frames: Vec<_> =
        (0..11).map(|i| random(PixelFormat::RGB8, 9, 7, ColorDescription::SRGB, i)).collect();
    for (i, frame) in frames.iter().enumerate() {
        write_image(dir.path().join(format!("frame{i}.png")), frame).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "not an image").unwrap();
    fs::write(dir.path().join(".hidden.png"), "not an image").unwrap();
    let mut source = images::open(dir.path(), rate(25)).unwrap();
    let info = source.info().clone();
    assert_eq!((info.video.width, info.video.height, info.video.frames), (9, 7, Some(11)));
    assert_eq!((info.container.as_str(), info.video.codec.as_str()), ("images", "png"));
    assert!(info.video.lossless);
    let read = collect(source.as_mut());
    assert_eq!(read.len(), 11);
    for (i, (timed, frame)) in read.iter().zip(&frames).enumerate() {
        assert_eq!(*timed.frame, *frame, "frame {i}");
        assert_eq!(timed.pts, Time::new(i as i64, 25));
        assert_eq!(timed.duration, Some(Time::new(1, 25)));
    }
}

#[test]
fn patterns_start_where_the_files_do() {
    let dir = tempfile::tempdir().unwrap();
    let frame = |i| random(PixelFormat::GRAY8, 5, 5, ColorDescription::default(), i);
    for i in 97..103 {
        write_image(dir.path().join(format!("f_{i:03}.png")), &frame(i)).unwrap();
    }
    write_image(dir.path().join("other.png"), &frame(0)).unwrap();
    let path = dir.path().join("f_%03d.png");
    assert!(images::is_sequence(&path));
    assert_eq!(collect(images::open(&path, rate(30)).unwrap().as_mut()).len(), 6);
    fs::remove_file(dir.path().join("f_100.png")).unwrap();
    let error = images::open(&path, rate(30)).err().unwrap().to_string();
    assert!(error.contains("f_100.png is missing"), "{error}");
    let error = images::open(&dir.path().join("g_%d.png"), rate(30)).err().unwrap().to_string();
    assert!(error.contains("g_1.png"), "{error}");
}

#[test]
fn layouts_widen_and_sizes_must_agree() {
    let dir = tempfile::tempdir().unwrap();
    let srgb = ColorDescription::SRGB;
    write_image(dir.path().join("1.png"), &random(PixelFormat::GRAY8, 6, 4, srgb, 1)).unwrap();
    let deep = random(PixelFormat { alpha: true, ..PixelFormat::RGB16 }, 6, 4, srgb, 2);
    write_image(dir.path().join("2.png"), &deep).unwrap();
    let read = collect(images::open(dir.path(), rate(25)).unwrap().as_mut());
    assert!(read.iter().all(|t| t.frame.format() == deep.format()));
    assert_eq!(*read[1].frame, deep);
    assert!(read[0].frame.planes()[3].as_u16().unwrap().iter().all(|&a| a == 65_535));
    assert!(read[0].frame.is_like(&read[1].frame));

    write_image(dir.path().join("3.png"), &random(PixelFormat::RGB8, 6, 5, srgb, 3)).unwrap();
    let error = images::open(dir.path(), rate(25)).err().unwrap().to_string();
    assert!(error.contains("3.png") && error.contains("6x5") && error.contains("6x4"), "{error}");

    write_image(dir.path().join("4.jpg"), &random(PixelFormat::RGB8, 6, 4, srgb, 3)).unwrap();
    let error = images::open(dir.path(), rate(25)).err().unwrap().to_string();
    assert!(error.contains("1 jpg and 3 png"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(images::open(empty.path(), rate(25)).is_err());
}

#[test]
fn sequences_are_written_to_directories_and_patterns() {
    let dir = tempfile::tempdir().unwrap();
    let frames: Vec<_> =
        (0..3).map(|i| random(PixelFormat::RGB8, 16, 8, ColorDescription::SRGB, i)).collect();
    let mut out = options(dir.path().join("new/folder"), &frames[0], None);
    let mut sink = images::create(&out).unwrap();
    write(&mut sink, &frames);
    let summary = sink.finish().unwrap();
    assert_eq!((summary.frames, summary.encoder.as_str()), (3, "png"));
    for (i, frame) in frames.iter().enumerate() {
        assert_eq!(read_image(out.path.join(format!("frame_{:06}.png", i + 1))).unwrap(), *frame);
    }

    out.path = dir.path().join("p/x%02d.jpg");
    out.encoder_options =
        vec![("start_number".to_owned(), "9".to_owned()), ("quality".to_owned(), "60".to_owned())];
    let mut sink = images::create(&out).unwrap();
    write(&mut sink, &frames);
    sink.finish().unwrap();
    let mut names: Vec<_> =
        fs::read_dir(dir.path().join("p")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["x09.jpg", "x10.jpg", "x11.jpg"]);

    out.encoder_options.clear();
    out.path = dir.path().join("w/");
    out.encoder = Some("webp".to_owned());
    let mut sink = images::create(&out).unwrap();
    write(&mut sink, &frames);
    sink.finish().unwrap();
    assert_eq!(read_image(dir.path().join("w/frame_000003.webp")).unwrap(), frames[2]);

    out.path = dir.path().join("single.png");
    out.encoder = None;
    let error = images::create(&out).err().unwrap().to_string();
    assert!(error.contains("names one image") && error.contains("%06d"), "{error}");
    out.path = dir.path().join("folder/x%d.bmp");
    assert!(images::create(&out).is_err());
}

/// A PNG chunk with its checksum.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    let body = [name.as_slice(), data].concat();
    let crc = body.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
    });
    out.extend_from_slice(&body);
    out.extend_from_slice(&(!crc).to_be_bytes());
    out
}

#[test]
fn huge_headers_are_refused_without_allocation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("huge.png");
    let png = |w: u32, h: u32| {
        let mut header = [w.to_be_bytes(), h.to_be_bytes()].concat();
        header.extend_from_slice(&[16, 6, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(b"IHDR", &header));
        file.extend(chunk(b"IDAT", &[0x78, 0x01, 0x03, 0x00, 0, 0, 0, 1]));
        file.extend(chunk(b"IEND", &[]));
        file
    };
    fs::write(&path, png(60_000, 60_000)).unwrap();
    let error = read_image(&path).unwrap_err().to_string();
    assert!(error.contains("60000x60000") && error.contains("limit"), "{error}");
    assert!(images::open(&path, rate(25)).is_err());
    // Within the limit, but without data: 2 GiB are not allocated for it.
    fs::write(&path, png(16_384, 16_384)).unwrap();
    assert!(matches!(read_image(&path), Err(VideoError::Malformed { .. })));
    pictures::assert_peak_memory_below(1 << 30);

    // A JPEG whose header promises the most there is.
    let small = random(PixelFormat::RGB8, 16, 16, ColorDescription::SRGB, 1);
    let path = dir.path().join("a.jpg");
    write_image(&path, &small).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let frame = bytes.windows(2).position(|w| w[0] == 0xff && w[1] == 0xc0).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x40, 0x00, 0x40, 0x00]);
    fs::write(&path, bytes).unwrap();
    let error = read_image(&path).unwrap_err().to_string();
    assert!(error.contains("16384x16384"), "{error}");
    pictures::assert_peak_memory_below(1 << 30);
}

#[test]
fn cut_and_damaged_images_are_errors_not_panics() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [ImageKind::Png, ImageKind::Jpeg, ImageKind::WebP] {
        let path = dir.path().join("a").with_extension(kind.extension());
        write_image(&path, &pattern(PixelFormat::RGB8, 64, 48, ColorDescription::SRGB, 1)).unwrap();
        let bytes = fs::read(&path).unwrap();
        for cut in [0, 1, 8, 20, 40, bytes.len() / 2, bytes.len() - 20] {
            fs::write(&path, &bytes[..cut]).unwrap();
            let error = read_image(&path).expect_err(&format!("{kind:?} cut to {cut}")).to_string();
            assert!(error.contains("expected"), "{error}");
        }
        let mut state = 7_u64;
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % damaged.len();
                damaged[at] = (state >> 24) as u8;
            }
            fs::write(&path, &damaged).unwrap();
            let _ = read_image(&path);
        }
    }
    assert!(matches!(read_image(dir.path().join("none.png")), Err(VideoError::Io { .. })));
    assert!(read_image(dir.path()).is_err());
}

#[test]
fn a_thumbnail_does_not_make_a_cut_jpeg_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jpg");
    write_image(&path, &pattern(PixelFormat::RGB8, 64, 48, ColorDescription::SRGB, 1)).unwrap();
    let plain = fs::read(&path).unwrap();
    // An application segment that ends in an end marker, as an embedded thumbnail does.
    let with_thumbnail = [&plain[..2], b"\xff\xe5\x00\x06ab\xff\xd9", &plain[2..]].concat();
    fs::write(&path, &with_thumbnail).unwrap();
    read_image(&path).unwrap();
    fs::write(&path, &with_thumbnail[..with_thumbnail.len() - 200]).unwrap();
    assert!(read_image(&path).unwrap_err().to_string().contains("ends early"));
}

#[test]
fn what_counts_as_a_sequence() {
    let dir = tempfile::tempdir().unwrap();
    assert!(images::is_sequence(dir.path()));
    assert!(images::is_sequence(Path::new("none/%d.png")));
    assert!(images::is_sequence_name(Path::new("new/")));
    assert!(images::is_sequence_name(Path::new("x_%04d.webp")));
    assert!(!images::is_sequence(Path::new("clip.mkv")));
    let single = dir.path().join("single.png");
    write_image(&single, &random(PixelFormat::RGB8, 4, 4, ColorDescription::SRGB, 1)).unwrap();
    assert!(images::is_sequence(&single));
    assert_eq!(collect(images::open(&single, rate(25)).unwrap().as_mut()).len(), 1);
    let apng = dir.path().join("moving.png");
    if command("ffmpeg", &["-f", "lavfi", "-i", "testsrc=s=16x16:d=0.2", "-f", "apng"], &apng) {
        assert!(!images::is_sequence(&apng));
    }
}

#[test]
fn agrees_with_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    let raw = |image: &Path, pixels: &str| {
        let out = dir.path().join("raw");
        assert!(command(
            "ffmpeg",
            &["-i", image.to_str().unwrap(), "-f", "rawvideo", "-pix_fmt", pixels],
            &out
        ));
        fs::read(out).unwrap()
    };
    // Palette, 1-bit, 16-bit and interlacing are what other writers produce.
    let formats = [("rgb24", 8), ("rgb48be", 16), ("pal8", 8), ("gray16be", 16), ("monob", 8)];
    for ((format, depth), flags) in formats.iter().flat_map(|f| [(f, "+bitexact"), (f, "+ildct")]) {
        let png = dir.path().join(format!("{format}.png"));
        let source = ["-f", "lavfi", "-i", "testsrc=s=62x34:d=1", "-frames:v", "1"];
        if !command("ffmpeg", &[&source[..], &["-pix_fmt", format, "-flags", flags]].concat(), &png) {
            eprintln!("no ffmpeg: not compared");
            return;
        }
        let frame = read_image(&png).unwrap();
        assert_eq!(frame.format().depth, *depth, "{format}");
        let target = if *depth == 16 { "rgb48be" } else { "rgb24" };
        let ours = dir.path().join("ours.png");
        write_image(&ours, &frame).unwrap();
        assert_eq!(raw(&png, target), raw(&ours, target), "{format} {flags}");
    }
    let jpeg = dir.path().join("ours.jpg");
    write_image(&jpeg, &pattern(PixelFormat::RGB8, 75, 50, ColorDescription::SRGB, 3)).unwrap();
    let ours = read_image(&jpeg).unwrap();
    for (p, plane) in ours.planes().iter().enumerate() {
        let theirs = raw(&jpeg, "rgb24");
        let theirs = theirs.iter().skip(p).step_by(3);
        assert!(plane.as_u8().unwrap().iter().zip(theirs).all(|(a, b)| a.abs_diff(*b) <= 4));
    }
}
