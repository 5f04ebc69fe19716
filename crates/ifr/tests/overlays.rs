//! Captions over moving pictures, by the half-rate test: every second frame is dropped, made again, and compared with
//! what was dropped. docs/overlays.md has the figures.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use common::shared;
use ifr::frame::{ColorDescription, Frame, Interpolate, PixelFormat, Samples};
use ifr::timeline::Link;
use ifr::timeline::overlay::{Overlaid, OverlayTracker};
use ifr::video::{Item, OpenOptions};
use ifr::{Device, Interpolator, Model};
use ifr_scene::{Scene, burn_caption};

/// Sum of squares of errors in luma, and pixels.
#[derive(Clone, Copy, Default)]
struct Error(f64, f64);

impl Error {
    fn rmse(self) -> f64 {
        (self.0 / self.1).sqrt()
    }

    fn psnr(self) -> f64 {
        20.0 * (255.0 / self.rmse()).log10()
    }
}

/// Errors with overlays treated as any other part of the picture, and with overlays kept: whole frames, inside, outside.
type Errors = [[Error; 3]; 2];

/// The half-rate test with a region that is looked at by itself. All frames are one shot.
fn half_rate(name: &str, frames: &[Arc<Frame>], inside: &[bool]) -> Errors {
    let (model, device) = (Model::flow(), Device::cpu());
    let mut tracker = OverlayTracker::new();
    for frame in frames.iter().step_by(2) {
        tracker.push((), Arc::clone(frame), Link::Continuous);
    }
    tracker.finish();
    let overlaid: Vec<Overlaid> = std::iter::from_fn(|| tracker.pop()).map(|(_, o)| o).collect();
    let mut engines = [(); 2].map(|()| Interpolator::new(&model, &device).unwrap());
    let mut errors = Errors::default();
    for (i, pair) in overlaid.windows(2).enumerate() {
        let truth = frames[2 * i + 1].planes()[0].as_u8().unwrap();
        let [a, b] = pair else { panic!("a window of two") };
        let plain = engines[0].pair(a.frame(), b.frame()).unwrap().at(0.5).unwrap();
        let made =
            engines[1].pair_covered(a.covered().unwrap(), b.covered().unwrap()).unwrap().at(0.5).unwrap();
        let kept = Overlaid::keep(made, a, b, 0.5).unwrap();
        for (errors, frame) in errors.iter_mut().zip([plain, kept]) {
            let luma = frame.planes()[0].as_u8().unwrap();
            for ((&v, &t), &inside) in luma.iter().zip(truth).zip(inside) {
                let square = f64::from(v.abs_diff(t)).powi(2);
                for part in [0, if inside { 1 } else { 2 }] {
                    errors[part].0 += square;
                    errors[part].1 += 1.0;
                }
            }
        }
    }
    let [plain, kept] = errors;
    eprintln!(
        "{name}: whole {:.2} → {:.2} dB; inside RMSE {:.2} → {:.2}; outside {:.2} → {:.2} dB",
        plain[0].psnr(),
        kept[0].psnr(),
        plain[1].rmse(),
        kept[1].rmse(),
        plain[2].psnr(),
        kept[2].psnr()
    );
    errors
}

/// Nothing may get worse by more than this, in dB.
const WORSE: f64 = 0.02;

fn assert_no_worse(name: &str, [plain, kept]: &Errors, parts: &[usize]) {
    for &part in parts {
        let (before, after) = (plain[part].psnr(), kept[part].psnr());
        assert!(after >= before - WORSE, "{name}: part {part} fell from {before:.3} to {after:.3} dB");
    }
}

/// Decoded frames of a clip.
fn decode(path: &Path, wanted: Range<usize>) -> Vec<Arc<Frame>> {
    let options = OpenOptions { audio: false, ..OpenOptions::default() };
    let mut source = ifr::video::open(path, &options).unwrap();
    let mut frames = Vec::new();
    while frames.len() < wanted.end
        && let Some(item) = source.next().unwrap()
    {
        if let Item::Frame(timed) = item {
            frames.push(timed.frame);
        }
    }
    frames.split_off(wanted.start)
}

