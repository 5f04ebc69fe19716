//! Memory does not grow with the length of a video.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{ffmpeg, frames, ifr, text, weights};

/// Peak resident memory of a run in MiB.
fn peak(args: &[&str]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ifr")).args(args).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kib = text
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        if let Some(done) = child.try_wait().unwrap() {
            assert!(done.success());
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// 1080p with sound; the whole path is exercised for every frame, but only one pair in fifty is interpolated (the others
/// are declared cuts), so that a thousand frames take seconds instead of minutes.
fn run(dir: &Path, n: u32) -> u64 {
    let (input, list, out) = (dir.join(format!("{n}.mkv")), dir.join("cuts.txt"), dir.join("out.mkv"));
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=1920x1080:rate=25",
        "-f",
        "lavfi",
        "-i",
        "sine",
        "-frames:v",
        &n.to_string(),
        "-shortest",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
        text(&input),
    ]);
    let mut cuts = String::new();
    for i in (1..n).filter(|i| i % 50 != 0) {
        writeln!(cuts, "{i}").unwrap();
    }
    std::fs::write(&list, cuts).unwrap();
    peak(&[
        "interpolate",
        text(&input),
        "-o",
        text(&out),
        "--force",
        "--cut-list",
        text(&list),
        "--model",
        "flow-fast",
        "--encoder-preset",
        "ultrafast",
        "--no-space-check",
    ])
}

#[test]
fn peak_memory_is_flat_between_400_and_1300_frames() {
    let dir = tempfile::tempdir().unwrap();
    // Several segments each: the second encoder of a run takes what the first left only in part.
    let (short, long) = (run(dir.path(), 400), run(dir.path(), 1300));
    eprintln!("peak: {short} MiB for 400 frames, {long} MiB for 1300");
    assert!(short > 50, "{short} MiB: was anything measured?");
    // How full the queues and the encoder happen to be differs from run to run by some ten frames of 3 MB; a leak of a
    // fortieth of a frame for each would exceed this.
    assert!(long <= short + 64, "{short} MiB for 400 frames, {long} MiB for 1300");
}

/// What a refusal says is enough is enough, by what is measured, and not far above that; and makes the same frames.
#[test]
fn a_limit_is_kept() {
    if cfg!(feature = "train") {
        // Loading libtorch takes more than the frames do.
        eprintln!("skipped: built with libtorch; `cargo test -p ifr --test memory` runs it");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (weights(dir.path(), "ifrnet-s"), dir.path().join("in.mkv"));
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=640x360:rate=5",
        "-frames:v",
        "4",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let outputs = ["free.mkv", "limited.mkv"].map(|name| dir.path().join(name));
    let args = |output: usize, memory: &str| -> Vec<String> {
        let all = [
            "interpolate",
            text(&input),
            "-o",
            text(&outputs[output]),
            "--model",
            text(&net),
            "--scale",
            "1",
        ];
        all.into_iter().chain(["--encoder", "ffv1", "--memory", memory]).map(str::to_owned).collect()
    };
    let refused = ifr(&args(1, "60M"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--memory 60 MiB is not enough for frames of 640x360: ifrnet-s takes at least"),
        "{said}"
    );
    assert!(!outputs[1].exists(), "refused before anything is made");
    let enough: u64 =
        said.split(": allow ").nth(1).and_then(|s| s.split('M').next()).unwrap().parse().unwrap();
    let run = |output: usize, memory: &str| {
        let args = args(output, memory);
        peak(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let free = run(0, "auto");
    let limited = run(1, &format!("{enough}M"));
    eprintln!("peak: {free} MiB without a limit, {limited} with one of {enough}");
    // Frames of this size are never made in lower bands; what both take differs by what is there at the moment.
    assert!(limited <= enough && limited <= free + 16, "{limited} MiB of {enough}, {free} without a limit");
    assert!(2 * limited > enough, "{limited} MiB measured, {enough} asked for");
    let [free, limited] = outputs.map(|output| frames(&output));
    assert_eq!(free, limited, "bands change nothing");
}
