//! Jobs shared out to processes that know nothing of each other: the joined output is the single run's.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Tmpfs, ffmpeg, frames, ifr, ifr_fails, ifr_ok, names, packets, probe, text, times};

/// A clip with a cut, a still passage, sound and a subtitle; `uneven` leaves frames out.
fn clip(dir: &Path, name: &str, count: u32, uneven: bool) -> PathBuf {
    let (path, srt) = (dir.join(name), dir.join("s.srt"));
    fs::write(&srt, "1\n00:00:00,500 --> 00:00:02,000\nHello\n").unwrap();
    let seconds = f64::from(count) / 25.0;
    let select = if uneven { ",select=mod(n*n\\,7)" } else { "" };
    // Another picture from frame 100 on, which stands still from frame 120 to 131.
    let video = format!(
        "testsrc2=size=64x48:rate=25:duration={seconds}[a];mandelbrot=size=64x48:rate=25,trim=duration={seconds},\
         loop=12:1:120[b];[a][b]overlay=enable=gte(n\\,100):shortest=1{select}"
    );
    let sound = format!("sine=duration={seconds}");
    let args = [
        "-f",
        "lavfi",
        "-i",
        &video,
        "-f",
        "lavfi",
        "-i",
        &sound,
        "-i",
        text(&srt),
        "-fps_mode",
        "passthrough",
    ];
    let subtitles = if name.ends_with("mp4") { "mov_text" } else { "srt" };
    let codecs =
        "-map 0 -map 1 -map 2 -c:v libx264 -preset veryfast -g 40 -bf 2 -pix_fmt yuv420p -c:a aac -c:s";
    let codecs: Vec<&str> = codecs.split(' ').collect();
    ffmpeg(&[&args[..], &codecs, &[subtitles, text(&path)]].concat());
    path
}

const OPTIONS: [&str; 6] = ["--model", "flow-fast", "--segment-frames", "16", "--threads", "1"];

