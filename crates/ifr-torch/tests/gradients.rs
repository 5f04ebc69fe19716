//! Gradients against finite differences, through every operation that a flow passes on its way.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_net::{
    Activation, Alignment, Binary, Builder, ConvSpec, Extent, Graph, Parameters, Ratio, Source, Window,
};
use ifr_torch::{FlatParameters, Precision, TorchError, run, upload, upload_values};
use tch::{Device, Kind, Tensor};

/// Every operation once, with all that can hang on it.
fn graph() -> Graph {
    let mut b = Builder::new("mini");
    let image = b.input("image", 3, Extent::FULL);
    let t = b.timestep("t");
    let mean = b.mean("mean", vec![image]);
    let centred = b.binary("centred", Binary::Sub, image, Source::Plane(mean), Activation::None);
    let activation = b.prelu("encode.slope", 4);
    let spec = ConvSpec { activation, ..ConvSpec::new(4, Window::HALVE) };
    let features = b.conv("features", "encode", vec![centred.into(), Source::Plane(t)], spec);
    let flow = b.conv("flow", "flow", vec![features.into()], ConvSpec::new(2, Window::THREE));
    let warped = Source::Warped { image: features, flow };
    let activation = b.prelu("refine.slope", 4);
    let spec =
        ConvSpec { groups: 2, residual: Some(features), activation, ..ConvSpec::new(4, Window::THREE) };
    let refined = b.conv("refined", "refine", vec![warped, features.into()], spec);
    let up = ConvSpec::new(6, Window::DOUBLE);
    let out = b.conv_transpose("out", "up", vec![refined.into()], up);
    let big = b.resize("big", flow, Extent::FULL, 2.0, Some(out.range(0, 2)));
    let corners = Extent::Map(Ratio::new(3, 2).unwrap());
    let larger = b.resize_aligned("larger", big, corners, Alignment::Corners, 0.5, None);
    let back = b.resize("back", larger, Extent::FULL, 1.0, None);
    let mask = b.activate("mask", out.range(2, 1), Activation::Sigmoid);
    let other = b.warp("other", centred, back);
    let a = Source::Warped { image: centred, flow: big };
    let add = vec![Source::Plane(mean), out.range(3, 3).into()];
    let clamp = Activation::Clamp { low: 0.2, high: 0.8 };
    let pred = b.blend("pred", mask, a, other.into(), add, clamp);
    b.output(pred);
    b.finish().unwrap()
}

/// What IFR+ adds: deformable convolutions, normalisations, weights by channel.
fn plus() -> Graph {
    let mut b = Builder::new("mini-plus");
    let image = b.input("image", 3, Extent::FULL);
    let t = b.timestep("t");
    let normal = b.affine("normal", image, &[4.0, 5.0, -3.0], &[-2.0, 0.5, 1.0], Activation::None);
    let spec = ConvSpec { activation: Activation::Gelu, ..ConvSpec::new(4, Window::new(4, 2, 1)) };
    let x = b.conv("stem", "stem", vec![normal.into(), Source::Plane(t)], spec);
    let x = b.layer_norm("norm", "norm", x, 1e-6);
    let x = b.response_norm("response", "response", x, 1e-6);
    let flow = b.conv("flow", "flow", vec![x.into()], ConvSpec::new(2, Window::THREE));
    let steering = b.conv("steering", "steering", vec![x.into()], ConvSpec::new(54, Window::THREE));
    let masks = b.activate("masks", steering.from(36), Activation::Sigmoid);
    let activation = b.prelu_non_negative("deform.slope", 4);
    let spec = ConvSpec { residual: Some(x), activation, ..ConvSpec::new(4, Window::THREE) };
    let steering = [steering.range(0, 36), masks];
    let y = b.deform_conv("deformed", "deform", vec![x.into()], steering, Some(flow), spec);
    let means = b.channel_mean("means", y);
    let one = ConvSpec { activation: Activation::Relu, ..ConvSpec::new(3, Window::ONE) };
    let hidden = b.conv("hidden", "squeeze", vec![means.into()], one);
    let one = ConvSpec { activation: Activation::Sigmoid, ..ConvSpec::new(4, Window::ONE) };
    let weights = b.conv("weights", "excite", vec![hidden.into()], one);
    let y = b.binary("weighted", Binary::Mul, y, Source::Plane(weights), Activation::None);
    let activation = b.prelu_non_negative("one.slope", 1);
    let y = b.activate("bent", y, activation);
    let mean = b.sum("mean", vec![x.range(0, 3), y.range(1, 3), y.range(0, 3)], 0.4);
    let pred = b.resize("pred", mean, Extent::FULL, 1.0, Some(normal));
    b.output(pred);
    b.finish().unwrap()
}

