//! Real clips, where they are there.
#![cfg(feature = "video")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ifr_data::{Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};

/// Shots that start within the clips: (end of the name, first frame of the new shot).
const CUTS: [(&str, usize); 3] = [("__163.mp4", 32), ("__62.mp4", 18), ("__216.mp4", 36)];

#[test]
fn windows_of_real_clips_cross_no_cut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/train/pack256");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let options = || SetOptions { cache: Some(cache.path().to_owned()), ..SetOptions::default() };
    let start = Instant::now();
    let set = Set::open(SetKind::Clips, &folder, options()).unwrap();
    eprintln!("{:?} in {:.1?}", set.report(), start.elapsed());
    let start = Instant::now();
    let again = Set::open(SetKind::Clips, &folder, options()).unwrap();
    eprintln!("from the index in {:.1?}", start.elapsed());
    assert_eq!(again.report(), set.report());
    let report = set.report();
    assert_eq!(report.unreadable, 0);
    assert_eq!(report.usable + report.without_windows, 104);
    assert!(report.usable >= 95, "{report:?}");
    assert!(report.frames > 10_000 && report.bytes < 4 << 30, "{report:?}");

    // Windows alone, many of them.
    let options =
        LoaderOptions { windows: 32, crop: (16, 16), seed: 4, workers: 2, ..LoaderOptions::default() };
    let set = Arc::new(set);
    let mut loader = Loader::new(Arc::clone(&set), options).unwrap();
    let mut lengths = [0; 9];
    let mut near = 0;
    for batch in loader.by_ref().take(200) {
        let batch = batch.unwrap();
        for (origin, &t) in batch.origins.iter().zip(&batch.t) {
            let length = origin.second - origin.first;
            lengths[length] += 1;
            assert!((2..=8).contains(&length));
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
    eprintln!("lengths {lengths:?}; {near} windows near a cut; {:?}", loader.stats());
    assert!(lengths[2] > lengths[4] && lengths[8] > 100, "{lengths:?}");
    assert!(near > 0);
    drop(loader);

    for crops_per_window in [1, 4] {
        let options = LoaderOptions {
            windows: 8,
            crop: (128, 128),
            workers: 1,
            labels: Labels::Flow(Quality::Fast),
            prior: Some(Quality::Standard),
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
            "{rate:.1} samples/s of one worker with {crops_per_window} crops a window; {:?}",
            loader.stats()
        );
    }
}
