//! IFR+, with a tiny network of its kind.

use std::collections::BTreeMap;
use std::fs;

use ifr_net::{IfrPlus, Parameters};

use super::*;
use crate::End;

/// As narrow as its groups allow.
pub(super) const NETWORK: Network = Network::IfrPlus(IfrPlus {
    encoder: [4, 5, 6, 7],
    depths: [1, 1, 1, 1],
    decoder: [5, 6, 7, 8],
    side: 4,
    refiner: [8, 8, 8],
    grid: [4, 5, 6],
    ..IfrPlus::PUBLISHED
});

pub(super) fn config(dir: &Path, more: &str) -> Config {
    let text = format!(
        "[model]\nnetwork = 'ifr-plus'\n[data]\nkind = 'clips'\npath = 'none'\ncrop = {SIDE}\nbatch = 1\nlabels = 'flow'\n\
         [loss]\nflow = 0.00178\n[output]\ndir = 'out'\ndtype = 'f32'\nkeep = 3\n\
         [train]\nlearning_rate = 1e-3\nwarmup = 2\nweight_decay = 0.01\nclip = 1.0\nema = 0.9\nlog_every = 2\n\
         device = 'cpu'\nthreads = 1\n{more}\n"
    );
    Config::parse(&text, "test", dir, &[]).unwrap()
}

fn run(config: &Config) -> Run<'_> {
    Run { network: NETWORK, ..Run::new(config) }
}

#[test]
fn stopping_and_resuming_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| {
        let mut config = config(dir.path(), "steps = 4");
        config.output.dir = dir.path().join(name);
        config
    });
    let (done, straight, _) = run(&whole).go();
    assert_eq!(done.unwrap().end, End::Done);
    let (stopped, mut steps, _) = Run { stop_at: Some(2), ..run(&parts) }.go();
    assert_eq!(stopped.unwrap().end, End::Stopped);
    let (done, rest, _) = run(&parts).go();
    assert_eq!((done.unwrap().end, rest.len()), (End::Done, 2));
    steps.extend(rest);

    assert_eq!(losses(&straight), losses(&steps));
    assert!(straight.iter().all(|step| step.skipped.is_none() && step.parts.len() == 4));
    // There are no weights for the third part.
    assert!(straight.iter().all(|s| [0, 1, 3].iter().all(|&i| s.parts[i] > 0.0) && s.parts[2] == 0.0));
    let (whole_last, parts_last) = (last(&whole, NETWORK), last(&parts, NETWORK));
    assert_eq!(whole_last, parts_last);
    assert_ne!(whole_last.weights, whole_last.ema);

    let log = fs::read_to_string(whole.output.dir.join("log.csv")).unwrap();
    assert!(log.starts_with("step,loss,pixel,frequency,perceptual,flow,relative,learning_rate,"), "{log}");
    assert_eq!(log.lines().count(), 3);
}

#[test]
fn it_is_measured_and_exported() {
    let dir = tempfile::tempdir().unwrap();
    validation::triplets(&dir.path().join("set"));
    let sets = "steps = 2\n[validation]\nevery = 2\nsets = [{ path = 'set', name = 'film' }]";
    let config = config(dir.path(), sets);
    let trained = run(&config).go().0.unwrap();
    let set = &trained.validation.unwrap().sets[0];
    assert!(set.images == 2 && set.psnr > 5.0 && set.flow > 10.0, "{set:?}");
    let store = ifr_net::ParameterStore::open(trained.weights.unwrap()).unwrap();
    let exported = Parameters::read(&graphs(NETWORK).plain, &store).unwrap();
    let values: Vec<f32> = exported.iter().flat_map(|(_, values)| values.iter().copied()).collect();
    assert_eq!(values, last(&config, NETWORK).ema);
    let words = store.metadata();
    assert_eq!((words["network"].as_str(), words["timesteps"].as_str()), ("ifr-plus", "midpoint"));
}

#[test]
fn the_time_budget_ends_it_with_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 1000");
    let now = std::cell::Cell::new(0);
    let clock: Clock = Box::new(move || {
        now.set(now.get() + 1);
        std::time::Duration::from_secs(now.get())
    });
    let options =
        TrainOptions { time_budget: Some(std::time::Duration::from_secs(30)), ..TrainOptions::default() };
    let (ended, steps, _) = Run { options, clock, ..run(&config) }.go();
    assert_eq!(ended.unwrap().end, End::OutOfTime);
    assert!(!steps.is_empty() && steps.len() < 10, "{} steps", steps.len());
    assert_eq!(last(&config, NETWORK).state.step, steps.len() as u64);
}

#[test]
fn slopes_stay_at_zero_or_above() {
    let dir = tempfile::tempdir().unwrap();
    let graph = graphs(NETWORK).training;
    // Just above 0: with this learning rate the first step would take half of them below.
    let mut parameters = ifr_torch::initial_parameters(&graph, 1);
    let ids: Vec<_> = graph.nodes().iter().filter_map(|node| node.op.activation().slopes()).collect();
    ids.iter().for_each(|&id| parameters.get_mut(id).fill(1e-6));
    let init = dir.path().join("init.safetensors");
    parameters.save(&init, ifr_net::Dtype::F32, &BTreeMap::new()).unwrap();
    let mut config = config(dir.path(), "steps = 1");
    config.model.init = Some(init);
    config.train.warmup = 0;
    run(&config).go().0.unwrap();
    let learner = last(&config, NETWORK);
    let mut flat = ifr_torch::FlatParameters::new(&graph, tch::Device::Cpu).unwrap();
    let weights = tch::Tensor::from_slice(&learner.weights);
    tch::no_grad(|| flat.tensor_mut().copy_(&weights));
    let learnt = flat.to_parameters().unwrap();
    let slopes: Vec<f32> = ids.iter().flat_map(|&id| learnt.get(id).iter().copied()).collect();
    assert!(slopes.iter().all(|&slope| slope >= 0.0));
    let (zero, more) = slopes.iter().partition::<Vec<f32>, _>(|&&slope| slope == 0.0);
    assert!(zero.len() > 20 && more.len() > 20, "{} {}", zero.len(), more.len());
}
