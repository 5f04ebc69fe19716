//! Networks on a prior: where they add nothing, the prior is what comes out; files of theirs are told from others.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeMap, HashMap};

use ifr_net::{
    Cost, Dtype, Graph, IfrNet, Network, ParamInfo, ParameterStore, Parameters, Phase, Prior, Ratio,
    RecogniseError, RunSize, Tensor, recognise, reference,
};

const SIZE: (usize, usize) = (64, 32);

/// Values between 0 and 1 that vary smoothly.
fn picture(seed: usize) -> Tensor {
    let (w, h) = SIZE;
    let value = |i: usize| {
        let (x, y, c) = ((i % w) as f32, (i / w % h) as f32, (i / w / h + 3 * seed) as f32);
        0.5 + 0.4 * (0.3 * x + c).sin() * (0.2 * y + 0.7 * c).cos()
    };
    Tensor::new([1, 3, h, w], (0..3 * w * h).map(value).collect()).unwrap()
}

/// The same motion everywhere.
fn flows(values: [f32; 4]) -> Tensor {
    let mut flows = Tensor::zeros([1, 4, SIZE.1, SIZE.0]);
    for (c, value) in values.into_iter().enumerate() {
        flows.plane_mut(0, c).fill(value);
    }
    flows
}

/// By-rule parameters whose last layers add nothing: no flow, mask ½, no residual, and that gate logit.
fn adding_nothing(graph: &Graph, gate: f32) -> Parameters {
    let mut params = Parameters::by_rule(graph);
    for id in graph.param_ids() {
        let name = graph.param(id).name.as_str();
        if name.ends_with("convblock.2.weight") || name.ends_with("convblock.2.bias") {
            params.get_mut(id).fill(0.0);
        }
        if name == "decoder1.convblock.2.bias" {
            assert_eq!(params.get(id).len(), 9);
            params.get_mut(id)[8] = gate;
        }
    }
    params
}

fn run(scale: &str, gate: f32, prior: [f32; 4]) -> (HashMap<String, Tensor>, [Tensor; 5]) {
    let graph = IfrNet::S_FLOW.graph(scale.parse().unwrap()).unwrap();
    let inputs = [picture(1), picture(2), Tensor::point(&[0.25]), flows(prior), picture(3)];
    let tensors = reference::trace(&graph, &adding_nothing(&graph, gate), &inputs).unwrap();
    (tensors, inputs)
}

#[test]
fn an_open_gate_lets_the_priors_frame_through() {
    for scale in ["1", "0.5"] {
        let (tensors, inputs) = run(scale, 100.0, [3.0, 1.0, -5.0, 0.5]);
        assert_eq!(tensors["pred"].data(), inputs[4].data(), "scale {scale}");
    }
}

