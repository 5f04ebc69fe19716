//! Inputs and outputs that are not as they should be: a clear error and its exit code, or a sensible result; nothing left
//! behind but what was asked for.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Tmpfs, ffmpeg, frames, ifr, ifr_fails, ifr_ok, names, text, times, video};
use tempfile::TempDir;

fn clip(dir: &Path, name: &str, size: &str, n: u32) -> PathBuf {
    let out = dir.join(name);
    let source = format!("testsrc=size={size}:rate=5");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        &source,
        "-frames:v",
        &n.to_string(),
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "ffv1",
        text(&out),
    ]);
    out
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn odd_and_tiny_sizes() {
    for size in ["321x181", "2x2", "1x1", "17x400"] {
        let dir = folder();
        let input = clip(dir.path(), "in.mkv", size, 4);
        let out = dir.path().join("out.mkv");
        ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--encoder", "ffv1"]);
        let v = video(&out);
        assert_eq!(format!("{}x{}", v["width"], v["height"]), size);
        assert_eq!(frames(&out).len(), 7);
        assert_eq!(names(dir.path()), ["in.mkv", "out.mkv"]);
    }
}

#[test]
fn odd_size_with_the_default_encoder() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=322x182:rate=25",
        "-frames:v",
        "4",
        "-vf",
        "crop=321:181:0:0:exact=1,format=yuv444p",
        "-c:v",
        "libx264",
        text(&input),
    ]);
    ifr_ok(&["interpolate", text(&input)]);
    let v = video(&dir.path().join("in.x2.mp4"));
    assert_eq!((&v["width"], &v["height"]), (&321.into(), &181.into()));
}

#[test]
fn one_frame_is_one_frame() {
    let dir = folder();
    let input = clip(dir.path(), "in.mkv", "64x48", 1);
    let out = dir.path().join("out.mkv");
    for speed in [["--factor", "4"], ["--slow", "3"]] {
        ifr_ok(&[
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--force",
            "--encoder",
            "ffv1",
            speed[0],
            speed[1],
        ]);
        assert_eq!(frames(&out).len(), 1);
    }
}

#[test]
fn no_frame_is_an_error() {
    let dir = folder();
    let input = dir.path().join("in.y4m");
    fs::write(&input, "YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n").unwrap();
    ifr_fails(&["interpolate", text(&input), "-o", text(&dir.path().join("out.mkv"))], 3, "no frame");
    assert_eq!(names(dir.path()), ["in.y4m"]);
}

#[test]
fn things_that_are_no_video() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1", text(&path("sound.m4a"))]);
    fs::write(path("text.mp4"), "This is no video at all.\n".repeat(100)).unwrap();
    fs::write(path("empty.mp4"), "").unwrap();
    let before = names(dir.path());
    ifr_fails(&["interpolate", text(&path("sound.m4a"))], 3, "no video stream");
    ifr_fails(&["interpolate", text(&path("text.mp4"))], 3, "text.mp4");
    ifr_fails(&["interpolate", text(&path("empty.mp4"))], 3, "empty.mp4");
    ifr_fails(&["interpolate", text(&path("missing.mp4"))], 3, "missing.mp4");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_truncated_file_gives_what_there_is() {
    let dir = folder();
    let whole = clip(dir.path(), "whole.mkv", "320x180", 40);
    let bytes = fs::read(&whole).unwrap();
    let cut = dir.path().join("cut.mkv");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let out = dir.path().join("out.mkv");
    ifr_ok(&["interpolate", text(&cut), "-o", text(&out), "--encoder", "ffv1", "--model", "flow-fast"]);
    let n = frames(&out).len();
    assert!((20..60).contains(&n), "{n} frames of half a file");
    // An MP4 whose index is cut off holds nothing that can be read.
    let mp4 = dir.path().join("in.mp4");
    ffmpeg(&["-i", text(&whole), "-c:v", "libx264", text(&mp4)]);
    let bytes = fs::read(&mp4).unwrap();
    fs::write(&mp4, &bytes[..bytes.len() / 2]).unwrap();
    ifr_fails(&["interpolate", text(&mp4)], 3, "in.mp4");
}

