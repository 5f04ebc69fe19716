//! How many of a set's items are unreadable, and when that is too many.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::DataError;
use crate::set::files::Unread;

/// Below this many items tried, all are awaited before their share counts.
const FEW: usize = 50;

/// What has been tried, and what was unreadable.
#[derive(Debug)]
pub(crate) struct Health {
    path: PathBuf,
    items: &'static str,
    total: usize,
    tolerate: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tried: HashSet<usize>,
    bad: HashMap<usize, String>,
}

impl Health {
    pub(crate) fn new(path: PathBuf, items: &'static str, total: usize, tolerate: f64) -> Self {
        Self { path, items, total, tolerate, state: Mutex::default() }
    }

    /// How many items are unreadable.
    pub(crate) fn bad(&self) -> usize {
        self.lock().bad.len()
    }

    /// Whether an item is known to be unreadable.
    pub(crate) fn is_bad(&self, item: usize) -> bool {
        self.lock().bad.contains_key(&item)
    }

    /// Notes that an item was read.
    pub(crate) fn good(&self, item: usize) {
        self.lock().tried.insert(item);
    }

    /// Notes that an item is unreadable, with a warning the first time.
    ///
    /// # Errors
    /// [`DataError::TooManyBad`] when that is above the share that is tolerated.
    pub(crate) fn fault(&self, item: usize, reason: &str) -> Result<(), DataError> {
        let mut state = self.lock();
        state.tried.insert(item);
        if state.bad.insert(item, reason.to_owned()).is_none() {
            tracing::warn!("skipped: {reason}");
        }
        let of = state.tried.len().max(self.total.min(FEW));
        if state.bad.len() as f64 <= self.tolerate * of as f64 {
            return Ok(());
        }
        Err(DataError::TooManyBad {
            path: self.path.clone(),
            bad: state.bad.len(),
            of,
            items: self.items,
            percent: (self.tolerate * 1000.0).round() / 10.0,
            last: reason.to_owned(),
        })
    }

    /// As [`Health::fault`] for an item that was not read; nothing when the loader is ending.
    pub(crate) fn unread(&self, item: usize, unread: &Unread) -> Result<(), DataError> {
        match unread {
            Unread::Stopped => Ok(()),
            Unread::Fault(reason) => self.fault(item, reason),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_is_a_share() {
        let health = |total| Health::new("set".into(), "clips", total, 0.1);
        assert!(health(9).fault(3, "a").is_err());
        assert!(health(10).fault(3, "a").is_ok());
        let large = health(100_000);
        for item in 0..5 {
            large.fault(item, "a").unwrap();
            large.fault(item, "a").unwrap();
        }
        let error = large.fault(5, "z").unwrap_err().to_string();
        assert!(error.starts_with("6 of 50 clips of set cannot be used, more than the 10 %"), "{error}");
        assert!(error.contains("the last: z"), "{error}");
        for item in 100..160 {
            large.good(item);
        }
        assert!(large.fault(5, "z").is_ok());
        assert_eq!(large.bad(), 6);
        assert!(large.is_bad(5) && !large.is_bad(100));
    }
}
