//! The engine's contract beside its numbers.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_cpu::{CpuError, Engine, EngineOptions};
use ifr_net::{Activation, Binary, Builder, Extent, Graph, IfrNet, Parameters, Ratio, Source};

fn engine(graph: &Graph) -> Engine {
    Engine::new(graph, &Parameters::by_rule(graph), EngineOptions::default()).unwrap()
}

#[test]
fn misuse_is_reported() {
    let mut engine = engine(&IfrNet::S.graph(Ratio::ONE).unwrap());
    let image = vec![0.5; 3 * 32 * 16];
    let mut out = image.clone();
    assert!(matches!(engine.at(&[&[0.5]]), Err(CpuError::NoPair)));
    assert!(matches!(engine.read_output(0, &mut out), Err(CpuError::NoPair)));
    assert!(matches!(engine.pair(33, 16, &[&image, &image]), Err(CpuError::Graph(_))));
    assert!(matches!(engine.pair(32, 16, &[&image]), Err(CpuError::Input(_))));
    assert!(matches!(engine.pair(32, 16, &[&image, &image[1..]]), Err(CpuError::Input(_))));
    assert!(matches!(engine.at(&[&[0.5]]), Err(CpuError::NoPair)));
    engine.pair(32, 16, &[&image, &image]).unwrap();
    assert!(matches!(engine.read_output(0, &mut out), Err(CpuError::NotRun)));
    assert!(matches!(engine.at(&[]), Err(CpuError::Input(_))));
    engine.at(&[&[0.5]]).unwrap();
    assert!(matches!(engine.read_output(1, &mut out), Err(CpuError::Output { index: 1, count: 1 })));
    assert!(matches!(engine.read_output(0, &mut out[1..]), Err(CpuError::Input(_))));
    engine.read_output(0, &mut out).unwrap();
}

#[test]
fn an_instants_maps_are_checked() {
    let mut engine = engine(&IfrNet::S_FLOW.graph(Ratio::ONE).unwrap());
    let (image, flows) = (vec![0.5; 3 * 32 * 16], vec![1.0; 4 * 32 * 16]);
    let (mut first, mut again) = (image.clone(), image.clone());
    engine.pair(32, 16, &[&image, &image]).unwrap();
    engine.at(&[&[0.5], &flows, &image]).unwrap();
    engine.read_output(0, &mut first).unwrap();
    let wrong: [&[&[f32]]; 5] = [
        &[&[0.5]],
        &[&[0.5], &image, &flows],
        &[&[0.5], &flows[1..], &image],
        &[&[], &flows, &image],
        &[&[0.5], &flows, &image, &image],
    ];
    for inputs in wrong {
        assert!(matches!(engine.at(inputs), Err(CpuError::Input(_))));
    }
    engine.at(&[&[0.5], &flows, &image]).unwrap();
    engine.read_output(0, &mut again).unwrap();
    assert_eq!(first, again, "what was refused left no trace");
}

#[test]
fn what_no_output_needs_is_left_out() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let mut whole = engine(&graph);
    whole.prepare(64, 64).unwrap();
    let mut part = engine(&graph.with_outputs(&["img0/level1"]).unwrap());
    part.prepare(64, 64).unwrap();
    assert!(part.maps() < whole.maps() / 4, "{} of {}", part.maps(), whole.maps());
}

/// Nothing to compute for the pair, and many instants: the image must survive them.
#[test]
fn a_pairs_inputs_outlive_its_instants() {
    let mut b = Builder::new("instants");
    let image = b.input("image", 3, Extent::FULL);
    let t = b.timestep("t");
    let one = b.binary("one", Binary::Mul, image, Source::Plane(t), Activation::None);
    let two = b.binary("two", Binary::Add, one, one, Activation::None);
    let three = b.binary("three", Binary::Add, two, two, Activation::None);
    b.output(three);
    let mut engine = engine(&b.finish().unwrap());
    let values: Vec<f32> = (0..3 * 5 * 4).map(|i| i as f32).collect();
    let mut out = values.clone();
    engine.pair(5, 4, &[&values]).unwrap();
    for t in [0.25, 0.5, 0.75] {
        engine.at(&[&[t]]).unwrap();
        engine.read_output(0, &mut out).unwrap();
        assert!(out.iter().zip(&values).all(|(o, v)| *o == 4.0 * t * v), "{t}");
    }
}

/// Memory is planned: this holds the figures in view.
#[test]
fn maps_share_memory() {
    let mut engine = engine(&IfrNet::S.graph(Ratio::ONE).unwrap());
    engine.prepare(448, 256).unwrap();
    assert!(engine.maps() < 40 << 20, "{} bytes", engine.maps());
}
