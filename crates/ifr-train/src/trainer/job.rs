use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::learner::{Learner, Outcome};
use super::record::Record;
use super::{End, Trained, Watch};
use ifr_net::Graph;
use ifr_torch::TorchError;

use crate::TrainError;
use crate::budget::Budget;
use crate::checkpoint::{Best, State, prune, save};
use crate::config::Config;
use crate::event::{Event, StepReport, Validation};
use crate::feed::{Fed, Feed};
use crate::guard::Verdict;
use crate::validate::Validator;

/// The time since the run began.
pub(super) type Clock = Box<dyn Fn() -> Duration>;

/// A training that is ready to run.
pub(super) struct Job {
    pub(super) config: Config,
    pub(super) learner: Learner,
    /// The network as it is used.
    pub(super) plain: Graph,
    pub(super) feed: Feed,
    pub(super) validator: Option<Validator>,
    /// Only the first of several processes writes and measures.
    pub(super) record: Option<Record>,
    pub(super) budget: Budget,
    pub(super) clock: Clock,
    /// What the next checkpoint will say, but for the step and what belongs to it.
    pub(super) state: State,
    /// Seconds of training before this run.
    pub(super) before: f64,
    /// Whether the newest checkpoint is of this very state.
    pub(super) on_disk: bool,
    pub(super) trained: Trained,
    /// Keeps other runs out of the output folder.
    pub(super) lock: Option<std::fs::File>,
}

