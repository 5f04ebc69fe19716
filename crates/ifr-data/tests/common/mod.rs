//! Sets made for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;

use ifr_data::{Augmentation, Batch, LoaderOptions, Set, SetKind, SetOptions};
use ifr_flow::FlowField;
use ifr_frame::{ColorDescription, Frame, PixelFormat, Rate};
use ifr_scene::{Motion, TextureScene};
use ifr_video::OutputOptions;

/// Motion of a scene, in pixels a frame.
pub(crate) const MOTION: [f64; 2] = [3.0, -2.0];

/// Frame `index` of the scene `seed`.
pub(crate) fn frame(seed: u32, index: usize, (w, h): (usize, usize), format: PixelFormat) -> Frame {
    let scene = TextureScene::new(Motion::Translate { velocity: MOTION }, seed);
    let color =
        if format == PixelFormat::RGB8 { ColorDescription::SRGB } else { ColorDescription::default() };
    scene.render(index as f64, w, h).to_frame(format, color).unwrap()
}

/// A folder of PNG files that shows the scenes and instants given, one a frame.
pub(crate) fn folder(path: &Path, size: (usize, usize), frames: &[(u32, usize)]) {
    fs::create_dir_all(path).unwrap();
    for (number, &(seed, index)) in frames.iter().enumerate() {
        let picture = frame(seed, index, size, PixelFormat::RGB8);
        ifr_video::images::write_image(path.join(format!("{number}.png")), &picture).unwrap();
    }
}

/// `count` frames of one scene.
pub(crate) fn steady(seed: u32, count: usize) -> Vec<(u32, usize)> {
    (0..count).map(|i| (seed, i)).collect()
}

/// A clip, encoded as its name says.
pub(crate) fn clip(path: &Path, (width, height): (usize, usize), frames: &[(u32, usize)]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let rate = Rate::new(30, 1).unwrap();
    let options = OutputOptions {
        path: path.to_owned(),
        width,
        height,
        format: PixelFormat::YUV420P8,
        color: ColorDescription::default(),
        sample_aspect: (1, 1),
        rotation: None,
        rate: Some(rate),
        time_base: None,
        encoder: None,
        crf: None,
        preset: None,
        pix_fmt: None,
        encoder_options: Vec::new(),
        threads: 1,
        stretch: (1, 1),
        audio: false,
        extras: false,
    };
    let mut sink = ifr_video::create(&options, None).unwrap();
    for (number, &(seed, index)) in frames.iter().enumerate() {
        let picture = frame(seed, index, (width, height), PixelFormat::YUV420P8);
        sink.write_frame(&picture, rate.time_of(number as i64), Some(rate.period())).unwrap();
    }
    sink.finish().unwrap();
}

/// Vimeo's layout with `count` triplets, and labels where wanted.
pub(crate) fn vimeo(root: &Path, size: (usize, usize), count: usize, labels: bool) {
    let mut list = String::new();
    for n in 0..count {
        let name = format!("00001/{n:04}");
        list += &format!("{name}\n");
        let place = root.join("sequences").join(&name);
        fs::create_dir_all(&place).unwrap();
        for i in 0..3 {
            let picture = frame(n as u32, i, size, PixelFormat::RGB8);
            ifr_video::images::write_image(place.join(format!("im{}.png", i + 1)), &picture).unwrap();
        }
        if labels {
            let place = root.join("flow").join(&name);
            fs::create_dir_all(&place).unwrap();
            for (side, sign) in [-1.0, 1.0].into_iter().enumerate() {
                let flow = FlowField::from_fn(size.0, size.1, |_, _| MOTION.map(|v| sign * v as f32));
                ifr_flow::save_flo(&flow, place.join(format!("flow_t{side}.flo"))).unwrap();
            }
        }
    }
    fs::write(root.join("tri_trainlist.txt"), list + "\n").unwrap();
}

pub(crate) fn open(kind: SetKind, root: &Path) -> Set {
    Set::open(kind, root, SetOptions { threads: 2, ..SetOptions::default() }).unwrap()
}

/// Small crops, everything augmented.
pub(crate) fn options() -> LoaderOptions {
    LoaderOptions { windows: 3, crop: (32, 32), seed: 11, workers: 2, ..LoaderOptions::default() }
}

/// Crops as they are.
pub(crate) fn plain() -> LoaderOptions {
    LoaderOptions { augmentation: Augmentation::NONE, ..options() }
}

/// The mean error of both frames, warped along `flows`, against the target, where they do not leave the picture.
pub(crate) fn warped_error(batch: &Batch, flows: &[f32]) -> f64 {
    let (w, h) = (batch.width, batch.height);
    let area = w * h;
    let (mut sum, mut count) = (0.0, 0);
    for n in 0..batch.samples {
        for (side, images) in [&batch.first, &batch.second].into_iter().enumerate() {
            for i in 0..area {
                let flow = |k: usize| flows[(4 * n + 2 * side + k) * area + i];
                let (x, y) = ((i % w) as f32 + flow(0), (i / w) as f32 + flow(1));
                if x < 0.0 || y < 0.0 || x > (w - 1) as f32 || y > (h - 1) as f32 {
                    continue;
                }
                let (left, top) = ((x as usize).min(w - 2), (y as usize).min(h - 2));
                let (fx, fy) = (x - left as f32, y - top as f32);
                for c in 0..3 {
                    let plane = &images[(3 * n + c) * area..][..area];
                    let at = |dx: usize, dy: usize| plane[(top + dy) * w + left + dx];
                    let a = at(0, 0) + fx * (at(1, 0) - at(0, 0));
                    let b = at(0, 1) + fx * (at(1, 1) - at(0, 1));
                    sum += f64::from((a + fy * (b - a) - batch.target[(3 * n + c) * area + i]).abs());
                    count += 1;
                }
            }
        }
    }
    assert!(count > batch.samples * area, "most of the picture stays inside");
    sum / f64::from(count as u32)
}
