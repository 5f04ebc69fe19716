//! Trainings of a tiny network on made frames.

mod ends;
mod faults;
mod plus;
mod processes;
mod resume;
mod validation;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ifr_data::{Batch, DataError, Origin};
use ifr_net::{IfrNet, Network, Ratio};
use ifr_scene::Scene;

use super::job::{Clock, Job};
use super::prepare::{Graphs, job_with};
use super::{TrainOptions, Trained, Watch};
use crate::TrainError;
use crate::checkpoint::{Checkpoint, newest};
use crate::config::Config;
use crate::event::{Event, StepReport};
use crate::parallel::World;
use crate::source::Source;

const SIDE: usize = 32;

const TINY: Network = tiny(8);

/// A tiny IFRNet, with its last decoder as wide as that.
const fn tiny(inner: usize) -> Network {
    Network::IfrNet(IfrNet { encoder: [4, 6, 8, 10], decoder: [10, 12, 10, inner], side: 4, ..IfrNet::S })
}

fn graphs(network: Network) -> Graphs {
    Graphs { training: network.training_graph().unwrap(), plain: network.graph(Ratio::ONE).unwrap() }
}

/// The `n`-th batch: one sample of the film, its t depending on n.
fn batch(n: u64) -> Batch {
    let t = [0.5, 0.25, 0.75][n as usize % 3];
    let start = 0.2 + 0.05 * n as f64;
    let frame = |at: f64| Scene::demo().render(start + 0.1 * at, SIDE, SIDE).data().to_vec();
    let flow = |x: f32| vec![x; SIDE * SIDE];
    Batch {
        samples: 1,
        width: SIDE,
        height: SIDE,
        first: frame(0.0),
        second: frame(1.0),
        target: frame(f64::from(t)),
        t: vec![t],
        labels: Some([flow(0.5), flow(0.0), flow(-0.5), flow(0.25)].concat()),
        prior: None,
        origins: vec![Origin { name: Arc::from("film"), first: n as usize, targets: vec![1], second: 2 }],
    }
}

/// The same with a pixel that is not a number.
fn broken(n: u64) -> Batch {
    let mut batch = batch(n);
    batch.first[7] = f32::NAN;
    batch
}

fn config(dir: &Path, more: &str) -> Config {
    let text = format!(
        "[model]\nnetwork = 'ifrnet-s'\n[data]\nkind = 'clips'\npath = 'none'\ncrop = {SIDE}\nbatch = 1\nlabels = 'flow'\n\
         [loss]\ndistillation = 0.01\n[output]\ndir = 'out'\ndtype = 'f32'\nkeep = 3\n\
         [train]\nlearning_rate = 1e-3\nwarmup = 2\nweight_decay = 0.01\nclip = 1.0\nema = 0.9\nlog_every = 2\n\
         device = 'cpu'\n{more}\n"
    );
    Config::parse(&text, "test", dir, &[]).unwrap()
}

/// A run of the loop, and what to do to it.
struct Run<'a> {
    config: &'a Config,
    options: TrainOptions,
    network: Network,
    batches: fn(u64) -> Result<Batch, DataError>,
    /// Stops after so many steps.
    stop_at: Option<u64>,
    clock: Clock,
    world: World,
}

impl<'a> Run<'a> {
    fn new(config: &'a Config) -> Self {
        Self {
            config,
            options: TrainOptions::default(),
            network: TINY,
            batches: |n| Ok(batch(n)),
            stop_at: None,
            clock: Box::new(Default::default),
            world: World::single(),
        }
    }

    /// Runs; also returns every step and every notice.
    fn go(self) -> (Result<Trained, TrainError>, Vec<StepReport>, Vec<String>) {
        self.go_by(Job::run)
    }

    /// The same with another way to run.
    fn go_by<T>(
        self,
        run: impl FnOnce(Job, &AtomicBool, &mut Watch<'_>) -> Result<T, TrainError>,
    ) -> (Result<T, TrainError>, Vec<StepReport>, Vec<String>) {
        // One thread: what is compared here to the bit is then computed in one order.
        tch::set_num_threads(1);
        let stop = AtomicBool::new(false);
        let seen = RefCell::new((Vec::new(), Vec::new()));
        let mut watch = |event: &Event<'_>| match event {
            Event::Step(report) => {
                seen.borrow_mut().0.push((*report).clone());
                if self.stop_at == Some(report.step) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            Event::Notice(words) => seen.borrow_mut().1.push((*words).to_owned()),
            _ => {}
        };
        let batches = self.batches;
        let mut open = |first: u64, _: tch::Device| -> Result<Source, TrainError> {
            let samples = Box::new((first..).map(batches));
            Ok(Source { windows: Some(100), pass: Some(100), samples, notice: None, loader: None })
        };
        let graphs = graphs(self.network);
        let (options, world) = (&self.options, &self.world);
        let job = job_with(self.config, options, &graphs, world, &mut open, self.clock, &stop, &mut watch);
        let trained = job.and_then(|job| run(job.unwrap(), &stop, &mut watch));
        let (steps, notices) = seen.into_inner();
        (trained, steps, notices)
    }
}

/// The newest checkpoint, with what depends on the clock or the folder left out.
fn last(config: &Config, network: Network) -> Checkpoint {
    let path = newest(&config.output.dir).unwrap().unwrap();
    let mut checkpoint = Checkpoint::read(&path, &graphs(network).training).unwrap();
    checkpoint.state.seconds = 0.0;
    checkpoint.state.validation_seconds = None;
    checkpoint.state.config = String::new();
    checkpoint
}

fn losses(steps: &[StepReport]) -> Vec<Vec<f64>> {
    steps.iter().map(|step| step.parts.clone()).collect()
}
