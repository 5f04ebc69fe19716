//! What the losses look at, with a prior and without, with labels and without, one instant or seven.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_net::{Graph, IfrNet, Parameters, Prior, Ratio};
use ifr_torch::{FlatParameters, Precision, download_values, run};
use ifr_train::{IfrNetLoss, LossWeights, Losses};
use tch::{Device, Kind, Tensor};

const SIDE: i64 = 32;

/// Smooth numbers between 0 and 1.
fn image(batch: i64, channels: i64, seed: i64) -> Tensor {
    let value = |i: i64| ((i % 97 * (seed + 3) + i / SIDE * 5) as f64 * 0.07).sin() * 0.5 + 0.5;
    let values: Vec<f32> = (0..batch * channels * SIDE * SIDE).map(|i| value(i) as f32).collect();
    Tensor::from_slice(&values).view([batch, channels, SIDE, SIDE])
}

fn times(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).view([values.len() as i64, 1, 1, 1])
}

fn flat(graph: &Graph) -> FlatParameters {
    // Threads that wait for one another are slow where others compute too.
    tch::set_num_threads(1);
    let mut flat = FlatParameters::new(graph, Device::Cpu).unwrap();
    flat.load(&Parameters::by_rule(graph)).unwrap();
    flat
}

fn losses(flat: &FlatParameters, weights: LossWeights, inputs: &[Tensor], labels: Option<&Tensor>) -> Losses {
    let loss = IfrNetLoss::new(flat.graph(), weights).unwrap();
    let views: Vec<Tensor> =
        flat.views().unwrap().iter().map(|view| view.to_kind(inputs[0].kind())).collect();
    let tensors = run(flat.graph(), &views, inputs, loss.wanted(), Precision::F32).unwrap();
    loss.losses(&tensors, inputs.last().unwrap(), labels).unwrap()
}

fn parts(losses: &Losses) -> Vec<f32> {
    download_values(&losses.stacked().unwrap()).unwrap()
}

#[test]
fn without_labels_there_is_no_distillation_and_weights_weigh() {
    let flat = flat(&IfrNet::S.training_graph().unwrap());
    let inputs = [image(1, 3, 1), image(1, 3, 2), times(&[0.5]), image(1, 3, 3)];
    let labels = image(1, 4, 4) * 6.0 - 3.0;
    let usual = losses(&flat, LossWeights::default(), &inputs, Some(&labels));
    let with = parts(&usual);
    let total = download_values(&usual.total().unwrap()).unwrap()[0];
    assert!((total - with.iter().sum::<f32>()).abs() < 1e-6);

    let bare = losses(&flat, LossWeights::default(), &inputs, None);
    assert!(bare.distillation.is_none());
    assert_eq!(parts(&bare), [with[0], with[1], 0.0]);

    let weights = LossWeights { census: 1.0, geometry: 0.05, distillation: 0.0 };
    let other = parts(&losses(&flat, weights, &inputs, Some(&labels)));
    assert_eq!(other[0], with[0]);
    assert!((other[1] / with[1] - 5.0).abs() < 1e-4 && other[2] == 0.0 && with[2] > 0.0);

    // What counts nothing is not computed, and the rest is what it was.
    let weights = LossWeights { census: 0.0, geometry: 0.0, distillation: 0.01 };
    let sparse = losses(&flat, weights, &inputs, Some(&labels));
    assert!(sparse.geometry.is_none());
    let sparse = parts(&sparse);
    assert!(sparse[0] > 0.0 && sparse[0] < with[0] && sparse[1] == 0.0);
    assert!((sparse[2] / with[2] - 1.0).abs() < 1e-5);
}

#[test]
fn a_prior_answers_with_its_whole_flows() {
    let graph = IfrNet::S.with_prior(Some(Prior::Flow)).training_graph().unwrap();
    let loss = IfrNetLoss::new(&graph, LossWeights::default()).unwrap();
    let names: Vec<&str> = loss.wanted().iter().map(|&id| graph.tensor(id).name.as_str()).collect();
    for level in ["flows4", "flows3", "flows2", "flows1"] {
        assert!(names.contains(&level), "{names:?}");
    }

    // Decoders that say nothing leave the prior: labels equal to it are as near as can be.
    let mut flat = flat(&graph);
    let mut silent = flat.to_parameters().unwrap();
    for (id, info) in graph.param_ids().zip(graph.params()) {
        if info.name.contains("convblock.2.") {
            silent.get_mut(id).fill(0.0);
        }
    }
    flat.load(&silent).unwrap();
    let one = Tensor::from_slice(&[1.5_f32, -2.0, -1.5, 2.0]).view([1, 4, 1, 1]);
    let prior = one.expand([1, 4, SIDE, SIDE], false);
    let inputs =
        [image(1, 3, 1), image(1, 3, 2), times(&[0.5]), prior.copy(), image(1, 3, 5), image(1, 3, 3)];
    let near = parts(&losses(&flat, LossWeights::default(), &inputs, Some(&prior)));
    let far = parts(&losses(&flat, LossWeights::default(), &inputs, Some(&(&prior + 1.0))));
    // Full trust, no difference: ε = 10⁻³ for both flows of three levels, weighted.
    assert!((near[2] - 6.0 * 1e-3 * 0.01).abs() < 1e-7, "{near:?}");
    assert!(far[2] > 100.0 * near[2], "{far:?}");
}

#[test]
fn only_graphs_for_training_have_losses() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let error = IfrNetLoss::new(&graph, LossWeights::default()).unwrap_err();
    assert!(error.to_string().contains("target/level3"), "{error}");
    let loss = IfrNetLoss::new(&IfrNet::S.training_graph().unwrap(), LossWeights::default()).unwrap();
    assert!(loss.losses(&[image(1, 3, 1)], &image(1, 3, 1), None).is_err());
}

/// Nine frames are seven samples that share their ends, without labels: one batch of them is as good as one after the other.
#[test]
fn seven_instants_of_a_window_are_a_batch() {
    let mut flat = flat(&IfrNet::S.training_graph().unwrap());
    // In `f64`, so that rounding cannot move a sample across an edge of the sampling.
    let double = |seed: i64| image(1, 3, seed).to_kind(Kind::Double);
    let (first, last) = (double(1), double(2));
    let targets: Vec<Tensor> = (3..10).map(double).collect();
    let instants: Vec<f32> = (1..8).map(|k| k as f32 / 8.0).collect();
    let mut step = |inputs: &[Tensor]| {
        flat.tensor_mut().zero_grad();
        let losses = losses(&flat, LossWeights::default(), inputs, None);
        losses.total().unwrap().backward();
        (parts(&losses), flat.tensor().grad().to_kind(Kind::Double))
    };
    let seven = |frame: &Tensor| frame.expand([7, 3, SIDE, SIDE], false);
    let together = step(&[
        seven(&first),
        seven(&last),
        times(&instants).to_kind(Kind::Double),
        Tensor::cat(&targets, 0),
    ]);

    let (mut expected, mut gradient) = ([0.0; 3], together.1.zeros_like());
    for (target, &t) in targets.iter().zip(&instants) {
        let inputs = [
            first.shallow_clone(),
            last.shallow_clone(),
            times(&[t]).to_kind(Kind::Double),
            target.shallow_clone(),
        ];
        let (parts, part) = step(&inputs);
        expected.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part / 7.0);
        gradient += part / 7.0;
    }
    for (found, expected) in together.0.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5 * expected.max(1e-3), "{found} {expected}");
    }
    let error = ((&together.1 - &gradient).norm() / gradient.norm()).double_value(&[]);
    assert!(error < 1e-6, "{error}");
}
