//! Decoded sequences.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ifr_frame::Frame;

use crate::set::files::Unread;

/// The frames of a sequence.
pub(crate) type Frames = Arc<[Arc<Frame>]>;

/// Holds decoded sequences; each is decoded once, however many threads ask for it at a time.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// `None` while a thread decodes.
    slots: Mutex<HashMap<usize, Option<Frames>>>,
    changed: Condvar,
}

impl Store {
    /// The frames of a sequence, decoded by `load` unless they are there.
    pub(crate) fn get(
        &self,
        sequence: usize,
        load: impl FnOnce() -> Result<Vec<Arc<Frame>>, Unread>,
    ) -> Result<Frames, Unread> {
        let mut slots = self.lock();
        loop {
            match slots.get(&sequence) {
                Some(Some(frames)) => return Ok(Arc::clone(frames)),
                Some(None) => slots = self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner),
                None => break,
            }
        }
        slots.insert(sequence, None);
        drop(slots);
        // Whatever happens while decoding, nobody waits for ever.
        let guard = Loading { store: self, sequence };
        let frames: Frames = load()?.into();
        std::mem::forget(guard);
        self.lock().insert(sequence, Some(Arc::clone(&frames)));
        self.changed.notify_all();
        Ok(frames)
    }

    /// The frames of a sequence, where they are there already.
    pub(crate) fn held(&self, sequence: usize) -> Option<Frames> {
        self.lock().get(&sequence)?.clone()
    }

    /// Puts in what was decoded elsewhere.
    pub(crate) fn put(&self, sequence: usize, frames: Vec<Arc<Frame>>) {
        self.lock().insert(sequence, Some(frames.into()));
    }

    /// Drops all but the sequences that `keep` names.
    pub(crate) fn retain(&self, keep: impl Fn(usize) -> bool) {
        self.lock().retain(|&sequence, frames| frames.is_none() || keep(sequence));
    }

    /// How many sequences are there.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Option<Frames>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Loading<'a> {
    store: &'a Store,
    sequence: usize,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.store.lock().remove(&self.sequence);
        self.store.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat};

    #[test]
    fn each_sequence_is_decoded_once() {
        let frame = Frame::black(PixelFormat::GRAY8, 8, 8, ColorDescription::default()).unwrap();
        let frames = vec![Arc::new(frame)];
        let store = Store::default();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let load = || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(frames.clone())
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| store.get(3, load).unwrap());
            }
        });
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(store.get(4, || Err(Unread::Fault("no".into()))).is_err());
        assert_eq!(store.len(), 1, "a failure leaves nothing");
        store.retain(|s| s != 3);
        assert_eq!(store.len(), 0);
    }
}
