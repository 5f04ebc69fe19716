//! The four kinds of sets on made data: windows, times, flows.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use common::{MOTION, clip, folder, open, options, plain, steady, vimeo, warped_error};
use ifr_data::{Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};

const SIZE: (usize, usize) = (64, 48);

#[test]
fn triplets_with_labels_from_files() {
    let root = tempfile::tempdir().unwrap();
    vimeo(root.path(), SIZE, 7, true);
    let options = LoaderOptions { labels: Labels::Files, ..options() };
    let mut loader = Loader::new(open(SetKind::Vimeo, root.path()), options).unwrap();
    assert_eq!(loader.batches_per_pass(), 3);
    let mut names = BTreeSet::new();
    for batch in loader.by_ref().take(12) {
        let batch = batch.unwrap();
        assert_eq!((batch.samples, batch.width, batch.height), (3, 32, 32));
        assert_eq!(batch.t, [0.5; 3]);
        assert!(batch.prior.is_none());
        assert!(
            batch.first.iter().chain(&batch.second).chain(&batch.target).all(|v| (0.0..=1.0).contains(v))
        );
        // Exact labels stay exact through all that happens to a sample; 8 bits and enlargement cost a level or two.
        let error = warped_error(&batch, batch.labels.as_ref().unwrap());
        assert!(error < 0.012, "{error}");
        names.extend(batch.origins.into_iter().map(|o| o.name.to_string()));
    }
    assert_eq!(names.len(), 7);
    assert_eq!(names.first().map(String::as_str), Some("00001/0000"));
}

#[test]
fn computed_labels_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    vimeo(root.path(), SIZE, 3, false);
    let loader = || {
        let options = SetOptions { cache: Some(cache.path().join("new")), ..SetOptions::default() };
        let set = Set::open(SetKind::Vimeo, root.path(), options).unwrap();
        Loader::new(set, LoaderOptions { labels: Labels::Cached(Quality::Standard), ..plain() }).unwrap()
    };
    let first = loader().next().unwrap().unwrap();
    let files = |path: &std::path::Path| -> usize {
        fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).map(|p| if p.is_dir() { 0 } else { 1 }).sum()
    };
    let kept = fs::read_dir(cache.path().join("new")).unwrap().next().unwrap().unwrap().path().join("00001");
    assert_eq!(files(&kept), 3);
    assert_eq!(loader().next().unwrap().unwrap(), first, "the same from what is kept");
    assert!(warped_error(&first, first.labels.as_ref().unwrap()) < 0.02);
    // A damaged file is computed anew, and so is one of images that changed.
    for entry in fs::read_dir(&kept).unwrap() {
        fs::write(entry.unwrap().path(), b"ifrlab01").unwrap();
    }
    assert_eq!(loader().next().unwrap().unwrap(), first);
}

#[test]
fn groups_of_nine() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("train/a"), SIZE, &steady(1, 18));
    folder(&root.path().join("train/b"), SIZE, &steady(2, 9));
    folder(&root.path().join("train/short"), SIZE, &steady(3, 8));
    let set = Arc::new(open(SetKind::Gopro, root.path()));
    let report = set.report();
    assert_eq!((report.usable, report.without_windows, report.places), (2, 1, 3));
    let loader = Loader::new(Arc::clone(&set), LoaderOptions { windows: 3, ..plain() }).unwrap();
    let batch = loader.into_iter().next().unwrap().unwrap();
    assert_eq!(batch.samples, 21);
    let eighths: Vec<f32> = (1..8).map(|k| k as f32 / 8.0).collect();
    assert_eq!(batch.t, eighths.repeat(3));
    let mut windows: Vec<_> = batch.origins.iter().map(|o| (o.name.to_string(), o.first, o.second)).collect();
    windows.sort();
    let expected = [("train/a", 0, 8), ("train/a", 8, 16), ("train/b", 0, 8)];
    assert_eq!(windows, expected.map(|(n, a, b)| (n.to_owned(), a, b)));
    assert!(batch.origins.iter().all(|o| o.targets.len() == 7 && o.targets[6] + 1 == o.second));
    let image = 3 * 32 * 32;
    assert_eq!(batch.first[..image], batch.first[6 * image..7 * image], "one window's first frame");
    assert_ne!(batch.target[..image], batch.target[image..2 * image]);

    // Reversed, the seven come in the same order of frames, each at 1 − t.
    let augmentation = ifr_data::Augmentation { reverse_time: 1.0, ..ifr_data::Augmentation::NONE };
    let reversed = Loader::new(set, LoaderOptions { windows: 3, augmentation, ..plain() }).unwrap();
    let reversed = reversed.into_iter().next().unwrap().unwrap();
    let ends: Vec<f32> = (1..8).map(|k| 1.0 - k as f32 / 8.0).collect();
    assert_eq!(reversed.t, ends.repeat(3));
    assert_eq!((&reversed.first, &reversed.target), (&batch.second, &batch.target));
}

