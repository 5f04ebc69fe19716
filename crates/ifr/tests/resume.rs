//! Interrupted jobs go on where they were, and end with what an uninterrupted one makes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, kill, packets, probe, text, times};

/// A clip of `count` frames with sound, at the frame rate given or an uneven one.
fn clip(dir: &Path, name: &str, count: u32, uneven: bool) -> PathBuf {
    let path = dir.join(name);
    let select = if uneven { "select=mod(n*n\\,7)" } else { "null" };
    let video = format!("testsrc2=size=96x64:rate=25:duration={}", f64::from(count) / 25.0);
    let sound = format!("sine=duration={}", f64::from(count) / 25.0);
    let args =
        ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &sound, "-vf", select, "-fps_mode", "passthrough"];
    let codecs = ["-c:v", "ffv1", "-pix_fmt", "yuv420p", "-c:a", "aac", text(&path)];
    ffmpeg(&[&args[..], &codecs].concat());
    path
}

fn arguments<'a>(input: &'a Path, out: &'a Path, encoder: &'a str) -> Vec<&'a str> {
    let common = ["interpolate", text(input), "-o", text(out), "--model", "flow-fast", "--encoder", encoder];
    let more: &[&str] = match encoder {
        "libx264" => &["--encoder-preset", "veryfast", "--encoder-opt", "bf=3"],
        _ => &[],
    };
    [&common[..], more, &["--factor", "3", "--segment-frames", "8"]].concat()
}

/// The same, by one thread.
fn single<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--threads", "1"]].concat()
}

fn same(a: &Path, b: &Path, what: &str) {
    assert_eq!(frames(a), frames(b), "{what}: frames and times");
    assert_eq!(times(a), times(b), "{what}");
    assert_eq!(packets(a, "0:a"), packets(b, "0:a"), "{what}: sound");
    let stated = |p: &Path| {
        let all = probe(p);
        let of = |s: &serde_json::Value| {
            ["codec_name", "time_base", "start_time", "duration", "avg_frame_rate"].map(|k| s[k].clone())
        };
        all["streams"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(stated(a), stated(b), "{what}");
}

#[test]
fn twenty_kills_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut kills = 0;
    // Not random, but uneven: a generator with a fixed start.
    let mut state = 7_u32;
    let mut random = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % n
    };
    for (name, encoder, uneven) in [
        ("a.mp4", "libx264", false),
        ("b.mkv", "libx264", true),
        ("c.mkv", "ffv1", false),
        ("d.mkv", "ffv1", true),
    ] {
        let input = clip(dir.path(), &format!("in-{name}.mkv"), 75, uneven);
        let whole = dir.path().join(format!("whole-{name}"));
        ifr_ok(&[&arguments(&input, &whole, encoder)[..], &["--threads", "1"]].concat());
        let out = dir.path().join(name);
        let folder = dir.path().join(format!("{name}.partial"));
        let mut args = arguments(&input, &out, encoder);
        for _ in 0..5 {
            if !kill(&single(&args), &folder, random(2) as usize, random(400) as usize) {
                break;
            }
            kills += 1;
            if out.exists() {
                // Killed after the last step but one: the output is there, its segments may be too.
                let _ = fs::remove_dir_all(&folder);
                break;
            }
            if !args.contains(&"--resume") {
                args.push("--resume");
            }
        }
        let said =
            if out.exists() { String::new() } else { ifr_ok(&[&args[..], &["--threads", "1"]].concat()) };
        same(&whole, &out, &format!("{name} {encoder}: {said}"));
        assert!(!folder.exists());
        let left = fs::read_dir(dir.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("partial"));
        assert_eq!(left.count(), 0, "nothing is left behind");
    }
    // How many of the twenty come before the end is up to the machine and what else it does; two of five for each is plenty.
    assert!(kills >= 8, "only {kills} kills");
}

#[test]
fn a_resumed_job_makes_only_what_is_missing_and_must_be_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mkv", 40, false);
    let out = dir.path().join("out.mkv");
    let folder = dir.path().join("out.mkv.partial");
    let args = arguments(&input, &out, "ffv1");
    assert!(kill(&single(&args), &folder, 4, 0));
    let journal = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    let done = journal.lines().count() - 1;
    ifr_fails(&args, 4, "--resume");
    let with = |more: &[&'static str]| [&args[..], &["--resume", "--threads", "1"], more].concat();
    ifr_fails(&with(&["--at-cut", "nearest"]), 2, "at cuts: was Hold, is Nearest");
    ifr_fails(&with(&["--crf", "3"]), 2, "encoder: was");
    ifr_fails(&with(&["--compute-repeats"]), 2, "repeats: was");
    // A damaged segment is made again, one that is not in the journal too.
    let first = folder.join("000000.seg");
    let mut bytes = fs::read(&first).unwrap();
    let length = bytes.len();
    bytes.truncate(length - 1);
    fs::write(&first, bytes).unwrap();
    // One bit of a packet, about which neither header nor footer say anything.
    let second = folder.join("000001.seg");
    let mut bytes = fs::read(&second).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&second, bytes).unwrap();
    let said = ifr_ok(&with(&[]));
    assert!(said.contains(&format!("{} frames were there", (done - 2) * 24)), "{said}");
    assert!(said.contains("118 frames"), "{said}");
    ifr_fails(&with(&[]), 4, "exists already");
    // Another input under the same name.
    fs::remove_file(&out).unwrap();
    assert!(kill(&single(&args), &folder, 2, 0));
    clip(dir.path(), "in.mkv", 41, false);
    ifr_fails(&with(&[]), 2, "input's content");
    ifr_ok(&[&args[..], &["--force"]].concat());
    assert_eq!(frames(&out).len(), 121);
    assert!(!folder.exists());
    // Nothing is begun with options that would be refused in the end.
    let other = dir.path().join("y.mp4");
    let bad = ["interpolate", text(&input), "-o", text(&other), "--encoder-opt", "no_such_option=1"];
    ifr_fails(&bad, 2, "knows the option no_such_option");
    assert!(!dir.path().join("y.mp4.partial").exists());
    // What cannot be continued says so.
    ifr_fails(
        &["interpolate", text(&input), "-o", text(&dir.path().join("x.gif")), "--resume"],
        2,
        "begin anew",
    );
}

