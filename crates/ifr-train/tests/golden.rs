//! Four steps of training against the reference implementation's own (see tests/data/README.md).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test; -- --nocapture shows the errors"
)]

use ifr_net::{IfrNet, ParameterStore, Parameters};
use ifr_torch::{FlatParameters, Precision, download_values, run, upload_values};
use ifr_train::{AdamW, IfrNetLoss, LossWeights};
use tch::{Device, Tensor};

const RATE: f64 = 1e-4;
const SHAPE: [usize; 4] = [1, 3, 64, 96];

fn open(file: &str) -> ParameterStore {
    ParameterStore::open(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn image(store: &ParameterStore, name: &str) -> Tensor {
    let values: Vec<f32> = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
    upload_values(&values, &SHAPE, Device::Cpu).unwrap()
}

fn check(net: IfrNet) {
    // Threads that wait for one another are slow where others compute too.
    tch::set_num_threads(1);
    let frames = open("../ifr-net/tests/data/ifrnet_s_64x96.safetensors");
    let golden = open("tests/data/ifrnet_training_64x96.safetensors");
    let [img0, img1] = ["img0", "img1"].map(|name| image(&frames, name));
    let imgt = image(&golden, "imgt");
    let labels = upload_values(&golden.read("flow").unwrap(), &[2, 4, 64, 96], Device::Cpu).unwrap();
    let expected = golden.read(&format!("{net}.losses")).unwrap();

    let graph = net.training_graph().unwrap();
    let loss = IfrNetLoss::new(&graph, LossWeights::default()).unwrap();
    let mut flat = FlatParameters::new(&graph, Device::Cpu).unwrap();
    flat.load(&Parameters::by_rule(&graph)).unwrap();
    let mut adam = AdamW::new(flat.tensor(), 0.0).unwrap();
    let target = Tensor::cat(&[&imgt, &imgt], 0);
    let inputs = [
        Tensor::cat(&[&img0, &img1], 0),
        Tensor::cat(&[&img1, &img0], 0),
        Tensor::from_slice(&[0.5_f32, 0.5]).view([2, 1, 1, 1]),
        target.shallow_clone(),
    ];
    for step in 0..4 {
        flat.tensor_mut().zero_grad();
        let tensors = run(&graph, &flat.views().unwrap(), &inputs, loss.wanted(), Precision::F32).unwrap();
        let losses = loss.losses(&tensors, &target, Some(&labels)).unwrap();
        losses.total().unwrap().backward();
        let found = download_values(&losses.stacked().unwrap()).unwrap();
        for (part, (found, expected)) in found.iter().zip(&expected[3 * step..]).enumerate() {
            let error = (found / expected - 1.0).abs();
            println!("{net} step {step}, part {part}: {found:.6} ({error:.1e})");
            assert!(error < 1e-3, "{net} step {step}, part {part}: {found}, expected {expected}");
        }
        let gradient = flat.tensor().grad();
        if step == 0 {
            gradient_norms(net, &golden, &flat.parameters_of(&gradient).unwrap());
        }
        adam.step(flat.tensor(), &gradient, RATE).unwrap();
    }
}

fn gradient_norms(net: IfrNet, golden: &ParameterStore, gradient: &Parameters) {
    let prefix = format!("{net}.gradnorm.");
    let mut checked = 0;
    for entry in golden.entries() {
        let Some(name) = entry.name.strip_prefix(&prefix) else { continue };
        let expected = golden.read(&entry.name).unwrap()[0];
        let (_, values) = gradient.iter().find(|(info, _)| info.name == name).unwrap();
        let found = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32;
        let error = (found / expected - 1.0).abs();
        println!("{net} gradient of {name}: {found:.6} ({error:.1e})");
        assert!(error < 1e-3, "{net} gradient of {name}: {found}, expected {expected}");
        checked += 1;
    }
    assert_eq!(checked, 6);
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
