//! Memory does not grow with the length of a video.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{ffmpeg, text};

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
fn peak_memory_is_flat_between_100_and_1000_frames() {
    let dir = tempfile::tempdir().unwrap();
    let (short, long) = (run(dir.path(), 100), run(dir.path(), 1000));
    eprintln!("peak: {short} MiB for 100 frames, {long} MiB for 1000");
    assert!(short > 50, "{short} MiB: was anything measured?");
    // How full the queues and the encoder happen to be differs from run to run by some ten frames of 3 MB; a leak of a
    // fortieth of a frame for each would exceed this.
    assert!(long <= short + 64, "{short} MiB for 100 frames, {long} MiB for 1000");
}
