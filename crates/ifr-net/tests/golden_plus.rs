//! IFR+ in the scalar reference against the reference implementation's own results, which lie beside the checkout.
//!
//! At full scales it takes about half a minute; the other scales, quicker ones and no other operations, are for
//! `--ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test; -- --nocapture shows the errors"
)]

use std::path::Path;

use ifr_net::{IfrPlus, ParameterStore, Parameters, Tensor, reference};

const FLOWS: [&str; 8] =
    ["flow0_4", "flow1_4", "flow0_3", "flow1_3", "flow0_2", "flow1_2", "flow0_1", "flow1_1"];

/// The golden vectors; without them a message, and nothing is tested.
fn golden() -> Option<ParameterStore> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/ifr_plus_128x256.safetensors");
    if Path::new(file).exists() {
        return Some(ParameterStore::open(file).unwrap());
    }
    println!("skipped: there is no {file}");
    None
}

fn image(store: &ParameterStore, name: &str) -> Tensor {
    let data = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
    Tensor::new([1, 3, 128, 256], data).unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn check(flow_scale: &str, refine_scale: &str) {
    let Some(store) = golden() else { return };
    let graph = IfrPlus::PUBLISHED.graph(flow_scale.parse().unwrap(), refine_scale.parse().unwrap()).unwrap();
    let params = Parameters::by_rule(&graph);
    let inputs = [image(&store, "img0"), image(&store, "img1"), Tensor::point(&[0.5])];
    let tensors = reference::trace(&graph, &params, &inputs).unwrap();
    let key = format!("flow{flow_scale}.refine{refine_scale}");
    for name in FLOWS {
        let Ok(expected) = store.read(&format!("{key}.{name}")) else { continue };
        let size = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
        let error = worst(tensors[name].data(), &expected) / size;
        println!("{key}: {name} {error:.2e} of {size:.1}");
        assert!(error < 1e-3, "{key}: {name} is off by {error} of {size}");
    }
    for name in ["merged_normalised", "pred_unclamped"] {
        let Ok(expected) = store.read(&format!("{key}.{name}")) else { continue };
        let error = worst(tensors[name].data(), &expected);
        println!("{key}: {name} {error:.2e}");
        assert!(error < 1e-3, "{key}: {name} is off by {error}");
    }
}

#[test]
fn at_full_scale() {
    check("1.0", "1.0");
}

#[test]
#[ignore = "slow: the scalar reference at the scale for 1080p"]
fn flows_at_a_quarter() {
    check("0.25", "1.0");
}

#[test]
#[ignore = "slow: the scalar reference at the scales for 2160p"]
fn flows_at_an_eighth_and_the_refiner_at_half() {
    check("0.125", "0.5");
}
