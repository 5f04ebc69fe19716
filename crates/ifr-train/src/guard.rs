//! Which steps are not taken.

use serde::{Deserialize, Serialize};

/// So many steps in a row without finite numbers end the training.
const MOST_BROKEN: u32 = 3;
/// Steps that the usual norm is a mean of, by exponential decay.
const MEMORY: f64 = 100.0;
/// Steps before spikes are looked for.
const LEARNING: u64 = 20;

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Take,
    /// Loss or gradient is not a finite number: it is not taken.
    Broken,
    /// The gradient is far longer than usual: it is not taken.
    Spike,
    /// As [`Verdict::Broken`], and too many before it were as well: training ends.
    Stop,
}

/// Watches losses and the norms of gradients. Its state is part of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Guard {
    /// Steps not taken.
    pub skipped: u64,
    /// The last so many steps were broken.
    pub broken: u32,
    /// The mean of the logarithm of the norm.
    usual: f64,
    /// Norms seen.
    seen: u64,
}

impl Guard {
    /// Judges a step. `spike`: a gradient so many times longer than usual is not taken; 0 for any length.
    pub fn judge(&mut self, loss: f64, norm: f64, spike: f64) -> Verdict {
        if !loss.is_finite() || !norm.is_finite() {
            self.skipped += 1;
            self.broken += 1;
            return if self.broken >= MOST_BROKEN { Verdict::Stop } else { Verdict::Broken };
        }
        self.broken = 0;
        let log = norm.max(1e-30).ln();
        let high = spike > 0.0 && self.seen >= LEARNING && log > self.usual + spike.ln();
        // A spike counts towards what is usual, too: if gradients stay long, they soon are.
        self.seen += 1;
        self.usual += (log - self.usual) / MEMORY.min(self.seen as f64);
        if high {
            self.skipped += 1;
            return Verdict::Spike;
        }
        Verdict::Take
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_stop_and_one_good_step_forgives() {
        let mut guard = Guard::default();
        assert_eq!(guard.judge(f64::NAN, 1.0, 0.0), Verdict::Broken);
        assert_eq!(guard.judge(1.0, f64::INFINITY, 0.0), Verdict::Broken);
        assert_eq!(guard.judge(1.0, 1.0, 0.0), Verdict::Take);
        assert_eq!(guard.judge(1.0, f64::NAN, 0.0), Verdict::Broken);
        assert_eq!(guard.judge(f64::INFINITY, 1.0, 0.0), Verdict::Broken);
        assert_eq!(guard.judge(1.0, f64::NAN, 0.0), Verdict::Stop);
        assert_eq!(guard.skipped, 5);
    }

    #[test]
    fn spikes_are_judged_by_what_is_usual() {
        let mut guard = Guard::default();
        assert_eq!(guard.judge(1.0, 1e6, 10.0), Verdict::Take, "nothing is usual yet");
        let mut guard = Guard::default();
        for i in 0..40 {
            assert_eq!(guard.judge(1.0, 1.0 + f64::from(i % 3), 10.0), Verdict::Take);
        }
        assert_eq!(guard.judge(1.0, 15.0, 10.0), Verdict::Take);
        assert_eq!(guard.judge(1.0, 100.0, 10.0), Verdict::Spike);
        assert_eq!(guard.judge(1.0, 100.0, 0.0), Verdict::Take);
        assert_eq!((guard.skipped, guard.broken), (1, 0));
        let first = (0..500).position(|_| guard.judge(1.0, 100.0, 10.0) == Verdict::Take);
        assert!(first.is_some(), "what stays becomes usual");
    }
}
