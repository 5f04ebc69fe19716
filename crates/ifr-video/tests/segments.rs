//! Video coded piece by piece and joined: nothing may tell the result from one that was written in one go.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use ifr_frame::{Time, TimeBase};
use ifr_video::{
    Joined, OpenOptions, OutputOptions, Segment, SegmentLabel, SegmentSink, TimedFrame, VideoError, join,
};
use support::{clip, copy, ffprobe, frames, open, options, pictures, times};

const SOURCE: &str = "-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 -f lavfi -i sine=duration=2";

/// Writes `frames` into segments of `length` each.
fn write(folder: &Path, frames: &[TimedFrame], length: usize, options: &OutputOptions) -> Vec<PathBuf> {
    let mut after = None;
    let mut write = |(index, frames): (usize, &[TimedFrame])| {
        let path = folder.join(format!("{index}.seg"));
        let label = SegmentLabel { job: [7; 16], index: index as u64 };
        let mut sink = SegmentSink::create(&path, &label, options, None, after).unwrap();
        for f in frames {
            sink.write_frame(&f.frame, f.pts, f.duration).unwrap();
        }
        after = frames.last().map(|f| f.pts);
        let summary = sink.finish().unwrap();
        assert_eq!(summary.bytes, std::fs::metadata(&path).unwrap().len());
        path
    };
    frames.chunks(length).enumerate().map(&mut write).collect()
}

fn joined(from: &Path, segments: &[PathBuf], options: &OutputOptions) -> Result<Joined, VideoError> {
    let segments: Vec<Segment> = segments.iter().map(|p| Segment::open(p)).collect::<Result<_, _>>()?;
    let info = open(from).info().clone();
    let mut rest = ifr_video::open(from, &OpenOptions { frames: false, ..OpenOptions::default() }).unwrap();
    join(options, Some(&info), &segments, Some(&mut *rest), false, &AtomicBool::new(false))
}

/// Packets of a stream in order of decoding: times, durations, key frames.
fn packets(path: &Path, stream: &str) -> Vec<String> {
    let what = "packet=pts,dts,duration,flags";
    let text = ffprobe(&format!("-select_streams {stream} -show_entries {what} -of csv=p=0"), path);
    text.lines().map(|l| l.trim_end_matches(',').to_owned()).collect()
}

#[test]
fn joined_segments_are_as_written_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p -c:a aac"));
    let source = frames(&from);
    let info = open(&from).info().clone();
    for (encoder, name, delay) in
        [("libx264", "out.mp4", true), ("libx264", "out.mkv", true), ("ffv1", "out.mkv", false)]
    {
        let whole = folder.path().join(format!("whole-{name}"));
        let set = |o: &mut OutputOptions| {
            o.encoder = Some(encoder.to_owned());
            o.time_base = Some(TimeBase::new(1, 50).unwrap());
            if delay {
                o.encoder_options =
                    vec![("bf".to_owned(), "3".to_owned()), ("crf".to_owned(), "0".to_owned())];
            }
        };
        let (one, _) = copy(&from, &whole, set, |t| t).unwrap();
        let path = folder.path().join(name);
        let mut options = options(&info, &path);
        set(&mut options);
        let segments = write(folder.path(), &source, 13, &options);
        assert_eq!(segments.len(), 4);
        let done = joined(&from, &segments, &options).unwrap();
        assert!(done.whole && done.notices.is_empty(), "{:?}", done.notices);
        assert_eq!((done.summary.frames, &done.summary.encoder), (one.frames, &one.encoder));
        let (a, b) = (frames(&whole), frames(&path));
        assert!(pictures(&a) == pictures(&b), "{encoder} {name}: lossless, so equal");
        assert_eq!(times(&a), times(&b), "{encoder} {name}");
        // Packets differ in size and order of B-frames; when each slot is decoded does not.
        let slot = |line: &String| line.split(',').nth(1).unwrap().to_owned();
        let slots = |p: &Path| packets(p, "v:0").iter().map(slot).collect::<Vec<_>>();
        assert_eq!(slots(&whole), slots(&path), "{encoder} {name}");
        assert_eq!(packets(&whole, "a:0"), packets(&path, "a:0"), "{encoder} {name}");
        let stated = |p: &Path| {
            ffprobe("-show_entries stream=codec_name,duration_ts,start_pts,has_b_frames,time_base -of csv", p)
        };
        assert_eq!(stated(&whole), stated(&path), "{encoder} {name}");
        let keys = packets(&path, "v:0").iter().filter(|l| l.contains('K')).count();
        assert!(encoder == "ffv1" || keys == 4, "one key frame a segment: {keys}");
    }
}

#[test]
fn uneven_times_and_frames_on_one_tick() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p -c:a aac"));
    let info = open(&from).info().clone();
    let mut source = frames(&from);
    // Frame 10, the first of its segment, falls on the tick of frame 9.
    let at = |i: usize| Time::new((i * i) as i64 * 7 + i as i64, 4000) + Time::new(3, 10);
    for (i, f) in source.iter_mut().enumerate() {
        (f.pts, f.duration) = (at(i), None);
    }
    source[10].pts = source[9].pts + Time::new(1, 100_000);
    let path = folder.path().join("out.mp4");
    let mut options = options(&info, &path);
    options.encoder = Some("libx264".to_owned());
    (options.rate, options.time_base) = (None, Some(TimeBase::new(1, 4000).unwrap()));
    let segments = write(folder.path(), &source, 10, &options);
    let done = joined(&from, &segments, &options).unwrap();
    assert_eq!(done.summary.frames, 49);
    let expected: Vec<Time> = (0..50).filter(|&i| i != 10).map(at).collect();
    assert_eq!(times(&frames(&path)), expected);
}

