//! What cannot be used is skipped and counted, or refused in words.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{clip, folder, open, options, plain, steady, vimeo};
use ifr_data::{Augmentation, DataError, Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};

const SIZE: (usize, usize) = (48, 40);

fn refused(kind: SetKind, root: &Path) -> String {
    Set::open(kind, root, SetOptions::default()).unwrap_err().to_string()
}

fn ends_early(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn empty_folders_say_what_is_expected() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    assert!(refused(SetKind::Clips, at).contains("found no clips; expected video clips"));
    assert!(refused(SetKind::Frames, at).contains("found no folders; expected folders in it"));
    assert!(refused(SetKind::Gopro, at).contains("found no folders"));
    assert!(refused(SetKind::Vimeo, at).contains("tri_trainlist.txt"));
    assert!(refused(SetKind::Clips, &at.join("none")).contains("found nothing; expected a folder"));
    fs::write(at.join("tri_trainlist.txt"), "00001/0001\n").unwrap();
    assert!(refused(SetKind::Vimeo, at).contains("found no folder sequences"));
    fs::create_dir(at.join("sequences")).unwrap();
    assert!(refused(SetKind::Vimeo, at).contains("no picture that can be read in the first 64"));
    for name in ["../secrets", "/etc", "\n"] {
        fs::write(at.join("tri_trainlist.txt"), name).unwrap();
        let error = refused(SetKind::Vimeo, at);
        assert!(error.contains("names within the folder") || error.contains("found no names"), "{error}");
    }
}

#[test]
fn a_few_bad_clips_are_skipped() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..11 {
        clip(&root.path().join(format!("{seed}.y4m")), SIZE, &steady(seed, 6));
    }
    fs::write(root.path().join("bad.y4m"), b"YUV4MPEG2 W48 H40\nFRAME").unwrap();
    let set = open(SetKind::Clips, root.path());
    assert_eq!((set.report().usable, set.report().unreadable), (11, 1));
    let mut loader = Loader::new(set, options()).unwrap();
    loader.next().unwrap().unwrap();
    assert_eq!(loader.stats().unreadable, 1);

    fs::write(root.path().join("worse.avi"), b"").unwrap();
    let error = refused(SetKind::Clips, root.path());
    assert!(error.starts_with("2 of 13 clips of "), "{error}");
    assert!(error.contains("more than the 10 % that are tolerated; the last: "), "{error}");
    assert!(error.contains("worse.avi"), "{error}");
    let tolerant = SetOptions { tolerate: 0.2, ..SetOptions::default() };
    assert!(Set::open(SetKind::Clips, root.path(), tolerant).is_ok());
}

#[test]
fn bad_folders_are_skipped() {
    let root = tempfile::tempdir().unwrap();
    for seed in 0..8 {
        folder(&root.path().join(seed.to_string()), SIZE, &steady(seed, 4));
    }
    folder(&root.path().join("mixed"), SIZE, &steady(9, 3));
    folder(&root.path().join("other"), (32, 32), &steady(9, 1));
    fs::rename(root.path().join("other/0.png"), root.path().join("mixed/3.png")).unwrap();
    ends_early(&root.path().join("7/2.png"));
    let tolerant = || SetOptions { tolerate: 0.5, ..SetOptions::default() };
    let set = Set::open(SetKind::Frames, root.path(), tolerant()).unwrap();
    // The one that is empty now, the one that mixes sizes, the one with a damaged image.
    assert_eq!((set.report().usable, set.report().unreadable), (7, 3));
    assert!(Loader::new(set, options()).unwrap().next().unwrap().is_ok());
    // Of nine-frame groups only headers' sizes are known beforehand: damage is found when they come up.
    let gopro = tempfile::tempdir().unwrap();
    for seed in 0..4 {
        folder(&gopro.path().join(seed.to_string()), SIZE, &steady(seed, 9));
    }
    ends_early(&gopro.path().join("2/5.png"));
    let set = Set::open(SetKind::Gopro, gopro.path(), tolerant()).unwrap();
    let mut loader = Loader::new(set, LoaderOptions { windows: 1, ..plain() }).unwrap();
    let names: Vec<_> = loader.by_ref().take(12).map(|b| b.unwrap().origins.remove(0).name).collect();
    assert!(names.iter().all(|name| &**name != "2"));
    assert_eq!(loader.stats().unreadable, 1);
}

