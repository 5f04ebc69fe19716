//! What the tests share: pictures of moving waves, and sets of them.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ifr_eval::{Case, Set, SetOptions, Truth, open_set};
use ifr_frame::{ColorDescription, Frame, PixelFormat, RgbImage};
use ifr_video::images::write_image;

pub(crate) const SIZE: (usize, usize) = (48, 32);

/// A picture of waves that have moved by `shift` pixels.
pub(crate) fn waves((w, h): (usize, usize), shift: f32) -> RgbImage {
    let value = |i: usize| {
        let (c, x, y) = (i / (w * h), i % w, i / w % h);
        0.5 + 0.4 * ((x as f32 - shift) * 0.3 + y as f32 * 0.2 + c as f32).sin()
    };
    RgbImage::new(w, h, (0..3 * w * h).map(value).collect()).unwrap()
}

/// The picture as a file, and the folders it lies in.
pub(crate) fn put(path: &Path, shift: f32) {
    put_sized(path, SIZE, shift);
}

pub(crate) fn put_sized(path: &Path, size: (usize, usize), shift: f32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let frame = waves(size, shift).to_frame(PixelFormat::RGB8, ColorDescription::SRGB).unwrap();
    write_image(path, &frame).unwrap();
}

/// A folder of triplets whose waves move more from case to case.
pub(crate) fn triplets(root: &Path, count: usize) {
    for i in 0..count {
        let (name, step) = (format!("case{i}"), i as f32);
        put(&root.join("input").join(&name).join("frame10.png"), 0.0);
        put(&root.join("input").join(&name).join("frame11.png"), 2.0 * step);
        put(&root.join("gt").join(&name).join("frame10i11.png"), step);
    }
}

/// The one set at `path`.
pub(crate) fn only(path: &Path) -> Box<dyn Set> {
    let mut sets = open_set(path, &SetOptions::default()).unwrap();
    assert_eq!(sets.len(), 1);
    sets.remove(0)
}

pub(crate) fn cases(set: &mut dyn Set) -> Vec<Case> {
    std::iter::from_fn(|| set.next_case()).map(Result::unwrap).collect()
}

/// Where the frame's waves have moved to.
pub(crate) fn shift_of(frame: &Frame) -> f32 {
    let image = frame.to_rgb();
    let size = (image.width(), image.height());
    let distance = |shift: f32| {
        let other = waves(size, shift);
        image.data().iter().zip(other.data()).map(|(a, b)| (a - b).abs()).sum::<f32>()
    };
    let tries = (0..40).map(|k| k as f32 * 0.5);
    tries.min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap()
}

pub(crate) fn case(first: f32, truths: &[(f32, f32)], second: f32) -> Case {
    let frame = |shift: f32| {
        Arc::new(waves(SIZE, shift).to_frame(PixelFormat::RGB16, ColorDescription::SRGB).unwrap())
    };
    let truth = |&(t, shift): &(f32, f32)| Truth { t, stem: "im2".into(), number: None, frame: frame(shift) };
    Case {
        name: "a/b".into(),
        inputs: [frame(first), frame(second)],
        truths: truths.iter().map(truth).collect(),
        corner: (0, 0),
    }
}
