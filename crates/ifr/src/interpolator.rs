use std::sync::Arc;

use ifr_flow::{FlowInterpolator, FlowOptions};
use ifr_frame::{Frame, Interpolate, InterpolateError, Pair};

use crate::model::Kind;
use crate::{Device, DeviceError, Model};

/// Makes in-between frames with a [`Model`] on a [`Device`].
pub struct Interpolator {
    engine: Box<dyn Interpolate>,
}

impl Interpolator {
    /// Gets a model ready to run.
    ///
    /// # Errors
    /// [`DeviceError`] when the device's threads cannot be started.
    pub fn new(model: &Model, device: &Device) -> Result<Self, DeviceError> {
        let engine = match model.kind {
            Kind::Flow(quality) => {
                Box::new(FlowInterpolator::with_options(FlowOptions { quality, pool: Some(device.pool()?) }))
            }
        };
        Ok(Self { engine })
    }
}

impl Interpolator {
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
