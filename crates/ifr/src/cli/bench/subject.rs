//! What is measured: a network on its engine, or classical flow on frames.

use std::sync::Arc;
use std::time::Instant;

use ifr::frame::{ColorDescription, Frame, PixelFormat, Samples};
use ifr::net::{Cost, Network, Parameters, Ratio, Scales};
use ifr::{Device, Interpolator, InterpolatorOptions, Model};
use ifr_cpu::{Engine, EngineOptions, Level, Rows, RowsMut, StepTime, Team};
use rayon::ThreadPoolBuilder;

use super::figures::Run;
use crate::cli::Failure;
use crate::cli::model::ScaleArgs;

/// A model that makes one frame again and again.
pub(super) struct Subject {
    /// What it is called, with its file.
    pub(super) name: String,
    /// Where its weights come from, where it has any.
    pub(super) weights: Option<&'static str>,
    /// Of the frames, padded for networks.
    pub(super) size: (usize, usize),
    pub(super) scales: Option<Scales>,
    kind: Kind,
}

enum Kind {
    Net(Box<Net>),
    Flow { interpolator: Interpolator, frames: [Frame; 2] },
}

struct Net {
    engine: Engine,
    cost: Cost,
    /// What the network is told of the instant: the timestep, and of a prior whatever is there, since the time does not depend
    /// on what it says.
    instant: Vec<Vec<f32>>,
    /// A period of each image's values and a row more, so that making images takes no time.
    patterns: [Vec<f32>; 2],
}

impl Net {
    /// Makes the frame between the pair at hand.
    fn at(&mut self, take: impl FnMut(Rows<'_>, Team<'_>) + Send) -> Result<(), Failure> {
        let instant: Vec<&[f32]> = self.instant.iter().map(Vec::as_slice).collect();
        self.engine.at_rows(&instant, take).map_err(Failure::internal)
    }
}

/// Values of a made-up image after which they repeat.
const PERIOD: usize = 1009;

/// Value `i` of made-up image `k`: every value differs from its neighbours, and all programs compute the same.
fn value(i: usize, k: usize) -> f32 {
    ((i * 31 + k * 7919) % PERIOD) as f32 / (PERIOD - 1) as f32
}

impl Subject {
    pub(super) fn new(
        model: &str,
        size: (usize, usize),
        scales: ScaleArgs,
        device: &Device,
        level: Level,
    ) -> Result<Self, Failure> {
        let embedded = Model::embedded().contains(&model);
        if let Some(network) = Network::all().find(|n| n.name() == model && !embedded) {
            let graph = network.graph(Ratio::ONE).map_err(Failure::internal)?;
            let parameters = Parameters::by_rule(&graph);
            let name = network.to_string();
            return Self::of_network(name, "by rule", network, &parameters, size, scales, device, level);
        }
        let model: Model = model.parse().map_err(Failure::input)?;
        match (model.network(), model.parameters()) {
            (Some(network), Some(parameters)) => {
                let name = model.to_string();
                Self::of_network(name, "given", network, parameters, size, scales, device, level)
            }
            _ => Self::of_flow(&model, size, scales, device),
        }
    }

    fn of_network(
        name: String,
        weights: &'static str,
        network: Network,
        parameters: &Parameters,
        (width, height): (usize, usize),
        asked: ScaleArgs,
        device: &Device,
        level: Level,
    ) -> Result<Self, Failure> {
        let auto = network.scales_for(width, height);
        let scales =
            Scales { flow: asked.flow_scale.or(auto.flow), refine: asked.refine_scale.or(auto.refine) };
        let graph = network.graph_at(scales).map_err(Failure::usage)?;
        let (width, height) =
            (width.next_multiple_of(graph.multiple()), height.next_multiple_of(graph.multiple()));
        let cost = Cost::of(&graph, width, height).map_err(Failure::usage)?;
        let pool = ThreadPoolBuilder::new().num_threads(device.threads()).build();
        let pool = Some(Arc::new(pool.map_err(Failure::usage)?));
        let mut engine =
            Engine::new(&graph, parameters, EngineOptions { pool, level }).map_err(Failure::internal)?;
        engine.set_row_output(true);
        // After the images come the timestep, and of a prior flows to both and a frame.
        let instant = [1, 4 * width * height, 3 * width * height].into_iter().take(graph.inputs().len() - 2);
        let instant = instant.map(|len| vec![0.5; len]).collect();
        let patterns = [1, 2].map(|k| (0..PERIOD + width).map(|i| value(i, k)).collect());
        let kind = Kind::Net(Box::new(Net { engine, cost, instant, patterns }));
        Ok(Self { name, weights: Some(weights), size: (width, height), scales: Some(scales), kind })
    }

