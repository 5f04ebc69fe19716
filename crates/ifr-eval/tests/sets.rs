//! Sets in made-up folders.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{cases, only, put, put_sized, shift_of, triplets};
use ifr_eval::{ClipOptions, Kind, SetOptions, detect, open_set};
use ifr_frame::PixelFormat;

fn message(path: &Path, kind: Option<Kind>) -> String {
    match open_set(path, &SetOptions { kind, ..SetOptions::default() }) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(e) => e.to_string(),
    }
}

#[test]
fn triplets_are_read_and_what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    triplets(dir.path(), 3);
    let mut set = only(dir.path());
    assert_eq!((set.kind(), set.name(), set.count()), (Kind::Triplets, "triplets", Some(3)));
    let all = cases(set.as_mut());
    assert_eq!(all[2].name, "case2");
    assert_eq!(all[2].inputs[0].format(), PixelFormat::RGB16);
    assert_eq!((all[2].truths[0].t, shift_of(&all[2].truths[0].frame)), (0.5, 2.0));
    assert_eq!(shift_of(&all[2].inputs[1]), 4.0);

    fs::remove_dir_all(dir.path().join("gt/case1")).unwrap();
    let set = only(dir.path());
    assert_eq!(set.count(), Some(2));
    assert!(set.notices()[0].contains("1 of 3 cases are incomplete") && set.notices()[0].contains("case1"));
    put(&dir.path().join("input/case0/third.png"), 0.0);
    assert!(message(dir.path(), None).contains("3 images; expected two"));
}

#[test]
fn several_truths_are_evenly_spaced() {
    let dir = tempfile::tempdir().unwrap();
    triplets(dir.path(), 1);
    for (name, shift) in [("a2.png", 1.0), ("a10.png", 2.0)] {
        put(&dir.path().join("gt/case0").join(name), shift);
    }
    fs::remove_file(dir.path().join("gt/case0/frame10i11.png")).unwrap();
    let case = cases(only(dir.path()).as_mut()).remove(0);
    let found: Vec<_> = case.truths.iter().map(|t| (t.t, shift_of(&t.frame))).collect();
    assert_eq!(found, [(1.0 / 3.0, 1.0), (2.0 / 3.0, 2.0)]);
}

#[test]
fn vimeo() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=3_u8 {
        put(&dir.path().join(format!("sequences/00001/0389/im{n}.png")), n.into());
    }
    fs::write(dir.path().join("tri_testlist.txt"), "00001/0389\r\n00001/0402\n\n").unwrap();
    let mut set = only(dir.path());
    assert_eq!((set.kind(), set.count()), (Kind::Vimeo, Some(1)));
    let notices = set.notices().join("\n");
    assert!(
        notices.contains("1 of 2") && notices.contains("0402/im1.png") && notices.contains("3782"),
        "{notices}"
    );
    let case = cases(set.as_mut()).remove(0);
    let shifts = [&case.inputs[0], &case.truths[0].frame, &case.inputs[1]].map(|f| shift_of(f));
    assert_eq!((case.name.as_str(), shifts), ("00001/0389", [1.0, 2.0, 3.0]));
}

#[test]
fn ucf101() {
    let dir = tempfile::tempdir().unwrap();
    for (n, name) in ["frame_00.png", "frame_01_gt.png", "frame_02.png"].into_iter().enumerate() {
        put(&dir.path().join("1").join(name), n as f32);
        put(&dir.path().join("11").join(name), n as f32);
    }
    let mut set = only(dir.path());
    assert_eq!((set.kind(), set.count()), (Kind::Ucf101, Some(2)));
    let case = cases(set.as_mut()).remove(1);
    assert_eq!((case.name.as_str(), shift_of(&case.inputs[1])), ("11", 2.0));
}

#[test]
fn snu_film_has_four_parts_and_finds_its_files() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=3_u8 {
        put(&dir.path().join(format!("test/GOPRO_test/A/00000{n}.png")), n.into());
    }
    let at = |n: u8| format!("data/SNU-FILM/test/GOPRO_test/A/00000{n}.png");
    let line = format!("{} {} {}\n", at(1), at(2), at(3));
    for degree in ["easy", "extreme"] {
        fs::create_dir_all(dir.path().join("eval_modes")).unwrap();
        fs::write(dir.path().join(format!("eval_modes/test-{degree}.txt")), &line).unwrap();
    }
    let mut sets = open_set(dir.path(), &SetOptions::default()).unwrap();
    let names: Vec<&str> = sets.iter().map(|s| s.name()).collect();
    assert_eq!(names, ["snu-film-easy", "snu-film-extreme"]);
    let case = cases(sets[1].as_mut()).remove(0);
    assert_eq!((case.name.as_str(), shift_of(&case.truths[0].frame)), ("A/000002", 2.0));
    // 48×32 is padded to 60×40, centred.
    assert_eq!((case.inputs[0].width(), case.inputs[0].height(), case.corner), (60, 40, (6, 4)));
    let cut = case.cut(case.inputs[1].to_rgb(), &case.truths[0]).unwrap();
    assert_eq!((cut.width(), cut.height()), (48, 32));

    fs::write(dir.path().join("eval_modes/test-easy.txt"), "one two\n").unwrap();
    assert!(message(dir.path(), None).contains("line 1 has 2 names; expected three"));
}

