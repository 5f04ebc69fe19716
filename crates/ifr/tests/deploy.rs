//! The files in `deploy/` do what they say: their commands are run here, in place of Kubernetes and Slurm.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{ffmpeg, frames, ifr_ok, text};
use serde_json::Value;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

fn clip(path: &Path) {
    let video = "testsrc2=size=64x48:rate=25:duration=2";
    ffmpeg(&["-f", "lavfi", "-i", video, "-c:v", "ffv1", "-pix_fmt", "yuv420p", text(path)]);
}

/// A folder that has `ifr` by that name, before all others in the path.
fn path_with(dir: &Path, scripts: &[(&str, &str)]) -> String {
    let bin = dir.join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ifr"), bin.join("ifr")).unwrap();
    for (name, content) in scripts {
        fs::write(bin.join(name), content).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", text(&bin), std::env::var("PATH").unwrap())
}

#[test]
fn slurm() {
    // Runs what is submitted at once: an array job by job, the last one first.
    const SBATCH: &str = r#"#!/bin/sh
set -eu
last=
while :; do
    case $1 in
        --array=0-*) last=${1#--array=0-} ;;
        --*) ;;
        *) break ;;
    esac
    shift
done
if [ -z "$last" ]; then sh "$@" >&2; else
    while [ "$last" -ge 0 ]; do SLURM_ARRAY_TASK_ID=$last sh "$@" >&2; last=$((last - 1)); done
fi
echo 17
"#;
    let dir = tempfile::tempdir().unwrap();
    let path = path_with(dir.path(), &[("sbatch", SBATCH)]);
    let (input, out, whole) =
        (dir.path().join("in.mkv"), dir.path().join("out.mkv"), dir.path().join("whole.mkv"));
    clip(&input);
    let options = ["--factor", "3", "--model", "flow-fast", "--segment-frames", "6", "--threads", "2"];
    let submit = deploy("slurm/submit.sh");
    let done = Command::new("sh")
        .args([text(&submit), "3", text(&input), text(&out)])
        .args(options)
        .env("PATH", &path)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    ifr_ok(&[&["interpolate", text(&input), "-o", text(&whole)], &options[..]].concat());
    assert_eq!(frames(&out), frames(&whole));
    let usage = Command::new("sh").arg(&submit).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("Usage: submit.sh"));
}

#[test]
fn kubernetes() {
    let read = "import json, sys, yaml; print(json.dumps([yaml.safe_load(open(f)) for f in sys.argv[1:]]))";
    let files = ["volume", "plan", "shards", "join"].map(|f| deploy(&format!("kubernetes/{f}.yaml")));
    let parsed = Command::new("python3").args(["-c", read]).args(&files).output();
    let Some(parsed) = parsed.ok().filter(|o| o.status.success()) else {
        eprintln!("skipped: no python3 with yaml here");
        return;
    };
    let documents: Vec<Value> = serde_json::from_slice(&parsed.stdout).unwrap();
    let [volume, plan, shards, join] = documents.try_into().unwrap();
    assert_eq!(volume["kind"], "PersistentVolumeClaim");
    let dir = tempfile::tempdir().unwrap();
    let path = path_with(dir.path(), &[]);
    clip(&dir.path().join("in.mkv"));
    // The volume is this folder.
    let run = |job: &Value, index: u64| {
        assert_eq!((&job["kind"], &job["apiVersion"]), (&Value::from("Job"), &Value::from("batch/v1")));
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], volume["metadata"]["name"]);
        let container = &pod["containers"][0];
        let words = container["command"].as_array().unwrap().iter();
        let words: Vec<String> =
            words.map(|w| w.as_str().unwrap().replace("/data", text(dir.path()))).collect();
        let done = Command::new(&words[0])
            .args(&words[1..])
            .env("PATH", &path)
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .output()
            .unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(&plan, 0);
    assert_eq!(shards["spec"]["completionMode"], "Indexed");
    let count = shards["spec"]["completions"].as_u64().unwrap();
    (0..count).for_each(|index| run(&shards, index));
    run(&join, 0);
    assert_eq!(frames(&dir.path().join("out.mkv")).len(), 120);
    for script in ["kubernetes/run.sh", "slurm/submit.sh"] {
        assert!(Command::new("sh").args(["-n", text(&deploy(script))]).status().unwrap().success());
    }
}
