//! Wherever a job is stopped, what it leaves under a final name is whole.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{ffmpeg, text};
use ifr::job::{self, JobError, Journal, JournalEntry, Plan, Progress, Request, Speed};
use ifr::{Device, Interpolator, Model};

fn clip(dir: &Path) -> PathBuf {
    let path = dir.join("in.mkv");
    let source = "testsrc2=size=64x48:rate=25:duration=0.8";
    ffmpeg(&["-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p", text(&path)]);
    path
}

fn request(input: &Path, segment: u64) -> Request {
    Request {
        output: Some(input.with_file_name("out.mkv")),
        force: true,
        segment_frames: NonZeroU64::new(segment),
        ..Request::new(input, Speed::Factor(2))
    }
}

#[test]
fn every_segment_in_the_journal_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(&clip(dir.path()), 2);
    let mut engine = Interpolator::new(&Model::flow_fast(), &Device::cpu()).unwrap();
    let mut stopped = 0;
    for last in 1..40 {
        let source = job::open(&request).unwrap();
        let plan = Plan::new(&request, source.info()).unwrap();
        let stop = AtomicBool::new(false);
        let progress = |p: &Progress| stop.fetch_or(p.written >= last, Ordering::Relaxed);
        let ran = job::run(&plan, source, &mut engine, &|p| _ = progress(p), &stop);
        let Err(JobError::Interrupted { .. }) = ran else { continue };
        stopped += 1;
        let Ok(journal) = fs::read(dir.path().join("out.mkv.partial/journal.jsonl")) else { continue };
        let done = Journal::parse(&journal).unwrap().done;
        // After the last source frame there is nothing between.
        let whole = |e: &JournalEntry| e.frames == if e.segment == 9 { 3 } else { 4 };
        assert!(done.iter().all(whole), "stopped after {last} frames: {done:?}");
    }
    assert!(stopped > 30, "only {stopped} were stopped");
}

#[test]
fn a_shard_stopped_in_its_last_interval_is_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let request = request(&clip(dir.path()), 10);
    let mut engine = Interpolator::new(&Model::flow_fast(), &Device::cpu()).unwrap();
    let source = job::open(&request).unwrap();
    let plan = Plan::new(&request, source.info()).unwrap();
    let shards = job::plan_shards(&plan, source, 2, &|_| {}, &AtomicBool::new(false)).unwrap().plan;
    let work = dir.path().join("work");
    let stop = AtomicBool::new(false);
    // Frame 9 is there, the one between it and frame 10 is not.
    let progress = |p: &Progress| _ = stop.fetch_or(p.position.as_secs_f64() > 0.35, Ordering::Relaxed);
    let ran = job::run_shard(&plan, &shards, 0, &work, &mut engine, &progress, &stop);
    assert!(matches!(ran, Err(JobError::Interrupted { .. })), "{ran:?}");
    let whole = |e: &fs::DirEntry| e.path().extension().is_some_and(|e| e == "seg");
    assert!(!fs::read_dir(&work).unwrap().any(|e| whole(&e.unwrap())), "it has no segment");
}
