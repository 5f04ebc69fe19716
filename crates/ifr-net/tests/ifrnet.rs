//! The three networks as graphs: their parameters are exactly the reference's.

use std::collections::BTreeMap;

use ifr_net::{Graph, IfrNet, Parameters, Phase, Ratio, Tensor, reference};

const TABLES: [(IfrNet, &str); 3] = [
    (IfrNet::S, include_str!("data/ifrnet_s_parameters.tsv")),
    (IfrNet::B, include_str!("data/ifrnet_b_parameters.tsv")),
    (IfrNet::L, include_str!("data/ifrnet_l_parameters.tsv")),
];

fn shapes(graph: &Graph) -> BTreeMap<String, String> {
    let words = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    graph.params().iter().map(|p| (p.name.clone(), words(&p.shape))).collect()
}

#[test]
fn parameters_are_the_references() {
    for (net, table) in TABLES {
        let expected: BTreeMap<_, _> = table
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, shape)| (name.to_owned(), shape.to_owned()))
            .collect();
        let graph = net.graph(Ratio::ONE).unwrap();
        assert_eq!(graph.params().len(), 104);
        assert_eq!(shapes(&graph), expected, "{net}");
    }
}

#[test]
fn the_scale_changes_sizes_and_nothing_else() {
    for (scale, multiple) in [("1", 16), ("0.5", 32), ("0.8", 20), ("0.25", 64), ("3/4", 64)] {
        let graph = IfrNet::S.graph(scale.parse().unwrap()).unwrap();
        assert_eq!(graph.multiple(), multiple, "scale {scale}");
        assert_eq!(graph.params(), IfrNet::S.graph(Ratio::ONE).unwrap().params());
        assert!(graph.check_size(multiple * 3, multiple).is_ok());
        assert!(graph.check_size(multiple + 1, multiple).is_err());
        assert!(graph.check_size(0, multiple).is_err());
    }
    assert!(IfrNet::S.graph(Ratio::new(5, 4).unwrap()).is_err());
    assert!(IfrNet::S.graph(Ratio::new(1, 17).unwrap()).is_err());
}

#[test]
fn the_encoder_serves_the_pair_and_the_decoders_each_instant() {
    for scale in ["1", "0.5"] {
        let graph = IfrNet::B.graph(scale.parse().unwrap()).unwrap();
        for node in graph.nodes() {
            let stage = &graph.stages()[node.stage.index()];
            let pair = matches!(stage.as_str(), "prepare" | "encoder");
            let expected = if pair { Phase::Pair } else { Phase::Instant };
            let tensor = graph.tensor(node.output);
            assert_eq!(tensor.phase, expected, "{}", tensor.name);
        }
        assert_eq!(
            graph.nodes_of(Phase::Pair).count() + graph.nodes_of(Phase::Instant).count(),
            graph.nodes().len()
        );
    }
}

#[test]
fn outputs_can_be_asked_for_by_name() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let graph = graph.with_outputs(&["decoder4", "pred"]).unwrap();
    let channels: Vec<_> = graph.outputs().iter().map(|&id| graph.tensor(id).channels).collect();
    assert_eq!(channels, [58, 3]);
    assert!(graph.with_outputs(&["decoder5"]).is_err());
}

#[test]
fn a_graph_prints_one_line_an_operation() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let text = graph.to_string();
    assert_eq!(text.lines().count(), graph.inputs().len() + graph.nodes().len());
    assert!(text.contains("warp(img0/level3, decoder4[0..2])"), "{text}");
}

#[test]
fn training_adds_the_true_frames_features_alone() {
    for net in IfrNet::ALL {
        let (graph, training) = (net.graph(Ratio::ONE).unwrap(), net.training_graph().unwrap());
        assert_eq!(training.params(), graph.params(), "{net}");
        assert_eq!(training.inputs().len(), graph.inputs().len() + 1, "{net}");
        assert_eq!(training.nodes().len(), graph.nodes().len() + 1 + 3 * 2, "{net}");
    }
    let training = IfrNet::S.training_graph().unwrap();
    let image = |seed: usize| {
        let values = (0..3 * 16 * 32).map(|i| (i * seed % 17) as f32 / 17.0).collect();
        Tensor::new([1, 3, 16, 32], values).unwrap()
    };
    let inputs = [image(5), image(7), Tensor::point(&[0.5]), image(5)];
    let tensors = reference::trace(&training, &Parameters::by_rule(&training), &inputs).unwrap();
    for level in 1..=3 {
        assert_eq!(tensors[&format!("target/level{level}")], tensors[&format!("img0/level{level}")]);
    }
}
