//! A network at the scales that suit each size of frames.

use std::sync::Arc;

use ifr_cpu::{EngineOptions, NetInterpolator};
use ifr_frame::{Frame, Interpolate, InterpolateError, Pair};
use ifr_net::{Cost, Graph, GraphError, Ratio, Scales, Timesteps};

use crate::interpolator::{InterpolatorError, InterpolatorOptions};
use crate::method::Times;
use crate::model::NetModel;

/// A network whose graph is made for the first pair, and again where another size asks for other scales.
#[derive(Debug)]
pub(crate) struct ScaledNet {
    model: Arc<NetModel>,
    options: InterpolatorOptions,
    engine: EngineOptions,
    /// The last one used; the scales of one size are usually those of all.
    ready: Option<(Scales, NetInterpolator)>,
}

impl ScaledNet {
    pub(crate) fn new(
        model: &Arc<NetModel>,
        options: InterpolatorOptions,
        engine: EngineOptions,
    ) -> Result<Self, GraphError> {
        let net = Self { model: Arc::clone(model), options, engine, ready: None };
        // What was asked for is possible at any size or at none.
        let InterpolatorOptions { flow_scale, refine_scale, .. } = options;
        net.model
            .network
            .graph_at(Scales { flow: flow_scale.or(Ratio::ONE), refine: refine_scale.or(Ratio::ONE) })?;
        Ok(net)
    }

    pub(crate) fn scales(&self, width: usize, height: usize) -> Scales {
        let auto = self.model.network.scales_for(width, height);
        Scales {
            flow: self.options.flow_scale.or(auto.flow),
            refine: self.options.refine_scale.or(auto.refine),
        }
    }

    pub(crate) fn has_refiner(&self) -> bool {
        self.model.network.has_refiner()
    }

    pub(crate) fn times(&self) -> Times {
        match self.model.timesteps {
            Timesteps::Any => Times::Any,
            Timesteps::Midpoint => Times::Bisected(self.options.bisect_depth),
        }
    }

    /// What one run costs on frames of that size.
    pub(crate) fn cost(&self, width: usize, height: usize) -> Result<Cost, GraphError> {
        let graph = self.graph(width, height)?;
        let padded = |n: usize| n.next_multiple_of(graph.multiple());
        Cost::of(&graph, padded(width), padded(height))
    }

    fn graph(&self, width: usize, height: usize) -> Result<Graph, GraphError> {
        self.model.network.graph_at(self.scales(width, height))
    }

    fn ready(&mut self, width: usize, height: usize) -> Result<&mut NetInterpolator, InterpolatorError> {
        let scales = self.scales(width, height);
        let ready = match self.ready.take() {
            Some(ready) if ready.0 == scales => ready,
            other => {
                // The packed weights of one are enough.
                drop(other);
                let graph = self.graph(width, height)?;
                let net = NetInterpolator::new(&graph, &self.model.parameters, self.engine.clone())?;
                let net = match self.times() {
                    Times::Any => net,
                    Times::Bisected(depth) => net.bisecting(depth),
                };
                (scales, net)
            }
        };
        Ok(&mut self.ready.insert(ready).1)
    }
}

impl Interpolate for ScaledNet {
    fn name(&self) -> &str {
        self.model.network.name()
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        let net = self.ready(first.width(), first.height());
        net.map_err(|error| InterpolateError::Engine(Box::new(error)))?.pair(first, second)
    }
}
