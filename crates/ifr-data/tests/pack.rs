//! Real clips, where they are there.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use ifr_data::{Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};

/// Shots that start within the clips: (end of the name, first frame of the new shot).
const CUTS: [(&str, usize); 3] = [("__163.mp4", 32), ("__62.mp4", 18), ("__216.mp4", 36)];

fn pack() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/train/pack256");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// Looks at many windows; returns how many of each length there were, and how many near a cut.
fn look(set: &Arc<Set>, batches: usize) -> ([usize; 9], usize) {
    let options =
        LoaderOptions { windows: 32, crop: (16, 16), seed: 4, workers: 2, ..LoaderOptions::default() };
    let (mut lengths, mut near) = ([0; 9], 0);
    for batch in Loader::new(Arc::clone(set), options).unwrap().take(batches) {
        let batch = batch.unwrap();
        for (origin, &t) in batch.origins.iter().zip(&batch.t) {
            let length = origin.second - origin.first;
            lengths[length] += 1;
            let forward = (origin.targets[0] - origin.first) as f32 / length as f32;
            assert!((t - forward).abs() < 1e-6 || (t - 1.0 + forward).abs() < 1e-6);
            for (name, cut) in CUTS {
                if origin.name.ends_with(name) {
                    assert!(
                        origin.second < cut || origin.first >= cut,
                        "{origin:?} crosses the cut at {cut}"
                    );
                    near += usize::from(origin.second + 8 > cut && origin.first < cut + 8);
                }
            }
        }
    }
    assert!(lengths[..2] == [0, 0] && lengths[2] > lengths[4] && lengths[8] > 0, "{lengths:?}");
    assert!(near > 0);
    (lengths, near)
}

#[test]
fn windows_of_real_clips_cross_no_cut() {
    let Some(folder) = pack() else { return };
    let some = tempfile::tempdir().unwrap();
    let root = some.path().join("clips");
    std::fs::create_dir(&root).unwrap();
    let names = CUTS.map(|(name, _)| name).into_iter().chain(["__8.mp4", "__6.mp4", "__37.mp4"]);
    for name in names {
        let name = format!("autoeval-video{name}");
        std::fs::copy(folder.join(&name), root.join(&name)).unwrap();
    }
    let options = || SetOptions { cache: Some(some.path().join("cache")), ..SetOptions::default() };
    let set = Arc::new(Set::open(SetKind::Clips, &root, options()).unwrap());
    assert_eq!((set.report().usable, set.report().unreadable), (6, 0));
    look(&set, 40);
    let batch = |set: Arc<Set>| Loader::new(set, LoaderOptions::default()).unwrap().next().unwrap().unwrap();
    let known = Arc::new(Set::open(SetKind::Clips, &root, options()).unwrap());
    assert_eq!(known.report(), set.report(), "the same from the index");
    assert_eq!(batch(known), batch(set));
}

/// The whole pack: half a minute of computing. Prints how many samples a worker makes.
#[test]
#[ignore = "long: run with --release -- --ignored --nocapture"]
fn the_whole_pack() {
    let Some(folder) = pack() else { return };
    let start = Instant::now();
    let set = Arc::new(Set::open(SetKind::Clips, &folder, SetOptions::default()).unwrap());
    let report = set.report();
    eprintln!("{report:?} in {:.1?}", start.elapsed());
    assert_eq!(report.unreadable, 0);
    assert_eq!(report.usable + report.without_windows, 104);
    assert!(report.usable >= 95 && report.frames > 10_000 && report.bytes < 4 << 30, "{report:?}");
    let (lengths, near) = look(&set, 200);
    eprintln!("windows by length: {lengths:?}; {near} near a cut");
    for crops_per_window in [1, 4] {
        let options = LoaderOptions {
            windows: 8,
            crop: (128, 128),
            workers: 1,
            labels: Labels::Flow(Quality::Fast),
            prior: true,
            crops_per_window,
            ..LoaderOptions::default()
        };
        let mut loader = Loader::new(Arc::clone(&set), options).unwrap();
        loader.next().unwrap().unwrap();
        let start = Instant::now();
        let batches = 16 * crops_per_window;
        for batch in loader.by_ref().take(batches) {
            let batch = batch.unwrap();
            assert!(batch.labels.is_some() && batch.prior.is_some());
        }
        let rate = (batches * 8) as f64 / start.elapsed().as_secs_f64();
        eprintln!(
            "{rate:.1} samples/s of one worker with {crops_per_window} crops a window: {:?}",
            loader.stats()
        );
    }
}
