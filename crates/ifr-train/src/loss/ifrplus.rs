use ifr_net::{Graph, GraphError, TensorId};
use ifr_torch::TorchError;
use tch::{Kind, TchError, Tensor};

use super::charbonnier::charbonnier_map;
use super::distillation::{robust, trust};
use super::frequency::frequency;
use super::ifrnet::count;
use super::perceptual::Perceptual;

/// The share of an image's pixels that counts as hard. From the reference.
const HARD: f64 = 0.2;
/// Levels of flows, at 1, 1/2, 1/4 and 1/8 of the size.
const LEVELS: usize = 4;
/// What a level counts beside the next coarser one, of which the coarsest counts 1. From the reference.
const FINER: f64 = 0.9;

/// What the parts of the loss count. A part of weight 0 is not computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlusWeights {
    /// Of the pixels that differ most, beside all pixels, which count 1.
    pub hard: f64,
    /// Of the distance between Fourier transforms.
    pub frequency: f64,
    /// Of the distance between a recognising network's features.
    pub perceptual: f64,
    /// Of the flows' distance from pseudo-labels.
    pub flow: f64,
}

impl Default for PlusWeights {
    /// The published ones.
    fn default() -> Self {
        Self { hard: 0.1, frequency: 1.0, perceptual: 0.1, flow: 0.00178 }
    }
}

/// The parts of IFR+'s loss, each a tensor of one number that carries its weight and its gradient.
#[derive(Debug)]
pub struct PlusLosses {
    /// How far pixels are from the true ones.
    pub pixel: Tensor,
    /// How far Fourier transforms are apart, where that counts.
    pub frequency: Option<Tensor>,
    /// How far features are apart, where there is a network that makes them.
    pub perceptual: Option<Tensor>,
    /// How far the flows are from the pseudo-labels, where there are any.
    pub flow: Option<Tensor>,
}

impl PlusLosses {
    /// The names of the parts, in the order of [`PlusLosses::stacked`].
    pub const PARTS: [&'static str; 4] = ["pixel", "frequency", "perceptual", "flow"];

    /// The parts as one tensor of four numbers, gradients included; 0 stands for what is not there.
    ///
    /// # Errors
    /// [`TorchError`] when libtorch cannot put them together.
    pub fn stacked(&self) -> Result<Tensor, TorchError> {
        let first = &self.pixel;
        let stack = || {
            let none = first.f_zeros_like()?;
            let others =
                [&self.frequency, &self.perceptual, &self.flow].map(|part| part.as_ref().unwrap_or(&none));
            Tensor::f_stack(&[first, others[0], others[1], others[2]], 0)
        };
        stack().map_err(|error| TorchError::new("the loss", first.device(), &error))
    }
}

/// The losses that the published IFR+ was trained with, on its graph for training
/// ([`ifr_net::Network::training_graph`]). They see the frame before it is clamped.
///
/// - *Pixel*: the mean of √(d² + 10⁻⁶), and a share of its mean over the fifth of each frame's pixels where it is greatest (means
///   over the channels).
/// - *Frequency*: mean of |Re| + |Im| of the difference of the Fourier transforms (ortho) of both frames, faded out towards their
///   borders by √(hann ⊗ hann).
/// - *Perceptual*: [`Perceptual`].
/// - *Flow*: the flows of all four levels beside pseudo-labels brought to their size, by a distance that is the flatter the less
///   the full-size flow agrees with the label; weights 0.729, 0.81, 0.9, 1 from full size to an eighth.
#[derive(Debug)]
pub struct IfrPlusLoss {
    wanted: Vec<TensorId>,
    weights: PlusWeights,
    perceptual: Option<Perceptual>,
}

impl IfrPlusLoss {
    /// The losses of that graph. Without a `perceptual` network that part is left out, whatever its weight.
    ///
    /// # Errors
    /// [`GraphError::NoTensor`] when it is no graph of an IFR+.
    pub fn new(
        graph: &Graph,
        weights: PlusWeights,
        perceptual: Option<Perceptual>,
    ) -> Result<Self, GraphError> {
        let find = |name: &str| graph.tensor_named(name).ok_or_else(|| GraphError::NoTensor(name.to_owned()));
        let mut wanted = vec![find("pred_unclamped")?];
        if weights.flow != 0.0 {
            for level in 1..=LEVELS {
                wanted.push(find(&format!("flow0_{level}"))?);
                wanted.push(find(&format!("flow1_{level}"))?);
            }
        }
        Ok(Self { wanted, weights, perceptual })
    }

