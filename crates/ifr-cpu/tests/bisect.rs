//! Networks that make middles alone, at any instant: the frames are those that the network makes by hand, no middle is made
//! twice, and neither order nor threads change a frame.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, NetInterpolator};
use ifr_flow::{FlowInterpolator, Quality};
use ifr_frame::{
    BisectDepth, ColorDescription, Frame, Interpolate, InterpolateError, Padding, PixelFormat, RgbImage,
    Samples,
};
use ifr_net::{Graph, IfrNet, IfrPlus, Parameters, Ratio};

fn depth(n: u8) -> BisectDepth {
    BisectDepth::new(n).unwrap()
}

fn bisecting(graph: &Graph, n: u8) -> NetInterpolator {
    let parameters = Parameters::by_rule(graph);
    NetInterpolator::new(graph, &parameters, EngineOptions::default()).unwrap().bisecting(depth(n))
}

fn small() -> Graph {
    IfrNet::S.graph(Ratio::ONE).unwrap()
}

/// IFR+ with flows at half size.
fn plus() -> Graph {
    IfrPlus::PUBLISHED.graph("0.5".parse().unwrap(), Ratio::ONE).unwrap()
}

fn frame(format: PixelFormat, width: usize, height: usize, seed: usize) -> Arc<Frame> {
    let value = |i: usize| {
        let (x, y) = (i % width, i / width % height);
        0.5 + 0.4 * ((x + 3 * seed) as f32 * 0.31).sin() * ((y + seed) as f32 * 0.23).cos()
    };
    let image = RgbImage::new(width, height, (0..3 * width * height).map(value).collect()).unwrap();
    Arc::new(image.to_frame(format, ColorDescription::default()).unwrap())
}

/// The network by hand: padded images in, a padded image out.
struct ByHand {
    engine: Engine,
    padding: Padding,
}

impl ByHand {
    fn new(graph: &Graph, width: usize, height: usize) -> Self {
        let engine = Engine::new(graph, &Parameters::by_rule(graph), EngineOptions::default()).unwrap();
        Self { engine, padding: Padding::to_multiple(width, height, graph.multiple()) }
    }

    fn image(&self, frame: &Frame) -> RgbImage {
        self.padding.pad(&frame.to_rgb()).unwrap()
    }

    fn middle(&mut self, a: &RgbImage, b: &RgbImage, prior: Option<[&[f32]; 2]>) -> RgbImage {
        let (width, height) = self.padding.padded_size();
        self.engine.pair(width, height, &[a.data(), b.data()]).unwrap();
        match prior {
            Some([flows, frame]) => self.engine.at(&[&[0.5], flows, frame]).unwrap(),
            None => self.engine.at(&[&[0.5]]).unwrap(),
        }
        let mut image = RgbImage::black(width, height).unwrap();
        self.engine.read_output(0, image.data_mut()).unwrap();
        image
    }

    fn frame(&self, image: &RgbImage, like: &Frame) -> Frame {
        self.padding.crop(image).unwrap().to_frame(like.format(), like.color()).unwrap()
    }
}

#[test]
fn middles_of_middles_are_the_networks_own() {
    for graph in [small(), IfrNet::S.graph("0.5".parse().unwrap()).unwrap(), plus()] {
        let (width, height) = (37, 21);
        let [a, b] = [1, 2].map(|seed| frame(PixelFormat::YUV420P8, width, height, seed));
        let mut hand = ByHand::new(&graph, width, height);
        let (first, last) = (hand.image(&a), hand.image(&b));
        let half = hand.middle(&first, &last, None);
        let quarter = hand.middle(&first, &half, None);
        let three = hand.middle(&half, &last, None);
        let five = hand.middle(&half, &three, None);

        let mut net = bisecting(&graph, 3);
        let mut pair = net.pair(&a, &b).unwrap();
        for (t, expected) in [(0.25, &quarter), (0.5, &half), (0.75, &three), (0.625, &five)] {
            assert!(pair.at(t).unwrap() == hand.frame(expected, &a), "{} at {t}", graph.name());
        }
        drop(pair);
        assert_eq!(net.runs(), 4);
        // Nothing was rounded to the frame's 8 bits on the way.
        let rounded = hand.image(&hand.frame(&half, &a));
        assert_ne!(hand.middle(&first, &rounded, None), quarter);
    }
}

