//! Damage that comes to light while training: the same batches whoever finds it when, and others in its place.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{clip, folder, plain, steady, vimeo};
use ifr_data::{Batch, DataError, Labels, Loader, LoaderOptions, Set, SetKind, SetOptions};

const SIZE: (usize, usize) = (48, 40);
/// Bytes of a frame of that size.
const FRAME: usize = 3 * SIZE.0 * SIZE.1;

fn ends_early(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn set(kind: SetKind, root: &Path, memory: usize, tolerate: f64) -> Arc<Set> {
    Arc::new(
        Set::open(kind, root, SetOptions { memory, tolerate, threads: 1, ..SetOptions::default() }).unwrap(),
    )
}

fn batches(set: &Arc<Set>, options: LoaderOptions, count: usize) -> Vec<Batch> {
    Loader::new(Arc::clone(set), options).unwrap().take(count).collect::<Result<_, _>>().unwrap()
}

#[test]
fn damage_in_one_piece_leaves_the_others() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..6 {
        folder(&root.path().join(seed.to_string()), SIZE, &steady(seed, 41));
    }
    ends_early(&root.path().join("2/20.png"));
    ends_early(&root.path().join("4/35.png"));
    // Pieces of 17 frames, two a block; nothing is decoded at the start.
    let set = || set(SetKind::Gopro, root.path(), 4 * 17 * FRAME, 0.5);
    let make = || LoaderOptions { windows: 2, crop: (16, 16), ..plain() };
    let all = batches(&set(), LoaderOptions { workers: 1, ..make() }, 40);
    let parallel = batches(&set(), LoaderOptions { workers: 4, queue: 9, ..make() }, 40);
    assert!(all == parallel);
    let shared = set();
    for first in [31, 13, 22] {
        let resumed = batches(&shared, LoaderOptions { first_batch: first, ..make() }, 6);
        assert!(all[first as usize..][..6] == resumed, "from {first}");
    }
    let origins = || all.iter().flat_map(|batch| &batch.origins);
    assert!(origins().any(|o| &*o.name == "2" && o.first >= 32), "the last piece of what is damaged before");
    assert!(!origins().any(|o| &*o.name == "2" && (16..32).contains(&o.first)));
    assert!(!origins().any(|o| &*o.name == "4" && o.first >= 32));
    let mut loader = Loader::new(Arc::clone(&shared), make()).unwrap();
    loader.by_ref().take(40).for_each(|b| drop(b.unwrap()));
    assert_eq!(loader.stats().unreadable, 2, "folders, not pieces of them");
}

#[test]
fn a_block_without_windows_is_replaced_by_others() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..5 {
        folder(&root.path().join(seed.to_string()), SIZE, &steady(seed, 17));
        if seed != 3 {
            ends_early(&root.path().join(format!("{seed}/8.png")));
        }
    }
    // Blocks of two, two and one.
    let set = || set(SetKind::Gopro, root.path(), 4 * 17 * FRAME, 1.0);
    let one = batches(&set(), LoaderOptions { workers: 1, windows: 1, ..plain() }, 30);
    assert!(one.iter().all(|b| &*b.origins[0].name == "3"));
    assert!(one == batches(&set(), LoaderOptions { workers: 4, windows: 1, ..plain() }, 30));

    ends_early(&root.path().join("3/8.png"));
    let mut loader = Loader::new(set(), plain()).unwrap();
    let error = loader.next().unwrap().unwrap_err();
    assert!(matches!(error, DataError::NoWindow { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("200 in folders that cannot be read, 0 smaller than the crop"), "{error}");
    assert!(error.contains("8.png"), "{error}");
}

#[test]
fn the_share_of_the_unreadable_is_that_of_all() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..100 {
        let path = root.path().join(format!("{number:03}.y4m"));
        if number < 6 {
            fs::write(path, b"YUV4MPEG2 W48 H40\nFRAME").unwrap();
        } else {
            clip(&path, SIZE, &steady(number, 3));
        }
    }
    let report = set(SetKind::Clips, root.path(), 1 << 30, 0.1).report();
    assert_eq!((report.usable, report.unreadable), (94, 6));
    // Where it is plain already that they are too many, the rest is not awaited.
    let options = SetOptions { tolerate: 0.03, threads: 1, ..SetOptions::default() };
    let error = Set::open(SetKind::Clips, root.path(), options).unwrap_err().to_string();
    assert!(error.starts_with("4 of 100 clips of "), "{error}");
    assert!(error.contains("003.y4m"), "{error}");
}

#[test]
fn triplets_may_differ_in_size() {
    let root = tempfile::tempdir().unwrap();
    vimeo(root.path(), SIZE, 4, true);
    let triplet = |n: usize, size| {
        let other = tempfile::tempdir().unwrap();
        vimeo(other.path(), size, n + 1, true);
        for tree in ["sequences", "flow"] {
            let place = format!("{tree}/00001/{n:04}");
            fs::remove_dir_all(root.path().join(&place)).unwrap();
            fs::create_dir_all(root.path().join(&place)).unwrap();
            for file in fs::read_dir(other.path().join(&place)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), root.path().join(&place).join(file.file_name())).unwrap();
            }
        }
    };
    // The first tells nothing about the others: neither that they are as large, nor that they are not larger.
    triplet(0, (24, 24));
    triplet(2, (64, 56));
    let names = |crop| {
        let set = set(SetKind::Vimeo, root.path(), 1 << 30, 0.0);
        let options = LoaderOptions { windows: 1, crop, labels: Labels::Files, ..plain() };
        let mut loader = Loader::new(set, options).unwrap();
        let mut names: Vec<String> =
            loader.by_ref().take(24).map(|b| b.unwrap().origins.remove(0).name.to_string()).collect();
        names.sort();
        names.dedup();
        assert_eq!(loader.stats().unreadable, 0);
        assert!(loader.stats().too_small > 0);
        names
    };
    assert_eq!(names((32, 32)), ["00001/0001", "00001/0002", "00001/0003"]);
    assert_eq!(names((56, 56)), ["00001/0002"]);
    let set = set(SetKind::Vimeo, root.path(), 1 << 30, 0.0);
    let mut loader = Loader::new(set, LoaderOptions { crop: (80, 56), ..plain() }).unwrap();
    let error = loader.next().unwrap().unwrap_err();
    assert!(matches!(&error, DataError::Crop { found, .. } if found == "64x56"), "{error}");
}