#[test]
fn bad_triplets_are_replaced_the_same_way_every_time() {
    let root = tempfile::tempdir().unwrap();
    vimeo(root.path(), SIZE, 20, true);
    let sequences = root.path().join("sequences/00001");
    ends_early(&sequences.join("0003/im2.png"));
    fs::remove_file(sequences.join("0007/im3.png")).unwrap();
    let batches = |workers| {
        let set =
            Set::open(SetKind::Vimeo, root.path(), SetOptions { tolerate: 0.2, ..SetOptions::default() });
        let mut loader =
            Loader::new(set.unwrap(), LoaderOptions { workers, labels: Labels::Files, ..options() }).unwrap();
        let batches: Vec<_> = loader.by_ref().take(14).map(Result::unwrap).collect();
        (batches, loader.stats().unreadable)
    };
    let (one, bad) = batches(1);
    assert_eq!(bad, 2);
    assert!(one == batches(3).0);

    // Labels that do not fit count as well, and too many end it.
    let labels = root.path().join("flow/00001");
    ends_early(&labels.join("0001/flow_t1.flo"));
    ifr_flow::save_flo(&ifr_flow::FlowField::new(8, 8), labels.join("0002/flow_t0.flo")).unwrap();
    let unknown = ifr_flow::FlowField::from_fn(SIZE.0, SIZE.1, |_, _| [1e10, 0.0]);
    ifr_flow::save_flo(&unknown, labels.join("0004/flow_t0.flo")).unwrap();
    let set = open(SetKind::Vimeo, root.path());
    let mut loader = Loader::new(set, LoaderOptions { labels: Labels::Files, ..options() }).unwrap();
    let error = loader.find_map(Result::err).unwrap();
    assert!(matches!(error, DataError::TooManyBad { bad: 3, of: 20, .. }), "{error}");
    assert!(loader.next().is_none(), "nothing after an error");
}

#[test]
fn crops_must_fit() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("a"), SIZE, &steady(1, 4));
    folder(&root.path().join("b"), (96, 64), &steady(2, 4));
    let set = Arc::new(open(SetKind::Frames, root.path()));
    let with = |crop| Loader::new(Arc::clone(&set), LoaderOptions { crop, ..plain() });
    let mut loader = with((64, 64)).unwrap();
    assert!(loader.by_ref().take(5).all(|b| b.unwrap().origins.iter().all(|o| &*o.name == "b")));
    assert_eq!(loader.stats().too_small, 1);
    let error = with((97, 64)).unwrap_err().to_string();
    assert!(error.contains("a crop of 97x64 fits none of the folders") && error.contains("96x64"), "{error}");
}

#[test]
fn options_say_what_is_allowed() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("a"), SIZE, &steady(1, 4));
    let set = Arc::new(open(SetKind::Frames, root.path()));
    let error = |options| Loader::new(Arc::clone(&set), options).unwrap_err().to_string();
    let base = plain;
    assert!(error(LoaderOptions { windows: 0, ..base() }).starts_with("windows = 0: 1 to 4096"));
    assert!(error(LoaderOptions { crop: (8, 32), ..base() }).starts_with("crop = 8x32: sides of 16 to 8192"));
    assert!(error(LoaderOptions { rank: 2, world: 2, ..base() }).contains("ranks from 0 to 1"));
    let far = |first_batch| LoaderOptions { first_batch, windows: 4096, world: 4, rank: 3, ..base() };
    assert!(error(far(u64::MAX)).starts_with(&format!(
        "first_batch = {}: at most {} is",
        u64::MAX,
        1_u64 << 48
    )));
    assert!(error(far((1 << 48) + 1)).starts_with("first_batch = "));
    let last = Loader::new(Arc::clone(&set), LoaderOptions { first_batch: 1 << 62, windows: 1, ..base() });
    assert!(last.unwrap().next().unwrap().is_ok());
    assert!(error(LoaderOptions { queue: 0, ..base() }).starts_with("queue = 0"));
    assert!(error(LoaderOptions { crops_per_window: 0, ..base() }).starts_with("crops_per_window = 0"));
    let augmentation = Augmentation { transpose: -0.1, ..Augmentation::NONE };
    assert!(error(LoaderOptions { augmentation, ..base() }).starts_with("transpose = -0.1"));
    assert!(error(LoaderOptions { labels: Labels::Files, ..base() }).contains("only sets of kind vimeo"));
    let cached = Labels::Cached(Quality::Fast);
    assert!(error(LoaderOptions { labels: cached, ..base() }).contains("a cache folder must be given"));
    let reach = SetOptions { reach: 1, ..SetOptions::default() };
    assert!(Set::open(SetKind::Frames, root.path(), reach).unwrap_err().to_string().starts_with("reach = 1"));
    assert_eq!(SetKind::NAMES.map(|n| SetKind::named(n).unwrap().name()), SetKind::NAMES);
    assert_eq!(SetKind::named("video"), None);

    vimeo(root.path(), SIZE, 1, false);
    let set = open(SetKind::Vimeo, root.path());
    let error = Loader::new(set, LoaderOptions { labels: Labels::Files, ..base() }).unwrap_err().to_string();
    assert!(error.contains("flow: found nothing; expected a folder with NAME/flow_t0.flo"), "{error}");
}

#[test]
fn nothing_that_moves_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    folder(&root.path().join("still"), SIZE, &[(3, 0); 9]);
    folder(&root.path().join("short"), SIZE, &steady(1, 2));
    let error = refused(SetKind::Frames, root.path());
    assert!(error.contains("found no window in 2 folders"), "{error}");
    assert!(error.contains("expected sequences of at least three frames that differ"), "{error}");
}
