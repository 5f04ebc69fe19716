//! What the tests of containers share: files made and judged by the `ffmpeg` and `ffprobe` commands.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ifr_frame::{Frame, Samples, Time};
use ifr_video::{Item, OpenOptions, OutputOptions, Source, SourceInfo, Summary, TimedFrame, VideoError};

/// Runs `ffmpeg` with arguments separated by spaces; `{}` stands for each of `paths` in turn.
pub(crate) fn ffmpeg(arguments: &str, paths: &[&Path]) -> Vec<u8> {
    run("ffmpeg", &format!("-hide_banner -nostdin -v error -y {arguments}"), paths)
}

/// Runs `ffprobe` likewise and returns what it says.
pub(crate) fn ffprobe(arguments: &str, path: &Path) -> String {
    String::from_utf8(run("ffprobe", &format!("-v error {arguments} {{}}"), &[path])).unwrap()
}

fn run(program: &str, arguments: &str, paths: &[&Path]) -> Vec<u8> {
    let mut paths = paths.iter();
    let mut command = Command::new(program);
    for argument in arguments.split_whitespace() {
        if argument == "{}" {
            command.arg(paths.next().expect("as many paths as placeholders"));
        } else {
            command.arg(argument);
        }
    }
    let output = command.output().unwrap_or_else(|e| panic!("{program} is needed by this test: {e}"));
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A new clip in `folder`, made by the given ffmpeg arguments.
pub(crate) fn clip(folder: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = folder.join(name);
    ffmpeg(&format!("{arguments} {{}}"), &[&path]);
    path
}

pub(crate) fn open(path: &Path) -> Box<dyn Source> {
    ifr_video::open(path, &OpenOptions::default()).unwrap()
}

/// All frames of a file.
pub(crate) fn frames(path: &Path) -> Vec<TimedFrame> {
    let mut source = open(path);
    let mut frames = Vec::new();
    while let Some(item) = source.next().unwrap() {
        if let Item::Frame(frame) = item {
            frames.push(frame);
        }
    }
    frames
}

/// The samples of a frame as `-f rawvideo` writes them.
pub(crate) fn raw(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    for plane in frame.planes() {
        match &plane.samples {
            Samples::U8(s) => bytes.extend_from_slice(s),
            Samples::U16(s) => s.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes())),
        }
    }
    bytes
}

/// Options that keep everything of a source.
pub(crate) fn options(info: &SourceInfo, path: &Path) -> OutputOptions {
    let v = &info.video;
    OutputOptions {
        path: path.to_owned(),
        width: v.width,
        height: v.height,
        format: v.format,
        color: v.color,
        sample_aspect: v.sample_aspect,
        rotation: v.rotation,
        rate: v.rate,
        time_base: Some(v.time_base),
        encoder: None,
        crf: None,
        preset: None,
        pix_fmt: None,
        encoder_options: Vec::new(),
        threads: 1,
        stretch: (1, 1),
        audio: true,
        extras: true,
    }
}

/// Copies `from` to `to`, each frame's time (and duration) mapped by `time`. Returns the sink's notices too.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    change: impl FnOnce(&mut OutputOptions),
    time: impl Fn(Time) -> Time,
) -> Result<(Summary, Vec<String>), VideoError> {
    let mut source = ifr_video::open(from, &OpenOptions::default())?;
    let info = source.info().clone();
    let mut options = options(&info, to);
    change(&mut options);
    let mut sink = ifr_video::create(&options, Some(&info))?;
    let notices = sink.notices();
    while let Some(item) = source.next()? {
        match item {
            Item::Frame(f) => sink.write_frame(&f.frame, time(f.pts), f.duration.map(&time))?,
            Item::Packet(p) => sink.write_packet(p)?,
        }
    }
    Ok((sink.finish()?, notices))
}

/// What `ffprobe` says of the frames' times in seconds as fractions: `best_effort_timestamp` × time base.
pub(crate) fn probed_times(path: &Path) -> Vec<Time> {
    let base = ffprobe("-select_streams v:0 -show_entries stream=time_base -of csv=p=0", path);
    let (num, den) = base.lines().next().unwrap().trim().split_once('/').unwrap();
    let (num, den): (i64, i64) = (num.parse().unwrap(), den.trim_matches(',').parse().unwrap());
    let list = ffprobe("-select_streams v:0 -show_entries frame=best_effort_timestamp -of csv=p=0", path);
    // Frames with side data have more fields, and lines of their own for it.
    let ticks = list.lines().filter_map(|l| l.trim().split(',').next()?.parse::<i64>().ok());
    ticks.map(|t| Time::new(t * num, den)).collect()
}

pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    path.exists().then_some(path)
}

pub(crate) fn times(frames: &[TimedFrame]) -> Vec<Time> {
    frames.iter().map(|f| f.pts).collect()
}

pub(crate) fn pictures(frames: &[TimedFrame]) -> Vec<Arc<Frame>> {
    frames.iter().map(|f| Arc::clone(&f.frame)).collect()
}
