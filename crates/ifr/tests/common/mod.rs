//! What the end-to-end tests share: running `ifr`, making inputs with the `ffmpeg` program, looking with `ffprobe`.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ifr::net::{Dtype, Network, Parameters, Ratio};
use serde_json::Value;

/// Runs `ifr` with the given arguments.
pub(crate) fn ifr<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Output {
    // Whoever runs the tests may have defaults of their own.
    Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .output()
        .unwrap()
}

/// Runs `ifr`, expects success, returns what it said on standard error.
pub(crate) fn ifr_ok<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> String {
    let out = ifr(args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "exit {:?}: {said}", out.status.code());
    said
}

/// Runs `ifr`, expects this exit code and one line of error that holds `needle`.
pub(crate) fn ifr_fails<S: AsRef<std::ffi::OsStr>>(args: &[S], code: i32, needle: &str) {
    let out = ifr(args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{said}");
    assert!(said.contains(needle), "'{needle}' is not in: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Runs `ifr` until the journal has `lines` lines more and `written` further frames are reported, then kills it. `false`: it
/// ended before.
pub(crate) fn kill(args: &[&str], folder: &Path, lines: usize, reports: usize) -> bool {
    let journal = folder.join("journal.jsonl");
    let count = || fs::read_to_string(&journal).map_or(0, |t| t.matches('\n').count());
    let before = count();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut after = 0;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if count() >= before + lines {
            // Some way into what comes next, however long that takes.
            after += 1;
            if after > reports {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
        }
        std::thread::yield_now();
    }
}

fn run(program: &str, args: &[&str]) -> Vec<u8> {
    let out =
        Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e} (make setup)"));
    assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Runs `ffmpeg`, quietly, overwriting.
pub(crate) fn ffmpeg(args: &[&str]) -> Vec<u8> {
    run("ffmpeg", &[&["-v", "error", "-nostdin", "-y"], args].concat())
}

/// Everything `ffprobe` says of streams, chapters and container.
pub(crate) fn probe(path: &Path) -> Value {
    let args = ["-v", "error", "-show_streams", "-show_chapters", "-show_format", "-of", "json", text(path)];
    serde_json::from_slice(&run("ffprobe", &args)).unwrap()
}

/// The first video stream.
pub(crate) fn video(path: &Path) -> Value {
    let all = probe(path);
    let streams = all["streams"].as_array().unwrap().clone();
    streams.into_iter().find(|s| s["codec_type"] == "video").unwrap()
}

/// Decoded video frames: (PTS in ticks, hash of the samples).
pub(crate) fn frames(path: &Path) -> Vec<(i64, String)> {
    let out = ffmpeg(&[
        "-i",
        text(path),
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "-1",
        "-copyts",
        "-f",
        "framehash",
        "-hash",
        "md5",
        "-",
    ]);
    String::from_utf8(out)
        .unwrap()
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            (fields[2].parse().unwrap(), fields[5].to_owned())
        })
        .collect()
}

/// Presentation times of the video packets in seconds, as ffprobe prints them, in order.
pub(crate) fn times(path: &Path) -> Vec<f64> {
    let args = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
        text(path),
    ];
    let out = String::from_utf8(run("ffprobe", &args)).unwrap();
    let mut times: Vec<f64> = out.lines().filter_map(|l| l.trim_end_matches(',').parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// A hash of the packets of the streams that `map` selects.
pub(crate) fn packets(path: &Path, map: &str) -> String {
    String::from_utf8(ffmpeg(&["-i", text(path), "-map", map, "-c", "copy", "-f", "streamhash", "-"]))
        .unwrap()
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A file of the data beside the checkout; `None`, with a message, where it is absent.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: ../shared/{path} is not here");
    None
}

/// Names in a folder, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut all: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

/// A network's weights, made by rule: its frames are no pictures, but everything else is as it will be.
pub(crate) fn weights(dir: &Path, name: &str) -> PathBuf {
    let network = Network::all().find(|n| n.name() == name).unwrap();
    let path = dir.join(format!("{name}.safetensors"));
    let parameters = Parameters::by_rule(&network.graph(Ratio::ONE).unwrap());
    let words = network.metadata().into_iter().chain([("made".into(), "by rule".into())]);
    parameters.save(&path, Dtype::F16, &words.collect()).unwrap();
    path
}

/// Mounts a small tmpfs; needs root on Linux.
pub(crate) struct Tmpfs(pub(crate) PathBuf);

impl Tmpfs {
    pub(crate) fn new(dir: &Path, options: &str) -> Option<Self> {
        let path = dir.join("mnt");
        std::fs::create_dir(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs", text(&path)]).output();
        if mounted.is_ok_and(|o| o.status.success()) {
            return Some(Self(path));
        }
        eprintln!("skipped: cannot mount a tmpfs here");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}
