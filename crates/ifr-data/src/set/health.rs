//! How many of a set's items are unreadable, and when that is too many.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::DataError;

/// What was found unreadable.
#[derive(Debug)]
pub(crate) struct Health {
    path: PathBuf,
    items: &'static str,
    total: usize,
    tolerate: f64,
    bad: Mutex<HashSet<usize>>,
}

impl Health {
    pub(crate) fn new(path: PathBuf, items: &'static str, total: usize, tolerate: f64) -> Self {
        Self { path, items, total, tolerate, bad: Mutex::default() }
    }

    /// How many items are unreadable.
    pub(crate) fn bad(&self) -> usize {
        self.lock().len()
    }

    /// Notes that an item, or a part of it, is unreadable, with a warning; returns how many are.
    pub(crate) fn note(&self, item: usize, reason: &str) -> usize {
        tracing::warn!("skipped: {reason}");
        let mut bad = self.lock();
        bad.insert(item);
        bad.len()
    }

    /// Whether so many are above the share of all that is tolerated.
    pub(crate) fn too_many(&self, bad: usize) -> bool {
        // Shares such as 0.29 are a little less than what was written.
        bad as f64 > self.tolerate * self.total as f64 + 1e-6
    }

    /// Passes judgement on what was noted, `last` being the reason of the last one.
    ///
    /// # Errors
    /// [`DataError::TooManyBad`] when more are unreadable than is tolerated.
    pub(crate) fn judge(&self, last: &str) -> Result<(), DataError> {
        let bad = self.bad();
        if !self.too_many(bad) {
            return Ok(());
        }
        Err(DataError::TooManyBad {
            path: self.path.clone(),
            bad,
            of: self.total,
            items: self.items,
            percent: (self.tolerate * 1000.0).round() / 10.0,
            last: last.to_owned(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<usize>> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_is_a_share_of_all() {
        let health = |total, tolerate| Health::new("set".into(), "clips", total, tolerate);
        assert!(health(9, 0.1).too_many(1));
        assert!(!health(10, 0.1).too_many(1));
        assert!(!health(100, 0.29).too_many(29) && health(100, 0.29).too_many(30));
        assert!(health(5, 0.0).too_many(1) && !health(5, 0.0).too_many(0) && !health(5, 1.0).too_many(5));
        let large = health(60, 0.1);
        for item in 0..6 {
            assert_eq!((large.note(item, "a"), large.note(item, "b")), (item + 1, item + 1), "once an item");
            large.judge("a").unwrap();
        }
        large.note(59, "z");
        let error = large.judge("z").unwrap_err().to_string();
        assert!(error.starts_with("7 of 60 clips of set cannot be used, more than the 10 %"), "{error}");
        assert!(error.contains("the last: z"), "{error}");
    }
}
