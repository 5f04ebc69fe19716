//! What a step costs.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::learner::Learner;
use crate::config::{Config, Labels, ModelConfig};
use crate::feed::Fed;
use crate::{TrainError, network};

/// Makes `steps` steps of training, exactly those of [`train`](super::train) with that configuration, on one made-up batch that
/// is on `device` beforehand (parts of the loss whose file is not there are left out); returns how long each took, with all that it computed. Nothing else is read or written: of `data`, only
/// the sizes of the crops and of the batch count, and `train.device` does not.
///
/// # Errors
/// [`TrainError`] when there is no such network, or memory is short.
pub fn throughput(config: &Config, device: Device, steps: usize) -> Result<Vec<Duration>, TrainError> {
    let (config, _) = &config.with_files_there();
    let network = network::find(&config.model)?;
    let graph = network.training_graph()?;
    let parameters =
        network::begin(&graph, &ModelConfig { init: None, ..config.model.clone() }, config.train.seed)?;
    let mut learner = Learner::new(&graph, &parameters, config, steps as u64, device)?;
    let fed = made_up(config, &graph, device)
        .map_err(|e| TrainError::from(ifr_torch::TorchError::new("the batch", device, &e)))?;
    let step = |_| {
        let start = Instant::now();
        learner.step(&fed)?;
        finish(device);
        Ok(start.elapsed())
    };
    (0..steps).map(step).collect()
}

/// Waits for all that the device still computes.
fn finish(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

fn made_up(config: &Config, graph: &ifr_net::Graph, device: Device) -> Result<Fed, tch::TchError> {
    let (width, height) = config.data.crop.size();
    let samples = config.data.batch;
    let random = |channels: usize, width: usize, height: usize| {
        let shape = [samples, channels, height, width].map(|side| side as i64);
        Tensor::f_rand(shape, (Kind::Float, device))
    };
    // Flows of up to two pixels, as pictures 256 pixels wide have.
    let flows = || -> Result<Tensor, tch::TchError> {
        random(4, width, height)?.f_sub_scalar(0.5)?.f_mul_scalar(4.0)
    };
    let target = random(3, width, height)?;
    let input = |&id: &ifr_net::TensorId| {
        let info = graph.tensor(id);
        let (width, height) = info.extent.size(width, height);
        match info.name.as_str() {
            "target" => Ok(target.shallow_clone()),
            "prior.flows" => flows(),
            _ => random(info.channels, width, height),
        }
    };
    Ok(Fed {
        inputs: graph.inputs().iter().map(input).collect::<Result<_, _>>()?,
        labels: (config.labels() != Labels::None).then(flows).transpose()?,
        target,
        samples,
        origins: Vec::new(),
    })
}
