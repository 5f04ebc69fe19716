//! Threads that make batches, and their delivery in order.

mod rounds;
mod stats;
mod visit;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::batch::{Batch, Origin};
use crate::plan::Plan;
use crate::sample::Sample;
use crate::set::Set;
use crate::{DataError, Labels, LoaderOptions, SetKind};
use rounds::Rounds;
use stats::{Doing, Gauge};
pub use stats::{LoaderPause, LoaderStats, LoaderWatch};
use visit::Visitor;

/// Makes batches from a [`Set`], without end, in threads of its own.
///
/// Batch n of a rank follows from seed, n, rank, world, options and set alone: neither the number of workers nor the batch
/// it started with changes it, nor who comes first upon files that cannot be read. (When these have become too many,
/// which ends it, depends on what has been looked at so far.) Process `rank` of `world` makes the visits to windows whose number leaves `rank` when
/// divided by `world`.
///
/// Dropping it ends the threads; each finishes the step it is at.
#[derive(Debug)]
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    ended: bool,
}

/// What threads and consumer share.
#[derive(Debug)]
struct Shared {
    visitor: Visitor,
    rounds: Rounds,
    state: Mutex<State>,
    /// Tells workers that there is something to do.
    work: Condvar,
    /// Tells the consumer that something is ready.
    ready: Condvar,
}

#[derive(Debug)]
struct State {
    /// The next visit to be made.
    visit: u64,
    /// Crops that are not in batches yet.
    crops: HashMap<u64, Vec<Option<(Sample, Origin)>>>,
    /// The next batch to be put together.
    batch: u64,
    batches: BTreeMap<u64, Batch>,
    /// The batch that the consumer takes next.
    wanted: u64,
    /// The position among blocks of the visit that each worker is making.
    positions: Vec<Option<u64>>,
    /// The positions whose blocks were held last.
    held: (u64, u64),
    error: Option<DataError>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loader {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`DataError`] when an option is impossible or does not fit the set, the crop is larger than every picture, or threads
    /// cannot be started.
    pub fn new(set: impl Into<Arc<Set>>, options: LoaderOptions) -> Result<Self, DataError> {
        let set = set.into();
        options.check()?;
        check_labels(&set, options.labels)?;
        let Some(plan) = Plan::new(&set, options.seed, options.crop) else {
            return Err(DataError::Crop {
                path: set.root().to_owned(),
                width: options.crop.0,
                height: options.crop.1,
                items: set.kind().items(),
                found: set.largest(),
            });
        };
        Self::start(set, options, plan)
    }

    /// As [`Loader::new`], with a plan that there is already.
    fn start(set: Arc<Set>, options: LoaderOptions, plan: Plan) -> Result<Self, DataError> {
        let small = set.sequences().iter().filter(|s| s.is_smaller(options.crop)).count();
        if small > 0 {
            tracing::warn!(
                "{small} of {} {} are smaller than the crop of {}x{} and left out",
                set.sequences().len(),
                set.kind().items(),
                options.crop.0,
                options.crop.1
            );
        }
        let rounds = Rounds::new(&options);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if options.workers == 0 { cores.saturating_sub(1).max(1) } else { options.workers };
        let first = options.first_batch;
        let state = State {
            visit: rounds.start(first),
            crops: HashMap::new(),
            batch: first,
            batches: BTreeMap::new(),
            wanted: first,
            positions: vec![None; workers],
            held: (0, u64::MAX),
            error: None,
        };
        let kept = visit::kept_folder(&set);
        let gauge = Arc::new(Gauge::default());
        gauge.counters.too_small.store(small as u64, Ordering::Relaxed);
        gauge.counters.unreadable.store(set.health().bad() as u64, Ordering::Relaxed);
        let (stop, unreadable) = (AtomicBool::new(false), Mutex::default());
        let visitor = Visitor { set, options, plan, stop, gauge, kept, unreadable };
        let shared = Arc::new(Shared {
            visitor,
            rounds,
            state: Mutex::new(state),
            work: Condvar::new(),
            ready: Condvar::new(),
        });
        let mut loader = Self { shared, threads: Vec::new(), ended: false };
        for number in 0..workers {
            let thread = worker::start(number, Arc::clone(&loader.shared));
            loader.threads.push(thread.map_err(|e| DataError::Threads(e.to_string()))?);
        }
        Ok(loader)
    }

    /// The number of the batch that comes next.
    pub fn next_batch(&self) -> u64 {
        self.shared.lock().wanted
    }

    /// Batches after which every window place of the set had its turn (with all processes together), rounded up.
    pub fn batches_per_pass(&self) -> u64 {
        let options = &self.shared.visitor.options;
        let visits = self.shared.visitor.plan.pass() * options.crops_per_window as u64;
        visits.div_ceil((options.windows * options.world) as u64)
    }

    /// How it is doing so far.
    pub fn stats(&self) -> LoaderStats {
        self.shared.visitor.gauge.stats()
    }

    /// Tells the same from elsewhere, once this has gone to the thread that takes batches.
    pub fn watch(&self) -> LoaderWatch {
        LoaderWatch(Arc::clone(&self.shared.visitor.gauge))
    }

