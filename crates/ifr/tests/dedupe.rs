//! Animation on twos and threes, held against the truth that it leaves out.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use common::{ffmpeg, ifr, shared, text};
use ifr::frame::{ColorDescription, Frame, PixelFormat, Time};
use ifr_scene::Scene;
use serde_json::Value;

const W: usize = 320;
const H: usize = 180;
/// Frames a second of the clips.
const RATE: i64 = 24;

fn render(scene: &Scene, time: Time) -> Frame {
    scene.render_at(time, W, H).to_frame(PixelFormat::YUV420P8, ColorDescription::BT709).unwrap()
}

/// A clip whose frame `i` shows the scene at time `shown(i)`, in frames; coded as people's files are. `filter` comes
/// before the encoder.
fn film(dir: &Path, name: &str, rate: i64, shown: &[i64], filter: &str) -> PathBuf {
    let (scene, raw, path) = (Scene::demo(), dir.join("film.yuv"), dir.join(name));
    let mut file = BufWriter::new(File::create(&raw).unwrap());
    let mut last: Option<(i64, Frame)> = None;
    for &at in shown {
        if last.as_ref().is_none_or(|(was, _)| *was != at) {
            last = Some((at, render(&scene, Time::new(at, rate))));
        }
        for plane in last.as_ref().unwrap().1.planes() {
            file.write_all(plane.as_u8().unwrap()).unwrap();
        }
    }
    file.into_inner().unwrap();
    let (size, rate) = (format!("{W}x{H}"), rate.to_string());
    let input = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", &size, "-r", &rate, "-i", text(&raw)];
    let coded = ["-vf", filter, "-c:v", "libx264", "-crf", "20", "-g", "19", text(&path)];
    ffmpeg(&[&input[..], &coded].concat());
    path
}

/// Interpolates and returns the luma of all frames, and the summary.
fn interpolated(input: &Path, more: &[&str]) -> (Vec<Vec<u8>>, Value) {
    let out = input.with_extension("out.mkv");
    let args = ["interpolate", text(input), "-o", text(&out), "--force", "--encoder", "ffv1", "--json"];
    let said = ifr(&[&args[..], more].concat());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    let summary = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let luma = ffmpeg(&["-i", text(&out), "-vf", "extractplanes=y", "-f", "rawvideo", "-"]);
    (luma.chunks_exact(W * H).map(<[u8]>::to_vec).collect(), summary)
}

