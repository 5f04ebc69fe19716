//! A network at the scales that suit each size of frames.

use std::sync::Arc;

use ifr_cpu::{Bands, EngineOptions, NetInterpolator};
use ifr_frame::{Frame, Interpolate, InterpolateError, Pair};
use ifr_net::{Cost, Graph, GraphError, Ratio, Scales, Timesteps};

use crate::interpolator::{InterpolatorError, InterpolatorOptions};
use crate::method::Times;
use crate::model::NetModel;
use crate::scale::Scale;

/// A network whose graph is made for the first pair, and again where another size asks for other scales.
#[derive(Debug)]
pub(crate) struct ScaledNet {
    model: Arc<NetModel>,
    options: InterpolatorOptions,
    engine: EngineOptions,
    /// The last one used; the scales of one size are usually those of all.
    ready: Option<(Scales, NetInterpolator)>,
    /// What was chosen to fit into some memory.
    fitted: Option<Fitted>,
}

/// What suits frames of one size in some memory.
#[derive(Debug, Clone, Copy)]
struct Fitted {
    size: (usize, usize),
    scales: Scales,
    bands: Bands,
}

/// Bands to choose from, the fastest first.
const BANDS: [Bands; 4] = [Bands::BySize, Bands::Low(16), Bands::Low(8), Bands::Low(4)];

/// Flow scales below 1 to choose from where one may be chosen: (numerator, denominator).
const SMALLER: [(u32, u32); 2] = [(1, 2), (1, 4)];

impl ScaledNet {
    pub(crate) fn new(
        model: &Arc<NetModel>,
        options: InterpolatorOptions,
        engine: EngineOptions,
    ) -> Result<Self, GraphError> {
        let net = Self { model: Arc::clone(model), options, engine, ready: None, fitted: None };
        // What was asked for is possible at any size or at none.
        let InterpolatorOptions { flow_scale, refine_scale, .. } = options;
        net.model
            .network
            .graph_at(Scales { flow: flow_scale.or(Ratio::ONE), refine: refine_scale.or(Ratio::ONE) })?;
        Ok(net)
    }

    pub(crate) fn scales(&self, width: usize, height: usize) -> Scales {
        if let Some(fitted) = self.fitted.filter(|fitted| fitted.size == (width, height)) {
            return fitted.scales;
        }
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

    /// See [`Interpolator::fit`](crate::Interpolator::fit).
    pub(crate) fn fit(&mut self, width: usize, height: usize, bytes: u64) -> Result<u64, InterpolatorError> {
        (self.fitted, self.ready) = (None, None);
        let first = self.scales(width, height);
        let mut scales = vec![first];
        if self.options.flow_scale == Scale::Auto {
            for (num, den) in SMALLER {
                let flow = Ratio::new(num, den)?;
                if flow.value() < first.flow.value() {
                    scales.push(Scales { flow, ..first });
                }
            }
        }
        // The model's own parameters are held beside those packed for the engine.
        let parameters = (self.model.parameters.count() * size_of::<f32>()) as u64;
        let mut least = u64::MAX;
        for scales in scales {
            let net = self.interpolator(scales)?;
            for bands in BANDS {
                let needed = parameters + net.memory_for(width, height, bands)?;
                least = least.min(needed);
                if needed <= bytes {
                    self.fitted = Some(Fitted { size: (width, height), scales, bands });
                    return Ok(needed);
                }
            }
        }
        let advice = match self.options.flow_scale {
            Scale::Auto => ", or choose the model flow, or make the frames smaller",
            Scale::Fixed(_) => ", or leave the flow scale to --scale auto, or choose the model flow",
        };
        let model = self.model.network.to_string();
        Err(InterpolatorError::Memory { model, width, height, least, given: bytes, advice })
    }

    fn interpolator(&self, scales: Scales) -> Result<NetInterpolator, InterpolatorError> {
        let graph = self.model.network.graph_at(scales)?;
        let net = NetInterpolator::new(&graph, &self.model.parameters, self.engine.clone())?;
        Ok(match self.times() {
            Times::Any => net,
            Times::Bisected(depth) => net.bisecting(depth),
        })
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
                (scales, self.interpolator(scales)?)
            }
        };
        let fitted = self.fitted.filter(|fitted| fitted.size == (width, height));
        let (_, net) = self.ready.insert(ready);
        net.set_bands(fitted.map_or(Bands::BySize, |fitted| fitted.bands));
        Ok(net)
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
