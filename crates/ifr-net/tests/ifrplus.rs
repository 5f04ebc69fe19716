//! IFR+ as a graph: its parameters are exactly the reference's.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::BTreeMap;

use ifr_net::{Cost, Graph, GraphError, IfrNet, IfrPlus, Network, Phase, Ratio, Scales, Timesteps};

const TABLE: &str = include_str!("data/ifr_plus_parameters.tsv");

fn graph() -> Graph {
    IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap()
}

fn shapes(graph: &Graph) -> BTreeMap<String, String> {
    let words = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    graph.params().iter().map(|p| (p.name.clone(), words(&p.shape))).collect()
}

#[test]
fn parameters_are_the_references() {
    let expected: BTreeMap<_, _> = TABLE
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, shape)| (name.to_owned(), shape.to_owned()))
        .collect();
    assert_eq!(expected.len(), 645);
    assert_eq!(shapes(&graph()), expected);
}

#[test]
fn the_published_figures() {
    let cost = Cost::of(&graph(), 448, 256).unwrap();
    assert_eq!(format!("{:.2}", cost.parameters() as f64 / 1e6), "29.43");
    assert_eq!(format!("{:.1}", cost.macs() as f64 / 1e9), "228.5", "{cost}");
}

fn scales(flow: &str, refine: &str) -> Scales {
    Scales { flow: flow.parse().unwrap(), refine: refine.parse().unwrap() }
}

#[test]
fn scales_change_sizes_and_nothing_else() {
    let net = Network::IfrPlus(IfrPlus::PUBLISHED);
    for (flow, refine, multiple) in [
        ("1", "1", 16),
        ("1/4", "1", 64),
        ("1/8", "1/2", 128),
        ("1", "1/8", 32),
        ("4/5", "1", 20),
        ("1", "1/3", 48),
    ] {
        let graph = net.graph_at(scales(flow, refine)).unwrap();
        assert_eq!(graph.multiple(), multiple, "{flow}, {refine}");
        assert_eq!(shapes(&graph), shapes(&self::graph()), "{flow}, {refine}");
    }
    for (flow, refine) in [("5/4", "1"), ("1", "2"), ("1/17", "1"), ("1", "1/17")] {
        let error = net.graph_at(scales(flow, refine)).unwrap_err();
        assert!(matches!(error, GraphError::Scale(_)), "{error}");
    }
    let error = Network::IfrNet(IfrNet::S).graph_at(scales("1", "1/2")).unwrap_err();
    assert!(matches!(error, GraphError::Refiner { .. }), "{error}");
    assert_eq!(net.graph("1/4".parse().unwrap()).unwrap(), net.graph_at(scales("1/4", "1")).unwrap());
}

#[test]
fn scales_are_chosen_by_the_shorter_side() {
    let net = Network::IfrPlus(IfrPlus::PUBLISHED);
    for (width, height, flow, refine) in [
        (448, 256, "1", "1"),
        (1138, 640, "1", "1"),
        (1280, 720, "1/4", "1"),
        (1080, 1920, "1/4", "1"),
        (1920, 1200, "1/4", "1"),
        (2560, 1440, "1/8", "1/2"),
        (3840, 2160, "1/8", "1/2"),
    ] {
        assert_eq!(net.scales_for(width, height), scales(flow, refine), "{width}x{height}");
        assert_eq!(Network::IfrNet(IfrNet::S).scales_for(width, height), Scales::FULL);
    }
}

#[test]
fn it_knows_the_middle_alone() {
    for net in Network::all() {
        let middle = net.name() == "ifr-plus";
        assert_eq!(net.timesteps() == Timesteps::Midpoint, middle, "{net}");
        assert_eq!(net.has_refiner(), middle);
    }
}

#[test]
fn both_encoders_serve_the_pair() {
    for refine in ["1", "1/2"] {
        let graph = Network::IfrPlus(IfrPlus::PUBLISHED).graph_at(scales("1/2", refine)).unwrap();
        for node in graph.nodes() {
            let tensor = graph.tensor(node.output);
            let pair = tensor.name.starts_with("img") && !tensor.name.ends_with(".warped");
            assert_eq!(tensor.phase == Phase::Pair, pair, "{}", tensor.name);
        }
        // Each image is normalised by itself: its features depend on nothing else, and could serve the next pair.
        for (i, image) in ["img0", "img1"].iter().enumerate() {
            for level in ["level1", "level4", "fine1", "fine3"] {
                let id = graph.tensor_named(&format!("{image}/{level}")).unwrap();
                assert_eq!(graph.tensor(id).depends, 1 << i, "{image}/{level}");
            }
        }
    }
}

#[test]
fn training_compares_the_unclamped_frame_and_all_flows() {
    let graph = Network::IfrPlus(IfrPlus::PUBLISHED).training_graph().unwrap();
    let names: Vec<_> = graph.outputs().iter().map(|&id| graph.tensor(id).name.as_str()).collect();
    assert_eq!(names[0], "pred_unclamped");
    assert_eq!(
        names[1..],
        ["flow0_1", "flow1_1", "flow0_2", "flow1_2", "flow0_3", "flow1_3", "flow0_4", "flow1_4"]
    );
    let text = graph.to_string();
    assert_eq!(text.lines().count(), graph.inputs().len() + graph.nodes().len());
    assert!(text.contains("deform-conv 3/1/1 generator.refiner.fgdcl_0_3.weight of img0/fine3"), "{text}");
}