    /// The tensors that [`IfrPlusLoss::losses`] takes, to ask of a run; the first is the frame in between, unclamped.
    #[must_use]
    pub fn wanted(&self) -> &[TensorId] {
        &self.wanted
    }

    /// The losses of a batch: `tensors` are those [wanted](Self::wanted), in order; `target` is the true frame (batch × 3 ×
    /// height × width, RGB in \[0, 1\]); `labels` are pseudo-label flows from it to the first frame (x, y), then to the second
    /// (batch × 4 × height × width, pixels). Without labels there is no flow loss.
    ///
    /// # Errors
    /// [`TorchError::Count`] when it is another number of tensors, [`TorchError::Torch`] when their shapes do not fit together,
    /// [`TorchError::Memory`] when the device has no room.
    pub fn losses(
        &self,
        tensors: &[Tensor],
        target: &Tensor,
        labels: Option<&Tensor>,
    ) -> Result<PlusLosses, TorchError> {
        let (expected, found) = (self.wanted.len(), tensors.len());
        let (pred, flows) = match tensors {
            [pred, flows @ ..] if expected == found => (pred, flows),
            _ => return Err(count(expected, found)),
        };
        let during = |what: &'static str| {
            let device = target.device();
            move |error: TchError| TorchError::new(what, device, &error)
        };
        let weighted = |weight: f64, part: Result<Tensor, TchError>| part?.f_mul_scalar(weight);
        let PlusWeights { hard, frequency: waves, perceptual: features, flow } = self.weights;

        let pixel = pixel(pred, target, hard).map_err(during("the pixel loss"))?;
        let frequency = (waves != 0.0).then(|| weighted(waves, frequency(pred, target)));
        let frequency = frequency.transpose().map_err(during("the frequency loss"))?;
        let network = self.perceptual.as_ref().filter(|_| features != 0.0);
        let perceptual = network.map(|network| weighted(features, network.distance(pred, target)));
        let perceptual = perceptual.transpose().map_err(during("the perceptual loss"))?;
        let labels = labels.filter(|_| !flows.is_empty());
        let flow = labels.map(|labels| weighted(flow, apart(flows, labels)));
        let flow = flow.transpose().map_err(during("the flow loss"))?;
        Ok(PlusLosses { pixel, frequency, perceptual, flow })
    }
}

/// Charbonnier, and `hard` times its mean over each frame's hardest pixels.
fn pixel(pred: &Tensor, target: &Tensor, hard: f64) -> Result<Tensor, TchError> {
    let map = charbonnier_map(pred, target)?;
    let all = map.f_mean(None::<Kind>)?;
    if hard == 0.0 {
        return Ok(all);
    }
    let pixels = map.f_mean_dim([1_i64].as_slice(), false, None::<Kind>)?.f_flatten(1, -1)?;
    let count = (HARD * pixels.size2()?.1 as f64) as i64;
    let (hardest, _) = pixels.f_topk(count.max(1), 1, true, false)?;
    all.f_add(&hardest.f_mean(None::<Kind>)?.f_mul_scalar(hard)?)
}

/// How far the flows of all levels (to the first frame and to the second, from the finest level on) are from labels at full size.
fn apart(flows: &[Tensor], labels: &Tensor) -> Result<Tensor, TchError> {
    let both: Vec<Tensor> =
        flows.chunks_exact(2).map(|sides| Tensor::f_cat(sides, 1)).collect::<Result<_, _>>()?;
    let Some(finest) = both.first() else { return Tensor::f_zeros([0], (Kind::Float, labels.device())) };
    let (mut labels, mut trusted) = (labels.shallow_clone(), trust(finest, labels)?);
    let mut parts = Vec::with_capacity(both.len());
    for (level, flows) in both.iter().enumerate() {
        if level > 0 {
            labels = halved(&labels)?.f_mul_scalar(0.5)?;
            trusted = halved(&trusted.f_squeeze_dim(2)?)?.f_unsqueeze(2)?;
        }
        let weight = FINER.powi((both.len() - 1 - level) as i32);
        parts.push(robust(flows, &labels, &trusted)?.f_mul_scalar(weight)?);
    }
    Tensor::f_stack(&parts, 0)?.f_sum(None::<Kind>)
}

/// Half the size, bilinear: means of 2×2 pixels.
fn halved(map: &Tensor) -> Result<Tensor, TchError> {
    let (_, _, height, width) = map.size4()?;
    map.f_upsample_bilinear2d([height / 2, width / 2], false, None, None)
}
