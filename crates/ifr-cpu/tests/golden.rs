//! Every level against the reference implementation's own results (see the README beside the vectors).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{IfrNet, IfrPlus, ParameterStore, Parameters, Tensor};

const DECODERS: [&str; 4] = ["decoder4", "decoder3", "decoder2", "decoder1"];

fn golden(net: IfrNet) -> ParameterStore {
    let name = net.name.replace('-', "_");
    let file = format!("{}/../ifr-net/tests/data/{name}_64x96.safetensors", env!("CARGO_MANIFEST_DIR"));
    ParameterStore::open(file).unwrap()
}

fn image(store: &ParameterStore, name: &str) -> Tensor {
    let data = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
    Tensor::new([1, 3, 64, 96], data).unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn check(net: IfrNet) {
    let store = golden(net);
    let (img0, img1) = (image(&store, "img0"), image(&store, "img1"));
    for level in Level::available() {
        for (key, t, scale) in [("t0.5", 0.5, "1"), ("t0.25", 0.25, "1"), ("t0.5.scale0.5", 0.5, "0.5")] {
            let graph = net.graph(scale.parse().unwrap()).unwrap();
            let graph =
                graph.with_outputs(&["pred", DECODERS[0], DECODERS[1], DECODERS[2], DECODERS[3]]).unwrap();
            let options = EngineOptions { level, ..EngineOptions::default() };
            let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
            let found = engine.run_tensors(&[img0.clone(), img1.clone(), Tensor::point(&[t])]).unwrap();

            let error = worst(found[0].data(), &store.read(&format!("{key}.pred")).unwrap());
            println!("{net} {key} {level}: pred {error:.2e}");
            assert!(error < 2e-4, "{net} {key} {level}: pred is off by {error}");
            for (decoder, found) in DECODERS.iter().zip(&found[1..]) {
                // Raw decoder outputs were recorded at t 0.5 and full scale.
                if key != "t0.5" {
                    continue;
                }
                let expected = store.read(&format!("{key}.{decoder}")).unwrap();
                let squares: f64 = expected.iter().map(|&v| f64::from(v).powi(2)).sum();
                let rms = (squares / expected.len() as f64).sqrt() as f32;
                let error = worst(found.data(), &expected) / rms;
                println!("{net} {key} {level}: {decoder} {error:.2e} of its RMS");
                assert!(error < 1e-3, "{net} {key} {level}: {decoder} is off by {error} of its RMS");
            }
        }
    }
}

#[test]
fn small() {
    check(IfrNet::S);
}

#[test]
fn base() {
    check(IfrNet::B);
}

#[test]
fn large() {
    check(IfrNet::L);
}

/// IFR+, whose golden vectors lie beside the checkout.
#[test]
fn plus() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/ifr_plus_128x256.safetensors");
    if !std::path::Path::new(file).exists() {
        println!("skipped: there is no {file}");
        return;
    }
    let store = ParameterStore::open(file).unwrap();
    let image = |name: &str| {
        let data = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
        Tensor::new([1, 3, 128, 256], data).unwrap()
    };
    const NAMES: [&str; 6] =
        ["pred_unclamped", "merged_normalised", "flow0_1", "flow1_2", "flow0_3", "flow1_4"];
    let vector = || Level::available().into_iter().filter(|&level| level != Level::SCALAR);
    for (level, flow, refine) in
        vector().flat_map(|l| [(l, "1.0", "1.0"), (l, "0.25", "1.0"), (l, "0.125", "0.5")])
    {
        let graph = IfrPlus::PUBLISHED.graph(flow.parse().unwrap(), refine.parse().unwrap()).unwrap();
        let graph = graph.with_outputs(&NAMES).unwrap();
        let options = EngineOptions { level, ..EngineOptions::default() };
        let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
        let found = engine.run_tensors(&[image("img0"), image("img1"), Tensor::point(&[0.5])]).unwrap();
        for (name, found) in NAMES.iter().zip(&found) {
            let Ok(expected) = store.read(&format!("flow{flow}.refine{refine}.{name}")) else { continue };
            let error = worst(found.data(), &expected);
            let size = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
            let size = if name.starts_with("flow") { size } else { 1.0 };
            println!("{level}, flows at {flow}, refiner at {refine}: {name} {:.2e}", error / size);
            assert!(error < 1e-3 * size, "{level}, {flow}, {refine}: {name} is off by {error}");
        }
    }
}
