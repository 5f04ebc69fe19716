//! A thread of the loader.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use crate::DataError;
use crate::batch::{Batch, Origin};
use crate::flows;
use crate::loader::stats::timed;
use crate::loader::visit::Crops;
use crate::loader::{Shared, State};
use crate::sample::Sample;

/// Something to do.
enum Job {
    Visit(u64),
    /// The crops of a batch.
    Assemble(u64, Vec<(Sample, Origin)>),
}

/// Starts worker `number`.
pub(super) fn start(number: usize, shared: Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("ifr-data-{number}")).spawn(move || {
        // A pool of one thread: what is parallel inside a visit runs in turn, and cores are shared by visits.
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(pool) => pool.install(|| {
                let _guard = Guard(&shared);
                run(number, &shared);
            }),
            Err(e) => shared.fail(DataError::Threads(e.to_string())),
        }
    })
}

/// Says so when the thread panics: the consumer must not wait for ever.
struct Guard<'a>(&'a Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(DataError::Worker);
        }
    }
}

fn run(number: usize, shared: &Shared) {
    let visitor = &shared.visitor;
    let mut interpolator = flows::prior_interpolator();
    while let Some(job) = shared.job() {
        match job {
            Job::Assemble(index, parts) => {
                let batch = timed(&visitor.gauge.counters.cropping, || Batch::of(&parts));
                shared.lock().batches.insert(index, batch);
                shared.ready.notify_all();
            }
            Job::Visit(visit) => {
                let place = visitor.place(visit);
                shared.at(number, place.position);
                match visitor.visit(visit, &place, &mut interpolator) {
                    Ok(Some(crops)) => shared.done(number, visit, crops),
                    Ok(None) => return,
                    Err(error) => return shared.fail(error),
                }
            }
        }
    }
}

impl Shared {
    /// The next thing to do; `None` when there is nothing more.
    fn job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if self.visitor.stop.load(Ordering::Relaxed) || state.error.is_some() {
                return None;
            }
            let queue = self.visitor.options.queue as u64;
            if state.batch < state.wanted + queue
                && let Some(parts) = self.parts(&mut state)
            {
                return Some(Job::Assemble(state.batch - 1, parts));
            }
            if state.visit < self.rounds.end(state.wanted, queue) {
                state.visit += 1;
                return Some(Job::Visit(state.visit - 1));
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes what the next batch is made of, where all of it is there.
    fn parts(&self, state: &mut State) -> Option<Vec<(Sample, Origin)>> {
        let parts = self.rounds.parts(state.batch);
        if !parts.iter().all(|part| state.crops.contains_key(&part.visit)) {
            return None;
        }
        let taken = parts
            .iter()
            .filter_map(|part| state.crops.get_mut(&part.visit)?.get_mut(part.crop)?.take())
            .collect();
        if self.rounds.is_last(state.batch) {
            let chunk = self.rounds.chunk_of(state.batch);
            state.crops.retain(|visit, _| !chunk.contains(visit));
        }
        state.batch += 1;
        Some(taken)
    }

    /// Notes at which block a worker is, and drops the frames of those that are over.
    fn at(&self, number: usize, position: u64) {
        let plan = &self.visitor.plan;
        if plan.blocks().len() < 2 {
            return;
        }
        let mut state = self.lock();
        state.positions[number] = Some(position);
        let first = state.positions.iter().flatten().min().copied().unwrap_or(position);
        let last = state.positions.iter().flatten().max().copied().unwrap_or(position) + 1;
        if std::mem::replace(&mut state.held, (first, last)) == (first, last) {
            return;
        }
        drop(state);
        let mut keep = vec![false; self.visitor.set.sequences().len()];
        for position in first..=last {
            let block = &plan.blocks()[plan.block_at(position)];
            block.sequences.iter().for_each(|&s| keep[s as usize] = true);
        }
        self.visitor.set.store().retain(|sequence| keep[sequence]);
    }

    fn done(&self, number: usize, visit: u64, crops: Crops) {
        let mut state = self.lock();
        // A worker that waits for work keeps no block.
        state.positions[number] = None;
        state.crops.insert(visit, crops.into_iter().map(Some).collect());
        drop(state);
        // A batch may be whole now.
        self.work.notify_all();
    }

    fn fail(&self, error: DataError) {
        self.lock().error.get_or_insert(error);
        self.work.notify_all();
        self.ready.notify_all();
    }
}