fn same(a: &Path, b: &Path, what: &str) {
    assert_eq!(times(a), times(b), "{what}: times");
    assert!(frames(a) == frames(b), "{what}: frames");
    for stream in ["0:a", "0:s"] {
        assert_eq!(packets(a, stream), packets(b, stream), "{what}: {stream}");
    }
    let stated = |p: &Path| {
        let all = probe(p);
        let of = |s: &serde_json::Value| {
            ["codec_name", "time_base", "start_time", "duration"].map(|k| s[k].clone())
        };
        all["streams"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(stated(a), stated(b), "{what}");
}

/// One, three and seven shards against the single run.
fn shared_out(input: &Path, name: &str, counts: &[&str], more: &[&str]) {
    let dir = input.parent().unwrap();
    let whole = dir.join(format!("whole-{name}"));
    ifr_ok(&[&["interpolate", text(input), "-o", text(&whole)], &OPTIONS[..], more].concat());
    assert!(frames(input).len() > 120, "enough to begin in the middle");
    for &shards in counts {
        let (plan, out) = (dir.join(format!("{name}-{shards}.json")), dir.join(format!("{shards}-{name}")));
        let to = ["plan", text(input), "--shards", shards, "-o", text(&plan), "--to", text(&out)];
        ifr_ok(&[&to[..], &OPTIONS, more].concat());
        // In any order; what is not there is named.
        for shard in (0..shards.parse::<u32>().unwrap()).rev() {
            if shards == "3" {
                ifr_fails(&["join", text(&plan)], 4, &shard.to_string());
            }
            let said = ifr_ok(&["run", text(&plan), "--shard", &shard.to_string()]);
            assert!(!said.contains("seeking leads to other frames"), "{said}");
            assert!(said.contains("(0 were there)"), "{said}");
        }
        let again = ifr_ok(&["run", text(&plan), "--shard", "0"]);
        assert!(again.contains(" 0 frames written"), "done is done: {again}");
        ifr_ok(&["join", text(&plan)]);
        same(&whole, &out, &format!("{name}, {shards} shards"));
        assert!(!plan.with_extension("segments").exists(), "nothing is left behind");
        ifr_fails(&["join", text(&plan)], 4, "exists already");
    }
}

#[test]
fn mp4_doubled() {
    let dir = tempfile::tempdir().unwrap();
    shared_out(&clip(dir.path(), "in.mp4", 300, false), "out.mp4", &["1", "3", "7"], &["--factor", "2"]);
}

#[test]
fn uneven_matroska_at_a_constant_rate() {
    let dir = tempfile::tempdir().unwrap();
    shared_out(&clip(dir.path(), "in.mkv", 300, true), "out.mkv", &["7"], &["--fps", "40"]);
}

#[test]
fn slow_motion_with_stretched_sound() {
    let dir = tempfile::tempdir().unwrap();
    shared_out(
        &clip(dir.path(), "in.mkv", 150, false),
        "out.mkv",
        &["3"],
        &["--slow", "2", "--encoder", "ffv1"],
    );
}

/// What stands still, what repeats, and what is left out at both ends must come out the same wherever a shard begins.
#[test]
fn stages_that_look_at_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, filters: &str| {
        let path = dir.path().join(name);
        let source = format!("testsrc2=size=96x64:rate=25:duration=12,{filters}");
        let srt = dir.path().join("s.srt");
        fs::write(&srt, "1\n00:00:02,500 --> 00:00:04,000\nHello\n").unwrap();
        let text_codec = if name.ends_with("mp4") { "mov_text" } else { "srt" };
        let codec =
            "-map 0 -map 1 -map 2 -c:v libx264 -preset veryfast -crf 12 -g 40 -pix_fmt yuv420p -c:a aac -c:s";
        let codec: Vec<&str> = codec.split(' ').collect();
        let inputs =
            ["-f", "lavfi", "-i", &source, "-f", "lavfi", "-i", "sine=duration=12", "-i", text(&srt)];
        ffmpeg(&[&inputs[..], &codec[..], &[text_codec, text(&path)]].concat());
        path
    };
    let logo = "drawbox=x=60:y=8:w=24:h=12:color=white:t=fill,drawbox=x=64:y=12:w=16:h=4:color=black:t=fill";
    let twos = make("twos.mp4", &format!("fps=12.5,fps=25,{logo}"));
    shared_out(&twos, "dedupe.mp4", &["3"], &["--factor", "2", "--dedupe"]);
    let part = ["--factor", "2", "--start", "1.5", "--end", "9"];
    shared_out(&make("logo.mp4", logo), "part.mp4", &["3"], &part);
    let film = make("film.mkv", "setpts=N/24000*1001/TB,fps=24000/1001,telecine=pattern=23");
    shared_out(&film, "decimated.mkv", &["3"], &["--factor", "2", "--decimate"]);
}

#[test]
fn a_shard_that_is_killed_is_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mp4", 120, false);
    let (whole, out, plan) =
        (dir.path().join("whole.mp4"), dir.path().join("out.mp4"), dir.path().join("plan.json"));
    let more = [&OPTIONS[..], &["--factor", "3"]].concat();
    ifr_ok(&[&["interpolate", text(&input), "-o", text(&whole)], &more[..]].concat());
    ifr_ok(&[&["plan", text(&input), "--shards", "2", "-o", text(&plan)], &more[..]].concat());
    let work = dir.path().join("work");
    let run = |shard: &str| {
        Command::new(env!("CARGO_BIN_EXE_ifr"))
            .args(["run", text(&plan), "--shard", shard, "--work-dir", text(&work)])
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut first, mut second) = (run("0"), run("1"));
    // Once its first segment is there, it is killed.
    let segment = |begins: &str| {
        let names = fs::read_dir(&work).into_iter().flatten().map(|e| e.unwrap().path());
        let is = |p: &PathBuf| {
            let name = p.file_name().unwrap().to_string_lossy();
            name.starts_with(begins) && name.ends_with(".seg")
        };
        names.into_iter().find(is)
    };
    while segment("000000-").is_none() {
        assert!(first.try_wait().unwrap().is_none(), "it must not end before");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    let args = ["run", text(&plan), "--shard", "0", "--work-dir", text(&work)];
    // Twice at the same time, too.
    let mut twin = run("0");
    let said = ifr_ok(&args);
    assert!(!said.contains("(0 were there)"), "{said}");
    assert!(twin.wait().unwrap().success());
    ifr_ok(&["join", text(&plan), "-o", text(&out), "--work-dir", text(&work), "--keep"]);
    same(&whole, &out, "killed and run again");
    // A damaged segment is found, and made again.
    let victim = segment("000001-").unwrap();
    let bytes = fs::read(&victim).unwrap();
    fs::write(&victim, &bytes[..bytes.len() / 2]).unwrap();
    let join = ["join", text(&plan), "-o", text(&out), "--work-dir", text(&work), "--force"];
    ifr_fails(&join, 4, "1 of 8 segments");
    ifr_ok(&args);
    // One with a changed bit too.
    let mut bytes = fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&victim, bytes).unwrap();
    ifr_fails(&join, 4, "a damaged packet");
    let said = ifr_ok(&args);
    assert!(!said.contains(" 0 frames written"), "{said}");
    // What is not of this job stays, be its name alike.
    let others = ["mine.tmp", "000001.tmp", "000001-01234567.1-2-3.tmp", "000001-01234567.seg"];
    others.iter().for_each(|name| fs::write(work.join(name), "").unwrap());
    let own = victim.with_extension("").to_str().unwrap().to_owned() + ".12-34-0.tmp";
    fs::write(&own, "").unwrap();
    ifr_ok(&join);
    same(&whole, &out, "made again");
    let left = fs::read_dir(&work).unwrap().count();
    assert!(left == others.len() && others.iter().all(|name| work.join(name).exists()), "{left} files");
}

