//! bfloat16 beside `f32`, on a network and two frames.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may; -- --nocapture shows the numbers")]

use ifr_net::{IfrNet, ParameterStore, Parameters, Ratio};
use ifr_torch::{FlatParameters, Precision, run, upload_values};
use tch::{Device, Kind, Tensor};

fn image(name: &str) -> Tensor {
    let file = format!("{}/../ifr-net/tests/data/ifrnet_s_64x96.safetensors", env!("CARGO_MANIFEST_DIR"));
    let store = ParameterStore::open(file).unwrap();
    let values: Vec<f32> = store.bytes(name).unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
    upload_values(&values, &[1, 3, 64, 96], Device::Cpu).unwrap()
}

/// The frame in between, and the gradient of its distance from the first frame.
fn step(flat: &mut FlatParameters, precision: Precision) -> (Tensor, Tensor) {
    let graph = flat.graph().clone();
    flat.tensor_mut().zero_grad();
    let inputs = [image("img0"), image("img1"), Tensor::from_slice(&[0.5_f32]).view([1, 1, 1, 1])];
    let wanted = ["pred", "decoder2", "flows1"].map(|name| graph.tensor_named(name).unwrap());
    let found = run(&graph, &flat.views().unwrap(), &inputs, &wanted, precision).unwrap();
    for tensor in &found {
        assert_eq!(tensor.kind(), Kind::Float);
    }
    let loss = (&found[0] - &inputs[0]).square().mean(Kind::Float);
    loss.backward();
    let gradient = flat.tensor().grad();
    assert_eq!(gradient.kind(), Kind::Float);
    (found[0].detach(), gradient.copy())
}

#[test]
fn it_is_close_and_has_gradients() {
    // Threads that wait for one another are slow where others compute too.
    tch::set_num_threads(1);
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let mut flat = FlatParameters::new(&graph, Device::Cpu).unwrap();
    flat.load(&Parameters::by_rule(&graph)).unwrap();
    let (exact, exact_gradient) = step(&mut flat, Precision::F32);
    let (rough, rough_gradient) = step(&mut flat, Precision::Bf16);

    let error = (&exact - &rough).square().mean(Kind::Float).double_value(&[]);
    let psnr = -10.0 * error.log10();
    let cosine = |a: &Tensor, b: &Tensor| {
        let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
        (a.dot(&b) / (a.norm() * b.norm())).double_value(&[])
    };
    let direction = cosine(&exact_gradient, &rough_gradient);
    println!("pred {psnr:.1} dB, gradients' cosine {direction:.4}");
    assert!(error > 0.0, "bfloat16 was not used");
    assert!(psnr > 45.0, "{psnr} dB");
    assert!(bool::try_from(rough_gradient.isfinite().all()).unwrap());
    assert!(direction > 0.99, "{direction}");
    // Every parameter is reached.
    for (info, values) in flat.parameters_of(&rough_gradient).unwrap().iter() {
        assert!(values.iter().any(|&v| v != 0.0), "{}", info.name);
    }
}
