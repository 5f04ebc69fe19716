#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ifr_frame::{ColorDescription, ColorModel, Frame, PixelFormat, Samples, Subsampling};

use super::{Overlaid, OverlayTracker};
use crate::Link;

const SIZE: (usize, usize) = (160, 120);
/// Where the letters stand: columns and rows.
const LETTERS: [std::ops::Range<usize>; 2] = [40..120, 80..104];

/// Detail of several sizes, in 8-bit codes.
fn texture(x: f32, y: f32) -> f32 {
    let wave = |a: f32, b: f32, c: f32| (a * x + b * y + c).sin();
    110.0 + 30.0 * wave(0.31, 0.17, 0.3) + 25.0 * wave(-0.25, 0.43, 1.0) + 20.0 * wave(0.71, -0.53, 2.0)
}

/// Strokes 3 pixels wide, 8 apart, crossed by others: bright, with dark sides.
fn letter(x: usize, y: usize) -> Option<f32> {
    let inside = LETTERS[0].contains(&x) && LETTERS[1].contains(&y);
    let (u, v) = (x % 8, y % 12);
    let stroke = u < 3 || v < 3;
    let side = u == 3 || u == 7 || v == 3 || v == 11;
    (inside && (stroke || side)).then_some(if stroke { 230.0 } else { 16.0 })
}

/// A frame whose luma, or each of R, G, B, is `code`; chroma is half of it.
fn frame(format: PixelFormat, code: impl Fn(usize, usize) -> f32) -> Arc<Frame> {
    let (w, h) = SIZE;
    let unit = f32::from(1_u16 << (format.depth - 8));
    let mut planes = Vec::new();
    for p in 0..format.planes() {
        let (pw, ph) = format.plane_size(p, w, h);
        let (lx, ly) = format.log2_step(p);
        let share = if format.is_chroma(p) { 0.5 } else { 1.0 };
        let codes = (0..pw * ph).map(|i| share * unit * code((i % pw) << lx, (i / pw) << ly));
        planes.push(match format.depth {
            8 => Samples::U8(codes.map(|c| c as u8).collect()),
            _ => Samples::U16(codes.map(|c| c as u16).collect()),
        });
    }
    Arc::new(Frame::new(format, w, h, planes, ColorDescription::default()).unwrap())
}

/// Frame `i` of a texture that moves by `step` a frame, under letters.
fn captioned(format: PixelFormat, i: usize, step: [f32; 2]) -> Arc<Frame> {
    let n = i as f32;
    frame(format, |x, y| {
        letter(x, y).unwrap_or_else(|| texture(x as f32 - step[0] * n, y as f32 - step[1] * n))
    })
}

/// All frames with their overlays; `links` says where shots begin.
fn track(frames: &[Arc<Frame>], cuts: &[usize]) -> Vec<Overlaid> {
    let mut tracker = OverlayTracker::new();
    let mut out = Vec::new();
    let mut most = 0;
    for (i, frame) in frames.iter().enumerate() {
        let link = if cuts.contains(&i) { Link::Cut } else { Link::Continuous };
        tracker.push(i, Arc::clone(frame), link);
        while let Some((number, overlaid)) = tracker.pop() {
            assert_eq!(number, out.len());
            out.push(overlaid);
        }
        most = most.max(i + 1 - out.len());
    }
    tracker.finish();
    out.extend(std::iter::from_fn(|| tracker.pop().map(|(_, overlaid)| overlaid)));
    assert_eq!(out.len(), frames.len());
    assert!(most <= OverlayTracker::<usize>::LOOK_AHEAD, "{most} frames held back");
    out
}

fn formats() -> [PixelFormat; 5] {
    [
        PixelFormat::GRAY8,
        PixelFormat::YUV420P8,
        PixelFormat::RGB8,
        PixelFormat::yuv(Subsampling::S422, 10),
        PixelFormat { model: ColorModel::Rgb, depth: 16, alpha: true },
    ]
}

#[test]
fn letters_over_motion_are_found_and_kept() {
    for format in formats() {
        let frames: Vec<_> = (0..12).map(|i| captioned(format, i, [3.0, 1.5])).collect();
        for (i, overlaid) in track(&frames, &[]).iter().enumerate() {
            let mask = overlaid.mask().unwrap_or_else(|| panic!("{format} frame {i} has no mask"));
            let (w, h) = SIZE;
            assert_eq!((mask.width(), mask.height()), (w, h));
            let weight = |x: usize, y: usize| mask.weights()[y * w + x];
            let (mut missed, mut ink, mut far) = (0, 0, 0);
            for (x, y) in (0..w * h).map(|i| (i % w, i / w)) {
                if letter(x, y).is_some() {
                    ink += 1;
                    missed += usize::from(weight(x, y) < 255);
                }
                let near = (30..130).contains(&x) && (70..114).contains(&y);
                far += usize::from(!near && weight(x, y) > 0);
            }
            assert!(missed * 20 < ink, "{format} frame {i}: {missed} of {ink} pixels missed");
            assert_eq!(far, 0, "{format} frame {i}: the mask covers what moves");
        }
        // Whatever was made, the letters are the source's.
        let all = track(&frames, &[]);
        let made = frame(format, |_, _| 100.0);
        let kept = Overlaid::keep((*made).clone(), &all[5], &all[6], 0.5).unwrap();
        let unit = f32::from(1_u16 << (format.depth - 8));
        let luma = kept.planes()[0].to_f32();
        let wrong = (0..SIZE.0 * SIZE.1)
            .filter(|&i| letter(i % SIZE.0, i / SIZE.0).is_some_and(|c| (luma[i] / unit - c).abs() > 2.0));
        assert!(wrong.count() < 60, "{format}");
    }
}