#[test]
fn an_interrupt_leaves_a_file_that_plays_and_a_job_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mkv", 60, false);
    let (whole, out) = (dir.path().join("whole.mp4"), dir.path().join("out.mp4"));
    ifr_ok(&[&arguments(&input, &whole, "libx264")[..], &["--threads", "1"]].concat());
    let args = [&arguments(&input, &out, "libx264")[..], &["--threads", "1"]].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(&args)
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|l| l.contains("\"progress\"")));
    let journal = dir.path().join("out.mp4.partial/journal.jsonl");
    while fs::read_to_string(&journal).unwrap_or_default().lines().count() < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it must not end before");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let error = lines.find(|l| l.contains("\"error\"")).unwrap();
    assert!(error.contains("continue with --resume") && error.contains("out.partial.mp4"), "{error}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let partial = frames(&dir.path().join("out.partial.mp4"));
    let all = frames(&whole);
    assert!(partial.len() >= 48 && partial.len() < all.len(), "{}", partial.len());
    assert_eq!(partial[..48], all[..48], "what is whole is as it will be");
    ifr_ok(&[&args[..], &["--resume"]].concat());
    same(&whole, &out, "resumed");
    assert!(!dir.path().join("out.partial.mp4").exists() && !dir.path().join("out.mp4.partial").exists());
}

#[test]
fn two_runs_do_not_share_an_output() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mkv", 75, false);
    let out = dir.path().join("out.mkv");
    let args = [&arguments(&input, &out, "ffv1")[..], &["--resume", "--threads", "1"]].concat();
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_ifr")).args(&args).stderr(Stdio::null()).spawn().unwrap();
    let journal = dir.path().join("out.mkv.partial/journal.jsonl");
    while fs::metadata(&journal).map_or(0, |m| m.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it must not end before");
    }
    let second = ifr(&args);
    let (running, said) =
        (child.try_wait().unwrap().is_none(), String::from_utf8_lossy(&second.stderr).into_owned());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!running || said.contains("in use by another run"), "{said}");
}

#[test]
fn nothing_is_removed_before_the_lock_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mkv", 20, false);
    let at = |name: &str| dir.path().join(name);
    let (out, plan) = (at("out.mkv"), at("plan.json"));
    let args = [&arguments(&input, &out, "ffv1")[..], &["--force"]].concat();
    let sharing = ["plan", text(&input), "--shards", "1", "-o", text(&plan), "--to", text(&out)];
    ifr_ok(&[&sharing[..], &["--model", "flow-fast", "--factor", "3", "--encoder", "ffv1"]].concat());
    ifr_ok(&["run", text(&plan), "--shard", "0"]);
    // Another run is at work.
    let others =
        [at("out.mkv.partial/journal.jsonl"), at("out.mkv.partial/000000.seg"), at("out.partial.mkv")];
    fs::create_dir(at("out.mkv.partial")).unwrap();
    others.iter().for_each(|path| fs::write(path, "theirs").unwrap());
    let untouched =
        || others.iter().all(|path| fs::read_to_string(path).is_ok_and(|found| found == "theirs"));
    let journal = File::open(&others[0]).unwrap();
    journal.lock().unwrap();
    let join = ["join", text(&plan), "--force"];
    for forced in [&args[..], &join] {
        ifr_fails(forced, 4, "in use by another run");
        assert!(untouched(), "{forced:?}");
    }
    drop(journal);
    // It has ended, and what it left goes only when something can come in its place.
    ifr_fails(&[&args[..], &["--encoder-opt", "no_such_option=1"]].concat(), 2, "no_such_option");
    ifr_fails(&join[..2], 4, "move it away to keep it, or overwrite it with --force");
    assert!(untouched());
    ifr_ok(&join);
    let joined = frames(&out);
    assert!(joined.len() == 58 && others.iter().all(|path| !path.exists()), "{}", joined.len());
    ifr_ok(&args);
    assert_eq!(frames(&out), joined);
    assert!(!at("out.mkv.partial").exists(), "nothing is left behind");
}