#[test]
fn outputs_that_cannot_be() {
    let dir = folder();
    let input = clip(dir.path(), "in.mkv", "64x48", 3);
    let before = names(dir.path());
    let missing = dir.path().join("no/such/out.mkv");
    ifr_fails(&["interpolate", text(&input), "-o", text(&missing)], 4, "no/such");
    ifr_fails(&["interpolate", text(&input), "-o", text(&input), "--force"], 4, "the input itself");
    ifr_fails(&["interpolate", text(&input), "--encoder", "nonesuch"], 2, "nonesuch");
    ifr_fails(&["interpolate", text(&input), "--factor", "17"], 2, "2 to 16");
    ifr_fails(&["interpolate", text(&input), "--fps", "0"], 2, "frame rate");
    ifr_fails(&["interpolate", text(&input), "-t", "0.5"], 2, "two images");
    assert_eq!(names(dir.path()), before);
    let out = dir.path().join("out.mkv");
    fs::write(&out, "precious").unwrap();
    ifr_fails(&["interpolate", text(&input), "-o", text(&out)], 4, "--force");
    assert_eq!(fs::read_to_string(&out).unwrap(), "precious");
    ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--force"]);
    assert_eq!(frames(&out).len(), 5);
}

#[test]
fn a_full_disk_keeps_what_was_written() {
    let dir = folder();
    let Some(small) = Tmpfs::new(dir.path(), "size=3m") else { return };
    let input = dir.path().join("in.mkv");
    let noise = "nullsrc=size=320x240:rate=25,geq=random(1)*255:128:128";
    ffmpeg(&["-f", "lavfi", "-i", noise, "-frames:v", "60", "-c:v", "ffv1", text(&input)]);
    let out = small.0.join("out.mkv");
    let args = [
        "interpolate",
        text(&input),
        "-o",
        text(&out),
        "--encoder",
        "ffv1",
        "--cuts",
        "off",
        "--model",
        "flow-fast",
    ];
    ifr_fails(&[&args[..], &["--factor", "2"]].concat(), 4, "no-space-check");
    assert!(names(&small.0).is_empty(), "refused beforehand: nothing is there");
    let short = [&args[..], &["--no-space-check", "--segment-frames", "4"]].concat();
    ifr_fails(&short, 4, "continue with --resume");
    assert_eq!(names(&small.0), ["out.mkv.partial"], "whole segments stay");
    let room = ["-o", "remount,size=40m", text(&small.0)];
    assert!(Command::new("mount").args(room).status().unwrap().success());
    let said = ifr_ok(&[&short[..], &["--resume"]].concat());
    assert!(said.contains("were there from an earlier run"), "{said}");
    assert_eq!(names(&small.0), ["out.mkv"]);
    assert_eq!(frames(&small.0.join("out.mkv")).len(), 119);
}

#[test]
fn a_read_only_folder_is_refused() {
    let dir = folder();
    let Some(mount) = Tmpfs::new(dir.path(), "size=3m,ro") else { return };
    let input = clip(dir.path(), "in.mkv", "64x48", 3);
    let out = mount.0.join("out.mkv");
    ifr_fails(&["interpolate", text(&input), "-o", text(&out)], 4, "write to the folder");
}