#[test]
fn middlebury_is_padded_with_zeros() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join("other-data/Venus/frame10.png"), 0.0);
    put(&dir.path().join("other-data/Venus/frame11.png"), 2.0);
    put(&dir.path().join("other-gt-interp/Venus/frame10i11.png"), 1.0);
    let mut set = only(dir.path());
    assert_eq!(set.kind(), Kind::Middlebury);
    let case = cases(set.as_mut()).remove(0);
    assert_eq!((case.inputs[0].width(), case.inputs[0].height()), (640, 480));
    assert_eq!(case.inputs[0].to_rgb().channel(0)[640 * 479], 0.0);
    let cut = case.cut(case.inputs[1].to_rgb(), &case.truths[0]).unwrap();
    let fine = cut.to_frame(PixelFormat::RGB16, ifr_frame::ColorDescription::SRGB).unwrap();
    assert_eq!(shift_of(&fine), 2.0);
}

#[test]
fn gopro_keeps_every_eighth_frame() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..18_u8 {
        put(&dir.path().join(format!("test/B/{n:06}.png")), n.into());
    }
    let mut set = only(dir.path());
    assert_eq!((set.kind(), set.count()), (Kind::Gopro, Some(2)));
    let all = cases(set.as_mut());
    assert_eq!(all.len(), 2);
    assert!(Arc::ptr_eq(&all[0].inputs[1], &all[1].inputs[0]), "what pairs share is shared");
    assert_eq!(shift_of(&all[1].inputs[1]), 16.0);
    let found: Vec<_> = all[1].truths.iter().map(|t| (t.t, t.number.unwrap(), shift_of(&t.frame))).collect();
    assert_eq!(found[0], (0.125, 10, 9.0));
    assert_eq!((found[6], found.len()), ((0.875, 16, 15.0), 7));
}

#[test]
fn xiph_is_halved_and_cut() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=4_u8 {
        put_sized(&dir.path().join(format!("Tango-{n:03}.png")), (96, 64), n.into());
    }
    let mut sets = open_set(dir.path(), &SetOptions::default()).unwrap();
    let names: Vec<&str> = sets.iter().map(|s| s.name()).collect();
    assert_eq!(names, ["xiph-2k", "xiph-4k"]);
    assert!(sets[0].notices()[0].contains("7 of 8 clips are missing: BoxingPractice,"));
    for set in &mut sets {
        let all = cases(set.as_mut());
        assert_eq!((all.len(), all[0].name.as_str(), all[0].truths[0].number), (1, "Tango/000001", Some(2)));
        assert_eq!((all[0].inputs[0].width(), all[0].truths[0].frame.height()), (48, 32));
    }
}

#[test]
fn a_folder_of_frames_is_a_video() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..8_u8 {
        put(&dir.path().join(format!("f{n}.png")), n.into());
    }
    assert_eq!(detect(dir.path()).unwrap(), Kind::Video);
    let clips = ClipOptions { drop: 3, lines: Some(16), ..ClipOptions::default() };
    let options = SetOptions { label: Some("mine".into()), clips, ..SetOptions::default() };
    let mut set = open_set(dir.path(), &options).unwrap().remove(0);
    assert_eq!((set.name(), set.count()), ("mine", Some(2)));
    let all = cases(set.as_mut());
    assert_eq!(all.len(), 2, "the last frame has no partner");
    assert_eq!((all[0].inputs[0].width(), all[0].inputs[0].height()), (24, 16));
    let numbers: Vec<_> = all[1].truths.iter().map(|t| t.number.unwrap()).collect();
    assert_eq!(numbers, [5, 6]);
    let once =
        SetOptions { clips: ClipOptions { drop: 1, ..ClipOptions::default() }, ..SetOptions::default() };
    assert!(open_set(dir.path(), &once).is_err());
}

#[test]
fn unknown_and_empty_folders_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    assert!(message(dir.path(), None).contains("no known layout; expected input/ and gt/"));
    assert!(message(&dir.path().join("nothing"), None).contains("nothing"));
    assert!(message(dir.path(), Some(Kind::Vimeo)).contains("tri_testlist.txt"));
    assert!(message(dir.path(), Some(Kind::Ucf101)).contains("none of 0 cases is complete"));
    assert!(message(dir.path(), Some(Kind::SnuFilm)).contains("test-easy.txt"));
    assert!(message(dir.path(), Some(Kind::Middlebury)).contains("other-gt-interp"));
    assert!(message(dir.path(), Some(Kind::Xiph)).contains("none of the eight clips"));
    assert!(message(dir.path(), Some(Kind::Gopro)).contains("at least nine frames"));
    assert!(message(dir.path(), Some(Kind::Triplets)).contains("input"));
    assert!("vimeo90k".parse::<Kind>().unwrap_err().to_string().contains("triplets, vimeo, ucf101"));
}