#[test]
fn no_middle_is_made_twice() {
    let (a, b) = (frame(PixelFormat::YUV420P8, 32, 16, 1), frame(PixelFormat::YUV420P8, 32, 16, 2));
    let graph = small();
    let runs = |times: &[f32]| {
        let mut net = bisecting(&graph, 4);
        let mut pair = net.pair(&a, &b).unwrap();
        for &t in times {
            pair.at(t).unwrap();
        }
        drop(pair);
        net.runs()
    };
    for factor in [2_u16, 4, 8, 16] {
        let times: Vec<f32> = (1..factor).map(|k| f32::from(k) / f32::from(factor)).collect();
        assert_eq!(runs(&times), u64::from(factor) - 1, "{factor} times");
        let backwards: Vec<f32> = times.iter().rev().copied().collect();
        assert_eq!(runs(&backwards), u64::from(factor) - 1, "{factor} times, backwards");
    }
    assert_eq!(runs(&[0.25, 0.75, 0.25, 0.5, 0.76]), 3);
    // 5/16 and 11/16, each with what leads there.
    assert_eq!(runs(&[1.0 / 3.0, 2.0 / 3.0]), 7);
    // A network that makes any instant makes each in one run.
    let mut direct =
        NetInterpolator::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap();
    let mut pair = direct.pair(&a, &b).unwrap();
    for t in [0.25, 0.5, 0.75] {
        pair.at(t).unwrap();
    }
    drop(pair);
    assert_eq!(direct.runs(), 3);
}

#[test]
fn order_and_threads_change_nothing() {
    let graph = small();
    let (a, b) = (frame(PixelFormat::YUV420P8, 50, 40, 1), frame(PixelFormat::YUV420P8, 50, 40, 2));
    let times: Vec<f32> = (1..8).map(|k| k as f32 / 8.0).collect();
    let made = |order: &[usize], threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = EngineOptions { pool: Some(Arc::new(pool)), ..EngineOptions::default() };
        let net = NetInterpolator::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
        let mut net = net.bisecting(depth(4));
        let mut pair = net.pair(&a, &b).unwrap();
        let mut frames = vec![None; 7];
        for &i in order {
            frames[i] = Some(pair.at(times[i]).unwrap());
        }
        frames
    };
    let expected = made(&[0, 1, 2, 3, 4, 5, 6], 1);
    for two in expected.windows(2) {
        assert!(two[0] != two[1], "every instant has a frame of its own");
    }
    assert!(made(&[6, 5, 4, 3, 2, 1, 0], 2) == expected);
    assert!(made(&[3, 6, 0, 2, 5, 1, 4], 3) == expected);
}

#[test]
fn other_instants_are_the_nearest_that_can_be_made() {
    let graph = small();
    let (a, b) = (frame(PixelFormat::RGB16, 32, 16, 1), frame(PixelFormat::RGB16, 32, 16, 2));
    let mut net = bisecting(&graph, 4);
    let mut pair = net.pair(&a, &b).unwrap();
    let cases = [
        (1.0 / 3.0, 0.3125),
        (2.0 / 3.0, 0.6875),
        (0.4, 0.375),
        (1e-6, 0.0625),
        (0.999, 0.9375),
        (0.51, 0.5),
    ];
    for (t, nearest) in cases {
        assert!(pair.at(t).unwrap() == pair.at(nearest).unwrap(), "{t}");
    }
    assert!(pair.at(1e-6).unwrap() != *a);
    drop(pair);
    let mut coarse = bisecting(&graph, 1);
    let mut pair = coarse.pair(&a, &b).unwrap();
    assert!(pair.at(0.1).unwrap() == pair.at(0.9).unwrap());
    for t in [0.0, 1.0, -0.5, f32::NAN] {
        assert!(matches!(pair.at(t), Err(InterpolateError::Timestep(_))), "{t}");
    }
    drop(pair);
    assert_eq!(coarse.runs(), 1);
}