    fn of_flow(
        model: &Model,
        (width, height): (usize, usize),
        asked: ScaleArgs,
        device: &Device,
    ) -> Result<Self, Failure> {
        let options = InterpolatorOptions {
            flow_scale: asked.flow_scale,
            refine_scale: asked.refine_scale,
            ..InterpolatorOptions::default()
        };
        let interpolator = Interpolator::with_options(model, device, options).map_err(Failure::usage)?;
        let frame = |shift: usize| {
            // A smooth texture that moves by some pixels: flow takes other ways where there is nothing to find.
            let sample = |x: usize, y: usize| {
                let wave = |n: usize, period: f64| (n as f64 * std::f64::consts::TAU / period).sin();
                (128.0 + 60.0 * wave(x + shift + y / 3, 37.0) + 50.0 * wave(y + 2 * x, 91.0)) as u8
            };
            let planes = (0..3).map(|_| {
                let all = (0..height).flat_map(|y| (0..width).map(move |x| sample(x, y))).collect();
                Samples::U8(all)
            });
            Frame::new(PixelFormat::RGB8, width, height, planes.collect(), ColorDescription::SRGB)
        };
        let frames = [frame(0).map_err(Failure::usage)?, frame(5).map_err(Failure::usage)?];
        let kind = Kind::Flow { interpolator, frames };
        Ok(Self { name: model.to_string(), weights: None, size: (width, height), scales: None, kind })
    }

    /// What one frame costs a network.
    pub(super) fn cost(&self) -> Option<&Cost> {
        match &self.kind {
            Kind::Net(net) => Some(&net.cost),
            Kind::Flow { .. } => None,
        }
    }

    /// Bytes of a network's maps.
    pub(super) fn maps(&self) -> Option<usize> {
        match &self.kind {
            Kind::Net(net) => Some(net.engine.maps()),
            Kind::Flow { .. } => None,
        }
    }

    /// Makes the frame.
    pub(super) fn run(&mut self) -> Result<Run, Failure> {
        match &mut self.kind {
            Kind::Net(net) => {
                let start = Instant::now();
                let (width, height) = self.size;
                let patterns = &net.patterns;
                // As a program would that converts its frames: written row by row where the engine wants them.
                let write = |mut rows: RowsMut<'_>| {
                    let (pattern, range) = (&patterns[rows.input()], rows.rows());
                    for channel in 0..3 {
                        for (y, row) in range.clone().zip(rows.channel(channel)) {
                            let first = (channel * height + y) * width % PERIOD;
                            row.copy_from_slice(&pattern[first..first + width]);
                        }
                    }
                };
                net.engine.pair_with(width, height, write).map_err(Failure::usage)?;
                let pair = start.elapsed();
                net.at(|_, _| {})?;
                Ok(Run::new(pair, start.elapsed()))
            }
            Kind::Flow { interpolator, frames } => {
                // New frames each time: of those that it knows, the analysis is kept.
                let [first, second] = frames.clone().map(Arc::new);
                let start = Instant::now();
                let mut pair = interpolator.pair(&first, &second).map_err(Failure::internal)?;
                let time = start.elapsed();
                pair.at(0.5).map_err(Failure::internal)?;
                Ok(Run::new(time, start.elapsed()))
            }
        }
    }

    pub(super) fn measure_layers(&mut self) {
        if let Kind::Net(net) = &mut self.kind {
            net.engine.measure_steps();
        }
    }

    /// The layers measured.
    pub(super) fn layers(&self) -> &[StepTime] {
        match &self.kind {
            Kind::Net(net) => net.engine.step_times(),
            Kind::Flow { .. } => &[],
        }
    }

    /// The frame that a network made last, as bytes of little-endian floats.
    pub(super) fn frame(&mut self) -> Result<Vec<u8>, Failure> {
        let Kind::Net(net) = &mut self.kind else { return Ok(Vec::new()) };
        let (width, height) = self.size;
        let mut values = vec![0.0; 3 * width * height];
        net.at(|rows, _| {
            for (channel, y) in (0..3).flat_map(|c| rows.rows().map(move |y| (c, y))) {
                let at = (channel * height + y) * width;
                values[at..at + width].copy_from_slice(rows.row(channel, y));
            }
        })?;
        Ok(values.iter().flat_map(|v: &f32| v.to_le_bytes()).collect())
    }
}
