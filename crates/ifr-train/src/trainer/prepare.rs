//! From a configuration to a job.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use ifr_net::{Graph, Ratio};
use tch::Device;

use super::device::device;
use super::job::{Clock, Job};
use super::learner::Learner;
use super::record::Record;
use super::shares::shares;
use super::{End, TrainOptions, Trained, Watch, set_threads};
use crate::budget::{self, Budget};
use crate::checkpoint::{Checkpoint, State, newest};
use crate::config::Config;
use crate::event::{Event, Ready};
use crate::feed::Feed;
use crate::parallel::{Timeouts, World};
use crate::validate::Validator;
use crate::{TrainError, network, source};
use source::Source;

/// How long a checkpoint is thought to take before one was written.
const SAVING: Duration = Duration::from_secs(5);
/// How much longer a network's validation is thought to take than that of the baselines, before there was one.
const HEAVIER: f64 = 4.0;

/// The data from a batch on, for training on that device.
pub(super) type Open<'a> = dyn FnMut(u64, Device) -> Result<Source, TrainError> + 'a;

/// One network twice, with the same parameters.
pub(super) struct Graphs {
    /// With what the loss reads besides.
    pub(super) training: Graph,
    /// As it is used, and validated.
    pub(super) plain: Graph,
}

pub(super) fn job(
    config: &Config,
    options: &TrainOptions,
    stop: &AtomicBool,
    watch: &mut Watch<'_>,
) -> Result<Option<Job>, TrainError> {
    let (config, words) = &config.with_files_there();
    if let Some(words) = words {
        watch(&Event::Notice(words));
    }
    let network = network::find(&config.model)?;
    let graphs = Graphs { training: network.training_graph()?, plain: network.graph(Ratio::ONE)? };
    let started = options.started;
    let clock: Clock = Box::new(move || started.elapsed());
    let world = World::from_env()?;
    let open = &mut |first, device| {
        let (threads, workers) = shares(config, device, &world);
        if device == Device::Cpu {
            set_threads(threads);
        }
        source::open(config, first, &world, workers)
    };
    job_with(config, options, &graphs, &world, open, clock, stop, watch)
}

/// The same with another network, other samples or another clock. `None` where `stop` was set before all was ready.
pub(super) fn job_with(
    config: &Config,
    options: &TrainOptions,
    graphs: &Graphs,
    world: &World,
    open: &mut Open<'_>,
    clock: Clock,
    stop: &AtomicBool,
    watch: &mut Watch<'_>,
) -> Result<Option<Job>, TrainError> {
    let (graph, output) = (&graphs.training, &config.output.dir);
    let lock = if world.is_first() {
        fs::create_dir_all(output).map_err(|e| TrainError::io("create", output, e))?;
        Some(lock(output)?)
    } else {
        None
    };
    let threads = config.train.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let device = device(config.train.device, world, watch)?;
    let (resumed, checkpoint) = match resume(config, options, graph, watch)? {
        Some((path, checkpoint)) => (Some(path), Some(checkpoint)),
        None => (None, None),
    };
    let step = checkpoint.as_ref().map_or(0, |c| c.state.step);
    // Before anything that takes long: processes wait for each other only so long.
    let averager = world.connect(device, config.fingerprint(step)?, Timeouts::default())?;
    let Source { windows, pass, samples, notice, loader } = open(step, device)?;
    let steps = steps(config, pass)?;
    if let Some((path, checkpoint)) = resumed.as_ref().zip(checkpoint.as_ref()) {
        same_processes(config, options, path, &checkpoint.state, (steps, world.size()), watch)?;
    }
    config.notices(steps).iter().for_each(|words| watch(&Event::Notice(words)));
    if let Some(notice) = notice {
        watch(&Event::Notice(&notice));
    }

    let validator = match world.is_first() {
        true => {
            let cache = output.join("baselines.json");
            let half = Budget::half(options.time_budget);
            let halt = || stop.load(Ordering::Relaxed) || half.is_some_and(|half| clock() >= half);
            Validator::new(&config.validation, threads, &cache, &clock, &halt, watch)?
        }
        false => None,
    };
    let baselines_took = validator.as_ref().and_then(Validator::baselines_took);
    // Of several processes, those that wait for this one find out at the first step.
    if stop.load(Ordering::Relaxed) && world.size() == 1 {
        return Ok(None);
    }
    if validator.is_some() && baselines_took.is_none() && !stop.load(Ordering::Relaxed) {
        watch(&Event::Notice(
            "half of the time is up: baselines of the validation that are not measured yet are left to the next run",
        ));
    }

    // Also those of a checkpoint are loaded into these: only their shapes matter then.
    let mut model = config.model.clone();
    if checkpoint.is_some() {
        (model.init, model.encoder) = (None, None);
    }
    let parameters = network::begin(graph, &model, config.train.seed)?;
    let mut learner = Learner::new(graph, &parameters, config, steps, device)?.together(averager);
    let mut state = State {
        version: State::VERSION,
        network: graph.name().to_owned(),
        step: 0,
        steps,
        updates: 0,
        guard: Default::default(),
        validated: None,
        best: None,
        sets: validator.as_ref().map(Validator::key).transpose()?,
        seconds: 0.0,
        validation_seconds: None,
        windows,
        processes: Some(world.size()),
        config: config.to_toml()?,
    };
    let mut validated = 0;
    if let Some(checkpoint) = &checkpoint {
        learner.resume(checkpoint)?;
        let before = &checkpoint.state;
        if before.windows != windows {
            let words =
                |n: Option<u64>| n.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string());
            let (was, is) = (words(before.windows), words(windows));
            watch(&Event::Notice(&format!(
                "the data hold {is} windows, {was} before: batches will be others"
            )));
        }
        validated = before.validated.unwrap_or(0);
        state.seconds = before.seconds;
        // What was measured on other sets, or how long that took, says nothing about these.
        if before.sets.as_ref().zip(state.sets.as_ref()).is_none_or(|(before, now)| before == now) {
            state.validated = before.validated;
            state.best.clone_from(&before.best);
            state.validation_seconds = before.validation_seconds;
            state.sets = state.sets.or_else(|| before.sets.clone());
        } else if let Some(best) = &before.best {
            watch(&Event::Notice(&format!(
                "validation.sets have changed: the best so far (step {}, {:.3} dB) is of others and does not count any more",
                best.step, best.psnr
            )));
        }
    }
    // A guess by the baselines, until there was one.
    let validation = match (state.validation_seconds, &resumed) {
        (Some(seconds), path) => {
            budget::Validation::Measured(Duration::try_from_secs_f64(seconds).map_err(|_| {
                let problem = format!("validation_seconds is {seconds}, expected a number from 0");
                TrainError::checkpoint(path.as_deref().unwrap_or(output), problem)
            })?)
        }
        (None, _) => baselines_took
            .map_or(budget::Validation::Unknown, |took| budget::Validation::Guess(took.mul_f64(HEAVIER))),
    };
    let ready = Ready {
        network: graph.name().to_owned(),
        parameters: parameters.count(),
        device: words(device, world),
        windows,
        resumed: resumed.clone(),
        step,
        steps,
        output: output.clone(),
    };
    watch(&Event::Ready(&ready));
    let weights = Some(output.join("weights.safetensors")).filter(|path| path.is_file());
    Ok(Some(Job {
        feed: Feed::new(samples, graph, device)?,
        record: match world.is_first() {
            true => Some(Record::new(output, config, step, validated)?),
            false => None,
        },
        budget: Budget::new(options.time_budget, clock(), SAVING, validation),
        before: state.seconds,
        on_disk: resumed.is_some(),
        postponed: None,
        rank: world.rank(),
        // What was found by then is in the notice.
        loader: loader.map(|loader| (loader.clone(), loader.stats())),
        trained: Trained { end: End::Done, step, steps, checkpoint: resumed, validation: None, weights },
        config: config.clone(),
        learner,
        validator,
        clock,
        state,
        lock,
        plain: graphs.plain.clone(),
    }))
}