impl Job {
    pub(super) fn run(mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<Trained, TrainError> {
        let end = self.steps(stop, watch);
        // Whatever the reason, what was learnt is kept.
        let kept = self.keep(watch);
        self.trained.end = end?;
        kept?;
        self.trained.step = self.learner.step_count();
        drop(self.lock);
        Ok(self.trained)
    }

    /// Makes steps until there is a reason not to.
    pub(super) fn steps(&mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<End, TrainError> {
        loop {
            let end = self.between(stop, watch)?;
            // Where several learn together, all end when one has a reason; if it is another's, it can only be time or a signal.
            if self.learner.any(end.is_some())? {
                return Ok(end.unwrap_or(End::Stopped));
            }
            self.step(watch)?;
        }
    }

    /// What is due between steps: a validation, a checkpoint, or the end.
    fn between(&mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<Option<End>, TrainError> {
        let step = self.learner.step_count();
        let done = step >= self.state.steps;
        if stop.load(Ordering::Relaxed) {
            return Ok(Some(End::Stopped));
        }
        if self.validation_is_due(step, done) {
            if !self.budget.allows_validation((self.clock)()) {
                return Ok(Some(End::OutOfTime));
            }
            if !self.validate(stop, watch)? {
                return Ok(Some(End::Stopped));
            }
        }
        let every = self.config.output.checkpoint_every;
        if every > 0 && step > 0 && step.is_multiple_of(every) {
            self.keep(watch)?;
        }
        if done {
            return Ok(Some(End::Done));
        }
        Ok((!self.budget.allows_step((self.clock)())).then_some(End::OutOfTime))
    }

    fn step(&mut self, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        let start = (self.clock)();
        let (fed, waited) = self.feed.next()?;
        let outcome = self.learner.step(&fed).map_err(|e| self.explain(e, &fed))?;
        let took = (self.clock)().saturating_sub(start);
        self.budget.stepped(took);
        self.on_disk = false;
        let report = StepReport {
            step: self.learner.step_count(),
            steps: self.state.steps,
            loss: outcome.loss(),
            parts: outcome.parts,
            rate: outcome.rate,
            norm: outcome.norm,
            skipped: match outcome.verdict {
                Verdict::Take => None,
                Verdict::Broken | Verdict::Stop => Some("loss or gradient is not a finite number"),
                Verdict::Spike => Some("the gradient is far longer than usual"),
            },
            all_skipped: self.learner.skipped(),
            samples: fed.samples * self.learner.processes(),
            took,
            waited,
        };
        watch(&Event::Step(&report));
        if let Some(record) = &mut self.record {
            record.step(&report)?;
        }
        if outcome.verdict == Verdict::Stop {
            return Err(self.diverged(&fed, outcome)?);
        }
        Ok(())
    }

    /// Want of memory comes with advice.
    fn explain(&self, error: TrainError, fed: &Fed) -> TrainError {
        match error {
            TrainError::Torch(TorchError::Memory { device, .. }) => {
                let (width, height) = self.config.data.crop.size();
                TrainError::Memory {
                    device,
                    samples: fed.samples,
                    width,
                    height,
                    multiple: self.learner.graph().multiple(),
                    smaller: (self.config.data.batch / 2).max(1),
                }
            }
            other => other,
        }
    }

    fn diverged(&self, fed: &Fed, outcome: Outcome) -> Result<TrainError, TrainError> {
        let step = self.learner.step_count();
        let batch = self.config.output.dir.join(format!("bad-batch-{step}.safetensors"));
        if self.record.is_some() {
            super::record::write_batch(&batch, self.learner.graph(), fed)?;
        }
        let (count, loss, norm) = (self.learner.broken(), outcome.loss(), outcome.norm);
        Ok(TrainError::Diverged { step, count, loss, norm, batch })
    }

    fn validation_is_due(&self, step: u64, done: bool) -> bool {
        let every = self.config.validation.every.max(1);
        self.validator.is_some()
            && step > 0
            && (done || step.is_multiple_of(every))
            && self.state.validated != Some(step)
    }

    /// Measures the averaged weights, and exports them if they are the best so far. False where `stop` came first.
    fn validate(&mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<bool, TrainError> {
        let Some(validator) = &self.validator else { return Ok(true) };
        let start = Instant::now();
        let parameters = self.learner.averaged()?;
        let Some(sets) = validator.measure(&self.plain, &parameters, stop, watch)? else {
            return Ok(false);
        };
        let (step, took) = (self.learner.step_count(), start.elapsed());
        self.budget.validated(took);
        let mut validation = Validation { step, sets, best: false, took };
        let psnr = validation.psnr();
        validation.best = psnr.is_finite() && self.state.best.as_ref().is_none_or(|best| psnr > best.psnr);
        self.on_disk = false;
        self.state.validated = Some(step);
        self.state.validation_seconds = Some(took.as_secs_f64());
        if validation.best {
            self.state.best = Some(Best { step, psnr });
        }
        if let Some(record) = &mut self.record {
            record.validation(&validation)?;
        }
        watch(&Event::Validated(&validation));
        if let (true, Some(record)) = (validation.best, &self.record) {
            let path = self.config.output.dir.join("weights.safetensors");
            record.export(&path, &parameters, &self.config, step, Some(&validation))?;
            watch(&Event::Exported(&path));
            self.trained.weights = Some(path);
            self.keep(watch)?;
        }
        self.trained.validation = Some(validation);
        Ok(true)
    }

    /// Writes a checkpoint, unless there is one of this very state; without a validation, the weights as well.
    fn keep(&mut self, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        let Some(record) = &mut self.record else { return Ok(()) };
        if self.on_disk {
            return Ok(());
        }
        let step = self.learner.step_count();
        let start = (self.clock)();
        let output: PathBuf = self.config.output.dir.clone();
        self.state.seconds = self.before + start.as_secs_f64();
        let checkpoint = self.learner.checkpoint(self.state.clone())?;
        let path = save(&output, self.learner.graph(), &checkpoint)?;
        prune(&output, self.config.output.keep, self.state.best.as_ref().map(|best| best.step))?;
        self.on_disk = true;
        watch(&Event::Saved(&path));
        self.trained.checkpoint = Some(path);
        if self.validator.is_none() {
            let path = output.join("weights.safetensors");
            record.export(&path, &self.learner.averaged()?, &self.config, step, None)?;
            watch(&Event::Exported(&path));
            self.trained.weights = Some(path);
        }
        record.draw()?;
        self.budget.saved((self.clock)().saturating_sub(start));
        Ok(())
    }
}