#[test]
fn a_stream_is_as_its_pairs_alone() {
    let format = PixelFormat::YUV420P8;
    let mut frames: Vec<_> = (0..4).map(|i| frame(format, 40, 24, i)).collect();
    // Another size in between, and the same frame twice.
    frames.extend([frame(format, 64, 48, 1), frame(format, 64, 48, 2)]);
    frames.push(Arc::clone(&frames[5]));
    for (graph, frames) in [(small(), &frames[..]), (plus(), &frames[..3])] {
        let mut stream = bisecting(&graph, 4);
        for two in frames.windows(2).filter(|two| two[0].is_like(&two[1])) {
            let mut alone = bisecting(&graph, 4);
            let (mut reused, mut fresh) =
                (stream.pair(&two[0], &two[1]).unwrap(), alone.pair(&two[0], &two[1]).unwrap());
            for t in [0.25, 0.5, 0.75] {
                assert!(reused.at(t).unwrap() == fresh.at(t).unwrap(), "{} at {t}", graph.name());
            }
        }
    }
}

/// A prior of a made frame is found on 16 bits, one between two sources on the sources themselves.
#[test]
fn priors_are_found_between_made_frames_too() {
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    let (width, height) = (45, 30);
    let [a, b] = [1, 2].map(|seed| frame(PixelFormat::YUV420P8, width, height, seed));
    let mut hand = ByHand::new(&graph, width, height);
    let (first, last) = (hand.image(&a), hand.image(&b));
    let mut middle = |images: [&RgbImage; 2], frames: [&Arc<Frame>; 2]| {
        let mut flow = FlowInterpolator::new(Quality::Standard);
        let prior = flow.prior(frames[0], frames[1]).unwrap().at(0.5).unwrap();
        let (pw, ph) = hand.padding.padded_size();
        let mut flows = vec![0.0; 4 * pw * ph];
        for (i, v) in flows.iter_mut().enumerate() {
            let (c, x, y) = (i / (pw * ph), (i % pw).min(width - 1), (i / pw % ph).min(height - 1));
            *v = prior.flows[c / 2].at(x, y)[c % 2];
        }
        let frame = hand.image(&prior.frame);
        hand.middle(images[0], images[1], Some([&flows, frame.data()]))
    };
    let half = middle([&first, &last], [&a, &b]);
    let padding = Padding::to_multiple(width, height, graph.multiple());
    let wide = |image: &RgbImage| {
        let image = padding.crop(image).unwrap();
        Arc::new(image.to_frame(PixelFormat::RGB16, ColorDescription::SRGB).unwrap())
    };
    let quarter = middle([&first, &half], [&wide(&first), &wide(&half)]);

    let mut net = bisecting(&graph, 2);
    let mut pair = net.pair(&a, &b).unwrap();
    assert!(pair.at(0.25).unwrap() == hand.frame(&quarter, &a));
    assert!(pair.at(0.5).unwrap() == hand.frame(&half, &a));
}

#[test]
fn alpha_lies_where_the_rest_does() {
    let format = PixelFormat { alpha: true, ..PixelFormat::RGB8 };
    let with_alpha = |code: u8| {
        let mut planes: Vec<_> =
            frame(format, 20, 10, 1).planes().iter().map(|p| p.samples.clone()).collect();
        planes[3] = Samples::U8(vec![code; 200]);
        Arc::new(Frame::new(format, 20, 10, planes, ColorDescription::default()).unwrap())
    };
    let graph = small();
    let mut net = bisecting(&graph, 2);
    let made = net.pair(&with_alpha(100), &with_alpha(200)).unwrap().at(0.3).unwrap();
    assert!(made.planes()[3].to_f32().iter().all(|&v| v == 125.0));
}