/// Keeps others out of the folder for as long as the file is open.
fn lock(output: &Path) -> Result<File, TrainError> {
    let path = output.join(".lock");
    let file = File::create(&path).map_err(|e| TrainError::io("create", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(TrainError::Busy { path: output.to_owned() }),
        // Not every file system has locks.
        Err(fs::TryLockError::Error(_)) => Ok(file),
    }
}

/// The checkpoint to go on from, if there is one and one may.
fn resume(
    config: &Config,
    options: &TrainOptions,
    graph: &Graph,
    watch: &mut Watch<'_>,
) -> Result<Option<(std::path::PathBuf, Checkpoint)>, TrainError> {
    let output = &config.output.dir;
    let Some(path) = newest(output)? else {
        if options.resume {
            return Err(TrainError::NoCheckpoint { path: output.clone() });
        }
        return Ok(None);
    };
    let state = Checkpoint::state(&path)?;
    // It holds every value and absolute paths, so no folder matters.
    let before = Config::parse(&state.config, &format!("{} (config)", path.display()), Path::new(""), &[]);
    let differences = match before {
        Ok(before) => config.differences(&before)?.join("; "),
        Err(e) => e.to_string(),
    };
    if !differences.is_empty() {
        if !options.resume {
            return Err(TrainError::Other { path: output.clone(), differences });
        }
        watch(&Event::Notice(&format!("going on with another configuration ({differences})")));
    }
    let checkpoint = Checkpoint::read(&path, graph)?;
    Ok(Some((path, checkpoint)))
}

/// Another number of processes takes other batches: nobody goes on with that unasked.
fn same_processes(
    config: &Config,
    options: &TrainOptions,
    path: &Path,
    before: &State,
    (steps, processes): (u64, usize),
    watch: &mut Watch<'_>,
) -> Result<(), TrainError> {
    let Some(was) = before.processes.filter(|&was| was != processes) else { return Ok(()) };
    let differences = format!(
        "processes: {was} before, {processes} now; steps in all: {} before, {steps} now; {} of them are made",
        before.steps, before.step
    );
    if !options.resume {
        return Err(TrainError::Other { path: config.output.dir.clone(), differences });
    }
    watch(&Event::Notice(&format!("going on from {} otherwise ({differences})", path.display())));
    Ok(())
}

/// How many steps the configuration asks for; a pass over the data has so many.
fn steps(config: &Config, pass: Option<u64>) -> Result<u64, TrainError> {
    match (config.train.steps, config.train.epochs, pass) {
        (Some(steps), ..) => Ok(steps),
        (None, Some(epochs), Some(pass)) => Ok((epochs * pass as f64).ceil().max(1.0) as u64),
        _ => Err(TrainError::Internal("train.epochs needs data of a known size: set train.steps".to_owned())),
    }
}

fn words(device: Device, world: &World) -> String {
    match device {
        Device::Cuda(_) if world.size() > 1 => format!("{} GPUs", world.size()),
        Device::Cuda(index) => format!("GPU {index}"),
        Device::Cpu if world.size() > 1 => format!("CPU, {} processes", world.size()),
        Device::Cpu if tch::get_num_threads() == 1 => "CPU, 1 thread".to_owned(),
        Device::Cpu => format!("CPU, {} threads", tch::get_num_threads()),
        other => format!("{other:?}"),
    }
}
