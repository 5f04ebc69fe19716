//! IFR+ as a graph: its parameters are exactly the reference's.

use std::collections::BTreeMap;

use ifr_net::{Cost, Graph, IfrPlus, Network, Phase, Ratio, Scales, Timesteps};

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
