//! Models in onnxruntime against the reference implementation's own results, without our engines in between.

use std::path::Path;

use ifr_formats::onnx::OnnxOptions;
use ifr_net::conformance::Engine;
use ifr_net::{Graph, IfrNet, IfrPlus, ParameterStore, Parameters, Tensor};

use crate::runtime::Runtime;

fn check(file: &str, graph: &Graph, output: &str, size: (usize, usize), t: f32, tolerance: f32) {
    let file = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    if !Path::new(&file).exists() {
        println!("skipped: there is no {file}");
        return;
    }
    let store = ParameterStore::open(&file).unwrap();
    let image = |name: &str| {
        let data = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
        Tensor::new([1, 3, size.1, size.0], data).unwrap()
    };
    let inputs = [image("img0"), image("img1"), Tensor::point(&[t])];
    let Some(mut runtime) = Runtime::start(OnnxOptions::default()) else { return };
    let found = runtime.run(graph, &Parameters::by_rule(graph), &inputs).unwrap();
    let expected = store.read(output).unwrap();
    assert_eq!(found[0].data().len(), expected.len());
    let error = found[0].data().iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("{} {output}: {error:.1e}", graph.name());
    assert!(error < tolerance, "{} {output}: off by {error}", graph.name());
}

#[test]
fn ifrnet() {
    for (net, letter) in [(IfrNet::S, "s"), (IfrNet::B, "b"), (IfrNet::L, "l")] {
        for (key, t, scale) in [("t0.5", 0.5, "1"), ("t0.25", 0.25, "1"), ("t0.5.scale0.5", 0.5, "0.5")] {
            let file = format!("ifr-net/tests/data/ifrnet_{letter}_64x96.safetensors");
            let graph = net.graph(scale.parse().unwrap()).unwrap();
            check(&file, &graph, &format!("{key}.pred"), (96, 64), t, 1e-3);
        }
    }
}

#[test]
fn plus() {
    for (flow, refine) in [("1.0", "1.0"), ("0.25", "1.0"), ("0.125", "0.5")] {
        let file = "../../shared/golden/ifr_plus_128x256.safetensors";
        let graph = IfrPlus::PUBLISHED.graph(flow.parse().unwrap(), refine.parse().unwrap()).unwrap();
        let graph = graph.with_outputs(&["pred_unclamped"]).unwrap();
        check(file, &graph, &format!("flow{flow}.refine{refine}.pred_unclamped"), (256, 128), 0.5, 2e-3);
    }
}
