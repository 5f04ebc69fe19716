use std::sync::Arc;

use ifr_cpu::{CpuError, EngineOptions, NetInterpolator};
use ifr_flow::{FlowInterpolator, FlowOptions};
use ifr_frame::{Frame, Interpolate, InterpolateError, Pair};
use ifr_net::{GraphError, Ratio};
use thiserror::Error;

use crate::model::Kind;
use crate::{Device, DeviceError, Model};

/// Makes in-between frames with a [`Model`] on a [`Device`].
pub struct Interpolator {
    engine: Box<dyn Interpolate>,
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
}

impl Interpolator {
    /// Gets a model ready to run.
    ///
    /// # Errors
    /// [`InterpolatorError`] when the device's threads cannot be started or the network cannot run.
    pub fn new(model: &Model, device: &Device) -> Result<Self, InterpolatorError> {
        Self::with_scale(model, device, Ratio::ONE)
    }

    /// Gets a model ready to run at a working scale, 1/4 to 1: a network then finds motion on frames that much smaller,
    /// which is faster and reaches farther, and puts the new frame together at full size.
    ///
    /// # Errors
    /// [`InterpolatorError`] as for [`Interpolator::new`], or when the model has no such scale.
    pub fn with_scale(model: &Model, device: &Device, scale: Ratio) -> Result<Self, InterpolatorError> {
        let pool = Some(device.pool()?);
        let engine: Box<dyn Interpolate> = match &model.kind {
            Kind::Flow(_) if scale != Ratio::ONE => {
                return Err(InterpolatorError::NoScale(model.to_string()));
            }
            Kind::Flow(quality) => {
                Box::new(FlowInterpolator::with_options(FlowOptions { quality: *quality, pool }))
            }
            Kind::Net(net) => {
                let options = EngineOptions { pool, ..EngineOptions::default() };
                Box::new(NetInterpolator::new(&net.network.graph(scale)?, &net.parameters, options)?)
            }
        };
        Ok(Self { engine })
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
        self.engine.pair(first, second)
    }
}

impl Interpolate for Interpolator {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        self.engine.pair(first, second)
    }
}

impl std::fmt::Debug for Interpolator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpolator").field("model", &self.engine.name()).finish()
    }
}
