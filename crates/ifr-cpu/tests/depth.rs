//! Frames of every depth and range meet the network as the same picture, and its result is rounded once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use ifr_cpu::{EngineOptions, NetInterpolator};
use ifr_frame::{ColorDescription, ColorModel, Frame, Interpolate, PixelFormat, Range, Samples, Subsampling};
use ifr_net::{IfrNet, Parameters};

const SIZE: (usize, usize) = (64, 48);

/// A smooth picture whose values are the same at every depth: codes of 8 bits in limited range, and in full range those of
/// which each is 257 (or 1) of the deeper ones.
fn frame(format: PixelFormat, range: Range, shift: usize) -> Arc<Frame> {
    let color = ColorDescription { range, ..ColorDescription::BT709 };
    let limited = range == Range::Limited;
    let planes = (0..format.planes())
        .map(|p| {
            let (w, h) = format.plane_size(p, SIZE.0, SIZE.1);
            let (lx, ly) = format.log2_step(p);
            let code = |i: usize| {
                let (x, y) = ((((i % w) << lx) + shift) as f32, ((i / w) << ly) as f32);
                let wave = (0.17 * x + 0.05 * y + p as f32).sin() + (0.11 * y - 0.07 * x).cos();
                (126.0 + 30.0 * wave) as u16
            };
            let deep = |c: u16| if limited { c << (format.depth - 8) } else { c * 257 };
            match format.depth {
                8 => Samples::U8((0..w * h).map(|i| code(i) as u8).collect()),
                _ => Samples::U16((0..w * h).map(|i| deep(code(i))).collect()),
            }
        })
        .collect();
    Arc::new(Frame::new(format, SIZE.0, SIZE.1, planes, color).unwrap())
}

#[test]
fn shallow_frames_are_deep_ones_rounded() {
    let graph = IfrNet::S.graph("1".parse().unwrap()).unwrap();
    let parameters = Parameters::by_rule(&graph);
    let mut net = NetInterpolator::new(&graph, &parameters, EngineOptions::default()).unwrap();
    let mut between = |format, range| {
        let (a, b) = (frame(format, range, 0), frame(format, range, 4));
        net.pair(&a, &b).unwrap().at(0.5).unwrap()
    };
    let yuv = |s| ColorModel::Yuv(s);
    for (model, alpha) in [
        (yuv(Subsampling::S420), false),
        (yuv(Subsampling::S422), true),
        (yuv(Subsampling::S444), false),
        (ColorModel::Rgb, true),
        (ColorModel::Gray, false),
    ] {
        // In full range, chroma's zero of 2^(depth − 1) is not half of all codes: shallow and deep frames are not the same
        // picture there.
        let full: &[u8] = if matches!(model, ColorModel::Yuv(_)) { &[] } else { &[8] };
        for (range, depths) in [(Range::Limited, &[8, 10, 12][..]), (Range::Full, full)] {
            let fine = between(PixelFormat { model, depth: 16, alpha }, range);
            for &depth in depths {
                let format = PixelFormat { model, depth, alpha };
                let made = between(format, range);
                for (p, (a, b)) in made.planes().iter().zip(fine.planes()).enumerate() {
                    // Alpha has full range always, and was made as if in limited range.
                    if format.is_alpha(p) && range == Range::Limited {
                        continue;
                    }
                    let unit = if range == Range::Limited { f32::from(1_u16 << (16 - depth)) } else { 257.0 };
                    let pairs = a.to_f32().into_iter().zip(b.to_f32());
                    let worst = pairs.map(|(a, b)| (a - b / unit).abs()).fold(0.0, f32::max);
                    assert!(worst <= 0.51 + 0.5 / unit, "{format} {range:?} plane {p}: {worst} codes");
                }
            }
        }
    }
}
