//! Whole networks against the CPU engine.

use ifr_cpu::{Engine as CpuEngine, EngineOptions};
use ifr_formats::onnx::{Deformable, OnnxOptions};
use ifr_net::conformance::Engine;
use ifr_net::{Extent, Graph, IfrNet, IfrPlus, ParamId, Parameters, Ratio, Tensor};

use crate::runtime::Runtime;

/// Largest difference allowed between images of IFRNet, and of IFR+, whose values pass through many more operations.
const IFRNET: f32 = 1e-3;
const PLUS: f32 = 2e-3;

/// A map of slow waves, with a little fine texture, whose values lie between `low` and `high`; both depend on the seed.
fn waves([n, c, h, w]: [usize; 4], seed: usize, (low, high): (f32, f32)) -> Tensor {
    let mut out = Tensor::zeros([n, c, h, w]);
    for plane in 0..n * c {
        let phase = (seed * 7 + plane * 3) as f32;
        let (fx, fy) = (0.05 + 0.013 * (plane % 5) as f32, 0.07 - 0.009 * (plane % 4) as f32);
        for (i, v) in out.plane_mut(plane / c, plane % c).iter_mut().enumerate() {
            let (x, y) = ((i % w) as f32, (i / w) as f32);
            let wave = (x * fx + phase).sin() + (y * fy + x * 0.02 + 2.0 * phase).cos();
            let texture = (2.1 * x + phase).sin() * (1.7 * y - 0.3 * x).cos();
            *v = low + (high - low) * (0.5 + 0.2 * wave + 0.1 * texture);
        }
    }
    out
}

/// Inputs by their names: images in [0, 1], flows of a few pixels, an instant.
fn inputs(graph: &Graph, batch: usize, (width, height): (usize, usize), t: f32) -> Vec<Tensor> {
    let one = |(seed, &id)| {
        let info = graph.tensor(id);
        let (w, h) = info.extent.size(width, height);
        match (info.name.as_str(), info.extent) {
            (_, Extent::Point) => Tensor::point(&vec![t; batch]),
            ("prior.flows", _) => waves([batch, info.channels, h, w], seed, (-9.0, 6.0)),
            _ => waves([batch, info.channels, h, w], seed, (0.0, 1.0)),
        }
    };
    graph.inputs().iter().enumerate().map(one).collect()
}

fn worst(a: &[Tensor], b: &[Tensor]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.shape(), b.shape());
        a.data().iter().zip(b.data())
    });
    pairs.map(|(a, b)| if a.is_nan() { f32::INFINITY } else { (a - b).abs() }).fold(0.0, f32::max)
}

/// Runs a network both ways on images of these sizes, as one model.
fn check(graph: &Graph, options: OnnxOptions, sizes: &[(usize, usize)], tolerance: f32) {
    let params = Parameters::by_rule(graph);
    check_with(graph, [&params; 2], options, sizes, tolerance);
}

fn check_with(
    graph: &Graph,
    [params, expected_of]: [&Parameters; 2],
    options: OnnxOptions,
    sizes: &[(usize, usize)],
    tolerance: f32,
) {
    let Some(mut runtime) = Runtime::start(options.clone()) else { return };
    let mut engine = CpuEngine::new(graph, expected_of, EngineOptions::default()).unwrap();
    for &size in sizes {
        let t = if graph.name().starts_with("ifr-plus") { 0.5 } else { 0.3 };
        let inputs = inputs(graph, options.batch.unwrap_or(1), size, t);
        let expected = engine.run_tensors(&inputs).unwrap();
        let found = runtime.run(graph, params, &inputs).unwrap();
        let error = worst(&found, &expected);
        println!("{} {size:?} opset {}: {error:.1e}", graph.name(), options.opset);
        assert!(error < tolerance, "{} at {size:?}, {options:?}: off by {error}", graph.name());
    }
}

fn fixed(opset: u32, size: (usize, usize)) -> OnnxOptions {
    OnnxOptions { opset, size: Some(size), ..OnnxOptions::default() }
}

#[test]
fn ifrnet_of_one_size() {
    for (net, opset) in [(IfrNet::S, 16), (IfrNet::B, 18), (IfrNet::L, 20), (IfrNet::S_FLOW, 17)] {
        let graph = net.graph(Ratio::ONE).unwrap();
        check(&graph, fixed(opset, (96, 64)), &[(96, 64)], IFRNET);
    }
}

#[test]
fn ifrnet_of_any_size() {
    for (net, scale) in [(IfrNet::S, "1"), (IfrNet::S, "0.5"), (IfrNet::S_FLOW, "1"), (IfrNet::S_FLOW, "0.8")]
    {
        let graph = net.graph(scale.parse().unwrap()).unwrap();
        let sizes = if graph.multiple() == 20 { [(100, 60), (120, 160)] } else { [(96, 64), (128, 160)] };
        check(&graph, OnnxOptions::default(), &sizes, IFRNET);
    }
}

/// Sampling positions are given relative to the size of the map: in a large one they must still be precise.
#[test]
fn ifrnet_of_a_large_size() {
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    check(&graph, OnnxOptions::default(), &[(1280, 704)], IFRNET);
}

#[test]
fn a_batch_of_any_size() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&graph);
    let Some(mut runtime) = Runtime::start(OnnxOptions { batch: None, ..OnnxOptions::default() }) else {
        return;
    };
    let mut engine = CpuEngine::new(&graph, &params, EngineOptions::default()).unwrap();
    for batch in [1, 3] {
        let inputs = inputs(&graph, batch, (48, 32), 0.7);
        let expected = engine.run_tensors(&inputs).unwrap();
        assert!(worst(&runtime.run(&graph, &params, &inputs).unwrap(), &expected) < IFRNET);
    }
}

/// Weights stored as `f16` are those weights, rounded.
#[test]
fn half_weights() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&graph);
    let mut rounded = params.clone();
    let matrices: Vec<ParamId> = graph.param_ids().filter(|&id| graph.param(id).shape.len() > 1).collect();
    for id in matrices {
        rounded.get_mut(id).iter_mut().for_each(|v| *v = half::f16::from_f32(*v).to_f32());
    }
    assert_ne!(params, rounded);
    let options = OnnxOptions { half_weights: true, ..OnnxOptions::default() };
    check_with(&graph, [&params, &rounded], options, &[(96, 64)], IFRNET);
}

/// IFR+ at the scales for small, large and very large frames.
fn plus(flow: &str, refine: &str) -> Graph {
    IfrPlus::PUBLISHED.graph(flow.parse().unwrap(), refine.parse().unwrap()).unwrap()
}

#[test]
fn plus_of_one_size() {
    check(&plus("1", "1"), fixed(16, (128, 128)), &[(128, 128)], PLUS);
}

#[test]
fn plus_of_any_size() {
    check(&plus("0.25", "1"), OnnxOptions::default(), &[(128, 128), (192, 64)], PLUS);
}

#[test]
fn plus_with_an_operator_for_deformable_convolutions() {
    let options = OnnxOptions { deformable: Some(Deformable::Operator), ..fixed(19, (128, 128)) };
    check(&plus("0.125", "0.5"), options, &[(128, 128)], PLUS);
}

#[test]
fn plus_of_any_size_with_an_operator_for_deformable_convolutions() {
    check(&plus("1", "1"), OnnxOptions { opset: 22, ..OnnxOptions::default() }, &[(64, 96), (128, 64)], PLUS);
}
