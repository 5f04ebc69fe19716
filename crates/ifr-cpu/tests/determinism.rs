//! Results depend neither on the number of threads, nor on what an engine did before.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{IfrNet, IfrPlus, Parameters, Ratio};

fn picture(width: usize, height: usize, seed: usize) -> Vec<f32> {
    (0..3 * width * height).map(|i| ((i * 37 + seed * 911) % 509) as f32 / 508.0).collect()
}

fn engine(threads: usize, level: Level) -> Engine {
    engine_of(IfrNet::S, threads, level)
}

fn engine_of(net: IfrNet, threads: usize, level: Level) -> Engine {
    let graph = net.graph(Ratio::ONE).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let options = EngineOptions { pool: Some(Arc::new(pool)), level };
    Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap()
}

/// The frames at ¼, ½ and ¼ again, with a prior of its own for each, where the network takes one.
fn frames(engine: &mut Engine, width: usize, height: usize) -> [Vec<f32>; 3] {
    let images = [picture(width, height, 1), picture(width, height, 2)];
    engine.pair(width, height, &[&images[0], &images[1]]).unwrap();
    [0.25, 0.5, 0.25].map(|t| {
        let mut out = vec![0.0; 3 * width * height];
        let frame = picture(width, height, (8.0 * t) as usize);
        let flows: Vec<f32> =
            (0..4 * width * height).map(|i| t * ((i * 29 % 61) as f32 - 30.0) / 8.0).collect();
        let inputs: [&[f32]; 3] = [&[t], &flows, &frame];
        let taken = engine.graph().inputs().len() - 2;
        engine.at(&inputs[..taken]).unwrap();
        engine.read_output(0, &mut out).unwrap();
        out
    })
}

#[test]
fn threads_change_nothing() {
    for level in Level::available() {
        for (width, height) in [(112, 80), (16, 16), (32, 144)] {
            if level == Level::SCALAR && width > 32 {
                continue;
            }
            let [one, two, four] = [1, 2, 4].map(|n| frames(&mut engine(n, level), width, height));
            assert_eq!(one[0], one[2], "an instant asked for twice");
            assert_ne!(one[0], one[1], "instants differ");
            assert!(one == two && one == four, "{level} at {width}x{height}");
        }
    }
}

#[test]
fn threads_change_nothing_with_a_prior() {
    for level in Level::available().into_iter().filter(|&l| l != Level::SCALAR) {
        let [one, two, four] = [1, 2, 4].map(|n| frames(&mut engine_of(IfrNet::S_FLOW, n, level), 112, 80));
        assert_eq!(one[0], one[2], "an instant asked for twice");
        assert_ne!(one[0], one[1], "instants differ");
        assert!(one == two && one == four, "{level}");
    }
}

#[test]
fn what_ran_before_changes_nothing() {
    for net in [IfrNet::S, IfrNet::S_FLOW] {
        let mut used = engine_of(net, 2, Level::best());
        for (width, height) in [(160, 96), (48, 32), (96, 160), (160, 96)] {
            let found = frames(&mut used, width, height);
            let fresh = frames(&mut engine_of(net, 2, Level::best()), width, height);
            assert!(found == fresh, "{net} at {width}x{height}");
        }
    }
}

#[test]
fn vector_levels_agree_to_the_bit() {
    let vector: Vec<_> = Level::available().into_iter().filter(|&l| l != Level::SCALAR).collect();
    for two in vector.windows(2) {
        let [a, b] = [two[0], two[1]].map(|level| frames(&mut engine(2, level), 80, 48));
        assert!(a == b, "{} and {}", two[0], two[1]);
    }
}

/// IFR+ at a size where the offsets and masks of its finest deformable convolutions are made and used band by band, unless
/// they are asked for themselves.
#[test]
fn bands_change_nothing() {
    let (width, height) = (256, 112);
    let whole = ["pred", "offsets0_1", "offsets1_1"];
    let plus = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
    let images = [picture(width, height, 1), picture(width, height, 2)];
    let parameters = Parameters::by_rule(&plus);
    let [banded, entire] = [&whole[..1], &whole].map(|outputs| {
        let graph = plus.with_outputs(outputs).unwrap();
        let mut engine = Engine::new(&graph, &parameters, EngineOptions::default()).unwrap();
        engine.pair(width, height, &[&images[0], &images[1]]).unwrap();
        engine.at(&[&[0.5]]).unwrap();
        let mut out = vec![0.0; 3 * width * height];
        engine.read_output(0, &mut out).unwrap();
        (engine.maps(), out)
    });
    assert!(banded.1 == entire.1);
    assert!(banded.0 < entire.0, "bands need less memory: {} and {} bytes", banded.0, entire.0);
}
