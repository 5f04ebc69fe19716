use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How a [`Loader`](crate::Loader) is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoaderStats {
    /// Batches delivered.
    pub batches: u64,
    /// Time since the first batch was asked for.
    pub elapsed: Duration,
    /// Of that, the time that the consumer waited for batches; the wait for the very first batch, while nothing can be
    /// ready, is left out of both.
    pub waited: Duration,
    /// Time the workers, all together, spent decoding, …
    pub decoding: Duration,
    /// … on labels and prior, …
    pub flow: Duration,
    /// … and on cropping, augmentation and putting batches together.
    pub cropping: Duration,
    /// Windows computed.
    pub windows: u64,
    /// Places that gave no window when they came up (their ends show different scenes), and were replaced by others.
    pub without_window: u64,
    /// Clips and folders smaller than the crop, which are left out, and triplets that came up and were replaced by others.
    pub too_small: u64,
    /// Clips, folders or triplets found unreadable so far, by this loader or before; replaced by others.
    pub unreadable: u64,
}

impl LoaderStats {
    /// The share of the time in which the consumer did not wait, 0 to 1: how busy the device is kept.
    pub fn busy(&self) -> f64 {
        let elapsed = self.elapsed.as_secs_f64();
        if elapsed > 0.0 { (1.0 - self.waited.as_secs_f64() / elapsed).clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// What workers count, from several threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) decoding: AtomicU64,
    pub(crate) flow: AtomicU64,
    pub(crate) cropping: AtomicU64,
    pub(crate) windows: AtomicU64,
    pub(crate) without_window: AtomicU64,
    pub(crate) too_small: AtomicU64,
}

impl Counters {
    pub(crate) fn stats(&self) -> LoaderStats {
        let count = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let time = |c: &AtomicU64| Duration::from_nanos(count(c));
        LoaderStats {
            decoding: time(&self.decoding),
            flow: time(&self.flow),
            cropping: time(&self.cropping),
            windows: count(&self.windows),
            without_window: count(&self.without_window),
            too_small: count(&self.too_small),
            ..LoaderStats::default()
        }
    }
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Adds the time that `work` takes.
pub(crate) fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    counter.fetch_add(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_was_not_waited() {
        let stats = LoaderStats {
            elapsed: Duration::from_secs(8),
            waited: Duration::from_secs(2),
            ..LoaderStats::default()
        };
        assert_eq!(stats.busy(), 0.75);
        assert_eq!(LoaderStats::default().busy(), 1.0);
    }
}