#[test]
fn nothing_added_leaves_the_priors_flows() {
    let prior = [4.0, -2.0, -8.0, 6.0];
    for (scale, factor) in [("1", 1.0), ("0.5", 0.5)] {
        let (tensors, inputs) = run(scale, -200.0, prior);
        for k in 1..=4 {
            let scaled = prior.map(|v| v * factor * 0.5_f32.powi(k - 1));
            let flows = &tensors[&format!("flows{k}")];
            assert!((0..4).all(|c| flows.plane(0, c).iter().all(|&v| v == scaled[c])), "flows{k}");
            let level = &tensors[&format!("prior{k}")];
            assert_eq!(level.plane(0, 2)[0], 0.5 * scaled[2], "prior{k} is of half flows{k}'s size");
        }
        // Both images moved by whole pixels, in equal parts, away from the edges.
        let (w, h) = SIZE;
        let at = |image: &Tensor, c: usize, x: usize, y: usize, flow: usize| {
            image.plane(0, c)[y.checked_add_signed(prior[flow + 1] as isize).unwrap() * w
                + x.checked_add_signed(prior[flow] as isize).unwrap()]
        };
        for (c, y, x) in [(0, 10, 20), (1, 12, 30), (2, h - 10, w - 20)] {
            let expected = 0.5 * (at(&inputs[0], c, x, y, 0) + at(&inputs[1], c, x, y, 2));
            let found = tensors["pred"].plane(0, c)[y * w + x];
            assert!((found - expected).abs() < 1e-5, "scale {scale}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_varying_prior_is_averaged_down() {
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    let (w, h) = SIZE;
    let values = (0..4 * w * h).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
    let prior = Tensor::new([1, 4, h, w], values).unwrap();
    let inputs = [picture(1), picture(2), Tensor::point(&[0.25]), prior.clone(), picture(3)];
    let tensors = reference::trace(&graph, &adding_nothing(&graph, 0.0), &inputs).unwrap();
    let (level, side) = (&tensors["prior3"], 8);
    let (x, y) = (5, 2);
    let block = (0..side * side).map(|i| prior.plane(0, 1)[(y * side + i / side) * w + x * side + i % side]);
    let mean = block.sum::<f32>() / 64.0;
    assert!((level.plane(0, 1)[y * w / side + x] - mean / 8.0).abs() < 1e-4);
    // At full scale the sum of nothing and the prior is the prior itself.
    assert_eq!(tensors["flows1"], prior);
}

#[test]
fn only_the_last_decoder_has_other_parameters() {
    for plain in [IfrNet::S, IfrNet::B, IfrNet::L] {
        let other = plain.with_prior(Some(Prior::Flow));
        assert_eq!(other.name, format!("{}+flow", plain.name));
        assert_eq!(other.with_prior(None), plain);
        let params = |net: IfrNet| net.graph(Ratio::ONE).unwrap().params().to_vec();
        let pairs = || params(plain).into_iter().zip(params(other));
        assert!(pairs().all(|(a, b)| a.name == b.name));
        let changed: Vec<(ParamInfo, ParamInfo)> = pairs().filter(|(a, b)| a != b).collect();
        let names: Vec<_> = changed.iter().map(|(a, _)| a.name.as_str()).collect();
        assert_eq!(
            names,
            ["decoder1.convblock.0.0.weight", "decoder1.convblock.2.weight", "decoder1.convblock.2.bias"]
        );
        assert_eq!(changed[0].1.shape[1], changed[0].0.shape[1] + plain.encoder[0]);
        assert_eq!((changed[1].1.shape[1], changed[2].1.shape[0]), (9, 9));
    }
    let own = IfrNet { name: "own", side: 8, ..IfrNet::S };
    assert_eq!(own.with_prior(Some(Prior::Flow)).name, "own", "only members have names to take");
}

#[test]
fn the_priors_part_runs_for_each_instant() {
    let graph = IfrNet::S_FLOW.graph("0.5".parse().unwrap()).unwrap();
    let names: Vec<_> = graph.inputs().iter().map(|&id| graph.tensor(id).name.as_str()).collect();
    assert_eq!(names, ["img0", "img1", "t", Prior::FLOWS, Prior::FRAME]);
    for node in graph.nodes() {
        let pair = matches!(graph.stages()[node.stage.index()].as_str(), "prepare" | "encoder");
        let expected = if pair { Phase::Pair } else { Phase::Instant };
        assert_eq!(graph.tensor(node.output).phase, expected, "{}", graph.tensor(node.output).name);
    }
    let at = |net: IfrNet| Cost::of(&net.graph(Ratio::ONE).unwrap(), 448, 256).unwrap();
    let (plain, prior) = (at(IfrNet::S), at(IfrNet::S_FLOW));
    assert_eq!(plain.pair_macs, prior.pair_macs);
    // The encoder's first level once more, and its features under decoder 1's first convolution; the 9th output.
    let (pixels, level1) = (224 * 128_u64, 24);
    let expected = pixels * 9 * (3 * level1 + level1 * level1 + level1 * 72) + pixels * 16 * 72;
    assert_eq!(prior.macs() - plain.macs(), expected);
    assert!(prior.stages.iter().any(|s| s.name == "prior" && s.macs > 0 && s.parameters == 0));
    assert_eq!(prior.parameters() - plain.parameters(), 24 * 72 * 9 + 72 * 16 + 1);
}

#[test]
fn wrong_priors_are_refused() {
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    let good = [picture(1), picture(2), Tensor::point(&[0.5]), flows([0.0; 4]), picture(3)];
    assert!(RunSize::of(&graph, &good).is_ok());
    assert!(RunSize::of(&graph, &good[..3]).is_err());
    let mut swapped = good.clone();
    swapped.swap(3, 4);
    let message = RunSize::of(&graph, &swapped).unwrap_err().to_string();
    assert!(message.contains("'prior.flows' has shape [1, 3, 32, 64], expected [1, 4, 32, 64]"), "{message}");
    let mut small = good;
    small[4] = Tensor::zeros([1, 3, 16, 32]);
    assert!(RunSize::of(&graph, &small).unwrap_err().to_string().contains("'prior.frame'"));
}

#[test]
fn files_are_told_by_their_shapes_and_must_not_contradict_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let saved = |net: IfrNet, words: &BTreeMap<String, String>| {
        let params = Parameters::by_rule(&net.graph(Ratio::ONE).unwrap());
        params.save(&path, Dtype::F16, words).unwrap();
        recognise(&ParameterStore::open(&path).unwrap())
    };
    let says = |prior: &str| BTreeMap::from([(Prior::KEY.to_owned(), prior.to_owned())]);
    for net in [IfrNet::S, IfrNet::S_FLOW, IfrNet::B_FLOW] {
        let network = Network::IfrNet(net);
        assert_eq!(network.prior(), net.prior);
        assert_eq!(saved(net, &network.metadata()).unwrap(), network);
        assert_eq!(saved(net, &BTreeMap::new()).unwrap(), network, "shapes are enough");
    }
    assert_eq!(saved(IfrNet::S, &says("none")).unwrap(), Network::IfrNet(IfrNet::S));
    for (net, prior) in [(IfrNet::S, "flow"), (IfrNet::S_FLOW, "none"), (IfrNet::S_FLOW, "fl\u{1b}ow")] {
        let error = saved(net, &says(prior)).unwrap_err();
        assert!(matches!(error, RecogniseError::Prior { .. }), "{error}");
        let message = error.to_string();
        let words =
            format!("those of {}, whose prior is '{}'", net.name, net.prior.map_or("none", Prior::name));
        assert!(message.contains(&words) && !message.contains('\u{1b}'), "{message}");
    }
    assert_eq!(Network::IfrNet(IfrNet::L_FLOW).metadata()["prior"], "flow");
    assert_eq!(
        Network::IfrNet(IfrNet::L).metadata(),
        BTreeMap::from([("network".into(), "ifrnet-l".into())])
    );
    assert_eq!("flow".parse::<Prior>(), Ok(Prior::Flow));
    assert_eq!("dis".parse::<Prior>().unwrap_err().to_string(), "'dis' is no prior: 'flow' is the only one");
}
