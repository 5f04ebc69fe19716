//! Images and streams in and out of the command.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use common::{ffmpeg, frames, ifr_fails, ifr_ok, names, text, video};

#[test]
fn two_images_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=120x80:rate=25",
        "-frames:v",
        "2",
        "-start_number",
        "0",
        text(&path("f%d.png")),
    ]);
    ifr_ok(&["interpolate", text(&path("f0.png")), text(&path("f1.png")), "-t", "0.25"]);
    assert_eq!(names(dir.path()), ["f0-f1.t0.25.png", "f0.png", "f1.png"]);
    ifr_ok(&["interpolate", text(&path("f0.png")), text(&path("f1.png")), "-o", text(&path("m.png"))]);
    ifr_fails(
        &["interpolate", text(&path("f0.png")), text(&path("f1.png")), "-o", text(&path("m.png"))],
        4,
        "--force",
    );
    ifr_fails(
        &["interpolate", text(&path("f0.png")), text(&path("f1.png")), "-t", "1.5"],
        2,
        "between 0 and 1",
    );
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=60x80", "-frames:v", "1", text(&path("small.png"))]);
    ifr_fails(&["interpolate", text(&path("f0.png")), text(&path("small.png")), "-t", "0.5"], 3, "differ");
}

#[test]
fn flow_is_written_and_painted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=120x80:rate=25",
        "-frames:v",
        "2",
        "-start_number",
        "0",
        text(&path("f%d.png")),
    ]);
    ifr_fails(
        &["flow", text(&path("f0.png")), text(&path("f1.png")), "-o", text(&path("f1.flo")), "--force"],
        4,
        "the input itself",
    );
    ifr_ok(&["flow", text(&path("f0.png")), text(&path("f1.png")), "-o", text(&path("out.flo"))]);
    assert_eq!(fs::metadata(path("out.flo")).unwrap().len(), 12 + 8 * 120 * 80);
    let v = video(&path("out.png"));
    assert_eq!((&v["width"], &v["height"]), (&120.into(), &80.into()));
}

#[test]
fn a_directory_of_images_in_and_out() {
    let dir = tempfile::tempdir().unwrap();
    let shots = dir.path().join("shots");
    fs::create_dir(&shots).unwrap();
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=25",
        "-frames:v",
        "5",
        text(&shots.join("f_%03d.png")),
    ]);
    ifr_ok(&["interpolate", text(&shots), "--factor", "2"]);
    assert_eq!(names(dir.path()), ["shots", "shots.x2"]);
    assert_eq!(names(&dir.path().join("shots.x2")).len(), 9);
    let clip = dir.path().join("clip.mkv");
    ifr_ok(&[
        "interpolate",
        text(&shots),
        "--factor",
        "2",
        "-o",
        text(&clip),
        "--input-fps",
        "24",
        "--encoder",
        "ffv1",
    ]);
    assert_eq!(video(&clip)["r_frame_rate"], "48/1");
    assert_eq!(frames(&clip).len(), 9);
    let pattern = dir.path().join("out_%04d.png");
    ifr_ok(&["interpolate", text(&shots.join("f_%03d.png")), "--factor", "3", "-o", text(&pattern)]);
    assert_eq!(names(dir.path()).iter().filter(|n| n.starts_with("out_")).count(), 13);
}

#[test]
fn y4m_through_pipes() {
    let raw = ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=25",
        "-frames:v",
        "5",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "yuv4mpegpipe",
        "-",
    ]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(["interpolate", "-", "-o", "-", "--fps", "50"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = std::thread::spawn(move || stdin.write_all(&raw));
    let out = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    assert!(out.status.success());
    let header = String::from_utf8_lossy(&out.stdout[..60]).into_owned();
    assert!(header.starts_with("YUV4MPEG2 W64 H48 F50:1"), "{header}");
    let markers = out.stdout.windows(6).filter(|w| w == b"FRAME\n").count();
    assert_eq!(markers, 10);
}

#[test]
fn animations_stay_animations() {
    let dir = tempfile::tempdir().unwrap();
    let gif = dir.path().join("in.gif");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10", "-frames:v", "5", text(&gif)]);
    ifr_ok(&["interpolate", text(&gif), "--factor", "2"]);
    let out = dir.path().join("in.x2.gif");
    assert_eq!(frames(&out).len(), 9);
    let webp = dir.path().join("out.webp");
    ifr_ok(&["interpolate", text(&gif), "--factor", "2", "-o", text(&webp)]);
    let bytes = fs::read(&webp).unwrap();
    assert_eq!(bytes.windows(4).filter(|w| w == b"ANMF").count(), 9);
    ifr_ok(&["interpolate", text(&webp), "--factor", "2", "-o", text(&dir.path().join("again.mkv"))]);
    assert_eq!(frames(&dir.path().join("again.mkv")).len(), 17);
}
