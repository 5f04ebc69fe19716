use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::learner::{Learner, Outcome};
use super::record::{self, Record, Words};
use super::{End, Trained, Watch};
use ifr_data::{LoaderStats, LoaderWatch};
use ifr_net::{Graph, Parameters};

use crate::TrainError;
use crate::budget::{Budget, Room};
use crate::checkpoint::{Best, Checkpoint, State, folder_at, prune, save};
use crate::config::Config;
use crate::event::{Event, StepReport, Validation};
use crate::feed::{Fed, Feed};
use crate::guard::Verdict;
use crate::network;
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
    /// The step whose validation has to wait for a run with more time.
    pub(super) postponed: Option<u64>,
    /// This process, from 0.
    pub(super) rank: usize,
    /// What the loader left out is asked here, and what it had left out when that was told last.
    pub(super) loader: Option<(LoaderWatch, LoaderStats)>,
    pub(super) trained: Trained,
    /// Keeps other runs out of the output folder.
    pub(super) lock: Option<std::fs::File>,
}

impl Job {
    pub(super) fn run(mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<Trained, TrainError> {
        self.restore_weights(watch)?;
        let end = self.steps(stop, watch);
        self.tell_left_out(watch);
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
        let every = self.config.output.checkpoint_every;
        if every > 0 && step > 0 && step.is_multiple_of(every) {
            self.keep(watch)?;
            self.tell_left_out(watch);
        }
        if self.validation_is_due(step, done) {
            match self.budget.room((self.clock)()) {
                Room::Now => {
                    if let Some(end) = self.validate(stop, watch)? {
                        return Ok(Some(end));
                    }
                }
                Room::NextRun => return Ok(Some(End::OutOfTime)),
                Room::Never => {
                    self.postponed = Some(step);
                    watch(&Event::Notice(&format!(
                        "no validation at step {step}: the last took {:.0} s, which the time budget does not allow; give it more, \
                         or validate on less (`limit`)",
                        self.state.validation_seconds.unwrap_or(0.0)
                    )));
                }
            }
        }
        if done {
            return Ok(Some(End::Done));
        }
        Ok((!self.budget.allows_step((self.clock)())).then_some(End::OutOfTime))
    }

    fn step(&mut self, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        let start = (self.clock)();
        let (fed, waited) = self.feed.next()?;
        let multiple = self.learner.graph().multiple();
        let outcome = self.learner.step(&fed).map_err(|e| fed.explain(e, multiple))?;
        let took = (self.clock)().saturating_sub(start);
        self.budget.stepped(took);
        self.on_disk = false;
        let report = StepReport {
            step: self.learner.step_count(),
            steps: self.state.steps,
            loss: outcome.loss(),
            parts: outcome.parts.clone(),
            compared: outcome.compared,
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
            return Err(self.diverged(&fed, &outcome)?);
        }
        Ok(())
    }

    /// The error for a training that broke off. The batches to blame are written, each by its process.
    fn diverged(&mut self, fed: &Fed, outcome: &Outcome) -> Result<TrainError, TrainError> {
        let step = self.learner.step_count();
        let several = self.learner.processes() > 1;
        // All processes get here at the same step. Without one that is to blame (each sum is finite, but not their mean), any will do.
        let blamed = self.learner.any(!outcome.own)?;
        let name = |rank: &str| match several {
            true => format!("bad-batch-{step}-rank{rank}.safetensors"),
            false => format!("bad-batch-{step}.safetensors"),
        };
        let output = &self.config.output.dir;
        let mut batch = output.join(name("*"));
        if !outcome.own || !several || (!blamed && self.rank == 0) {
            batch = output.join(name(&self.rank.to_string()));
            record::write_batch(&batch, self.learner.graph(), fed)?;
        }
        let (count, loss, norm) = (self.learner.broken(), outcome.loss(), outcome.norm);
        Ok(TrainError::Diverged { step, count, loss, norm, batch })
    }

    /// Says how much of the data was left out since that was said last.
    fn tell_left_out(&mut self, watch: &mut Watch<'_>) {
        let Some((loader, told)) = &mut self.loader else { return };
        let now = loader.stats();
        let parts = [
            (now.unreadable, told.unreadable, "found unreadable"),
            (now.too_small, told.too_small, "smaller than the crop"),
            (now.without_window, told.without_window, "windows across cuts"),
        ];
        // Cuts are nothing to talk about by themselves.
        if parts[..2].iter().any(|(now, told, _)| now > told) {
            let words: Vec<String> =
                parts.iter().filter(|p| p.0 > 0).map(|p| format!("{} {}", p.0, p.2)).collect();
            watch(&Event::Notice(&format!("left out of the data and replaced so far: {}", words.join(", "))));
            *told = now;
        }
    }

    fn validation_is_due(&self, step: u64, done: bool) -> bool {
        let every = self.config.validation.every.max(1);
        self.validator.is_some()
            && step > 0
            && (done || step.is_multiple_of(every))
            && self.state.validated != Some(step)
            && self.postponed != Some(step)
    }

    /// Measures the averaged weights, and exports them if they are the best so far. Says how the run ends if it does so before all is
    /// measured.
    fn validate(&mut self, stop: &AtomicBool, watch: &mut Watch<'_>) -> Result<Option<End>, TrainError> {
        // What was learnt does not depend on how a validation ends.
        self.keep(watch)?;
        let Some(validator) = &self.validator else { return Ok(None) };
        let (step, start, deadline) = (self.learner.step_count(), (self.clock)(), self.budget.deadline());
        let parameters = self.learner.averaged()?;
        let timesteps = network::timesteps(&self.config)?;
        let halt =
            || stop.load(Ordering::Relaxed) || deadline.is_some_and(|deadline| (self.clock)() >= deadline);
        let sets = validator.measure(&self.plain, &parameters, timesteps, &halt, watch)?;
        let took = (self.clock)().saturating_sub(start);
        let Some(sets) = sets else {
            if stop.load(Ordering::Relaxed) {
                return Ok(Some(End::Stopped));
            }
            // The next run knows that it takes longer than that.
            self.budget.validated(took);
            self.state.validation_seconds = Some(took.as_secs_f64());
            self.on_disk = false;
            let seconds = took.as_secs_f64();
            watch(&Event::Notice(&format!(
                "the validation at step {step} was broken off after {seconds:.0} s, for a checkpoint in time"
            )));
            return Ok(Some(End::OutOfTime));
        };
        self.budget.validated(took);
        let mut validation = Validation { step, sets, best: false, took };
        let psnr = validation.psnr();
        validation.best = psnr.is_finite() && self.state.best.as_ref().is_none_or(|best| psnr > best.psnr);
        self.on_disk = false;
        self.state.validated = Some(step);
        self.state.validation_seconds = Some(took.as_secs_f64());
        if validation.best {
            self.state.best = Some(Best { step, psnr, words: record::score_words(&validation) });
        }
        if let Some(record) = &mut self.record {
            record.validation(&validation)?;
        }
        watch(&Event::Validated(&validation));
        if validation.best {
            self.export(&parameters, watch)?;
        }
        self.trained.validation = Some(validation);
        self.keep(watch)?;
        Ok(None)
    }

    /// Writes a checkpoint, unless there is one of this very state; for as long as no weights are the best by validation, the weights
    /// as well.
    fn keep(&mut self, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        if self.on_disk || self.record.is_none() {
            return Ok(());
        }
        let start = (self.clock)();
        let output: PathBuf = self.config.output.dir.clone();
        self.state.seconds = self.before + start.as_secs_f64();
        let checkpoint = self.learner.checkpoint(self.state.clone())?;
        let path = save(&output, self.learner.graph(), &checkpoint)?;
        prune(&output, self.config.output.keep, self.state.best.as_ref().map(|best| best.step))?;
        self.on_disk = true;
        watch(&Event::Saved(&path));
        self.trained.checkpoint = Some(path);
        if self.best().is_none() {
            self.export(&self.learner.averaged()?, watch)?;
        }
        if let Some(record) = &mut self.record {
            record.draw()?;
        }
        self.budget.saved((self.clock)().saturating_sub(start));
        Ok(())
    }

    /// The best by validation, where there is any.
    fn best(&self) -> Option<&Best> {
        self.state.best.as_ref().filter(|_| self.validator.is_some())
    }

    /// What the exported weights have to say: those of the best step or, for as long as there is none, of this one.
    fn words(&self) -> Result<Words, TrainError> {
        let (now, processes) = (self.learner.step_count(), self.learner.processes());
        let (step, updates) = match self.best() {
            Some(best) if best.step != now => {
                let state = Checkpoint::state(&folder_at(&self.config.output.dir, best.step))?;
                (best.step, state.updates)
            }
            _ => (now, self.learner.updates()),
        };
        let none = Words::new();
        record::words(&self.config, step, updates, processes, self.best().map_or(&none, |best| &best.words))
    }

    /// Writes weights for every command to read.
    fn export(&mut self, parameters: &Parameters, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        let Some(record) = &self.record else { return Ok(()) };
        let path = self.config.output.dir.join("weights.safetensors");
        record.export(&path, parameters, &self.config, &self.words()?)?;
        watch(&Event::Exported(&path));
        self.trained.weights = Some(path);
        Ok(())
    }

    /// Writes the weights that belong to the checkpoint gone on from if they are not there, as after an end between the two, or if
    /// the configuration wants them otherwise.
    fn restore_weights(&mut self, watch: &mut Watch<'_>) -> Result<(), TrainError> {
        if self.record.is_none() || !self.on_disk {
            return Ok(());
        }
        let output = &self.config.output.dir;
        let best = self.best().map(|best| best.step).filter(|&step| step != self.learner.step_count());
        let folder = best.map(|step| folder_at(output, step));
        // Somebody removed it: what is there is better than nothing.
        if folder.as_ref().is_some_and(|folder| !folder.is_dir())
            || record::is_current(&output.join("weights.safetensors"), &self.config, &self.words()?)
        {
            return Ok(());
        }
        let parameters = match folder {
            Some(folder) => {
                self.learner.parameters_of(&Checkpoint::read(&folder, self.learner.graph())?.ema)?
            }
            None => self.learner.averaged()?,
        };
        self.export(&parameters, watch)
    }
}
