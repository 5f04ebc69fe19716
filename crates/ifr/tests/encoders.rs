//! Whatever the encoder: runs that were killed and resumed, and shards, end with what an uninterrupted run makes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::path::Path;

use common::{ffmpeg, frames, ifr_ok, kill, text, times};

/// Encoders, their containers and further options. All may use threads: what is left to chance is left to them. One worker
/// for x265's four frames at once is what brought most of that to light.
const ENCODERS: [(&str, &str, &[&str]); 6] = [
    ("libx264", "mp4", &[]),
    ("libx265", "mp4", &["--encoder-opt", "x265-params=pools=1"]),
    ("libsvtav1", "mkv", &["--encoder-preset", "12"]),
    ("libvpx-vp9", "webm", &["--encoder-preset", "6"]),
    ("ffv1", "mkv", &[]),
    ("prores_ks", "mov", &[]),
];

/// Segments are longer than encoders look ahead: what they do meanwhile may differ.
const OPTIONS: [&str; 8] =
    ["--model", "flow-fast", "--factor", "2", "--segment-frames", "14", "--threads", "4"];

fn same(a: &Path, b: &Path, what: &str) {
    assert!(frames(a) == frames(b), "{what}: frames");
    assert_eq!(times(a), times(b), "{what}: times");
}

#[test]
fn every_encoder_makes_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.mkv");
    // Grain is what no two runs decide alike if anything is left to chance.
    let video = "testsrc2=size=160x120:rate=25,noise=alls=8:allf=t,trim=end_frame=42";
    ffmpeg(&["-f", "lavfi", "-i", video, "-c:v", "ffv1", "-pix_fmt", "yuv420p", text(&input)]);
    let here = ifr::video::encoders();
    for (encoder, extension, options) in ENCODERS {
        if !here.iter().any(|e| e.name == encoder) {
            eprintln!("skipped: the FFmpeg in use has no {encoder}");
            continue;
        }
        let path = |name: &str| dir.path().join(format!("{name}-{encoder}.{extension}"));
        let (whole, resumed, joined) = (path("whole"), path("resumed"), path("joined"));
        let more = [&OPTIONS[..], &["--encoder", encoder], options].concat();
        let job = |to| [&["interpolate", text(&input), "-o", to], &more[..]].concat();
        ifr_ok(&job(text(&whole)));
        assert_eq!(times(&whole).len(), 83, "{encoder}");

        let folder = dir.path().join(format!("resumed-{encoder}.{extension}.partial"));
        let mut args = job(text(&resumed));
        let mut kills = 0;
        // The second time it has made one segment more.
        for (lines, reports) in [(1, 50), (1, 0)] {
            kills += u32::from(kill(&args, &folder, lines, reports));
            args.push("--resume");
            args.dedup();
        }
        assert!(kills > 0, "{encoder}: never killed");
        if !resumed.exists() {
            ifr_ok(&args);
        }
        same(&whole, &resumed, &format!("{encoder}, killed {kills} times"));

        let plan = dir.path().join(format!("{encoder}.json"));
        let to = ["plan", text(&input), "--shards", "3", "-o", text(&plan), "--to", text(&joined)];
        ifr_ok(&[&to[..], &more].concat());
        for shard in ["2", "0", "1"] {
            ifr_ok(&["run", text(&plan), "--shard", shard]);
        }
        ifr_ok(&["join", text(&plan)]);
        same(&whole, &joined, &format!("{encoder}, three shards"));
    }
}