#[test]
fn windows_of_frames_and_clips_have_true_flows() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..2 {
        folder(&root.path().join(format!("frames/{seed}")), SIZE, &steady(seed, 12));
        clip(&root.path().join(format!("clips/in/{seed}.y4m")), SIZE, &steady(seed, 12));
    }
    for (kind, name) in [(SetKind::Frames, "frames"), (SetKind::Clips, "clips")] {
        let options =
            LoaderOptions { windows: 8, prior: true, labels: Labels::Flow(Quality::Standard), ..plain() };
        let set = open(kind, &root.path().join(name));
        let batch = Loader::new(set, options).unwrap().next().unwrap().unwrap();
        let (labels, prior) = (batch.labels.as_ref().unwrap(), batch.prior.as_ref().unwrap());
        let area = 32 * 32;
        for (n, (origin, &t)) in batch.origins.iter().zip(&batch.t).enumerate() {
            let length = (origin.second - origin.first) as f32;
            assert!((2.0..=8.0).contains(&length));
            assert_eq!(t, (origin.targets[0] - origin.first) as f32 / length);
            for flows in [labels, &prior.flows] {
                let to = [-t * length, -t * length, (1.0 - t) * length, (1.0 - t) * length];
                for (k, steps) in to.into_iter().enumerate() {
                    let plane = &mut flows[(4 * n + k) * area..][..area].to_vec();
                    plane.sort_by(f32::total_cmp);
                    let (found, expected) = (plane[area / 2], steps * MOTION[k % 2] as f32);
                    assert!(
                        (found - expected).abs() < 0.35,
                        "{name} {origin:?} {k}: {found}, expected {expected}"
                    );
                }
            }
            let frame = &prior.frame[3 * n * area..][..3 * area];
            let target = &batch.target[3 * n * area..][..3 * area];
            let mut differences: Vec<f32> = frame.iter().zip(target).map(|(a, b)| (a - b).abs()).collect();
            differences.sort_by(f32::total_cmp);
            assert!(differences[differences.len() / 2] < 0.03, "{origin:?}");
        }
    }
}

/// Networks get the prior in its standard quality when they are used: training must, whatever labels are made with.
#[test]
fn the_prior_is_the_one_that_networks_get() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("train/a");
    common::folder(&folder, SIZE, &steady(1, 9));
    let options =
        LoaderOptions { windows: 1, crop: SIZE, prior: true, labels: Labels::Flow(Quality::Fast), ..plain() };
    let batch = Loader::new(open(SetKind::Gopro, root.path()), options).unwrap().next().unwrap().unwrap();
    let read = |i: usize| Arc::new(ifr_video::images::read_image(folder.join(format!("{i}.png"))).unwrap());
    let made = |quality| {
        let options = ifr_flow::FlowOptions { quality, pool: None };
        let mut interpolator = ifr_flow::FlowInterpolator::with_options(options);
        let prior = interpolator.prior(&read(0), &read(8)).unwrap().at(0.125).unwrap();
        let [a, b] = &prior.flows;
        ([a.u(), a.v(), b.u(), b.v()].concat(), prior.frame.to_rgb().data().to_vec())
    };
    let area = SIZE.0 * SIZE.1;
    let found = batch.prior.unwrap();
    let (flows, frame) = (&found.flows[..4 * area], &found.frame[..3 * area]);
    assert!((flows, frame) == (&made(Quality::Standard).0[..], &made(Quality::Standard).1[..]));
    assert!(flows != &made(Quality::Fast).0[..], "the two qualities differ");
}

