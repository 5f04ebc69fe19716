//! Stopping in time.

use std::time::Duration;

/// How much longer than ever before anything may take and still be in time.
const CAUTION: f64 = 1.5;
/// What always stays in hand, for the process to end.
const RESERVE: Duration = Duration::from_secs(2);

/// The time a run may take, and how long things took so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    limit: Option<Duration>,
    step: Duration,
    save: Duration,
    validation: Duration,
}

impl Budget {
    /// `save` and `validation` are guesses for as long as nothing was measured.
    pub(crate) fn new(limit: Option<Duration>, save: Duration, validation: Duration) -> Self {
        Self { limit, step: Duration::ZERO, save, validation }
    }

    /// A step took so long. The estimate falls slowly from the first, slow steps.
    pub(crate) fn stepped(&mut self, took: Duration) {
        self.step = took.max(self.step.mul_f64(0.95));
    }

    pub(crate) fn saved(&mut self, took: Duration) {
        self.save = took;
    }

    pub(crate) fn validated(&mut self, took: Duration) {
        self.validation = took;
    }

    /// Whether another step, and a checkpoint after it, can be had when `elapsed` has passed.
    pub(crate) fn allows_step(&self, elapsed: Duration) -> bool {
        self.allows(elapsed, self.step)
    }

    /// Whether a validation, and a checkpoint after it, can be had.
    pub(crate) fn allows_validation(&self, elapsed: Duration) -> bool {
        self.allows(elapsed, self.validation)
    }

    fn allows(&self, elapsed: Duration, what: Duration) -> bool {
        self.limit.is_none_or(|limit| elapsed + (what + self.save).mul_f64(CAUTION) + RESERVE <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn stops_while_a_checkpoint_still_fits() {
        let mut budget = Budget::new(Some(secs(60)), secs(4), secs(20));
        budget.stepped(secs(2));
        // (2 + 4) · 1.5 + 2 = 11.
        assert!(budget.allows_step(secs(49)));
        assert!(!budget.allows_step(secs(50)));
        // (20 + 4) · 1.5 + 2 = 38.
        assert!(budget.allows_validation(secs(22)));
        assert!(!budget.allows_validation(secs(23)));
        budget.saved(secs(1));
        budget.validated(secs(5));
        assert!(budget.allows_step(secs(53)) && !budget.allows_step(secs(54)));
        assert!(budget.allows_validation(secs(49)) && !budget.allows_validation(secs(50)));
    }

    #[test]
    fn no_limit_allows_everything_and_slow_first_steps_are_forgotten() {
        assert!(Budget::new(None, secs(9), secs(9)).allows_validation(secs(1 << 30)));
        let mut budget = Budget::new(Some(secs(20)), secs(0), secs(0));
        budget.stepped(secs(10));
        assert!(!budget.allows_step(secs(10)));
        for _ in 0..100 {
            budget.stepped(secs(1));
        }
        assert!(budget.allows_step(secs(10)));
    }
}
