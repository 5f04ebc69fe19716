//! Frames in, frames out: formats, sizes, threads, directions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ifr_flow::{FlowInterpolator, FlowOptions, Prior, Quality};
use ifr_frame::{ColorDescription, Frame, Interpolate, InterpolateError, PixelFormat, Samples, Subsampling};

const QUALITIES: [Quality; 2] = [Quality::Standard, Quality::Fast];

/// A frame whose plane `p` has the 8-bit code `code(p, x, y)` at the place (x, y) of the full-size picture.
fn frame(
    format: PixelFormat,
    width: usize,
    height: usize,
    code: impl Fn(usize, f32, f32) -> f32,
) -> Arc<Frame> {
    let color = ColorDescription::BT709;
    let planes = (0..format.planes())
        .map(|p| {
            let (w, h) = format.plane_size(p, width, height);
            let (lx, ly) = format.log2_step(p);
            let (sx, sy) = (1usize << lx, 1usize << ly);
            let (ox, oy) = if (sx, sy) == (1, 1) { (0.0, 0.0) } else { color.siting.offset(sx, sy) };
            let at = |i: usize| code(p, (i % w * sx) as f32 + ox, (i / w * sy) as f32 + oy).clamp(0.0, 255.0);
            if format.depth == 8 {
                Samples::U8((0..w * h).map(|i| at(i).round() as u8).collect())
            } else {
                let k = f32::from(1u16 << (format.depth - 8));
                Samples::U16(
                    (0..w * h)
                        .map(|i| (at(i) * k).round().min(f32::from(format.max_code())) as u16)
                        .collect(),
                )
            }
        })
        .collect();
    Arc::new(Frame::new(format, width, height, planes, color).unwrap())
}

/// A smooth texture with detail of several scales.
fn texture(x: f32, y: f32) -> f32 {
    let wave = |a: f32, b: f32, c: f32| (a * x + b * y + c).sin();
    128.0
        + 30.0 * wave(0.11, 0.07, 0.3)
        + 25.0 * wave(-0.05, 0.13, 1.0)
        + 20.0 * wave(0.31, -0.23, 2.0)
        + 15.0 * wave(0.37, 0.41, 0.5)
}

/// Mean absolute difference of two frames' plane `p`, in codes.
fn difference(a: &Frame, b: &Frame, p: usize) -> f32 {
    let (a, b) = (a.planes()[p].to_f32(), b.planes()[p].to_f32());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
}

fn between(quality: Quality, a: &Arc<Frame>, b: &Arc<Frame>, t: f32) -> Frame {
    FlowInterpolator::new(quality).pair(a, b).unwrap().at(t).unwrap()
}

fn formats() -> Vec<PixelFormat> {
    vec![
        PixelFormat::YUV420P8,
        PixelFormat::YUV422P8,
        PixelFormat::YUV444P8,
        PixelFormat::yuv(Subsampling { log2_x: 2, log2_y: 0 }, 8),
        PixelFormat::yuv(Subsampling::S420, 10),
        PixelFormat::yuv(Subsampling::S444, 16),
        PixelFormat::RGB8,
        PixelFormat::RGB16,
        PixelFormat::GRAY8,
        PixelFormat { alpha: true, ..PixelFormat::YUV420P8 },
        PixelFormat { alpha: true, ..PixelFormat::RGB8 },
    ]
}

#[test]
fn identical_frames_give_that_frame() {
    for format in formats() {
        for quality in QUALITIES {
            let a = frame(format, 101, 67, |p, x, y| texture(x + 40.0 * p as f32, y));
            let b = Arc::new((*a).clone());
            for t in [0.1, 0.5] {
                let m = between(quality, &a, &b, t);
                assert_eq!((m.format(), m.color()), (a.format(), a.color()));
                for p in 0..format.planes() {
                    let (x, y) = (a.planes()[p].to_f32(), m.planes()[p].to_f32());
                    let worst = x.iter().zip(&y).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
                    assert!(worst <= 1.0, "{format} plane {p} at {t}: off by {worst}");
                }
            }
        }
    }
}

#[test]
fn a_moving_picture_is_where_it_should_be() {
    // 6 to the right and 3 down over the pair; every plane has its own texture, on its own siting.
    for format in formats() {
        let at =
            |t: f32| frame(format, 192, 128, |p, x, y| texture(x - 6.0 * t + 50.0 * p as f32, y - 3.0 * t));
        let (a, b) = (at(0.0), at(1.0));
        for quality in QUALITIES {
            for t in [0.25, 0.5, 0.75] {
                let (m, truth) = (between(quality, &a, &b, t), at(t));
                for p in 0..format.planes() {
                    let codes = f32::from(format.max_code()) / 255.0;
                    let (error, stay) =
                        (difference(&m, &truth, p) / codes, difference(&a, &truth, p) / codes);
                    // Content enters at two edges, where neither frame alone is enough.
                    assert!(
                        error < 0.2 * stay && error < 1.5,
                        "{format} plane {p} {quality:?} at {t}: {error}, {stay} unmoved"
                    );
                }
            }
        }
    }
}