#[test]
fn plans_are_for_one_job() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mp4", 30, false);
    let plan = dir.path().join("plan.json");
    let args = [&["plan", text(&input), "--shards", "2", "-o", text(&plan)], &OPTIONS[..]].concat();
    ifr_ok(&args);
    ifr_fails(&args, 4, "exists already");
    ifr_fails(&["run", text(&plan), "--shard", "2"], 2, "there is no shard 2: 0 to 1 are");
    let good = fs::read_to_string(&plan).unwrap();
    fs::write(&plan, good.replace("flow-fast", "flow")).unwrap();
    ifr_fails(&["run", text(&plan), "--shard", "0"], 2, "this is not the job that was planned");
    fs::write(&plan, good.replace("\"ifr-plan\":1", "\"ifr-plan\":7")).unwrap();
    ifr_fails(&["run", text(&plan), "--shard", "0"], 3, "version 7");
    fs::write(&plan, &good[..good.len() / 2]).unwrap();
    ifr_fails(&["join", text(&plan)], 3, "no plan of `ifr plan`");
    // Another name in another folder is the same input; other content is not.
    fs::write(&plan, &good).unwrap();
    let moved = dir.path().join("moved.mp4");
    fs::rename(&input, &moved).unwrap();
    ifr_ok(&["run", text(&plan), "--shard", "0", "--input", text(&moved)]);
    clip(dir.path(), "in.mp4", 31, false);
    ifr_fails(&["run", text(&plan), "--shard", "1"], 2, "the input's");
    // Wrong checksums: what is decoded is not what was planned.
    let at = good.find("\"checksums\":[").unwrap() + 13;
    let end = at + good[at..].find(',').unwrap();
    fs::write(&plan, format!("{}1{}", &good[..at], &good[end..])).unwrap();
    fs::remove_dir_all(plan.with_extension("segments")).unwrap();
    ifr_fails(
        &["run", text(&plan), "--shard", "0", "--input", text(&moved)],
        3,
        "other frames than when it was planned",
    );
    let nothing =
        ifr(&["plan", text(&moved), "--shards", "2", "--to", "x.gif", "-o", text(&dir.path().join("p"))]);
    assert_eq!(nothing.status.code(), Some(2));
}

