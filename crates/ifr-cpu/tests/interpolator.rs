//! Frames in, frames out.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{CpuError, EngineOptions, NetInterpolator};
use ifr_flow::{FlowInterpolator, Quality};
use ifr_frame::{
    ColorDescription, Frame, Interpolate, InterpolateError, Padding, PixelFormat, RgbImage, Samples,
    Subsampling,
};
use ifr_net::{Activation, Builder, Extent, IfrNet, Parameters, Ratio, Tensor, reference};

fn interpolator(scale: &str) -> NetInterpolator {
    interpolator_of(IfrNet::S, scale)
}

fn interpolator_of(net: IfrNet, scale: &str) -> NetInterpolator {
    let graph = net.graph(scale.parse().unwrap()).unwrap();
    NetInterpolator::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap()
}

fn picture(width: usize, height: usize, seed: usize) -> RgbImage {
    let value = |i: usize| {
        let (x, y) = (i % width, i / width % height);
        0.5 + 0.4 * ((x + 3 * seed) as f32 * 0.31).sin() * ((y + seed) as f32 * 0.23).cos()
    };
    RgbImage::new(width, height, (0..3 * width * height).map(value).collect()).unwrap()
}

fn frame(format: PixelFormat, width: usize, height: usize, seed: usize) -> Arc<Frame> {
    Arc::new(picture(width, height, seed).to_frame(format, ColorDescription::default()).unwrap())
}

#[test]
fn any_size_and_format_comes_back_as_it_was() {
    let formats = [
        PixelFormat::YUV420P8,
        PixelFormat::yuv(Subsampling::S422, 10),
        PixelFormat::RGB16,
        PixelFormat::GRAY8,
        PixelFormat { alpha: true, ..PixelFormat::RGB8 },
    ];
    for net in [IfrNet::S, IfrNet::S_FLOW] {
        let mut net = interpolator_of(net, "1");
        for (i, format) in formats.into_iter().enumerate() {
            for (width, height) in [(1, 1), (33, 17), (48, 32)] {
                let (a, b) = (frame(format, width, height, i), frame(format, width, height, i + 1));
                let mut pair = net.pair(&a, &b).unwrap();
                for t in [0.1, 0.5, 0.999] {
                    assert!(pair.at(t).unwrap().is_like(&a), "{format} {width}x{height} at {t}");
                }
            }
        }
    }
}

#[test]
fn it_is_the_network_on_padded_images() {
    for scale in ["1", "0.5", "0.8", "0.25"] {
        let (a, b) = (frame(PixelFormat::RGB16, 37, 21, 1), frame(PixelFormat::RGB16, 37, 21, 2));
        let graph = IfrNet::S.graph(scale.parse().unwrap()).unwrap();
        let padding = Padding::to_multiple(37, 21, graph.multiple());
        let input = |f: &Frame| Tensor::from(&padding.pad(&f.to_rgb()).unwrap());
        let inputs = [input(&a), input(&b), Tensor::point(&[0.25])];
        let expected = reference::run(&graph, &Parameters::by_rule(&graph), &inputs).unwrap().remove(0);
        let expected = padding.crop(&expected.into_image().unwrap()).unwrap();

        let found = interpolator(scale).pair(&a, &b).unwrap().at(0.25).unwrap().to_rgb();
        let worst = found.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "scale {scale}: {worst}");
    }
}

/// The prior is worked out apart and handed to the scalar reference.
#[test]
fn a_prior_is_supplied_padded_like_the_images() {
    for (scale, width, height) in [("1", 45, 30), ("0.5", 45, 30), ("1", 32, 32)] {
        let (a, b) =
            (frame(PixelFormat::RGB16, width, height, 1), frame(PixelFormat::RGB16, width, height, 2));
        let graph = IfrNet::S_FLOW.graph(scale.parse().unwrap()).unwrap();
        let padding = Padding::to_multiple(width, height, graph.multiple());
        let (pw, ph) = padding.padded_size();
        let input = |f: &Frame| Tensor::from(&padding.pad(&f.to_rgb()).unwrap());
        for t in [0.25, 0.7] {
            let prior = FlowInterpolator::new(Quality::Standard).prior(&a, &b).unwrap().at(t).unwrap();
            let mut flows = Tensor::zeros([1, 4, ph, pw]);
            for c in 0..4 {
                for (i, v) in flows.plane_mut(0, c).iter_mut().enumerate() {
                    *v = prior.flows[c / 2].at((i % pw).min(width - 1), (i / pw).min(height - 1))[c % 2];
                }
            }
            assert!(flows.data().iter().any(|v| v.abs() > 0.1), "there is motion");
            let inputs = [input(&a), input(&b), Tensor::point(&[t]), flows, input(&prior.frame)];
            let expected = reference::run(&graph, &Parameters::by_rule(&graph), &inputs).unwrap().remove(0);
            let expected = padding.crop(&expected.into_image().unwrap()).unwrap();

            let mut net = interpolator_of(IfrNet::S_FLOW, scale);
            assert_eq!(net.name(), "ifrnet-s+flow");
            let found = net.pair(&a, &b).unwrap().at(t).unwrap().to_rgb();
            let difference = found.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs());
            let worst = difference.fold(0.0, f32::max);
            assert!(worst < 1e-4, "scale {scale}, {width}x{height} at {t}: {worst}");
        }
    }
}