#[test]
fn a_moving_square_keeps_its_direction() {
    // A bright textured square over a still textured ground, 12 pixels to the right over the pair.
    let at = |t: f32| {
        frame(PixelFormat::YUV420P8, 160, 96, |p, x, y| {
            let left = 50.0 + 12.0 * t;
            let inside = x >= left && x < left + 40.0 && (30.0..66.0).contains(&y);
            match (p, inside) {
                (0, true) => 150.0 + 0.4 * (texture(x - left + 300.0, y) - 60.0),
                (0, false) => 0.4 * texture(x, y),
                (_, true) => 180.0,
                (_, false) => 100.0,
            }
        })
    };
    let (a, b) = (at(0.0), at(1.0));
    for quality in QUALITIES {
        for (t, left) in [(0.25, 53), (0.75, 59)] {
            let m = between(quality, &a, &b, t);
            let luma = m.planes()[0].to_f32();
            // The first and last columns of the square on its middle row.
            let row = &luma[48 * 160..49 * 160];
            let first = row.iter().position(|&v| v > 112.0).unwrap();
            let last = row.iter().rposition(|&v| v > 112.0).unwrap();
            assert!(
                first.abs_diff(left) <= 1 && last.abs_diff(left + 39) <= 1,
                "{quality:?} at {t}: {first}..={last}"
            );
            assert!(difference(&m, &at(t), 1) < 1.5, "{quality:?} at {t}: chroma");
        }
    }
}

#[test]
fn every_size_works() {
    let sizes = [
        (1, 1),
        (2, 2),
        (1, 50),
        (50, 1),
        (3, 7),
        (7, 8),
        (8, 8),
        (9, 8),
        (16, 15),
        (17, 33),
        (23, 24),
        (31, 200),
        (321, 181),
        (160, 49),
        (161, 48),
        (177, 65),
    ];
    for (w, h) in sizes {
        for format in [PixelFormat::YUV420P8, PixelFormat::RGB16] {
            let a = frame(format, w, h, |_, x, y| texture(x, y));
            let b = frame(format, w, h, |_, x, y| texture(x - 2.0, y));
            for quality in QUALITIES {
                let m = between(quality, &a, &b, 0.5);
                assert_eq!((m.width(), m.height(), m.format()), (w, h, format));
            }
        }
    }
}

#[test]
fn noise_and_extremes_do_not_panic() {
    let noise = |seed: u32| {
        frame(PixelFormat::YUV420P8, 130, 70, move |p, x, y| {
            let mut n =
                (x as u32).wrapping_mul(0x9E37_79B9) ^ (y as u32).wrapping_mul(0x85EB_CA6B) ^ seed ^ p as u32;
            n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
            ((n >> 13) & 255) as f32
        })
    };
    let (black, white) = (
        frame(PixelFormat::YUV420P8, 130, 70, |_, _, _| 0.0),
        frame(PixelFormat::YUV420P8, 130, 70, |_, _, _| 255.0),
    );
    for quality in QUALITIES {
        for (a, b) in [(noise(1), noise(2)), (black.clone(), noise(3)), (black.clone(), white.clone())] {
            for t in [1e-6, 0.5, 1.0 - 1e-6] {
                between(quality, &a, &b, t);
            }
        }
        // Without any motion to follow, the frames are blended.
        let m = between(quality, &black, &white, 0.5);
        assert!(difference(&m, &frame(PixelFormat::YUV420P8, 130, 70, |_, _, _| 127.5), 0) <= 1.0);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let at = |t: f32| {
        frame(PixelFormat::YUV420P8, 333, 187, |p, x, y| {
            let s = if x > 150.0 + 9.0 * t { 4.0 } else { -3.0 };
            texture(x - s * t + 9.0 * p as f32, y + s * t)
        })
    };
    let (a, b) = (at(0.0), at(1.0));
    for quality in QUALITIES {
        let made: Vec<Prior> = [1, 2, 4]
            .map(|n| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
                let mut i =
                    FlowInterpolator::with_options(FlowOptions { quality, pool: Some(Arc::new(pool)) });
                i.prior(&a, &b).unwrap().at(0.4).unwrap()
            })
            .into();
        assert!(made[0] == made[1] && made[0] == made[2], "{quality:?}");
    }
}

#[test]
fn the_frame_before_changes_nothing() {
    let at = |t: f32| frame(PixelFormat::YUV420P8, 120, 80, |_, x, y| texture(x - 5.0 * t, y));
    let (a, b, c) = (at(0.0), at(1.0), at(2.0));
    let mut i = FlowInterpolator::new(Quality::Standard);
    i.pair(&a, &b).unwrap().at(0.5).unwrap();
    let after = i.pair(&b, &c).unwrap().at(0.5).unwrap();
    assert_eq!(after, between(Quality::Standard, &b, &c, 0.5));
}

