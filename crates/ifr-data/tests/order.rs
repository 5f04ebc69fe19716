//! What comes when: exact resume, any number of workers, several processes, several crops a window.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use common::{clip, folder, options, steady};
use ifr_data::{Batch, Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};

const SIZE: (usize, usize) = (48, 40);

fn clips(root: &Path) {
    for seed in 0..5 {
        clip(&root.join(format!("clip{seed}.y4m")), SIZE, &steady(seed, 14));
    }
}

fn set(root: &Path, memory: usize) -> Arc<Set> {
    Arc::new(
        Set::open(SetKind::Clips, root, SetOptions { memory, threads: 1, ..SetOptions::default() }).unwrap(),
    )
}

fn batches(set: &Arc<Set>, options: LoaderOptions, count: usize) -> Vec<Batch> {
    Loader::new(Arc::clone(set), options).unwrap().take(count).collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_batch_depends_on_its_number_alone() {
    let root = tempfile::tempdir().unwrap();
    clips(root.path());
    let frame = SIZE.0 * SIZE.1 * 3 / 2;
    // All at once; and in blocks of few clips, gone through several times.
    for memory in [1 << 30, 60 * frame] {
        for crops_per_window in [1, 3] {
            let make = || LoaderOptions {
                crops_per_window,
                prior: true,
                labels: Labels::Flow(Quality::Fast),
                ..options()
            };
            let all = batches(&set(root.path(), memory), LoaderOptions { workers: 1, ..make() }, 70);
            let parallel =
                batches(&set(root.path(), memory), LoaderOptions { workers: 4, queue: 7, ..make() }, 70);
            assert!(all == parallel, "{memory} {crops_per_window}");
            let shared = set(root.path(), memory);
            for first in [1, 17, 50] {
                let resumed = LoaderOptions { first_batch: first, ..make() };
                let resumed = batches(&shared, resumed, 4);
                assert!(all[first as usize..][..4] == resumed, "{memory} {crops_per_window} from {first}");
            }
            let other = batches(&shared, LoaderOptions { seed: 12, ..make() }, 1);
            assert!(all[0] != other[0]);
            assert!(all[0] != all[1]);
        }
    }
}

#[test]
fn ranks_share_what_one_process_sees() {
    let root = tempfile::tempdir().unwrap();
    clips(root.path());
    let set = set(root.path(), 1 << 30);
    let rank = |rank, world, windows| LoaderOptions { rank, world, windows, ..options() };
    let one = batches(&set, rank(0, 1, 6), 8);
    let two = [batches(&set, rank(0, 2, 3), 8), batches(&set, rank(1, 2, 3), 8)];
    for (n, whole) in one.iter().enumerate() {
        let sample = 3 * 32 * 32;
        for i in 0..6 {
            let half = &two[i % 2][n];
            assert_eq!(whole.origins[i], half.origins[i / 2]);
            assert_eq!(whole.first[i * sample..][..sample], half.first[i / 2 * sample..][..sample]);
            assert_eq!(whole.t[i], half.t[i / 2]);
        }
    }
}

#[test]
fn a_pass_sees_every_lively_frame() {
    let root = tempfile::tempdir().unwrap();
    clips(root.path());
    for memory in [1 << 30, 60 * SIZE.0 * SIZE.1 * 3 / 2] {
        let set = set(root.path(), memory);
        let loader = Loader::new(Arc::clone(&set), LoaderOptions { windows: 1, ..options() }).unwrap();
        let pass = loader.batches_per_pass();
        assert_eq!(pass, set.report().places as u64);
        let middles: BTreeSet<(String, usize)> = loader
            .take(pass as usize)
            .map(|b| b.unwrap().origins.remove(0))
            .map(|o| (o.name.to_string(), o.targets[0]))
            .collect();
        assert_eq!(middles.len() as u64, pass, "each once");
        assert_eq!(middles.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), 5);
    }
}

#[test]
fn long_clips_are_cut_where_memory_is_short() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("long"), SIZE, &steady(1, 60));
    let frame = 3 * SIZE.0 * SIZE.1;
    let options = SetOptions { memory: 4 * 17 * frame, reach: 4, ..SetOptions::default() };
    let set = Arc::new(Set::open(SetKind::Frames, root.path(), options.clone()).unwrap());
    let loader = Loader::new(Arc::clone(&set), LoaderOptions { windows: 1, ..common::plain() }).unwrap();
    let mut late = 0;
    for batch in loader.take(100) {
        let origin = batch.unwrap().origins.remove(0);
        assert!(origin.second - origin.first <= 4 && origin.second < 60);
        late += usize::from(origin.first > 40);
    }
    assert!(late > 10, "frames are counted from the file's start: {late}");
    let error =
        Set::open(SetKind::Frames, root.path(), SetOptions { memory: 10 * frame, ..options }).unwrap_err();
    assert!(error.to_string().contains("memory = 0 MiB: at least 1 MiB are needed"), "{error}");
}

#[test]
fn videos_in_pieces_are_reported() {
    let root = tempfile::tempdir().unwrap();
    clip(&root.path().join("long.y4m"), SIZE, &steady(1, 60));
    clip(&root.path().join("short.y4m"), SIZE, &steady(2, 9));
    let frame = SIZE.0 * SIZE.1 * 3 / 2;
    assert_eq!(set(root.path(), 69 * frame).report().in_pieces, 0);
    let set = set(root.path(), 4 * 17 * frame);
    assert_eq!((set.report().usable, set.report().in_pieces), (2, 1));
}

#[test]
fn a_loader_is_watched_from_elsewhere() {
    let root = tempfile::tempdir().unwrap();
    clips(root.path());
    let mut loader = Loader::new(set(root.path(), 1 << 30), options()).unwrap();
    assert_eq!(loader.set().report().usable, 5);
    let watch = loader.watch();
    assert_eq!(watch.stats().elapsed, std::time::Duration::ZERO, "nothing counts before the first batch");
    let pause = watch.pause();
    let thread = std::thread::spawn(move || {
        loader.by_ref().take(7).for_each(|batch| drop(batch.unwrap()));
        loader
    });
    let loader = thread.join().unwrap();
    let stats = watch.stats();
    assert_eq!((stats.batches, stats.elapsed, stats.waited), (7, Default::default(), Default::default()));
    assert_eq!(stats.busy(), 1.0);
    assert!(stats.windows >= 21 && stats.cropping > std::time::Duration::ZERO);
    drop(pause);
    assert_eq!(loader.stats().batches, 7);
    drop(loader);
    assert!(watch.stats().windows >= 21, "what it counted outlives it");
}

#[test]
fn dropping_ends_the_threads() {
    let root = tempfile::tempdir().unwrap();
    clips(root.path());
    let set = set(root.path(), 1 << 30);
    for taken in [0, 1, 5] {
        let mut loader = Loader::new(Arc::clone(&set), options()).unwrap();
        for batch in loader.by_ref().take(taken) {
            batch.unwrap();
        }
        assert_eq!((loader.next_batch(), loader.stats().batches), (taken as u64, taken as u64));
        // Returns once no thread holds the set any more.
        drop(loader);
        assert_eq!(Arc::strong_count(&set), 1);
    }
}
