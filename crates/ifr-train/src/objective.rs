//! What is minimised.

use ifr_net::{Graph, TensorId};
use ifr_torch::TorchError;
use tch::{Device, Tensor};

use crate::config::{Config, Labels};
use crate::feed::Fed;
use crate::network::is_plus;
use crate::{IfrNetLoss, IfrPlusLoss, Perceptual, TrainError};

/// The loss that a configuration asks for.
#[derive(Debug)]
pub(crate) struct Objective {
    loss: Loss,
    /// Whether it reads labels.
    labelled: bool,
    parts: usize,
}

#[derive(Debug)]
enum Loss {
    IfrNet(IfrNetLoss),
    IfrPlus(Box<IfrPlusLoss>),
}

impl Objective {
    /// Of a graph for training, on that device.
    pub(crate) fn new(graph: &Graph, config: &Config, device: Device) -> Result<Self, TrainError> {
        let loss = if is_plus(&config.model) {
            let weights = config.loss.plus();
            let file = config.loss.perceptual_weights.as_ref().filter(|_| weights.perceptual > 0.0);
            let perceptual = file.map(|path| Perceptual::open(path, device)).transpose()?;
            Loss::IfrPlus(Box::new(IfrPlusLoss::new(graph, weights, perceptual)?))
        } else {
            Loss::IfrNet(IfrNetLoss::new(graph, config.loss.ifrnet())?)
        };
        Ok(Self { loss, labelled: config.labels() != Labels::None, parts: config.loss_parts().len() })
    }

    /// What the loss wants to see of a run.
    pub(crate) fn wanted(&self) -> &[TensorId] {
        match &self.loss {
            Loss::IfrNet(loss) => loss.wanted(),
            Loss::IfrPlus(loss) => loss.wanted(),
        }
    }

    /// How many parts the loss has; see [`Config::loss_parts`].
    pub(crate) fn count(&self) -> usize {
        self.parts
    }

    /// The parts of the loss, weighted, as one tensor of so many values; `outputs` are what was [wanted](Self::wanted).
    pub(crate) fn parts(&self, outputs: &[Tensor], fed: &Fed) -> Result<Tensor, TorchError> {
        let labels = fed.labels.as_ref().filter(|_| self.labelled);
        match &self.loss {
            Loss::IfrNet(loss) => loss.losses(outputs, &fed.target, labels)?.stacked(),
            Loss::IfrPlus(loss) => loss.losses(outputs, &fed.target, labels)?.stacked(),
        }
    }
}