#[cfg(unix)]
#[test]
fn interrupting_leaves_a_partial_file_that_plays() {
    let dir = folder();
    for extension in ["mkv", "mp4"] {
        let input = clip(dir.path(), "in.mkv", "640x360", 300);
        let out = dir.path().join(format!("out.{extension}"));
        let args = [
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--factor",
            "8",
            "--json",
            "--encoder",
            "libx264",
            "--encoder-preset",
            "ultrafast",
        ];
        let mut child = Command::new(env!("CARGO_BIN_EXE_ifr"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Once it reports frames, it is at work.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(
            lines
                .by_ref()
                .map_while(Result::ok)
                .any(|l| l.contains("\"progress\"") && !l.contains("\"written\":0"))
        );
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let error = lines.map_while(Result::ok).find(|l| l.contains("\"error\"")).unwrap();
        assert!(error.contains("interrupted after") && error.contains("130"), "{error}");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let partial = dir.path().join(format!("out.partial.{extension}"));
        assert!(partial.exists() && !out.exists());
        let n = frames(&partial).len();
        assert!(n > 0 && n < 2393, "{n} frames");
    }
}

#[test]
fn identical_pictures_are_copied() {
    let dir = folder();
    let input = dir.path().join("in.mkv");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=1:duration=2,fps=5",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "yuv420p",
        text(&input),
    ]);
    let out = dir.path().join("out.mkv");
    ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--encoder", "ffv1"]);
    let after = frames(&out);
    assert_eq!(after.len(), 19);
    assert!((0..4).all(|i| after[2 * i + 1].1 == after[0].1), "a still picture stays itself");
}

#[test]
fn variable_rates_stay_variable() {
    let dir = folder();
    let input = dir.path().join("in.mkv");
    // Every third frame left out: intervals of 40 and 80 ms.
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=25:duration=1",
        "-vf",
        "select=mod(n\\,3)",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let out = dir.path().join("out.mkv");
    ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--factor", "2"]);
    let (t0, t1) = (times(&input), times(&out));
    assert_eq!(t1.len(), 2 * t0.len() - 1);
    for (i, pair) in t0.windows(2).enumerate() {
        assert!((t1[2 * i + 1] - (pair[0] + pair[1]) / 2.0).abs() < 0.0011);
    }
}

#[test]
fn ntsc_film_in_matroska_does_not_limp() {
    let dir = folder();
    let input = dir.path().join("in.mkv");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x48:rate=24000/1001",
        "-frames:v",
        "48",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let out = dir.path().join("out.mp4");
    ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--factor", "2"]);
    let v = video(&out);
    assert_eq!(v["r_frame_rate"], "48000/1001");
    for (k, t) in times(&out).iter().enumerate() {
        assert!((t - k as f64 * 1001.0 / 48000.0).abs() < 2e-6, "frame {k} at {t}");
    }
}

#[test]
fn cut_lists_are_obeyed() {
    let dir = folder();
    let input = clip(dir.path(), "in.mkv", "64x48", 10);
    let list = dir.path().join("cuts.txt");
    fs::write(&list, "3\n1.4 # frame 7\n").unwrap();
    let out = dir.path().join("out.mkv");
    let args = [
        "interpolate",
        text(&input),
        "-o",
        text(&out),
        "--encoder",
        "ffv1",
        "--cut-list",
        text(&list),
        "--json",
        "--force",
    ];
    let said = ifr(&args);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("\"cuts\":[3,7]"), "{said}");
    let after = frames(&out);
    assert_eq!(after[5].1, after[4].1);
    assert_ne!(after[7].1, after[6].1);
    ifr_ok(&[
        "interpolate",
        text(&input),
        "-o",
        text(&out),
        "--encoder",
        "ffv1",
        "--cut-list",
        text(&list),
        "--force",
        "--factor",
        "4",
        "--at-cut",
        "nearest",
    ]);
    let after = frames(&out);
    assert_eq!((&after[10].1, &after[11].1), (&after[8].1, &after[12].1), "the nearer one");
    let fade = ["--at-cut", "blend", "--factor", "2"];
    let said = ifr(&[&args[..], &fade].concat());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let luma = |n: usize| -> Vec<u8> {
        let select = format!("select=eq(n\\,{n}),format=gray");
        ffmpeg(&["-i", text(&out), "-vf", &select, "-fps_mode", "passthrough", "-f", "rawvideo", "-"])
    };
    let (before, fade, after) = (luma(4), luma(5), luma(6));
    let mean = |i: usize| (u16::from(before[i]) + u16::from(after[i])).div_ceil(2);
    assert!((0..fade.len()).all(|i| u16::from(fade[i]).abs_diff(mean(i)) <= 1), "half of each");
    assert_ne!(before, after);
    fs::write(&list, "three\n").unwrap();
    ifr_fails(&["interpolate", text(&input), "--cut-list", text(&list)], 3, "line 1 of the cut list");
}

