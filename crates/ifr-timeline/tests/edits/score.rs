//! What was found against what is there.

use super::Edit;

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    /// Cuts there are.
    pub(crate) cuts: usize,
    /// Cuts that were found.
    pub(crate) found: usize,
    /// Frames that were taken for cuts and are none.
    pub(crate) wrong: usize,
}

impl Score {
    /// Judges the frames at which cuts were found.
    pub(crate) fn of(edit: &Edit, found: &[usize]) -> Self {
        let hit = edit.cuts.iter().filter(|cut| found.iter().any(|f| cut.contains(f))).count();
        // A second one within the same flash is wrong.
        let right = found.iter().filter(|f| edit.either.contains(f)).count() + hit;
        Self { cuts: edit.cuts.len(), found: hit, wrong: found.len() - right }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.found += other.found;
        self.wrong += other.wrong;
    }

    /// Share of the cuts that were found.
    pub(crate) fn recall(&self) -> f64 {
        self.found as f64 / self.cuts.max(1) as f64
    }

    /// Share of what was found that is a cut.
    pub(crate) fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }
}

/// A table, one line a kind and one of all.
pub(crate) fn table(title: &str, scores: &[(&str, Score)]) -> (String, Score) {
    let mut text = format!("{title:<24} cuts found wrong recall precision\n");
    let mut all = Score::default();
    let mut line = |name: &str, s: &Score| {
        text += &format!(
            "{name:<24} {:>4} {:>5} {:>5} {:>6.3} {:>9.3}\n",
            s.cuts,
            s.found,
            s.wrong,
            s.recall(),
            s.precision()
        );
    };
    for (name, score) in scores {
        all.add(*score);
        line(name, score);
    }
    line("all", &all);
    (text, all)
}