/// Mean PSNR in dB of frames at 48 a second against the scene.
fn score(frames: &[Vec<u8>]) -> f64 {
    let scene = Scene::demo();
    let scores: Vec<f64> = frames
        .iter()
        .enumerate()
        .map(|(k, frame)| {
            let truth = render(&scene, Time::new(k as i64, 2 * RATE));
            let truth = truth.planes()[0].as_u8().unwrap();
            let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
            let mean = frame.iter().zip(truth).map(square).sum::<f64>() / frame.len() as f64;
            10.0 * (255.0_f64.powi(2) / mean).log10()
        })
        .collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// When each frame's picture was drawn, for runs of these lengths.
fn drawn(runs: &[usize]) -> Vec<i64> {
    let mut shown = Vec::new();
    for &run in runs {
        let at = shown.len() as i64;
        shown.extend(std::iter::repeat_n(at, run));
    }
    shown
}

#[test]
fn on_twos_and_threes_it_is_as_smooth_as_its_source() {
    let dir = tempfile::tempdir().unwrap();
    for (name, run) in [("twos", 2), ("threes", 3)] {
        // 2 s, and a last picture that is shown once.
        let shown = drawn(&[vec![run; 48 / run], vec![1]].concat());
        let input = film(dir.path(), &format!("{name}.mp4"), RATE, &shown, "null");
        let source: Vec<i64> = (0..=48 / run as i64).collect();
        let source = film(dir.path(), &format!("{name}.source.mp4"), RATE / run as i64, &source, "null");
        let (with, summary) = interpolated(&input, &["--dedupe"]);
        let (without, _) = interpolated(&input, &[]);
        let (truly, _) = interpolated(&source, &["--factor", &(2 * run).to_string()]);
        assert_eq!((with.len(), without.len(), truly.len()), (97, 97, 97), "{name}");
        assert_eq!(summary["left_out"], 48 - 48 / run, "{name}: {summary}");
        let (with, without, truly) = (score(&with), score(&without), score(&truly));
        eprintln!("{name}: {with:.2} dB, without {without:.2} dB, from the true source {truly:.2} dB");
        assert!(with > truly - 0.5, "{name}: {with:.2} dB, from the true source {truly:.2} dB");
        assert!(with > without + 1.0, "{name}: {with:.2} dB, without {without:.2} dB");
    }
}

#[test]
fn mixed_runs_under_noise() {
    let dir = tempfile::tempdir().unwrap();
    let runs = [2, 2, 3, 1, 2, 3, 3, 2, 1, 1, 2, 4, 2, 2, 3, 2, 1];
    let shown = drawn(&runs);
    let repeats = shown.len() - runs.len();
    for (name, filter) in [("plain.mp4", "null"), ("noisy.mp4", "noise=alls=5:allf=t")] {
        let input = film(dir.path(), name, RATE, &shown, filter);
        let (with, summary) = interpolated(&input, &["--dedupe", "--model", "flow-fast"]);
        let (without, _) = interpolated(&input, &["--model", "flow-fast"]);
        assert_eq!(with.len(), 2 * shown.len() - 1);
        // Of what noise hides, a run may be missed; never is a picture.
        let missed = repeats as u64 - summary["left_out"].as_u64().unwrap();
        assert!(missed <= u64::from(filter != "null"), "{name}: {summary}");
        let (with, without) = (score(&with), score(&without));
        eprintln!("{name}: {with:.2} dB, without {without:.2} dB");
        assert!(with > without + 1.0, "{name}: {with:.2} dB, without {without:.2} dB");
    }
}

#[test]
fn what_moves_in_every_frame_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    // A camera that stands still, a small thing that moves, and the noise of a camera.
    let still = dir.path().join("still.mp4");
    let graph = "mandelbrot=size=320x180:rate=24:end_pts=1,loop=48:1:0,trim=end_frame=48,setpts=N/24/TB,\
        noise=alls=3:allf=t+u[b];color=gray:size=4x4:rate=24[m];[b][m]overlay=x=40+3*n:y=60:shortest=1[out0]";
    let args = [
        "-f",
        "lavfi",
        "-i",
        graph,
        "-frames:v",
        "48",
        "-c:v",
        "libx264",
        "-crf",
        "20",
        "-pix_fmt",
        "yuv420p",
    ];
    ffmpeg(&[&args[..], &[text(&still)]].concat());
    let (_, summary) = interpolated(&still, &["--dedupe", "--model", "flow-fast"]);
    assert!(summary["read"] == 48 && summary["left_out"] == 0, "{summary}");
    let Some(clip) = shared("clips/102.mp4") else { return };
    let real = dir.path().join("real.mp4");
    ffmpeg(&[
        "-i",
        text(&clip),
        "-frames:v",
        "60",
        "-vf",
        "scale=320:180",
        "-c:v",
        "libx264",
        "-crf",
        "20",
        text(&real),
    ]);
    let (_, summary) = interpolated(&real, &["--dedupe", "--model", "flow-fast"]);
    assert!(summary["read"] == 60 && summary["left_out"].as_u64() <= Some(1), "{summary}");
}

/// A screen recording at a variable rate: a picture that stands for long is held, and nothing is drawn out over minutes.
#[test]
fn long_stills_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.mkv"), dir.path().join("out.mkv"));
    // Frames 0 to 4 a quarter of a second apart, the last of them again after 9 s, and on from there.
    let source = "testsrc2=size=64x48:rate=25:duration=1,loop=1:1:4,settb=1/1000,setpts=if(lt(N\\,5)\\,N*0.25\\,9+N*0.04)/TB";
    let codec = ["-fps_mode", "passthrough", "-c:v", "ffv1", "-pix_fmt", "yuv420p"];
    common::ffmpeg(&[&["-f", "lavfi", "-i", source], &codec[..], &[common::text(&input)]].concat());
    let args = ["interpolate", common::text(&input), "-o", common::text(&out), "--dedupe", "--fps", "10"];
    let said = common::ifr_ok(&[&args[..], &["--model", "flow-fast", "--encoder", "ffv1"]].concat());
    let hashes = common::frames(&out);
    // 1.2 s to 9 s.
    let held: Vec<&str> = hashes[12..90].iter().map(|(_, hash)| hash.as_str()).collect();
    assert!(held.iter().all(|h| *h == held[0]), "{said}");
}