/// Numbers between −1 and 1.
fn noise(shape: &[i64], seed: u64) -> Tensor {
    let count: i64 = shape.iter().product();
    let value = |i: i64| {
        let z = (i as u64 + 1 + seed * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((z ^ (z >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / 8_388_608.0 - 1.0
    };
    Tensor::from_slice(&(0..count).map(value).collect::<Vec<f64>>()).view(shape)
}

#[test]
fn they_are_those_of_finite_differences() {
    check(&graph());
}

#[test]
fn those_of_what_ifr_plus_adds_too() {
    check(&plus());
}

fn check(graph: &Graph) {
    // The maps are tiny: threads would wait for each other more than they work.
    tch::set_num_threads(1);
    let by_rule = Parameters::by_rule(graph);
    let parameters = by_rule
        .iter()
        .map(|(info, values)| upload_values(values, &info.shape, Device::Cpu).unwrap().to_kind(Kind::Double));
    let mut leaves: Vec<Tensor> = parameters.collect();
    leaves.push(noise(&[2, 3, 12, 8], 1) * 0.4 + 0.5);
    leaves.push(Tensor::from_slice(&[0.25, 0.6]).view([2, 1, 1, 1]));
    let leaves: Vec<Tensor> = leaves.into_iter().map(|leaf| leaf.set_requires_grad(true)).collect();
    let direction = noise(&[2, 3, 12, 8], 2);
    let loss = || {
        let (parameters, inputs) = leaves.split_at(leaves.len() - 2);
        let outputs = run(graph, parameters, inputs, graph.outputs(), Precision::F32).unwrap();
        (&outputs[0] * &direction).sum(Kind::Double)
    };
    loss().backward();
    let value = || tch::no_grad(|| loss().double_value(&[]));

    const STEP: f64 = 1e-6;
    let mut checked = 0;
    for leaf in &leaves {
        let flat = leaf.detach().view([-1]);
        let gradient = leaf.grad().view([-1]);
        let scale = gradient.abs().max().double_value(&[]);
        assert!(scale > 1e-6, "a parameter without a gradient");
        let count = flat.size()[0];
        for i in (0..count).step_by((count / 20).max(7) as usize) {
            let mut entry = flat.narrow(0, i, 1);
            let moved = |entry: &mut Tensor, by: f64| {
                tch::no_grad(|| {
                    let _ = entry.g_add_scalar_(by);
                });
                value()
            };
            let (above, below) = (moved(&mut entry, STEP), moved(&mut entry, -2.0 * STEP));
            moved(&mut entry, STEP);
            let (expected, found) = ((above - below) / (2.0 * STEP), gradient.double_value(&[i]));
            assert!((expected - found).abs() < 1e-5 * scale.max(1.0), "{expected} by differences, {found}");
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked} derivatives");
}

#[test]
fn only_what_is_wanted_is_computed() {
    let graph = graph();
    let mut flat = FlatParameters::new(&graph, Device::Cpu).unwrap();
    flat.load(&Parameters::by_rule(&graph)).unwrap();
    let inputs =
        [noise(&[1, 3, 8, 8], 3).to_kind(Kind::Float), Tensor::from_slice(&[0.5_f32]).view([1, 1, 1, 1])];
    let ids = ["features", "flow", "features"].map(|name| graph.tensor_named(name).unwrap());
    let found = run(&graph, &flat.views().unwrap(), &inputs, &ids, Precision::F32).unwrap();
    let shapes: Vec<_> = found.iter().map(Tensor::size).collect();
    assert_eq!(shapes, [[1, 4, 4, 4], [1, 2, 4, 4], [1, 4, 4, 4]]);
    found[0].sum(Kind::Float).backward();
    let gradients = flat.parameters_of(&flat.tensor().grad()).unwrap();
    for (info, values) in gradients.iter() {
        let reached = values.iter().any(|&v| v != 0.0);
        assert_eq!(reached, info.name.starts_with("encode"), "{}", info.name);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let graph = graph();
    let flat = FlatParameters::new(&graph, Device::Cpu).unwrap();
    let views = flat.views().unwrap();
    let image = |shape: [i64; 4]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let t = |n: i64| Tensor::zeros([n, 1, 1, 1], (Kind::Float, Device::Cpu));
    let attempt = |parameters: &[Tensor], inputs: &[Tensor]| {
        run(&graph, parameters, inputs, graph.outputs(), Precision::F32).unwrap_err()
    };
    assert!(matches!(attempt(&views, &[image([1, 3, 7, 8]), t(1)]), TorchError::Size(_)));
    assert!(matches!(attempt(&views, &[image([0, 3, 8, 8]), t(0)]), TorchError::Shape { .. }));
    for (inputs, name) in [
        ([image([2, 3, 8, 8]), t(1)], "'t'"),
        ([image([1, 4, 8, 8]), t(1)], "'image'"),
        ([image([1, 3, 8, 8]), Tensor::zeros([1], (Kind::Float, Device::Cpu))], "'t'"),
    ] {
        let error = attempt(&views, &inputs);
        assert!(error.to_string().contains(name), "{error}");
    }
    let inputs = [image([1, 3, 8, 8]), t(1)];
    assert!(matches!(attempt(&views[1..], &inputs), TorchError::Count { what: "parameters", .. }));
    assert!(matches!(attempt(&views, &inputs[..1]), TorchError::Count { what: "inputs", .. }));
    let mut swapped: Vec<Tensor> = views.iter().map(Tensor::shallow_clone).collect();
    swapped.swap(0, 1);
    assert!(matches!(attempt(&swapped, &inputs), TorchError::Shape { .. }));
    let short = upload(&ifr_net::Tensor::zeros([1, 1, 1, 5]), Device::Cpu).unwrap();
    assert!(matches!(flat.parameters_of(&short), Err(TorchError::Shape { .. })));
}
