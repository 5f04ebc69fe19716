use std::f64::consts::PI;

/// The learning rate of every step: a straight rise from 0, then half a cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Steps in all.
    pub steps: u64,
    /// Steps of the rise.
    pub warmup: u64,
    /// The rate after the rise.
    pub peak: f64,
    /// The rate after the last step.
    pub last: f64,
}

impl Schedule {
    /// The rate of step `step`, counted from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let length = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let share = ((step - self.warmup) as f64 / length).min(1.0);
        self.last + (self.peak - self.last) * 0.5 * (1.0 + (PI * share).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_straight_and_falls_by_half_a_cosine() {
        let schedule = Schedule { steps: 110, warmup: 10, peak: 1.0, last: 0.1 };
        assert!((schedule.rate(0) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(4) - 0.5).abs() < 1e-12);
        assert!((schedule.rate(9) - 1.0).abs() < 1e-12);
        assert!((schedule.rate(10) - 1.0).abs() < 1e-12);
        assert!((schedule.rate(60) - 0.55).abs() < 1e-12);
        assert!((schedule.rate(110) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(5000) - 0.1).abs() < 1e-12);
        let quarter = 0.1 + 0.9 * 0.5 * (1.0 + 0.5_f64.sqrt());
        assert!((schedule.rate(35) - quarter).abs() < 1e-12);
    }

    #[test]
    fn no_length_is_no_division_by_zero() {
        let schedule = Schedule { steps: 3, warmup: 5, peak: 1.0, last: 0.0 };
        assert!(schedule.rate(5).is_finite());
    }
}