/// A part of an 8-bit 4:2:0 frame; all numbers even.
fn crop(frame: &Frame, x: usize, y: usize, w: usize, h: usize) -> Arc<Frame> {
    let planes = frame.planes().iter().enumerate().map(|(i, plane)| {
        let (lx, ly) = frame.format().log2_step(i);
        let codes = plane.as_u8().unwrap();
        let rows = codes.chunks_exact(plane.width).skip(y >> ly).take(h >> ly);
        Samples::U8(rows.flat_map(|row| row[x >> lx..(x + w) >> lx].to_vec()).collect())
    });
    let planes = planes.collect();
    Arc::new(Frame::new(frame.format(), w, h, planes, frame.color()).unwrap())
}

/// The frame with the caption of `ifr-scene` over it.
fn burn(frame: &Frame) -> Arc<Frame> {
    Arc::new(burn_caption(&frame.to_rgb()).to_frame(frame.format(), frame.color()).unwrap())
}

/// Where that caption is: pixels more of which are the caption's than not.
fn caption(w: usize, h: usize) -> Vec<bool> {
    Scene::demo().caption_mask(w, h).iter().map(|&v| v >= 0.5).collect()
}

/// What is left of the squared error inside.
fn left([plain, kept]: &Errors) -> f64 {
    kept[1].0 / plain[1].0
}

#[test]
fn a_caption_over_a_generated_scene() {
    let (w, h) = (640, 360);
    let scene = Scene::demo();
    let render = |i: u32| {
        let image = scene.render(0.5 + f64::from(i) / 30.0, w, h);
        Arc::new(image.to_frame(PixelFormat::YUV420P8, ColorDescription::BT709).unwrap())
    };
    let frames: Vec<_> = (0..21).map(render).collect();
    let errors = half_rate("scene", &frames, &caption(w, h));
    assert_no_worse("scene", &errors, &[0, 1, 2]);
}

#[test]
fn captions_over_real_clips() {
    let Some(dir) = shared("clips") else { return };
    // Parts of 640×360 from frame 20 on, and what may be left of the squared error in the caption: half, but where there is hardly
    // any to begin with (a distant scene, RMSE 0.4), or a wire passes behind the letters between two frames.
    let parts = [
        ("25", 300, 400, 0.5),
        ("25", 900, 300, 0.5),
        ("102", 200, 300, 0.85),
        ("102", 400, 640, 0.8),
        ("102", 760, 560, 0.5),
        ("138", 700, 300, 0.5),
        ("138", 300, 600, 0.5),
    ];
    let inside = caption(640, 360);
    let mut sum = [0.0; 2];
    for (clip, x, y, most) in parts {
        let name = format!("{clip} at {x}, {y}");
        let frames: Vec<_> = decode(&dir.join(format!("{clip}.mp4")), 20..41)
            .iter()
            .map(|f| crop(f, x, y, 640, 360))
            .collect();
        // Without a caption nothing changes for the worse.
        assert_no_worse(&name, &half_rate(&name, &frames, &inside), &[0, 2]);
        let captioned: Vec<_> = frames.iter().map(|f| burn(f)).collect();
        let errors = half_rate(&format!("{name}, caption"), &captioned, &inside);
        assert_no_worse(&name, &errors, &[0, 1, 2]);
        assert!(left(&errors) <= most, "{name}: {:.2} of the error in the caption is left", left(&errors));
        for (sum, errors) in sum.iter_mut().zip(&errors) {
            *sum += errors[1].0;
        }
    }
    assert!(sum[1] <= 0.5 * sum[0], "{sum:?}");
}

#[test]
fn the_caption_and_the_logo_of_a_broadcast() {
    let Some(dir) = shared("clips") else { return };
    // From frame 60 on the caption stands still, and the camera follows the ball.
    let frames = decode(&dir.join("138.mp4"), 60..81);
    let (w, h) = (frames[0].width(), frames[0].height());
    let (caption, logo) = ((367..1678, 906..996), (1550..1770, 40..128));
    for (name, (x, y)) in [("138, caption", caption), ("138, logo", logo)] {
        let inside: Vec<bool> = (0..w * h).map(|i| x.contains(&(i % w)) && y.contains(&(i / w))).collect();
        let errors = half_rate(name, &frames, &inside);
        assert_no_worse(name, &errors, &[0, 1, 2]);
        assert!(left(&errors) <= 0.5, "{name}: {:.2} of the error is left", left(&errors));
    }
}
