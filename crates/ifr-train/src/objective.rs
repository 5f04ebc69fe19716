//! What is minimised.

use ifr_net::{Graph, TensorId};
use ifr_torch::TorchError;
use tch::{Device, TchError, Tensor};

use crate::config::{Config, Labels};
use crate::feed::Fed;
use crate::loss::charbonnier;
use crate::network::is_plus;
use crate::{IfrNetLoss, IfrPlusLoss, Perceptual, TrainError};

/// The loss that a configuration asks for.
#[derive(Debug)]
pub(crate) struct Objective {
    loss: Loss,
    /// Whether it reads labels.
    labelled: bool,
    parts: usize,
    /// Where the frame is, among the graph's inputs, that the network's own is compared with: the prior's, or the mean of two.
    baseline: Vec<usize>,
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
        let find = |name: &str| graph.inputs().iter().position(|&id| graph.tensor(id).name == name);
        let baseline = match find("prior.frame") {
            Some(prior) => vec![prior],
            None => ["img0", "img1"].into_iter().filter_map(find).collect(),
        };
        let labelled = config.labels() != Labels::None;
        Ok(Self { loss, labelled, parts: config.loss_parts().len(), baseline })
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

    /// The Charbonnier distances from the true frames, of the frames made and of those that a simple method makes of the same
    /// batch (the prior's, or else the mean of both inputs), as one tensor of 2 values without gradient. Their ratio is much less
    /// noisy than the loss, which depends on how much moves in a batch.
    pub(crate) fn compared(&self, outputs: &[Tensor], fed: &Fed) -> Result<Tensor, TorchError> {
        let compare = || {
            let frames: Vec<&Tensor> = self.baseline.iter().filter_map(|&i| fed.inputs.get(i)).collect();
            let (Some(made), Some(first)) = (outputs.first(), frames.first()) else {
                return Err(TchError::Torch("there is no frame to compare".to_owned()));
            };
            let simple = match frames.get(1) {
                Some(second) => first.f_add(second)?.f_mul_scalar(0.5)?,
                None => first.shallow_clone(),
            };
            Tensor::f_stack(&[charbonnier(made, &fed.target)?, charbonnier(&simple, &fed.target)?], 0)
        };
        tch::no_grad(compare).map_err(|e| TorchError::new("the baseline", fed.target.device(), &e))
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
