use std::sync::Arc;

use ifr_cpu::{CpuError, EngineOptions};
use ifr_flow::{FlowInterpolator, FlowOptions};
use ifr_frame::{Averaged, BisectDepth, Covered, Frame, Interpolate, InterpolateError, Pair};
use ifr_net::{GraphError, Ratio};
use thiserror::Error;

use crate::memory::Mebibytes;
use crate::method::{Method, Times};
use crate::model::Kind;
use crate::scaled::ScaledNet;
use crate::{Device, DeviceError, Model, Scale};

/// Makes in-between frames with a [`Model`] on a [`Device`].
#[derive(Debug)]
pub struct Interpolator {
    engine: Engine,
    /// What the model is called, with its file.
    model: String,
    weights: Option<u32>,
    averaged: bool,
}

#[derive(Debug)]
enum Engine {
    Flow(FlowInterpolator),
    Net(Box<ScaledNet>),
}

impl Engine {
    fn as_interpolate(&mut self) -> &mut dyn Interpolate {
        match self {
            Self::Flow(flow) => flow,
            Self::Net(net) => net.as_mut(),
        }
    }
}

/// How an [`Interpolator`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterpolatorOptions {
    /// The scale at which a network finds motion, 1/16 to 1: a smaller one is faster and reaches farther; the new frame is
    /// put together at full size. Any ratio is taken here; the command line takes nine, from 1/8 up, for which frames need
    /// little padding.
    pub flow_scale: Scale,
    /// The scale at which a network corrects what it has put together, 1/16 to 1 likewise; for networks with a refiner (IFR+).
    pub refine_scale: Scale,
    /// How often an interval is halved by a model that makes middles alone ([`Model::timesteps`]); the others have no use for
    /// it.
    pub bisect_depth: BisectDepth,
    /// Whether each frame is the mean over mirrored and time-reversed pairs ([`Averaged`]): eight times the work.
    pub averaged: bool,
}

/// A model that cannot be made ready.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InterpolatorError {
    /// The device's threads cannot be started.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The network cannot work at that scale.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The network cannot run.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// A scale for a model that has none.
    #[error("the model {0} has no working scale: leave the scale out, or use a network")]
    NoScale(String),
    /// Less memory than it takes to make frames of that size.
    #[error(
        "{model} takes at least {} for frames of {width}x{height}, and {} are left for it: allow at least {} more memory{advice}",
        Mebibytes(*least), Mebibytes(*given), Mebibytes(least - given)
    )]
    Memory {
        /// The model's name.
        model: String,
        /// Width of the frames.
        width: usize,
        /// Height of the frames.
        height: usize,
        /// Bytes that it takes at least.
        least: u64,
        /// Bytes that it was given.
        given: u64,
        /// What else would help.
        advice: &'static str,
    },
}

impl Interpolator {
    /// Gets a model ready to run, with scales that suit the frames and instants to 1/16 of an interval.
    ///
    /// # Errors
    /// [`InterpolatorError`] when the device's threads cannot be started or the network cannot run.
    pub fn new(model: &Model, device: &Device) -> Result<Self, InterpolatorError> {
        Self::with_options(model, device, InterpolatorOptions::default())
    }

    /// Gets a model ready to run. What depends on the size of the frames is made for the first pair.
    ///
    /// # Errors
    /// [`InterpolatorError`] as for [`Interpolator::new`], or when the model has no such scale.
    pub fn with_options(
        model: &Model,
        device: &Device,
        options: InterpolatorOptions,
    ) -> Result<Self, InterpolatorError> {
        let pool = Some(device.pool()?);
        let scaled =
            [options.flow_scale, options.refine_scale].iter().any(|s| s.or(Ratio::ONE) != Ratio::ONE);
        let engine = match &model.kind {
            Kind::Flow(_) if scaled => return Err(InterpolatorError::NoScale(model.to_string())),
            Kind::Flow(quality) => {
                Engine::Flow(FlowInterpolator::with_options(FlowOptions { quality: *quality, pool }))
            }
            Kind::Net(net) => {
                let engine = EngineOptions { pool, ..EngineOptions::default() };
                Engine::Net(Box::new(ScaledNet::new(net, options, engine)?))
            }
        };
        Ok(Self { engine, model: model.to_string(), weights: model.checksum(), averaged: options.averaged })
    }