#[test]
fn everything_is_augmented_together() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("a"), SIZE, &steady(1, 10));
    let set = Arc::new(
        Set::open(SetKind::Frames, root.path(), SetOptions { reach: 3, ..SetOptions::default() }).unwrap(),
    );
    let options = LoaderOptions { prior: true, labels: Labels::Flow(Quality::Fast), ..options() };
    for batch in Loader::new(set, options).unwrap().take(20) {
        let batch = batch.unwrap();
        let (labels, prior) = (batch.labels.as_ref().unwrap(), batch.prior.as_ref().unwrap());
        for flows in [labels, &prior.flows] {
            let error = warped_error(&batch, flows);
            assert!(error < 0.03, "{error}");
        }
        let frame: f32 = prior.frame.iter().zip(&batch.target).map(|(a, b)| (a - b).abs()).sum();
        assert!(frame / (prior.frame.len() as f32) < 0.05);
    }
}

#[test]
fn crops_can_look_for_motion() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("a"), (128, 96), &steady(1, 8));
    let set = Arc::new(open(SetKind::Frames, root.path()));
    let change = |crop_choices| {
        let loader = Loader::new(Arc::clone(&set), LoaderOptions { crop_choices, ..plain() }).unwrap();
        let batches: Vec<_> = loader.take(10).map(Result::unwrap).collect();
        let of = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
        batches.iter().map(|b| b.first.iter().zip(&b.second).map(of).sum::<f64>()).sum::<f64>()
    };
    assert!(change(8) > 1.05 * change(1), "{} {}", change(8), change(1));
}

#[test]
fn cuts_repeats_and_jumps_are_left_out() {
    let root = tempfile::tempdir().unwrap();
    let mut frames = steady(1, 8);
    frames.extend(steady(2, 8)); // a cut at 8
    frames.extend([(2, 7), (2, 8), (2, 9), (2, 10)]); // 16 repeats 15
    folder(&root.path().join("a"), (96, 80), &frames);
    folder(&root.path().join("still"), (96, 80), &[(3, 0); 9]);
    let set = open(SetKind::Frames, root.path());
    let report = set.report();
    assert_eq!((report.usable, report.without_windows), (1, 1));
    let loader = Loader::new(set, LoaderOptions { windows: 1, ..plain() }).unwrap();
    let mut seen = BTreeSet::new();
    for batch in loader.take(300) {
        let origin = batch.unwrap().origins.remove(0);
        let within = |a, b| origin.first >= a && origin.second <= b;
        assert!(within(0, 7) || within(8, 15) || within(16, 19), "{origin:?}");
        seen.insert(origin.targets[0]);
    }
    let middles: Vec<usize> = (1..7).chain(9..15).chain(17..19).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), middles);
}

#[cfg(feature = "video")]
#[test]
fn compressed_clips_are_read() {
    let root = tempfile::tempdir().unwrap();
    clip(&root.path().join("a.mp4"), SIZE, &steady(1, 20));
    fs::write(root.path().join("notes.txt"), "not a clip").unwrap();
    let set = open(SetKind::Clips, root.path());
    assert_eq!((set.report().usable, set.report().frames), (1, 20));
    let batch = Loader::new(set, plain()).unwrap().next().unwrap().unwrap();
    assert_eq!(&*batch.origins[0].name, "a.mp4");
}
