use std::collections::BTreeSet;

use ifr_net::{Activation, Graph, Parameters};
use ifr_torch::{FlatParameters, Precision, TorchError, download_values, run};
use tch::{Device, Kind, TchError, Tensor};

use crate::TrainError;
use crate::checkpoint::{Checkpoint, State};
use crate::config::{self, Config};
use crate::feed::Fed;
use crate::guard::{Guard, Verdict};
use crate::objective::Objective;
use crate::optim::{AdamW, Average, Schedule};
use crate::parallel::Averager;

/// A network that learns: its weights, the optimiser, and the step it is at.
pub(crate) struct Learner {
    flat: FlatParameters,
    adam: AdamW,
    average: Average,
    objective: Objective,
    /// Where the slopes are that may not be negative.
    slopes: Option<Tensor>,
    averager: Averager,
    schedule: Schedule,
    guard: Guard,
    precision: Precision,
    clip: f64,
    spike: f64,
    step: u64,
}

/// What a step was.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) parts: Vec<f64>,
    /// See [`Objective::compared`].
    pub(crate) compared: [f64; 2],
    pub(crate) rate: f64,
    pub(crate) norm: f64,
    pub(crate) verdict: Verdict,
    /// Whether what this process computed of its own batch is finite.
    pub(crate) own: bool,
}

impl Outcome {
    pub(crate) fn loss(&self) -> f64 {
        self.parts.iter().sum()
    }
}

impl Learner {
    /// A network with those weights before its first step.
    pub(crate) fn new(
        graph: &Graph,
        parameters: &Parameters,
        config: &Config,
        steps: u64,
        device: Device,
    ) -> Result<Self, TrainError> {
        let mut flat = FlatParameters::new(graph, device)?;
        flat.load(parameters)?;
        let train = &config.train;
        let named = |e: TchError| TorchError::new("the optimiser", device, &e);
        Ok(Self {
            adam: AdamW::new(flat.tensor(), train.weight_decay).map_err(named)?,
            average: Average::new(flat.tensor(), train.ema).map_err(named)?,
            objective: Objective::new(graph, config, device)?,
            slopes: slopes(graph, &flat, device).map_err(named)?,
            averager: Averager::alone(),
            schedule: Schedule {
                steps,
                warmup: train.warmup,
                peak: train.learning_rate,
                last: train.final_learning_rate,
            },
            guard: Guard::default(),
            precision: match train.precision {
                config::Precision::F32 => Precision::F32,
                config::Precision::Bf16 => Precision::Bf16,
            },
            clip: train.clip,
            spike: train.spike,
            step: 0,
            flat,
        })
    }

    /// The same together with other processes, which have the same weights: all learn from all batches.
    pub(crate) fn together(self, averager: Averager) -> Self {
        Self { averager, ..self }
    }

    /// Whether any of the processes that learn together says so.
    pub(crate) fn any(&mut self, flag: bool) -> Result<bool, TrainError> {
        Ok(self.averager.any(flag)?)
    }

    /// How many learn together.
    pub(crate) fn processes(&self) -> usize {
        self.averager.size()
    }

