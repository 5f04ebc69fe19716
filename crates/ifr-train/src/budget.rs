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
    /// When the first step could be made.
    began: Duration,
    /// Whether one was.
    stepped: bool,
    step: Duration,
    save: Duration,
    validation: Validation,
}

/// How long a validation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// Nobody knows.
    Unknown,
    /// As far as one can tell by other things.
    Guess(Duration),
    /// What one took, or had taken when time was up.
    Measured(Duration),
}

/// When there is time for a validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// At once.
    Now,
    /// At the start of the next run.
    NextRun,
    /// In no run with that limit.
    Never,
}

impl Budget {
    /// The first step can be made when `began` has passed. `save` is a guess for as long as nothing was measured.
    pub(crate) fn new(
        limit: Option<Duration>,
        began: Duration,
        save: Duration,
        validation: Validation,
    ) -> Self {
        Self { limit, began, stepped: false, step: Duration::ZERO, save, validation }
    }

    /// A step took so long. The estimate falls slowly from the first, slow steps.
    pub(crate) fn stepped(&mut self, took: Duration) {
        self.stepped = true;
        self.step = took.max(self.step.mul_f64(0.95));
    }

    pub(crate) fn saved(&mut self, took: Duration) {
        self.save = took;
    }

    pub(crate) fn validated(&mut self, took: Duration) {
        self.validation = Validation::Measured(took);
    }

    /// Whether another step, and a checkpoint after it, can be had when `elapsed` has passed.
    pub(crate) fn allows_step(&self, elapsed: Duration) -> bool {
        self.allows(elapsed, self.step)
    }

    /// When a validation, and a checkpoint after it, can be had if `elapsed` has passed. Whatever it takes, steps are made in every
    /// other run at least: what was measured to be too long never begins, and a guess is tried only once, since it is then measured.
    pub(crate) fn room(&self, elapsed: Duration) -> Room {
        let (takes, is_guess) = match self.validation {
            Validation::Unknown => (Duration::ZERO, true),
            Validation::Guess(takes) => (takes, true),
            Validation::Measured(takes) => (takes, false),
        };
        if self.allows(elapsed, takes) {
            Room::Now
        } else if self.stepped && (is_guess || self.allows(self.began, takes)) {
            Room::NextRun
        } else if is_guess && self.allows(elapsed, Duration::ZERO) {
            Room::Now
        } else {
            Room::Never
        }
    }

    /// When whatever is not a step has to end, for a checkpoint still to be had.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.limit.map(|limit| limit.saturating_sub(self.save.mul_f64(CAUTION) + RESERVE))
    }

    /// When whatever comes before the first step has to end, for steps to be made.
    pub(crate) fn half(limit: Option<Duration>) -> Option<Duration> {
        limit.map(|limit| limit / 2)
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
        let mut budget = Budget::new(Some(secs(60)), secs(3), secs(4), Validation::Guess(secs(20)));
        budget.stepped(secs(2));
        // (2 + 4) · 1.5 + 2 = 11.
        assert!(budget.allows_step(secs(49)));
        assert!(!budget.allows_step(secs(50)));
        // (20 + 4) · 1.5 + 2 = 38.
        assert_eq!([22, 23].map(|s| budget.room(secs(s))), [Room::Now, Room::NextRun]);
        assert_eq!(budget.deadline(), Some(secs(52)));
        budget.saved(secs(1));
        budget.validated(secs(5));
        assert!(budget.allows_step(secs(53)) && !budget.allows_step(secs(54)));
        assert_eq!([49, 50].map(|s| budget.room(secs(s))), [Room::Now, Room::NextRun]);
    }

    #[test]
    fn what_no_run_has_time_for_does_not_end_them() {
        let mut budget = Budget::new(Some(secs(60)), secs(3), secs(4), Validation::Measured(secs(40)));
        assert_eq!(budget.room(secs(3)), Room::Never);
        budget.stepped(secs(1));
        assert_eq!(budget.room(secs(4)), Room::Never);
        // A fresh run that has a little less time than it thought it would have does not wait for the next.
        let mut budget = Budget::new(Some(secs(60)), secs(3), secs(4), Validation::Measured(secs(32)));
        assert_eq!([3, 10].map(|s| budget.room(secs(s))), [Room::Now, Room::Never]);
        budget.stepped(secs(1));
        assert_eq!(budget.room(secs(10)), Room::NextRun);
        // A guess is tried where most time is left, and then it is none any more.
        let mut budget = Budget::new(Some(secs(60)), secs(3), secs(4), Validation::Guess(secs(40)));
        assert_eq!(budget.room(secs(3)), Room::Now);
        budget.stepped(secs(1));
        assert_eq!(budget.room(secs(4)), Room::NextRun);
        budget.validated(secs(49));
        assert_eq!(budget.room(secs(3)), Room::Never);
    }

    #[test]
    fn no_limit_allows_everything_and_slow_first_steps_are_forgotten() {
        let endless = Budget::new(None, secs(0), secs(9), Validation::Measured(secs(9)));
        assert_eq!((endless.room(secs(1 << 30)), endless.deadline()), (Room::Now, None));
        let mut budget = Budget::new(Some(secs(20)), secs(0), secs(0), Validation::Unknown);
        budget.stepped(secs(10));
        assert!(!budget.allows_step(secs(10)));
        for _ in 0..100 {
            budget.stepped(secs(1));
        }
        assert!(budget.allows_step(secs(10)));
    }
}