/// What `ifr plan` takes it honours; what it cannot honour it does not take.
#[test]
fn flags_of_a_plan_do_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mp4", 30, false);
    let plan = dir.path().join("plan.json");
    let with = |more: &[&'static str]| {
        [&["plan", text(&input), "--shards", "2", "-o", text(&plan)], &OPTIONS[..], more].concat()
    };
    let before = names(dir.path());
    let printed = String::from_utf8(ifr(&with(&["--dry-run"])).stdout).unwrap();
    assert!(printed.contains("59 frames") && printed.contains("plan.json: 2 shards"), "{printed}");
    let lines = |more: &[&'static str]| -> Vec<serde_json::Value> {
        let out = ifr(&with(more)).stdout;
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let told = lines(&["--dry-run", "--json"]);
    assert!(told.len() == 1 && told[0]["output_frames"] == 59 && told[0]["shards"] == 2, "{told:?}");
    // What would be refused in the end is refused before the video is read, and by a dry run.
    ifr_fails(&with(&["--dry-run", "--to", "x.gif"]), 2, "shards are for videos");
    ifr_fails(&["plan", text(&input), "--shards", "0", "--dry-run"], 2, "expected 1 to 65536");
    assert_eq!(names(dir.path()), before, "a dry run writes nothing");
    let told = lines(&["--json"]);
    let summary = told.last().unwrap();
    assert!(summary["event"] == "summary" && summary["read"] == 30 && summary["segments"] == 2, "{told:?}");
    let made = fs::read(&plan).unwrap();
    let told = lines(&["--json"]);
    assert!(told[0]["event"] == "error" && told[0]["exit_code"] == 4, "{told:?}");
    let told = lines(&["--json", "--skip-existing", "--factor", "3"]);
    assert!(told.len() == 1 && told[0]["event"] == "skipped", "{told:?}");
    assert!(ifr_ok(&with(&["--skip-existing"])).contains("plan.json is there"));
    assert_eq!(fs::read(&plan).unwrap(), made, "it is left alone");
    assert_eq!(ifr_ok(&with(&["--force", "--quiet"])), "");
    for other in [&["--resume"][..], &["--recursive"], &["--output-dir", "x"], &["-t", "0.5"], &["x.mp4"]] {
        ifr_fails(&with(other), 2, "unexpected argument");
    }
    ifr_fails(&["plan", text(&input), "--shards", "2", "-o", "-"], 2, "expected a file's name");
    // Whatever was said of how to tell of it, the plan is carried out.
    ifr_ok(&with(&["--force", "--json"]));
    for shard in ["0", "1"] {
        ifr_ok(&["run", text(&plan), "--shard", shard]);
    }
    ifr_ok(&["join", text(&plan)]);
}

#[test]
fn what_a_full_disk_ends_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let Some(small) = Tmpfs::new(dir.path(), "size=1m") else { return };
    let at = |name: &str| dir.path().join(name);
    let (input, plan, there) = (at("in.mkv"), at("plan.json"), small.0.join("out.mkv"));
    let noise = "nullsrc=size=320x240:rate=25,geq=random(1)*255:128:128";
    ffmpeg(&["-f", "lavfi", "-i", noise, "-frames:v", "30", "-c:v", "ffv1", text(&input)]);
    let args = |plan: &Path| {
        let (input, plan) = (text(&input).to_owned(), text(plan).to_owned());
        let all = ["plan", &input, "--shards", "1", "-o", &plan, "--encoder", "ffv1", "--cuts", "off"];
        [&all[..], &OPTIONS].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    ifr_ok(&args(&plan));
    // Not even one segment fits.
    ifr_fails(&["run", text(&plan), "--shard", "0", "--work-dir", text(&small.0)], 4, "no space left");
    assert!(names(&small.0).is_empty(), "{:?}", names(&small.0));
    ifr_ok(&["run", text(&plan), "--shard", "0"]);
    let join = ["join", text(&plan), "-o", text(&there)];
    let before = names(&small.0);
    ifr_fails(&join, 4, "are needed for");
    ifr_fails(
        &[&join[..], &["--no-space-check"]].concat(),
        4,
        "out.mkv: no space is left; the segments are kept",
    );
    assert_eq!(names(&small.0), before);
    let _ = fs::write(small.0.join("fill"), vec![1; 2 << 20]);
    let before = names(&small.0);
    ifr_fails(&args(&small.0.join("plan.json")), 4, "cannot write the plan");
    assert_eq!(names(&small.0), before, "no half of a plan");
    ifr_ok(&["join", text(&plan)]);
    assert_eq!(frames(&at("in.x2.mkv")).len(), 59);
}

#[test]
fn a_plan_needs_no_room_but_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "in.mp4", 10, false);
    let before = names(dir.path());
    let planned = Command::new(env!("CARGO_BIN_EXE_ifr"))
        .args(["plan", text(&input), "--shards", "1", "--no-config"])
        .env("TMPDIR", "/nonexistent")
        .output()
        .unwrap();
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    assert_eq!(names(dir.path()).len(), before.len() + 1, "the plan, and nothing else");
}
