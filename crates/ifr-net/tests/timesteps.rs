//! Which instants weights know: by their metadata, by the network, by the weights themselves.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;

use ifr_net::{IfrNet, IfrPlus, Network, Parameters, Ratio, Tensor, Timesteps, TimestepsError, reference};

fn said(word: &str) -> BTreeMap<String, String> {
    [(Timesteps::KEY.to_owned(), word.to_owned())].into()
}

/// By-rule weights; without t, as the checkpoints trained on middles alone have them.
fn weights(network: Network, with_t: bool) -> Parameters {
    let graph = network.graph(Ratio::ONE).unwrap();
    let mut parameters = Parameters::by_rule(&graph);
    let id = graph.param_ids().find(|&id| graph.param(id).name == "decoder4.convblock.0.0.weight");
    if let (Some(id), false) = (id, with_t) {
        let inputs = graph.param(id).shape[1];
        for filter in parameters.get_mut(id).chunks_exact_mut(9 * inputs) {
            filter[9 * (inputs - 1)..].fill(0.0);
        }
    }
    parameters
}

#[test]
fn names_round_trip() {
    for timesteps in [Timesteps::Any, Timesteps::Midpoint] {
        assert_eq!(timesteps.to_string().parse(), Ok(timesteps));
    }
    let error = "some\n".parse::<Timesteps>().unwrap_err();
    assert_eq!(error.to_string(), "timesteps 'some?' are unknown: they are 'any' or 'midpoint'");
}

#[test]
fn weights_without_t_know_the_middle_alone() {
    let none = BTreeMap::new();
    for net in [IfrNet::S, IfrNet::L] {
        let network = Network::IfrNet(net);
        let (knows, ignores) = (weights(network, true), weights(network, false));
        assert_eq!(network.timesteps_of(&none, &knows), Ok(Timesteps::Any));
        assert_eq!(network.timesteps_of(&none, &ignores), Ok(Timesteps::Midpoint));
        // One weight is enough to see t by.
        let graph = network.graph(Ratio::ONE).unwrap();
        let id = graph.param_ids().find(|&id| graph.param(id).name == "decoder4.convblock.0.0.weight");
        let mut one = ignores.clone();
        *one.get_mut(id.unwrap()).last_mut().unwrap() = 1e-20;
        assert_eq!(network.timesteps_of(&none, &one), Ok(Timesteps::Any));
    }
}

/// That those are the weights for t: without them the frame is the same at every t.
#[test]
fn the_weights_looked_at_are_those_of_t() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let picture = |seed: f32| {
        let values = (0..3 * 16 * 32).map(|i| 0.5 + 0.4 * (0.37 * i as f32 + seed).sin()).collect();
        Tensor::new([1, 3, 16, 32], values).unwrap()
    };
    let made = |with_t: bool, t: f32| {
        let inputs = [picture(1.0), picture(2.0), Tensor::point(&[t])];
        reference::run(&graph, &weights(Network::IfrNet(IfrNet::S), with_t), &inputs).unwrap()
    };
    assert_eq!(made(false, 0.25), made(false, 0.5));
    assert_ne!(made(true, 0.25), made(true, 0.5));
}

#[test]
fn metadata_come_first_unless_they_contradict() {
    let network = Network::IfrNet(IfrNet::S);
    let (knows, ignores) = (weights(network, true), weights(network, false));
    assert_eq!(network.timesteps_of(&said("midpoint"), &knows), Ok(Timesteps::Midpoint));
    assert_eq!(network.timesteps_of(&said("any"), &knows), Ok(Timesteps::Any));
    let error = network.timesteps_of(&said("any"), &ignores).unwrap_err();
    assert!(matches!(error, TimestepsError::Contradiction { network: "ifrnet-s", .. }), "{error}");
    let error = network.timesteps_of(&said("Midpoint"), &knows);
    assert_eq!(error, Err(TimestepsError::Unknown("Midpoint".to_owned())));

    let network = Network::IfrPlus(IfrPlus::PUBLISHED);
    let parameters = weights(network, true);
    assert_eq!(network.timesteps_of(&BTreeMap::new(), &parameters), Ok(Timesteps::Midpoint));
    assert_eq!(network.timesteps_of(&said("midpoint"), &parameters), Ok(Timesteps::Midpoint));
    let error = network.timesteps_of(&said("any"), &parameters).unwrap_err();
    assert!(error.to_string().contains("ifr-plus contradict themselves"), "{error}");
}

#[test]
fn a_prior_brings_t_along() {
    let network = Network::IfrNet(IfrNet::S_FLOW);
    let ignores = weights(network, false);
    assert_eq!(network.timesteps_of(&BTreeMap::new(), &ignores), Ok(Timesteps::Any));
    assert_eq!(network.timesteps_of(&said("midpoint"), &ignores), Ok(Timesteps::Midpoint));
}
