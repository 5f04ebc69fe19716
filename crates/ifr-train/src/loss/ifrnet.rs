use std::ops::Range;

use ifr_net::{Graph, GraphError, TensorId};
use ifr_torch::TorchError;
use tch::{Kind, TchError, Tensor};

use super::census::census;
use super::charbonnier::charbonnier;
use super::distillation::{distance, trust};

/// Patches of the census of images, and of features.
const IMAGE_PATCH: i64 = 7;
const FEATURE_PATCH: i64 = 3;
/// A decoder's first channels are flows; the features of the frame in between follow.
const FLOWS: i64 = 4;
/// Decoders 4, 3 and 2: flows at 1/8, 1/4 and 1/2 of the size, and features that stand beside the encoder's levels 3, 2 and 1.
const LEVELS: [usize; 3] = [4, 3, 2];

/// What the parts of the loss count. A part of weight 0 is not computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossWeights {
    /// Of the reconstruction's census; its Charbonnier part always counts 1.
    pub census: f64,
    /// Of the features' geometry.
    pub geometry: f64,
    /// Of the flows' distance from pseudo-labels.
    pub distillation: f64,
}

impl Default for LossWeights {
    /// The published ones: 1 for the census, 0.01 for the others.
    fn default() -> Self {
        Self { census: 1.0, geometry: 0.01, distillation: 0.01 }
    }
}

/// The parts of a loss, each a tensor of one number that carries its weight and its gradient.
#[derive(Debug)]
pub struct Losses {
    /// How far the frame is from the true one: Charbonnier and census, together.
    pub reconstruction: Tensor,
    /// How far the decoders' features are from those of the true frame, where that counts.
    pub geometry: Option<Tensor>,
    /// How far the flows are from the pseudo-labels, where there are any.
    pub distillation: Option<Tensor>,
}

impl Losses {
    /// The sum, to descend from.
    ///
    /// # Errors
    /// [`TorchError`] when libtorch cannot add.
    pub fn total(&self) -> Result<Tensor, TorchError> {
        let others = self.geometry.iter().chain(&self.distillation);
        let sum =
            others.fold(self.reconstruction.f_view_as(&self.reconstruction), |sum, part| sum?.f_add(part));
        sum.map_err(|error| TorchError::new("the loss", self.reconstruction.device(), &error))
    }

    /// Reconstruction, geometry and distillation as one tensor of three numbers, gradients included; 0 stands for what is not
    /// there.
    ///
    /// # Errors
    /// [`TorchError`] when libtorch cannot put them together.
    pub fn stacked(&self) -> Result<Tensor, TorchError> {
        let first = &self.reconstruction;
        let stack = || {
            let none = first.f_zeros_like()?;
            let others = [&self.geometry, &self.distillation].map(|part| part.as_ref().unwrap_or(&none));
            Tensor::f_stack(&[first, others[0], others[1]], 0)
        };
        stack().map_err(|error| TorchError::new("the loss", first.device(), &error))
    }
}

/// The losses that the published IFRNet was trained with, on a graph of [`ifr_net::IfrNet::training_graph`], with a prior or
/// without.
///
/// - *Reconstruction*, on the clamped output: mean of √(d² + 10⁻⁶), and the census of 7×7 patches of the channels' mean.
/// - *Geometry*: the decoders' features beside the encoder's features of the true frame, by the census of 3×3 patches.
/// - *Distillation*: the flows of decoders 4, 3 and 2 at full size beside pseudo-labels, by a distance that is the flatter the
///   less the final flow agrees with the label.
///
/// ```
/// use ifr_net::IfrNet;
/// use ifr_torch::{FlatParameters, Precision, initial_parameters, run};
/// use ifr_train::{IfrNetLoss, LossWeights};
/// use tch::{Device, Kind, Tensor};
///
/// let graph = IfrNet::S.training_graph()?;
/// let loss = IfrNetLoss::new(&graph, LossWeights::default())?;
/// let mut parameters = FlatParameters::new(&graph, Device::Cpu)?;
/// parameters.load(&initial_parameters(&graph, 1))?;
///
/// let image = || Tensor::rand([1, 3, 32, 32], (Kind::Float, Device::Cpu));
/// let inputs = [image(), image(), Tensor::from_slice(&[0.5_f32]).view([1, 1, 1, 1]), image()];
/// let tensors = run(&graph, &parameters.views()?, &inputs, loss.wanted(), Precision::F32)?;
/// let losses = loss.losses(&tensors, &inputs[3], None)?;
/// losses.total()?.backward();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct IfrNetLoss {
    wanted: Vec<TensorId>,
    weights: LossWeights,
    /// Where the wanted tensors of the geometry are: a decoder and the target's level, three times.
    features: Range<usize>,
    /// Where those of the distillation are: the final flows, then those of three levels.
    flows: Range<usize>,
}