    /// From now on takes no more than `bytes` of memory for frames of `width` × `height`, those given and made not counted: a network
    /// works in lower bands then, and where that is not enough and its flow scale is [`Scale::Auto`], at a smaller one. The same
    /// frames are made but for the latter. Returns how much it takes at most, by an estimate that is meant to be above what is
    /// measured.
    ///
    /// # Errors
    /// [`InterpolatorError::Memory`] when that is not possible, and as [`Interpolator::method`].
    pub fn fit(&mut self, width: usize, height: usize, bytes: u64) -> Result<u64, InterpolatorError> {
        let pixels = (width as u64).saturating_mul(height as u64);
        let beside = if self.averaged { pixels.saturating_mul(Averaged::BYTES_PER_PIXEL) } else { 0 };
        match self.fit_engine(width, height, bytes.saturating_sub(beside)) {
            Ok(taken) => Ok(taken.saturating_add(beside)),
            Err(InterpolatorError::Memory { model, width, height, least, advice, .. }) => {
                let least = least.saturating_add(beside);
                Err(InterpolatorError::Memory { model, width, height, least, given: bytes, advice })
            }
            Err(other) => Err(other),
        }
    }

    fn fit_engine(&mut self, width: usize, height: usize, bytes: u64) -> Result<u64, InterpolatorError> {
        match &mut self.engine {
            Engine::Flow(flow) => {
                let least = FlowInterpolator::memory_for(flow.quality(), width, height);
                let advice = ", or make the frames smaller";
                let model = self.model.clone();
                let fault = InterpolatorError::Memory { model, width, height, least, given: bytes, advice };
                if least <= bytes { Ok(least) } else { Err(fault) }
            }
            Engine::Net(net) => net.fit(width, height, bytes),
        }
    }

    /// Which instants it makes.
    pub fn times(&self) -> Times {
        match &self.engine {
            Engine::Flow(_) => Times::Any,
            Engine::Net(net) => net.times(),
        }
    }

    /// How it makes frames of `width` × `height` pixels.
    ///
    /// # Errors
    /// [`InterpolatorError::Graph`] when it makes none of that size.
    pub fn method(&self, width: usize, height: usize) -> Result<Method, InterpolatorError> {
        let mut method = Method {
            model: self.model.clone(),
            weights: self.weights,
            flow_scale: None,
            refine_scale: None,
            times: self.times(),
            passes: if self.averaged { Averaged::RUNS } else { 1 },
            cost: None,
        };
        if let Engine::Net(net) = &self.engine {
            let scales = net.scales(width, height);
            method.flow_scale = Some(scales.flow);
            method.refine_scale = net.has_refiner().then_some(scales.refine);
            method.cost = Some(net.cost(width, height)?);
        }
        Ok(method)
    }

    /// Prepares a pair: `first` is at t = 0, `second` at t = 1. Consecutive pairs that share a frame (the same
    /// [`Arc`]) share its analysis.
    ///
    /// # Errors
    /// [`InterpolateError`] when the frames differ in size, format or colour description.
    pub fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        let engine = self.engine.as_interpolate();
        if self.averaged {
            return Ok(Box::new(Averaged::new(engine, first, second)?));
        }
        engine.pair(first, second)
    }
}

impl Interpolate for Interpolator {
    fn name(&self) -> &str {
        match &self.engine {
            Engine::Flow(flow) => flow.name(),
            Engine::Net(net) => net.name(),
        }
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        Self::pair(self, first, second)
    }

    fn pair_covered<'a>(
        &'a mut self,
        first: Covered<'_>,
        second: Covered<'_>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        if self.averaged {
            return Self::pair(self, first.frame, second.frame);
        }
        self.engine.as_interpolate().pair_covered(first, second)
    }
}
