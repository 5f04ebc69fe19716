//! What is minimised.

use ifr_net::{Graph, TensorId};
use ifr_torch::TorchError;
use tch::Tensor;

use crate::config::LossConfig;
use crate::feed::Fed;
use crate::{IfrNetLoss, LossWeights, TrainError};

/// The loss that a configuration asks for.
#[derive(Debug)]
pub(crate) struct Objective {
    loss: IfrNetLoss,
    distils: bool,
}

impl Objective {
    /// Of a graph for training.
    pub(crate) fn new(graph: &Graph, config: &LossConfig) -> Result<Self, TrainError> {
        let LossConfig { census, geometry, distillation } = *config;
        let weights = LossWeights { census, geometry, distillation };
        Ok(Self { loss: IfrNetLoss::new(graph, weights)?, distils: config.distillation > 0.0 })
    }

    /// What the loss wants to see of a run.
    pub(crate) fn wanted(&self) -> &[TensorId] {
        self.loss.wanted()
    }

    /// The parts of the loss, weighted, as one tensor of 3 values; `outputs` are what was [wanted](Self::wanted).
    pub(crate) fn parts(&self, outputs: &[Tensor], fed: &Fed) -> Result<Tensor, TorchError> {
        let labels = fed.labels.as_ref().filter(|_| self.distils);
        self.loss.losses(outputs, &fed.target, labels)?.stacked()
    }
}