    /// Goes on from a checkpoint.
    pub(crate) fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let Checkpoint { state, weights, ema, moment1, moment2 } = checkpoint;
        let device = self.device();
        let named = |e: TchError| TorchError::new("the checkpoint", device, &e);
        let leaf = self.flat.tensor_mut();
        tch::no_grad(|| Tensor::f_from_slice(weights).and_then(|w| leaf.f_copy_(&w))).map_err(named)?;
        self.adam.resume(moment1, moment2, state.updates).map_err(named)?;
        self.average.resume(ema).map_err(named)?;
        self.guard = state.guard;
        self.step = state.step;
        Ok(())
    }

    /// All that must be kept to go on from here; `state` is completed with the step and what belongs to it.
    pub(crate) fn checkpoint(&self, state: State) -> Result<Checkpoint, TrainError> {
        let [moment1, moment2] = self.adam.moments();
        Ok(Checkpoint {
            weights: download_values(self.flat.tensor())?,
            ema: download_values(self.average.values())?,
            moment1: download_values(moment1)?,
            moment2: download_values(moment2)?,
            state: State { step: self.step, updates: self.adam.updates(), guard: self.guard, ..state },
        })
    }

    /// Weights in the order of the graph's parameters, as a checkpoint holds them.
    pub(crate) fn parameters_of(&self, values: &[f32]) -> Result<Parameters, TrainError> {
        let named = |e: TchError| TorchError::new("the checkpoint", Device::Cpu, &e);
        Ok(self.flat.parameters_of(&Tensor::f_from_slice(values).map_err(named)?)?)
    }

    /// Updates of the weights: steps made less those skipped.
    pub(crate) fn updates(&self) -> u64 {
        self.adam.updates()
    }

    /// The averaged weights.
    pub(crate) fn averaged(&self) -> Result<Parameters, TrainError> {
        Ok(self.flat.parameters_of(self.average.values())?)
    }

    /// Steps made, those skipped included.
    pub(crate) fn step_count(&self) -> u64 {
        self.step
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.guard.skipped
    }

    /// How many of the last steps were broken.
    pub(crate) fn broken(&self) -> u32 {
        self.guard.broken
    }

    pub(crate) fn device(&self) -> Device {
        self.flat.tensor().device()
    }

    pub(crate) fn graph(&self) -> &Graph {
        self.flat.graph()
    }

    /// Learns from a batch, unless what comes out is no good.
    pub(crate) fn step(&mut self, fed: &Fed) -> Result<Outcome, TrainError> {
        let device = self.device();
        let graph = self.flat.graph();
        let outputs = run(graph, &self.flat.views()?, &fed.inputs, self.objective.wanted(), self.precision)?;
        let parts = self.objective.parts(&outputs, fed)?;
        let compared = self.objective.compared(&outputs, fed)?;
        drop(outputs);
        let named = |what: &'static str| move |e: TchError| TorchError::new(what, device, &e);
        let mut gradient = gradient(&parts, self.flat.tensor()).map_err(named("the gradient"))?;
        let parts = parts.f_detach().map_err(named("the loss"))?;
        // Whose batch is to blame can only be told before; one process knows without.
        let own = match self.averager.size() {
            1 => None,
            _ => Some(own(&parts, &gradient).map_err(named("the gradient's norm"))?),
        };
        // From here on all processes have the same numbers, and come to the same verdict.
        self.averager.average(&mut gradient)?;
        let mut parts = Tensor::f_cat(&[parts, compared], 0).map_err(named("the loss"))?;
        self.averager.average(&mut parts)?;

        // The only time that the host waits for the device: a few numbers.
        let numbers = gradient
            .f_norm()
            .and_then(|norm| {
                let all: Vec<Tensor> = [parts, norm.f_view([1])?].into_iter().chain(own).collect();
                Tensor::f_cat(&all, 0)
            })
            .map_err(named("the gradient's norm"))?;
        // Before the host waits for the device, which may be waiting for a process that is gone.
        self.averager.settle()?;
        let numbers = download_values(&numbers)?;
        let number = |i: usize| numbers.get(i).map_or(f64::NAN, |&v| f64::from(v));
        let count = self.objective.count();
        let (parts, compared) = ((0..count).map(number).collect(), [number(count), number(count + 1)]);
        let norm = number(count + 2);
        let rate = self.schedule.rate(self.step);
        let own = numbers.get(count + 3).is_none_or(|value| value.is_finite());
        let mut outcome = Outcome { parts, compared, rate, norm, verdict: Verdict::Take, own };
        outcome.verdict = self.guard.judge(outcome.loss(), norm, self.spike);
        self.step += 1;
        if outcome.verdict == Verdict::Take {
            self.update(&gradient, norm, rate).map_err(named("the optimiser"))?;
        }
        Ok(outcome)
    }

    fn update(&mut self, gradient: &Tensor, norm: f64, rate: f64) -> Result<(), TchError> {
        if self.clip > 0.0 && norm > self.clip {
            let _ = gradient.shallow_clone().f_mul_scalar_(self.clip / norm)?;
        }
        self.adam.step(self.flat.tensor(), gradient, rate)?;
        if let Some(slopes) = &self.slopes {
            let leaf = self.flat.tensor_mut();
            tch::no_grad(|| {
                let clamped = leaf.f_index_select(0, slopes)?.f_clamp_min(0.0)?;
                leaf.f_index_copy_(0, slopes, &clamped).map(|_| ())
            })?;
        }
        self.average.update(self.flat.tensor(), self.adam.updates())
    }
}

/// The places of the slopes that count as 0 where they are negative. They are kept from being so, as the reference does: what lies
/// below 0 has no gradient, but the optimiser's memory would move it on.
fn slopes(graph: &Graph, flat: &FlatParameters, device: Device) -> Result<Option<Tensor>, TchError> {
    let mut places = BTreeSet::new();
    for node in graph.nodes() {
        if let Activation::PreluNonNegative(id) = node.op.activation() {
            let range = &flat.ranges()[id.index()];
            places.extend(range.clone().map(|place| place as i64));
        }
    }
    if places.is_empty() {
        return Ok(None);
    }
    let places: Vec<i64> = places.into_iter().collect();
    Tensor::f_from_slice(&places)?.f_to_device(device).map(Some)
}

/// One number that is finite if the loss and the gradient are.
fn own(parts: &Tensor, gradient: &Tensor) -> Result<Tensor, TchError> {
    parts.f_sum(Kind::Float)?.f_add(&gradient.f_norm()?)?.f_view([1])
}

/// Of the sum of the parts, for all parameters.
fn gradient(parts: &Tensor, leaf: &Tensor) -> Result<Tensor, TchError> {
    let total = parts.f_sum(Kind::Float)?;
    let mut gradients = Tensor::f_run_backward(&[total], &[leaf], false, false)?;
    gradients.pop().ok_or_else(|| TchError::Torch("the loss depends on no parameter".to_owned()))
}
