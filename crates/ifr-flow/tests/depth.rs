//! Every depth, range and layout: made frames are the float result, rounded once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ifr_flow::{FlowInterpolator, Quality};
use ifr_frame::{ColorDescription, ColorModel, Frame, Interpolate, PixelFormat, Range, Samples, Subsampling};

const SIZE: (usize, usize) = (70, 46);

/// A frame whose plane `p` has `code(p, x, y)`, in codes of 8 bits, at the place (x, y) of the full-size picture.
fn frame(
    format: PixelFormat,
    color: ColorDescription,
    code: impl Fn(usize, usize, usize) -> u8,
) -> Arc<Frame> {
    let planes = (0..format.planes())
        .map(|p| {
            let (w, h) = format.plane_size(p, SIZE.0, SIZE.1);
            let (lx, ly) = format.log2_step(p);
            let codes = (0..w * h).map(|i| code(p, (i % w) << lx, (i / w) << ly));
            match format.depth {
                8 => Samples::U8(codes.collect()),
                depth => Samples::U16(codes.map(|c| u16::from(c) << (depth - 8)).collect()),
            }
        })
        .collect();
    Arc::new(Frame::new(format, SIZE.0, SIZE.1, planes, color).unwrap())
}

/// Detail of several scales, the same for the same seed.
fn texture(seed: usize, x: usize, y: usize) -> u8 {
    let (x, y, s) = (x as f32, y as f32, seed as f32);
    let wave = |a: f32, b: f32, c: f32| (a * x + b * y + c + s).sin();
    (126.0 + 50.0 * wave(0.13, 0.07, 0.3) + 40.0 * wave(-0.31, 0.23, 1.0) + 30.0 * wave(0.5, 0.61, 2.0)) as u8
}

fn between(a: &Arc<Frame>, b: &Arc<Frame>, t: f32) -> Frame {
    FlowInterpolator::new(Quality::Standard).pair(a, b).unwrap().at(t).unwrap()
}

/// Formats of one depth: every subsampling, RGB and grey, with and without alpha.
fn formats(depth: u8) -> Vec<PixelFormat> {
    let yuv = [Subsampling::S420, Subsampling::S422, Subsampling::S444].map(ColorModel::Yuv);
    let models = [yuv[0], yuv[1], yuv[2], ColorModel::Rgb, ColorModel::Gray];
    models
        .into_iter()
        .flat_map(|model| [false, true].map(|alpha| PixelFormat { model, depth, alpha }))
        .collect()
}

#[test]
fn shallow_frames_are_deep_ones_rounded() {
    // The float path knows no depth: the same picture in 16 bits shows its result to 1/256 of an 8-bit code.
    let color = ColorDescription::BT709;
    for (k, deep) in formats(16).into_iter().enumerate() {
        let make = |format, shift| frame(format, color, |p, x, y| texture(p + k, x + shift, y));
        let fine = between(&make(deep, 0), &make(deep, 3), 0.4);
        for depth in [8, 10, 12] {
            let format = PixelFormat { depth, ..deep };
            let made = between(&make(format, 0), &make(format, 3), 0.4);
            let unit = f32::from(1_u16 << (16 - depth));
            for (p, (a, b)) in made.planes().iter().zip(fine.planes()).enumerate() {
                // Half a code for each of the two roundings.
                let most = 0.5 + 0.5 / unit + 1e-3;
                let pairs = a.to_f32().into_iter().zip(b.to_f32());
                let worst = pairs.map(|(a, b)| (a - b / unit).abs()).fold(0.0, f32::max);
                assert!(worst <= most, "{format} plane {p}: {worst} of {most} codes");
            }
        }
    }
}

#[test]
fn between_equal_frames_lies_that_frame() {
    for range in [Range::Limited, Range::Full] {
        for depth in [8, 10, 12, 16] {
            for format in formats(depth) {
                let color = ColorDescription { range, ..ColorDescription::BT709 };
                let noise = |p: usize, x: usize, y: usize| {
                    let n = (p * 7919 + x * 104_729 + y * 1_299_709) as u32;
                    (n.wrapping_mul(2_654_435_761) >> 24) as u8
                };
                let (a, b) = (frame(format, color, noise), frame(format, color, noise));
                let made = between(&a, &b, 0.5);
                assert!(made.is_like(&a));
                for (made, source) in made.planes().iter().zip(a.planes()) {
                    let pairs = made.to_f32().into_iter().zip(source.to_f32());
                    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(worst <= 1.0, "{format} {range:?}: {worst} codes");
                }
            }
        }
    }
}

#[test]
fn codes_beyond_black_and_white_are_kept() {
    // A patch of superwhite moves over a ground below black.
    for (depth, format) in [8, 10, 16].into_iter().flat_map(|d| formats(d).into_iter().map(move |f| (d, f))) {
        let unit = f32::from(1_u16 << (depth - 8));
        let color = ColorDescription::BT709;
        let make = |left: usize| {
            frame(format, color, |p, x, y| match p {
                0 if (left..left + 24).contains(&x) && (10..36).contains(&y) => 250,
                0 => 6,
                _ => 128,
            })
        };
        let made = between(&make(16), &make(22), 0.5);
        let luma = made.planes()[0].to_f32();
        let at = |x: usize, y: usize| luma[y * SIZE.0 + x] / unit;
        assert!((at(31, 23) - 250.0).abs() <= 1.0, "{format}: {}", at(31, 23));
        assert!((at(4, 4) - 6.0).abs() <= 1.0, "{format}: {}", at(4, 4));
    }
}

#[test]
fn alpha_moves_with_its_picture() {
    for depth in [8, 12, 16] {
        let format = PixelFormat { alpha: true, ..PixelFormat::yuv(Subsampling::S420, depth) };
        let make = |shift: usize| {
            frame(format, ColorDescription::BT709, |p, x, y| {
                texture(if p == 3 { 0 } else { p }, x + 20 - shift, y)
            })
        };
        let (a, b, truth) = (make(0), make(6), make(3));
        let made = between(&a, &b, 0.5);
        let unit = f32::from(1_u16 << (depth - 8));
        let error = |frame: &Frame, p: usize| {
            let (made, truth) = (frame.planes()[p].to_f32(), truth.planes()[p].to_f32());
            let inner = |i: &usize| (10..60).contains(&(i % SIZE.0)) && (6..40).contains(&(i / SIZE.0));
            let errors: Vec<f32> =
                (0..made.len()).filter(inner).map(|i| (made[i] - truth[i]).abs() / unit).collect();
            errors.iter().sum::<f32>() / errors.len() as f32
        };
        // A mere blend would be off by tens of codes.
        assert!(error(&a, 3) > 20.0, "{}", error(&a, 3));
        assert!(error(&made, 3) < 2.5, "{depth}: {}", error(&made, 3));
        assert!((error(&made, 3) - error(&made, 0)).abs() < 0.5, "{depth}");
    }
}