#[test]
fn a_stream_reuses_its_frames() {
    let format = PixelFormat::YUV420P8;
    let frames: Vec<_> = (0..4).map(|i| frame(format, 40, 24, i)).collect();
    for net in [IfrNet::S, IfrNet::S_FLOW] {
        let mut stream = interpolator_of(net, "1");
        let fresh = |a, b| interpolator_of(net, "1").pair(a, b).unwrap().at(0.5).unwrap();
        for two in frames.windows(2) {
            let reused = stream.pair(&two[0], &two[1]).unwrap().at(0.5).unwrap();
            assert_eq!(reused, fresh(&two[0], &two[1]));
        }
        // A frame of another size, and back again.
        let large = [frame(format, 64, 48, 1), frame(format, 64, 48, 2)];
        assert!(stream.pair(&large[0], &large[1]).unwrap().at(0.5).unwrap().is_like(&large[0]));
        let again = stream.pair(&frames[0], &frames[1]).unwrap().at(0.5).unwrap();
        assert_eq!(again, fresh(&frames[0], &frames[1]));
    }
}

#[test]
fn threads_change_no_frame_with_a_prior() {
    let (a, b) = (frame(PixelFormat::YUV420P8, 120, 70, 1), frame(PixelFormat::YUV420P8, 120, 70, 2));
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    let parameters = Parameters::by_rule(&graph);
    let made = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = EngineOptions { pool: Some(Arc::new(pool)), ..EngineOptions::default() };
        let mut net = NetInterpolator::new(&graph, &parameters, options).unwrap();
        let mut pair = net.pair(&a, &b).unwrap();
        [0.25, 0.75].map(|t| pair.at(t).unwrap())
    });
    assert!(made[0] == made[1]);
    assert!(made[0][0] != made[0][1]);
}

#[test]
fn alpha_is_blended() {
    for depth in [8, 12] {
        let format = PixelFormat { alpha: true, ..PixelFormat::yuv(Subsampling::S420, depth) };
        let with_alpha = |code: u16| {
            let mut planes: Vec<_> =
                frame(format, 20, 10, 1).planes().iter().map(|p| p.samples.clone()).collect();
            planes[3] =
                if depth == 8 { Samples::U8(vec![code as u8; 200]) } else { Samples::U16(vec![code; 200]) };
            Arc::new(Frame::new(format, 20, 10, planes, ColorDescription::default()).unwrap())
        };
        let mut net = interpolator("1");
        let made = net.pair(&with_alpha(100), &with_alpha(200)).unwrap().at(0.25).unwrap();
        assert!(made.planes()[3].to_f32().iter().all(|&v| v == 125.0));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let mut net = interpolator("1");
    let (a, b) = (frame(PixelFormat::GRAY8, 16, 16, 1), frame(PixelFormat::GRAY8, 16, 32, 1));
    assert!(matches!(net.pair(&a, &b).err(), Some(InterpolateError::Mismatch { .. })));
    let mut pair = net.pair(&a, &a).unwrap();
    for t in [0.0, 1.0, -0.5, f32::NAN] {
        assert!(matches!(pair.at(t), Err(InterpolateError::Timestep(_))), "{t}");
    }

    let mut b = Builder::new("other");
    let image = b.input("image", 3, Extent::FULL);
    let other = b.activate("other", image, Activation::Sigmoid);
    b.output(other);
    let other = b.finish().unwrap();
    let refused = NetInterpolator::new(&other, &Parameters::by_rule(&other), EngineOptions::default());
    assert!(matches!(refused, Err(CpuError::Interface { .. })));

    // Something else of each instant than a prior.
    let mut b = Builder::new("masked");
    let (first, second) = (b.input("img0", 3, Extent::FULL), b.input("img1", 3, Extent::FULL));
    b.timestep("t");
    let mask = b.instant("mask", 1, Extent::FULL);
    let out = b.blend("pred", mask, first.into(), second.into(), vec![], Activation::None);
    b.output(out);
    let masked = b.finish().unwrap();
    let refused = NetInterpolator::new(&masked, &Parameters::by_rule(&masked), EngineOptions::default());
    assert!(matches!(refused, Err(CpuError::Interface { .. })));

    let large = IfrNet::B.graph(Ratio::ONE).unwrap();
    let small = IfrNet::S.graph(Ratio::ONE).unwrap();
    let refused = NetInterpolator::new(&large, &Parameters::by_rule(&small), EngineOptions::default());
    assert!(matches!(refused, Err(CpuError::Input(_))));
}