#[test]
fn the_background_is_seen_without_the_letters() {
    let frames: Vec<_> = (0..10).map(|i| captioned(PixelFormat::GRAY8, i, [4.0, 0.0])).collect();
    let all = track(&frames, &[]);
    assert!(all[4].mask().unwrap().is_filled());
    let clean = all[4].clean().unwrap();
    let codes = clean.planes()[0].as_u8().unwrap();
    for (x, y) in (0..SIZE.0 * SIZE.1).map(|i| (i % SIZE.0, i / SIZE.0)) {
        let code = codes[y * SIZE.0 + x];
        if letter(x, y).is_some() && LETTERS[0].start + 2 < x && x < LETTERS[0].end - 3 {
            assert!((20..=215).contains(&code), "{code} at {x}, {y} is ink");
        }
    }
    assert!(Arc::ptr_eq(clean, all[4].clean().unwrap()), "made once");
}

#[test]
fn nothing_is_found_where_nothing_stands_still() {
    // Whole pictures that move: fast, slowly, along stripes; and one that does not move at all.
    let moving = |step: [f32; 2], code: &dyn Fn(f32, f32) -> f32| -> Vec<Arc<Frame>> {
        let at = |i: usize| {
            frame(PixelFormat::GRAY8, |x, y| {
                code(x as f32 - step[0] * i as f32, y as f32 - step[1] * i as f32)
            })
        };
        (0..12).map(at).collect()
    };
    let stripes = |x: f32, _: f32| if (x / 6.0).rem_euclid(2.0) < 1.0 { 60.0 } else { 180.0 };
    let across = |_: f32, y: f32| if (y / 6.0).rem_euclid(2.0) < 1.0 { 60.0 } else { 180.0 };
    let ramp = |x: f32, _: f32| 60.0 + 0.5 * x;
    let cases: [(&str, Vec<Arc<Frame>>); 6] = [
        ("fast", moving([5.0, 2.0], &texture)),
        ("slow", moving([0.3, 0.2], &texture)),
        ("stripes", moving([2.7, 0.0], &stripes)),
        ("along stripes", moving([3.0, 0.0], &across)),
        ("flat", moving([0.5, 0.0], &ramp)),
        ("still", moving([0.0, 0.0], &texture)),
    ];
    for (name, frames) in cases {
        let found = track(&frames, &[]).iter().filter(|o| o.mask().is_some()).count();
        assert_eq!(found, 0, "{name}");
    }
}

#[test]
fn a_still_camera_has_no_overlays() {
    // A disc crosses a still scene: what stands still is the scene.
    let frames: Vec<_> = (0..12)
        .map(|i| {
            frame(PixelFormat::GRAY8, |x, y| {
                let (dx, dy) = (x as f32 - 30.0 - 4.0 * i as f32, y as f32 - 50.0);
                if dx * dx + dy * dy < 200.0 { 240.0 } else { texture(x as f32, y as f32) }
            })
        })
        .collect();
    assert!(track(&frames, &[]).iter().all(|o| o.mask().is_none()));
}

#[test]
fn bars_are_kept_to_the_row() {
    let barred = |i: usize| {
        frame(PixelFormat::YUV420P8, move |x, y| {
            if !(16..104).contains(&y) { 16.0 } else { texture(x as f32 - 3.0 * i as f32, y as f32) }
        })
    };
    let frames: Vec<_> = (0..10).map(barred).collect();
    let all = track(&frames, &[]);
    let mask = all[5].mask().unwrap();
    let (w, h) = SIZE;
    for y in 0..h {
        let bar = !(16..104).contains(&y);
        let row = &mask.weights()[y * w..(y + 1) * w];
        assert!(row.iter().all(|&v| v == if bar { 255 } else { 0 }), "row {y}");
    }
    let made = frame(PixelFormat::YUV420P8, |_, _| 100.0);
    let kept = Overlaid::keep((*made).clone(), &all[5], &all[6], 0.5).unwrap();
    let luma = kept.planes()[0].as_u8().unwrap();
    assert!(luma[..16 * w].iter().chain(&luma[104 * w..]).all(|&v| v == 16));
    assert!(luma[18 * w..102 * w].iter().all(|&v| v == 100));
}

#[test]
fn what_is_said_of_a_frame_depends_on_its_neighbours_alone() {
    // The caption appears at frame 10; a cut at 24.
    let at = |i: usize| {
        let n = i as f32;
        frame(PixelFormat::GRAY8, move |x, y| {
            let under = texture(x as f32 - 3.0 * n, y as f32 + n);
            if i < 10 { under } else { letter(x, y).unwrap_or(under) }
        })
    };
    let frames: Vec<_> = (0..40).map(at).collect();
    let whole = track(&frames, &[24]);
    assert!(whole[..10].iter().all(|o| o.mask().is_none()));
    assert!(whole[11..23].iter().all(|o| o.mask().is_some()));
    let reach = OverlayTracker::<usize>::LOOK_BACK;
    for start in [3, 12, 20] {
        let cuts: Vec<usize> = [24].iter().map(|c| c - start).collect();
        let part = track(&frames[start..], &cuts);
        for i in start + reach..40 {
            assert_eq!(whole[i].mask(), part[i - start].mask(), "frame {i}, from {start}");
        }
    }
}

#[test]
fn short_shots_and_small_pictures_have_no_overlays() {
    let frames: Vec<_> = (0..7).map(|i| captioned(PixelFormat::GRAY8, i, [3.0, 0.0])).collect();
    assert!(track(&frames, &[]).iter().all(|o| o.mask().is_none()));
    let tiny = Arc::new(Frame::black(PixelFormat::RGB8, 3, 1, ColorDescription::SRGB).unwrap());
    assert!(track(&vec![tiny; 20], &[]).iter().all(|o| o.mask().is_none()));
}