#[test]
fn dry_run_writes_nothing() {
    let dir = folder();
    let input = clip(dir.path(), "in.mkv", "64x48", 10);
    let out = ifr(&["interpolate", text(&input), "--fps", "60", "--dry-run"]);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success() && said.contains("in.60fps.mkv") && said.contains("64x48"), "{said}");
    let out = ifr(&["interpolate", text(&input), "--fps", "60", "--dry-run", "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&plan["output_rate"], &plan["output_frames"]), (&"60".into(), &120.into()));
    assert_eq!(names(dir.path()), ["in.mkv"]);
}

#[test]
fn several_inputs_each_beside_itself() {
    let dir = folder();
    let a = clip(dir.path(), "a.mkv", "64x48", 3);
    let b = clip(dir.path(), "b.mkv", "48x64", 3);
    ifr_fails(&["interpolate", text(&a), text(&b), "-o", text(&dir.path().join("c.mkv"))], 2, "2 inputs");
    ifr_fails(&["interpolate", text(&a), text(&dir.path().join("x.mkv")), text(&b)], 3, "x.mkv");
    assert_eq!(
        names(dir.path()),
        ["a.mkv", "a.x2.mkv", "b.mkv", "b.x2.mkv"],
        "the others are done all the same"
    );
}

#[test]
fn long_variable_rates_lose_no_frame() {
    let dir = folder();
    let input = dir.path().join("in.mp4");
    // Times of a phone: 90 kHz ticks, uneven, with a mean rate that is no short fraction.
    let uneven = "setpts='(N*3003+mod(N*N*7\\,1700))/90000/TB'";
    let source = "testsrc=size=64x48:rate=30:duration=8";
    let scale = ["-video_track_timescale", "90000", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"];
    ffmpeg(
        &[
            &["-f", "lavfi", "-i", source, "-vf", &format!("settb=1/90000,{uneven}"), "-c:v", "libx264"][..],
            &scale,
            &[text(&input)],
        ]
        .concat(),
    );
    let out = dir.path().join("out.mp4");
    ifr_ok(&["interpolate", text(&input), "-o", text(&out), "--factor", "2", "--model", "flow-fast"]);
    let (t0, t1) = (times(&input), times(&out));
    assert!(t0.len() > 200);
    assert_eq!(t1.len(), 2 * t0.len() - 1);
    for (i, t) in t0.iter().enumerate() {
        assert!((t1[2 * i] - t).abs() < 2e-6, "source frame {i}: {t} became {}", t1[2 * i]);
    }
}

#[test]
fn nothing_of_the_users_is_overwritten_unasked() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    let input = clip(dir.path(), "in.mkv", "64x48", 3);
    // What an earlier run left unfinished, and an unfinished file as input.
    fs::copy(&input, path("out.partial.mkv")).unwrap();
    ifr_fails(&["interpolate", text(&input), "-o", text(&path("out.mkv"))], 4, "earlier run");
    ifr_fails(
        &["interpolate", text(&path("out.partial.mkv")), "-o", text(&path("out.mkv")), "--force"],
        4,
        "the input itself",
    );
    assert_eq!(fs::read(path("out.partial.mkv")).unwrap(), fs::read(&input).unwrap());
    ifr_fails(
        &["interpolate", text(&input), "-o", text(&path("out.mkv")), "--encoder-preset", "nonsense"],
        4,
        "earlier run",
    );
    assert!(path("out.partial.mkv").exists());
    // Images by a pattern, over others and over the input.
    ffmpeg(&["-i", text(&input), text(&path("f_%03d.png"))]);
    ifr_fails(&["interpolate", text(&input), "-o", text(&path("f_%03d.png"))], 4, "exists already");
    ifr_fails(
        &["interpolate", text(&path("f_%03d.png")), "-o", text(&path("f_%03d.png")), "--force"],
        4,
        "the input itself",
    );
    // A percent sign is no pattern.
    fs::copy(&input, path("100% fun.mkv")).unwrap();
    ifr_ok(&["interpolate", text(&path("100% fun.mkv"))]);
    ifr_fails(&["interpolate", text(&path("100% fun.mkv"))], 4, "exists already");
    // Two inputs, one output; a file where a folder is wanted; a name of no kind.
    fs::create_dir_all(path("a")).unwrap();
    fs::create_dir_all(path("o")).unwrap();
    fs::copy(&input, path("a/in.mkv")).unwrap();
    ifr_fails(
        &["interpolate", text(&input), text(&path("a/in.mkv")), "-o", text(&path("o")), "--force"],
        2,
        "two inputs",
    );
    ifr_fails(
        &["interpolate", text(&input), "-o", &format!("{}/", text(&path("out.partial.mkv")))],
        4,
        "irectory",
    );
    ifr_fails(&["interpolate", text(&input), "-o", text(&path("newname"))], 2, "extension");
}

#[test]
fn absurd_times_are_an_error_not_an_endless_job() {
    let dir = folder();
    let input = dir.path().join("in.mkv");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=25:duration=0.12",
        "-vf",
        "setpts=if(eq(N\\,2)\\,1e6/TB\\,PTS)",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    ifr_fails(&["interpolate", text(&input), "--fps", "60", "--no-space-check"], 3, "over an hour");
}

#[cfg(unix)]
#[test]
fn a_stalled_pipe_can_be_interrupted() {
    let dir = folder();
    let out = dir.path().join("out.mkv");
    let raw = ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=5",
        "-frames:v",
        // More than the analysis holds back to see what follows.
        "40",
        "-pix_fmt",
        "yuv420p",
        "-f",
        "yuv4mpegpipe",
        "-",
    ]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(["interpolate", "-", "-o", text(&out), "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &raw).unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())).map_while(Result::ok);
    assert!(lines.any(|l| l.contains("\"progress\"")));
    // The pipe stays open: nothing more comes.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(lines.any(|l| l.contains("interrupted")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
    assert_eq!(names(dir.path()), ["out.partial.mkv"]);
    assert!(!frames(&dir.path().join("out.partial.mkv")).is_empty());
}

#[test]
fn closed_pipes_are_no_panic() {
    let dir = folder();
    let input = clip(dir.path(), "in.mkv", "64x48", 3);
    let line = format!(
        "{0} interpolate {1} 2>&1 | true; {0} interpolate {1} --dry-run | true",
        env!("CARGO_BIN_EXE_ifr"),
        text(&input)
    );
    let out = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert!(!String::from_utf8_lossy(&out.stderr).contains("panicked"));
    assert_eq!(names(dir.path()), ["in.mkv", "in.x2.mkv"], "the job is done all the same");
}

#[test]
fn the_container_stays_the_inputs() {
    let dir = folder();
    let kinds = [
        ("webm", "libvpx-vp9", "vp9"),
        ("mov", "libx264", "h264"),
        ("avi", "mpeg4", ""),
        ("ts", "mpeg2video", "h264"),
    ];
    for (extension, encoder, codec) in kinds {
        let input = dir.path().join(format!("in.{extension}"));
        ffmpeg(&[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=64x48:rate=5",
            "-frames:v",
            "4",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            encoder,
            text(&input),
        ]);
        ifr_ok(&["interpolate", text(&input), "--model", "flow-fast"]);
        let here = names(dir.path()).into_iter().find(|n| n.starts_with("in.x2.")).unwrap();
        assert!(here == format!("in.x2.{extension}") || extension == "avi", "{extension} became {here}");
        let v = video(&dir.path().join(&here));
        assert!(codec.is_empty() || v["codec_name"] == codec, "{extension}: {}", v["codec_name"]);
        fs::remove_file(dir.path().join(here)).unwrap();
    }
}
