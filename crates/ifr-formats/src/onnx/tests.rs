//! What a file says besides its operations, read back.

use ifr_net::{IfrNet, IfrPlus, Node, Op, ParamId, Ratio};
use prost::Message;

use super::*;

fn written(graph: &Graph, options: &OnnxOptions) -> Vec<u8> {
    let mut out = Vec::new();
    write(graph, &Parameters::by_rule(graph), options, &mut out).unwrap();
    out
}

/// The graph of a model: the same message type, but for its number.
#[derive(Clone, PartialEq, Message)]
struct WithGraph {
    #[prost(message, optional, tag = "7")]
    graph: Option<proto::Graph>,
}

fn graph_of(file: &[u8]) -> proto::Graph {
    WithGraph::decode(file).unwrap().graph.unwrap()
}

fn sides(info: &proto::ValueInfo) -> Vec<String> {
    let shape = info.r#type.clone().unwrap().tensor_type.unwrap().shape.unwrap();
    let side = |d: &proto::Dimension| d.dim_param.clone().unwrap_or_else(|| d.dim_value.unwrap().to_string());
    shape.dim.iter().map(side).collect()
}

#[test]
fn a_model_says_what_it_is() {
    let graph = IfrNet::S_FLOW.graph("0.5".parse().unwrap()).unwrap();
    let metadata = BTreeMap::from([
        ("timesteps".to_owned(), "any".to_owned()),
        ("flow_scale".to_owned(), "1/2".to_owned()),
    ]);
    let options = OnnxOptions { opset: 21, metadata, ..OnnxOptions::default() };
    let file = written(&graph, &options);
    let model = proto::Model::decode(file.as_slice()).unwrap();
    assert_eq!((model.ir_version, model.opset_import[0].version), (10, 21));
    assert_eq!(
        (model.producer_name.as_str(), model.producer_version.as_str()),
        ("ifr", env!("CARGO_PKG_VERSION"))
    );
    let entries: Vec<_> = model.metadata_props.iter().map(|e| format!("{}={}", e.key, e.value)).collect();
    assert_eq!(
        entries,
        ["flow_scale=1/2", "multiple=32", "network=ifrnet-s+flow", "prior=flow", "timesteps=any"]
    );
    assert!(model.doc_string.contains("multiples of 32"), "{}", model.doc_string);
}

#[test]
fn sizes_are_numbers_or_names() {
    let graph = IfrNet::S_FLOW.graph(Ratio::ONE).unwrap();
    let names = |file: &[u8]| graph_of(file).input.iter().map(|i| i.name.clone()).collect::<Vec<_>>();
    let any = written(&graph, &OnnxOptions { batch: None, ..OnnxOptions::default() });
    assert_eq!(names(&any), ["img0", "img1", "t", "prior.flows", "prior.frame"]);
    assert_eq!(sides(&graph_of(&any).input[3]), ["batch", "4", "height", "width"]);
    assert_eq!(sides(&graph_of(&any).input[2]), ["batch", "1", "1", "1"]);
    let one = written(&graph, &OnnxOptions { size: Some((64, 32)), ..OnnxOptions::default() });
    assert_eq!(sides(&graph_of(&one).input[0]), ["1", "3", "32", "64"]);
    assert_eq!(graph_of(&one).output[0].name, "pred");
    assert_eq!(sides(&graph_of(&one).output[0]), ["1", "3", "32", "64"]);
}

/// Maps that are no output keep the graph's names, and a model holds no more than its outputs need.
#[test]
fn other_outputs_make_smaller_models() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let whole = graph_of(&written(&graph, &OnnxOptions::default()));
    let made = |g: &proto::Graph, name: &str| g.node.iter().filter(|n| n.output[0] == name).count();
    assert_eq!((made(&whole, "decoder4"), made(&whole, "pred")), (1, 1));
    let part = graph.with_outputs(&["decoder4"]).unwrap();
    let part = graph_of(&written(&part, &OnnxOptions::default()));
    assert_eq!((made(&part, "decoder4"), made(&part, "decoder3")), (1, 0));
    assert_eq!(sides(&part.output[0]), ["1", "58", "height*1/8", "width*1/8"]);
}

/// The deformable groups of the convolution that has these weights; 1 for any other parameter.
fn groups_of(graph: &Graph, id: ParamId) -> usize {
    let groups = |node: &Node| match &node.op {
        Op::DeformConv(deform) if deform.conv.weight == id => Some(deform.groups),
        _ => None,
    };
    graph.nodes().iter().find_map(groups).unwrap_or(1)
}

/// Values have one name each, and are made before they are read.
#[test]
fn nodes_stand_in_order() {
    let graph = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
    let options = OnnxOptions::default();
    let (body, _) = Lowering::lower(&graph, &Parameters::by_rule(&graph), &options).unwrap();
    let (nodes, initializers) = body.finish(graph.tensors().iter().map(|t| t.name.clone()).collect());
    let mut known: HashSet<&str> = graph.inputs().iter().map(|&id| graph.tensor(id).name.as_str()).collect();
    for (name, _) in &initializers {
        assert!(known.insert(name), "{name} twice");
    }
    for node in &nodes {
        for input in node.input.iter().filter(|input| !input.is_empty()) {
            assert!(known.contains(input.as_str()), "{} reads {input}", node.name);
        }
        assert!(known.insert(&node.output[0]), "{} twice", node.output[0]);
    }
    // The pixels' own places are computed once for each size of map: rows and columns at 1, 1/2, 1/4, 1/8 and 1/16.
    assert_eq!(nodes.iter().filter(|n| n.op_type == "Range").count(), 2 * 5);
    // Every parameter is there under its own name, the weights of deformable convolutions group by group.
    let stored = |name: &str| initializers.iter().filter(|(n, _)| n == name).count();
    for (param, groups) in graph.param_ids().map(|id| (graph.param(id), groups_of(&graph, id))) {
        if groups == 1 {
            assert_eq!(stored(&param.name), 1, "{}", param.name);
        } else {
            assert!((0..groups).all(|g| stored(&format!("{}/{g}", param.name)) == 1), "{}", param.name);
        }
    }
}
