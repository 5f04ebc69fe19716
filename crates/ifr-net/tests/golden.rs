//! The scalar reference against the reference implementation's own results (see tests/data/README.md).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test; -- --nocapture shows the errors"
)]

use ifr_net::{IfrNet, ParameterStore, Parameters, Tensor, recognise, reference};

fn golden(net: IfrNet) -> ParameterStore {
    let file =
        format!("{}/tests/data/{}_64x96.safetensors", env!("CARGO_MANIFEST_DIR"), net.name.replace('-', "_"));
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
    for (key, t, scale) in [("t0.5", 0.5, "1"), ("t0.25", 0.25, "1"), ("t0.5.scale0.5", 0.5, "0.5")] {
        let graph = net.graph(scale.parse().unwrap()).unwrap();
        let params = Parameters::by_rule(&graph);
        let inputs = [img0.clone(), img1.clone(), Tensor::point(&[t])];
        let tensors = reference::trace(&graph, &params, &inputs).unwrap();

        let error = worst(tensors["pred"].data(), &store.read(&format!("{key}.pred")).unwrap());
        println!("{net} {key}: pred {error:.2e}");
        assert!(error < 2e-4, "{net} {key}: pred is off by {error}");
        for decoder in ["decoder4", "decoder3", "decoder2", "decoder1"] {
            let Ok(expected) = store.read(&format!("{key}.{decoder}")) else { continue };
            let squares: f64 = expected.iter().map(|&v| f64::from(v).powi(2)).sum();
            let rms = (squares / expected.len() as f64).sqrt() as f32;
            let error = worst(tensors[decoder].data(), &expected) / rms;
            println!("{net} {key}: {decoder} {error:.2e} of its RMS");
            assert!(error < 1e-3, "{net} {key}: {decoder} is off by {error} of its RMS");
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

#[test]
fn golden_files_are_no_networks() {
    let message = recognise(&golden(IfrNet::S)).unwrap_err().to_string();
    assert!(message.contains("it has none of their parameters"), "{message}");
}