impl IfrNetLoss {
    /// The losses of that graph.
    ///
    /// # Errors
    /// [`GraphError::NoTensor`] when it is no graph of an IFRNet for training.
    pub fn new(graph: &Graph, weights: LossWeights) -> Result<Self, GraphError> {
        let find = |name: &str| graph.tensor_named(name).ok_or_else(|| GraphError::NoTensor(name.to_owned()));
        let mut wanted = vec![find("pred")?];
        if weights.geometry != 0.0 {
            for level in LEVELS {
                wanted.push(find(&format!("decoder{level}"))?);
                wanted.push(find(&format!("target/level{}", level - 1))?);
            }
        }
        let features = 1..wanted.len();
        if weights.distillation != 0.0 {
            wanted.push(find("flows1")?);
            for level in LEVELS {
                // Without a prior, decoder 4's flows stand alone: they are its first channels.
                let flows = graph.tensor_named(&format!("flows{level}"));
                wanted.push(flows.map_or_else(|| find(&format!("decoder{level}")), Ok)?);
            }
        }
        let flows = features.end..wanted.len();
        Ok(Self { wanted, weights, features, flows })
    }

    /// The tensors that [`IfrNetLoss::losses`] takes, to ask of a run; the first is the frame in between.
    #[must_use]
    pub fn wanted(&self) -> &[TensorId] {
        &self.wanted
    }

    /// The losses of a batch: `tensors` are those [wanted](Self::wanted), in order; `target` is the true frame (batch × 3 ×
    /// height × width, RGB in \[0, 1\]); `labels` are pseudo-label flows from it to the first frame (x, y), then to the second
    /// (batch × 4 × height × width, pixels). Without labels there is no distillation.
    ///
    /// # Errors
    /// [`TorchError::Count`] when it is another number of tensors, [`TorchError::Torch`] when their shapes do not fit together,
    /// [`TorchError::Memory`] when the device has no room.
    pub fn losses(
        &self,
        tensors: &[Tensor],
        target: &Tensor,
        labels: Option<&Tensor>,
    ) -> Result<Losses, TorchError> {
        let (expected, found) = (self.wanted.len(), tensors.len());
        let pred = match tensors {
            [pred, ..] if expected == found => pred,
            _ => return Err(count(expected, found)),
        };
        let during = |what: &'static str| {
            let device = target.device();
            move |error: TchError| TorchError::new(what, device, &error)
        };
        let reconstruction = self.reconstruction(pred, target).map_err(during("the reconstruction loss"))?;
        let features = Some(&tensors[self.features.clone()]).filter(|features| !features.is_empty());
        let geometry = features.map(|features| self.geometry(features)).transpose();
        let geometry = geometry.map_err(during("the geometry loss"))?;
        let distillation = match (&tensors[self.flows.clone()], labels) {
            ([last, levels @ ..], Some(labels)) => Some(self.distillation(last, levels, labels)),
            _ => None,
        };
        let distillation = distillation.transpose().map_err(during("the distillation loss"))?;
        Ok(Losses { reconstruction, geometry, distillation })
    }

    fn reconstruction(&self, pred: &Tensor, target: &Tensor) -> Result<Tensor, TchError> {
        let near = charbonnier(pred, target)?;
        if self.weights.census == 0.0 {
            return Ok(near);
        }
        let grey = |image: &Tensor| image.f_mean_dim([1_i64].as_slice(), true, None::<Kind>);
        let census = census(&grey(pred)?, &grey(target)?, IMAGE_PATCH)?;
        near.f_add(&census.f_mul_scalar(self.weights.census)?)
    }

    fn geometry(&self, features: &[Tensor]) -> Result<Tensor, TchError> {
        let parts = features.chunks_exact(2).map(|level| {
            let channels = level[0].size4()?.1;
            let features = level[0].f_narrow(1, FLOWS, channels - FLOWS)?;
            census(&features, &level[1], FEATURE_PATCH)
        });
        weighted(parts, self.weights.geometry)
    }

    fn distillation(&self, last: &Tensor, levels: &[Tensor], labels: &Tensor) -> Result<Tensor, TchError> {
        let trust = trust(last, labels)?;
        let parts = levels.iter().zip(LEVELS).map(|(level, decoder)| {
            let flows = level.f_narrow(1, 0, FLOWS)?;
            distance(&flows, 1 << (decoder - 1), labels, &trust)
        });
        weighted(parts, self.weights.distillation)
    }
}

fn weighted(parts: impl Iterator<Item = Result<Tensor, TchError>>, weight: f64) -> Result<Tensor, TchError> {
    Tensor::f_stack(&parts.collect::<Result<Vec<_>, _>>()?, 0)?.f_sum(None::<Kind>)?.f_mul_scalar(weight)
}

/// Another number of tensors than a loss takes.
pub(super) fn count(expected: usize, found: usize) -> TorchError {
    TorchError::Count { graph: "the loss".to_owned(), what: "tensors", expected, found }
}