#[test]
fn a_prior_is_the_frame_and_the_flows_it_follows() {
    // 8 to the right and 4 up over the pair; a size that halves with remainders, and one large enough to start coarser.
    for (w, h) in [(193, 131), (1300, 722)] {
        let at = |t: f32| {
            frame(PixelFormat::YUV420P8, w, h, |p, x, y| texture(x - 8.0 * t + 50.0 * p as f32, y + 4.0 * t))
        };
        let (a, b) = (at(0.0), at(1.0));
        for quality in QUALITIES {
            let mut interpolator = FlowInterpolator::new(quality);
            let mut pair = interpolator.prior(&a, &b).unwrap();
            for t in [0.25, 0.6] {
                let prior = pair.at(t).unwrap();
                assert!(prior.frame == between(quality, &a, &b, t), "{quality:?} at {t}");
                for (flow, k) in prior.flows.iter().zip([-t, 1.0 - t]) {
                    assert_eq!((flow.width(), flow.height()), (w, h));
                    let inside = (20..h - 20).flat_map(|y| (20..w - 20).map(move |x| (x, y)));
                    let error: f32 = inside
                        .map(|(x, y)| {
                            let [u, v] = flow.at(x, y);
                            (u - 8.0 * k).hypot(v + 4.0 * k)
                        })
                        .sum();
                    let error = error / ((w - 40) * (h - 40)) as f32;
                    assert!(error < 0.3, "{quality:?} {w}x{h} at {t}: {error} px");
                }
            }
            for t in [0.0, 1.0, f32::NAN] {
                assert!(matches!(pair.at(t), Err(InterpolateError::Timestep(_))));
            }
        }
    }
    let (a, b) =
        (frame(PixelFormat::GRAY8, 32, 32, |_, x, _| x), frame(PixelFormat::GRAY8, 32, 34, |_, x, _| x));
    let mismatch = FlowInterpolator::new(Quality::Fast).prior(&a, &b).err();
    assert!(matches!(mismatch, Some(InterpolateError::Mismatch { .. })));
}

/// Random values at every sixth pixel, interpolated: unlike waves, no place looks like another.
fn cloud(x: f32, y: f32) -> f32 {
    let value = |x: f32, y: f32| {
        let n = (x as i32 as u32).wrapping_mul(0x9E37_79B9) ^ (y as i32 as u32).wrapping_mul(0x85EB_CA6B);
        let n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
        ((n ^ (n >> 13)) & 255) as f32
    };
    let (ix, iy) = ((x / 6.0).floor(), (y / 6.0).floor());
    let (fx, fy) = (x / 6.0 - ix, y / 6.0 - iy);
    let mix = |a: f32, b: f32, f: f32| a + f * (b - a);
    let row = |y: f32| mix(value(ix, y), value(ix + 1.0, y), fx);
    mix(row(iy), row(iy + 1.0), fy)
}

#[test]
fn each_frame_leads_its_own_flow() {
    // A bright square over a still ground, 16 pixels to the right.
    let at = |t: f32| {
        frame(PixelFormat::GRAY8, 160, 96, |_, x, y| {
            let left = 50.0 + 16.0 * t;
            let inside = x >= left && x < left + 40.0 && (30.0..66.0).contains(&y);
            if inside { 150.0 + 0.4 * cloud(x - left + 300.0, y) } else { 0.4 * cloud(x, y) }
        })
    };
    let (a, b) = (at(0.0), at(1.0));
    let prior = FlowInterpolator::new(Quality::Standard).prior(&a, &b).unwrap().at(0.5).unwrap();
    let [to0, to1] = &prior.flows;
    let ([u, _], [v, _]) = (to0.at(78, 48), to1.at(78, 48));
    assert!((u + 8.0).abs() < 0.5 && (v - 8.0).abs() < 0.5, "inside the square: {u} and {v}");
    let ([u, _], [v, _]) = (to0.at(20, 48), to1.at(20, 48));
    assert!(u.abs() < 0.3 && v.abs() < 0.3, "on the ground: {u} and {v}");
    assert_ne!(to0.scaled(-1.0), *to1, "at the edges the frames do not agree");
}

#[test]
fn what_cannot_be_made_is_an_error() {
    let a = frame(PixelFormat::YUV420P8, 32, 32, |_, x, y| texture(x, y));
    let b = frame(PixelFormat::YUV420P8, 32, 34, |_, x, y| texture(x, y));
    let mut i = FlowInterpolator::new(Quality::Standard);
    assert!(matches!(i.pair(&a, &b), Err(InterpolateError::Mismatch { .. })));
    let mut pair = i.pair(&a, &a).unwrap();
    for t in [0.0, 1.0, -0.5, f32::NAN] {
        assert!(matches!(pair.at(t), Err(InterpolateError::Timestep(_))));
    }
}
