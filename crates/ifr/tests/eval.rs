//! `ifr eval`: numbers, reports and refusals.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::Path;

use common::{ffmpeg, ifr, ifr_fails, shared, text};
use ifr::frame::{ColorDescription, PixelFormat, RgbImage};
use ifr::video::images::write_image;
use serde_json::Value;

/// The summaries that `ifr eval … --json` prints.
fn summaries(args: &[&str]) -> Vec<Value> {
    let out = ifr(&[&["eval", "--json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|v| v["event"] == "summary").collect()
}

fn figure(summary: &Value, name: &str) -> f64 {
    summary["figures"][name].as_f64().unwrap()
}

/// A grey picture as a file.
fn grey(path: &Path, code: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::new(32, 16, vec![f32::from(code) / 255.0; 3 * 32 * 16]).unwrap();
    write_image(path, &image.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).unwrap()).unwrap();
}

/// Two cases whose blends are off by 1 and by 10 codes.
fn tree(root: &Path) {
    for (name, truth) in [("near", 101), ("far", 110)] {
        grey(&root.join("input").join(name).join("0.png"), 90);
        grey(&root.join("input").join(name).join("1.png"), 110);
        grey(&root.join("gt").join(name).join("m.png"), truth);
    }
}

#[test]
fn figures_and_reports_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let (csv, page) = (dir.path().join("frames.csv"), dir.path().join("page"));
    let set = format!("grey={}", dir.path().join("set").display());
    tree(&dir.path().join("set"));
    let args =
        ["--set", &set, "--model", "blend", "--csv", text(&csv), "--html", text(&page), "--threads", "1"];
    let all = summaries(&args);
    assert_eq!((all.len(), &all[0]["set"], &all[0]["method"]), (1, &"grey".into(), &"blend".into()));
    let expected =
        10.0 * (255.0_f64 / 1.0).powi(2).log10() / 2.0 + 10.0 * (255.0_f64 / 10.0).powi(2).log10() / 2.0;
    assert!((figure(&all[0], "psnr") - expected).abs() < 1e-3, "{} {expected}", all[0]);
    assert!((figure(&all[0], "ie") - 5.5).abs() < 1e-9);
    assert_eq!((&all[0]["complete"], &all[0]["figures"]["images"]), (&true.into(), &2.into()));

    let lines = fs::read_to_string(&csv).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert!(lines.lines().nth(1).unwrap().starts_with("grey,blend,ifrnet,far,0.5,28.13"), "{lines}");
    let index = fs::read_to_string(page.join("index.html")).unwrap();
    assert!(index.contains("far") && page.join("images/0-worst-0-output.png").is_file());
    ifr_fails(&[&["eval"][..], &args].concat(), 4, "exists already");

    // The other convention, on the terminal, with the answers of another program.
    for (name, code) in [("near", 101), ("far", 110)] {
        grey(&dir.path().join("made").join(format!("{name}.png")), code);
    }
    let (set, made) = (dir.path().join("set"), dir.path().join("made"));
    let args = ["eval", text(&set), "--frames", text(&made), "--convention", "ifr-plus"];
    let out = ifr(&args);
    let table = String::from_utf8(out.stdout).unwrap();
    assert!(
        table.contains("triplets  made ") && table.contains("228.13") && table.contains("0.00"),
        "{table}"
    );
}

#[test]
fn davis_triplets_have_the_known_figures() {
    let Some(set) = shared("eval/davis-triplets") else { return };
    let all = summaries(&[text(&set), "--limit", "3", "--model", "blend", "--model", "flow-fast"]);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["figures"]["images"], 3);
    let (blend, flow) = (figure(&all[0], "psnr"), figure(&all[1], "psnr"));
    assert!(flow > blend + 1.0, "flow {flow} dB, blend {blend} dB");
}

#[test]
fn a_video_is_measured_at_every_t() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.mkv");
    let source = "testsrc2=size=128x96:rate=24";
    ffmpeg(&["-f", "lavfi", "-i", source, "-frames:v", "13", "-c:v", "ffv1", text(&input)]);
    let args = ["--video", text(&input), "--drop", "4", "--lines", "48", "--model", "flow"];
    let all = summaries(&args);
    assert_eq!(all[0]["figures"]["images"], 9);
    let times = all[0]["figures"]["times"].as_array().unwrap();
    let places: Vec<f64> = times.iter().map(|at| at["t"].as_f64().unwrap()).collect();
    assert_eq!(places, [0.25, 0.5, 0.75]);
    let native = summaries(&["--video", text(&input), "--model", "blend", "--first", "5", "--limit", "1"]);
    assert_eq!((&native[0]["set"], &native[0]["figures"]["images"]), (&"in".into(), &1.into()));
}

#[test]
fn what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let empty = text(dir.path());
    ifr_fails(&["eval"], 2, "PATH");
    ifr_fails(&["eval", empty], 3, "no known layout");
    ifr_fails(&["eval", empty, "--kind", "vimeo"], 3, "tri_testlist.txt");
    ifr_fails(&["eval", empty, "--kind", "kinetics"], 2, "triplets, vimeo, ucf101");
    ifr_fails(&["eval", empty, "--model", "nonesuch"], 2, "nonesuch");
    ifr_fails(&["eval", empty, "--drop", "1"], 2, "2..=1000");
    ifr_fails(&["eval", "--set", "nothing"], 2, "NAME=PATH");
    ifr_fails(&["eval", empty, "--convention", "other"], 2, "ifrnet or ifr-plus");
    tree(dir.path());
    ifr_fails(&["eval", empty, "--frames", "nowhere"], 3, "no folder");
    fs::create_dir(dir.path().join("made")).unwrap();
    let made = dir.path().join("made");
    ifr_fails(&["eval", empty, "--frames", text(&made)], 3, "no frame for far at t = 0.5");
    fs::write(dir.path().join("l.safetensors"), "text").unwrap();
    ifr_fails(&["eval", empty, "--lpips", text(&dir.path().join("l.safetensors"))], 2, "l.safetensors");
}