#[test]
fn what_is_no_whole_segment_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p -c:a aac"));
    let info = open(&from).info().clone();
    let mut options = options(&info, &folder.path().join("out.mkv"));
    options.encoder = Some("libx264".to_owned());
    let segments = write(folder.path(), &frames(&from), 30, &options);
    let good = std::fs::read(&segments[0]).unwrap();
    let damaged = folder.path().join("damaged.seg");
    // Every length: an error, never a panic; and no byte can change unnoticed.
    for length in (0..good.len()).step_by(97).chain(good.len() - 20..good.len()) {
        std::fs::write(&damaged, &good[..length]).unwrap();
        assert!(Segment::open(&damaged).is_err(), "{length}");
    }
    for at in (0..good.len()).step_by(211) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&damaged, &bytes).unwrap();
        let error = joined(&from, &[damaged.clone(), segments[1].clone()], &options).unwrap_err();
        assert!(error.to_string().contains("damaged.seg"), "{at}: {error}");
    }
    let swapped = joined(&from, &[segments[1].clone(), segments[0].clone()], &options).unwrap_err();
    assert!(swapped.to_string().contains("before"), "{swapped}");
    options.crf = Some(3.0);
    options.encoder_options = vec![("profile".to_owned(), "baseline".to_owned())];
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let others = write(&other, &frames(&from), 30, &options);
    let mixed = joined(&from, &[segments[0].clone(), others[1].clone()], &options).unwrap_err();
    assert!(mixed.to_string().contains("same encoder and settings"), "{mixed}");
    assert!(joined(&from, &[], &options).is_err());
}

/// The blocks of a segment: header, packets, footer.
fn blocks(whole: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &whole[8..whole.len() - 16];
    let mut blocks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        blocks.push(after[..length].to_vec());
        rest = &after[length + 4..];
    }
    blocks
}

/// A segment of these blocks, with right checksums.
fn sealed(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut whole = b"ifr-seg\x01".to_vec();
    let mut begin = 0;
    for block in blocks {
        begin = whole.len() as u64;
        whole.extend((block.len() as u32).to_le_bytes());
        whole.extend(block);
        whole.extend(crc32fast::hash(block).to_le_bytes());
    }
    [whole, begin.to_le_bytes().to_vec(), b"ifr-end\x01".to_vec()].concat()
}

/// What `fuzz/` does to blocks is done here with fixed mutations, and joined: what a foreign program sealed may be nonsense, which must be
/// told or be joined as it is.
#[test]
fn sealed_nonsense_is_told_or_joined() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p -c:a aac"));
    let info = open(&from).info().clone();
    let mut state = 1_u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for encoder in ["libx264", "ffv1"] {
        let mut options = options(&info, &folder.path().join("out.mkv"));
        options.encoder = Some(encoder.to_owned());
        let segments = write(folder.path(), &frames(&from)[..30], 10, &options);
        let good = blocks(&std::fs::read(&segments[1]).unwrap());
        assert!(good.len() == 12 && sealed(&good) == std::fs::read(&segments[1]).unwrap());
        let damaged = folder.path().join("damaged.seg");
        let (mut opened, mut whole) = (0, 0);
        for _ in 0..400 {
            let mut mutated = good.clone();
            // Headers and footers as often as packets: these say more.
            let at = [0, good.len() - 1, below(good.len())][below(3)];
            match below(8) {
                0 => drop(mutated.remove(at)),
                1 => mutated.insert(at, good[below(good.len())].clone()),
                2 => mutated[at].truncate(below(good[at].len())),
                _ => {
                    for _ in 0..1 + below(3) {
                        let byte = below(good[at].len().min(200));
                        let value = [0, 1, 0x7f, 0x80, 0xff, mutated[at][byte] ^ (1 << below(8))][below(6)];
                        mutated[at][byte] = value;
                    }
                }
            }
            std::fs::write(&damaged, sealed(&mutated)).unwrap();
            let Ok(segment) = Segment::open(&damaged) else { continue };
            opened += 1;
            let verified = segment.verify().is_ok();
            match joined(&from, &[segments[0].clone(), damaged.clone(), segments[2].clone()], &options) {
                Ok(joined) => {
                    whole += 1;
                    assert!(joined.whole && verified);
                }
                Err(error) => assert!(error.to_string().len() < 500, "{error}"),
            }
        }
        assert!(opened > 100 && whole > 20, "{encoder}: {opened} opened, {whole} joined");
    }
}

#[test]
fn what_another_job_left_is_not_joined() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(folder.path(), "in.mkv", &format!("{SOURCE} -c:v ffv1 -pix_fmt yuv420p -c:a aac"));
    let small =
        clip(folder.path(), "small.mkv", &format!("{SOURCE} -vf scale=64:48 -c:v ffv1 -pix_fmt yuv420p"));
    let made = |from: &Path, name: &str, encoder: &str, preset: Option<&str>| {
        let mut options = options(open(from).info(), &folder.path().join("out.mkv"));
        options.encoder = Some(encoder.to_owned());
        options.preset = preset.map(str::to_owned);
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        (write(&path, &frames(from), 25, &options), options)
    };
    let (own, options) = made(&from, "own", "libx264", None);
    for (from, name, encoder, preset) in [
        (&from, "codec", "ffv1", None),
        (&small, "size", "libx264", None),
        // Same codec and size, other decisions: told by the header that decoders need.
        (&from, "preset", "libx264", Some("ultrafast")),
    ] {
        let (others, _) = made(from, name, encoder, preset);
        let error = joined(from, &[own[0].clone(), others[1].clone()], &options).unwrap_err().to_string();
        assert!(error.contains("same encoder and settings") && error.contains(name), "{name}: {error}");
    }
}