    /// What it takes its windows from.
    pub fn set(&self) -> &Set {
        &self.shared.visitor.set
    }

    fn wait(&mut self) -> Result<Batch, DataError> {
        let mut state = self.shared.lock();
        let wanted = state.wanted;
        let result = loop {
            if let Some(batch) = state.batches.remove(&wanted) {
                state.wanted += 1;
                break Ok(batch);
            }
            if let Some(error) = state.error.take() {
                break Err(error);
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        self.shared.work.notify_all();
        result
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, DataError>;

    /// The next batch, waiting for it where needed. After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let gauge = Arc::clone(&self.shared.visitor.gauge);
        let is_first = gauge.counters.batches.load(Ordering::Relaxed) == 0;
        gauge.turn(if is_first { Doing::Nothing } else { Doing::Waiting });
        let batch = self.wait();
        match &batch {
            Ok(_) => {
                stats::count(&gauge.counters.batches);
                gauge.turn(Doing::Using);
            }
            Err(_) => {
                self.ended = true;
                gauge.turn(Doing::Nothing);
            }
        }
        Some(batch)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        {
            // Under the lock, so that no worker misses it between looking and waiting.
            let _state = self.shared.lock();
            self.shared.visitor.stop.store(true, Ordering::Relaxed);
        }
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A worker that failed has said so in the state.
            let _ = thread.join();
        }
    }
}

fn check_labels(set: &Set, labels: Labels) -> Result<(), DataError> {
    let of_vimeo = set.kind() == SetKind::Vimeo;
    match labels {
        Labels::Files if !of_vimeo => Err(DataError::option(
            "labels",
            "files",
            format!("only sets of kind vimeo have a tree of labels, and this is {}", set.kind().name()),
        )),
        Labels::Files => {
            let tree = set.options().label_tree.clone().unwrap_or_else(|| set.root().join("flow"));
            if tree.is_dir() {
                return Ok(());
            }
            Err(DataError::layout(
                &tree,
                "nothing",
                "a folder with NAME/flow_t0.flo and flow_t1.flo for each triplet",
            ))
        }
        Labels::Cached(_) if !of_vimeo || set.options().cache.is_none() => Err(DataError::option(
            "labels",
            "cached",
            "only labels of fixed triplets (sets of kind vimeo) are kept, and a cache folder must be given",
        )),
        Labels::None | Labels::Flow(_) | Labels::Cached(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Augmentation, SetOptions};
    use ifr_frame::{ColorDescription, PixelFormat};
    use ifr_scene::{Motion, TextureScene};

    #[test]
    fn a_worker_that_panics_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        let scene = TextureScene::new(Motion::Translate { velocity: [2.0, 1.0] }, 1);
        for i in 0..5 {
            let frame =
                scene.render(f64::from(i), 40, 32).to_frame(PixelFormat::RGB8, ColorDescription::SRGB);
            ifr_video::images::write_image(root.path().join(format!("a/{i}.png")), &frame.unwrap()).unwrap();
        }
        let set = Arc::new(Set::open(SetKind::Frames, root.path(), SetOptions::default()).unwrap());
        for workers in [1, 3] {
            let options = LoaderOptions { windows: 1, crop: (16, 16), workers, ..LoaderOptions::default() };
            let mut plan = Plan::new(&set, options.seed, options.crop).unwrap();
            plan.lead_astray();
            let mut loader = Loader::start(Arc::clone(&set), options, plan).unwrap();
            let watch = loader.watch();
            assert!(matches!(loader.next(), Some(Err(DataError::Worker))));
            assert!(loader.next().is_none());
            drop(loader);
            assert_eq!((watch.stats().batches, Arc::strong_count(&set)), (0, 1), "the others have ended");
        }
    }

    #[test]
    fn no_more_is_held_than_memory_allows() {
        let root = tempfile::tempdir().unwrap();
        for seed in 0..8 {
            let folder = root.path().join(seed.to_string());
            std::fs::create_dir(&folder).unwrap();
            let scene = TextureScene::new(Motion::Translate { velocity: [2.0, 1.0] }, seed);
            for i in 0..5 {
                let image = scene.render(f64::from(i), 40, 32);
                let frame = image.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).unwrap();
                ifr_video::images::write_image(folder.join(format!("{i}.png")), &frame).unwrap();
            }
        }
        // Eight sequences of 5 frames; blocks of two of them.
        let (frame, reach) = (3 * 40 * 32, 2);
        let options = SetOptions { memory: 20 * frame, reach, ..SetOptions::default() };
        let set = Arc::new(Set::open(SetKind::Frames, root.path(), options).unwrap());
        let options = LoaderOptions {
            windows: 1,
            crop: (16, 16),
            workers: 3,
            queue: 1,
            augmentation: Augmentation::NONE,
            ..LoaderOptions::default()
        };
        let mut loader = Loader::new(Arc::clone(&set), options).unwrap();
        assert_eq!(loader.shared.visitor.plan.blocks().len(), 4);
        let mut most = 0;
        for batch in loader.by_ref().take(100) {
            batch.unwrap();
            most = most.max(set.store().len());
        }
        // Two blocks, and where workers are at two of them the first of a third.
        assert!((2..=6).contains(&most), "{most} sequences of two a block");
    }
}
