use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a [`Loader`](crate::Loader) is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoaderStats {
    /// Batches delivered.
    pub batches: u64,
    /// Time since the first batch was delivered, but for [pauses](LoaderWatch::pause).
    pub elapsed: Duration,
    /// Of that, the time that the consumer waited for batches: whoever calls `next`, be it a thread that takes them ahead.
    /// The wait for the very first batch, while nothing can be ready, is left out of both.
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
    /// The share of the time in which the consumer did not wait, 0 to 1: how busy the device is kept. What it does beside
    /// training on batches (validation, say) counts as well, unless that is declared a [pause](LoaderWatch::pause).
    pub fn busy(&self) -> f64 {
        let elapsed = self.elapsed.as_secs_f64();
        if elapsed > 0.0 { (1.0 - self.waited.as_secs_f64() / elapsed).clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// Watches a [`Loader`](crate::Loader) from elsewhere, while another thread takes its batches.
#[derive(Clone, Debug)]
pub struct LoaderWatch(pub(crate) Arc<Gauge>);

impl LoaderWatch {
    /// How it is doing so far.
    pub fn stats(&self) -> LoaderStats {
        self.0.stats()
    }

    /// Leaves what follows, until what is returned is dropped, out of [`LoaderStats::elapsed`] and
    /// [`LoaderStats::waited`]: the consumer does something else than to use batches. Workers go on.
    pub fn pause(&self) -> LoaderPause {
        self.0.clock().pause(Instant::now());
        LoaderPause(Arc::clone(&self.0))
    }
}

/// A pause of the consumer's, which ends when this is dropped.
#[derive(Debug)]
#[must_use = "the pause ends when this is dropped"]
pub struct LoaderPause(Arc<Gauge>);

impl Drop for LoaderPause {
    fn drop(&mut self) {
        self.0.clock().resume(Instant::now());
    }
}

/// Everything that is measured.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    pub(crate) counters: Counters,
    clock: Mutex<Clock>,
}

impl Gauge {
    pub(crate) fn stats(&self) -> LoaderStats {
        let mut clock = self.clock();
        clock.settle(Instant::now());
        LoaderStats { elapsed: clock.used + clock.waited, waited: clock.waited, ..self.counters.stats() }
    }

    /// The consumer does something else from now on.
    pub(crate) fn turn(&self, doing: Doing) {
        self.clock().turn(doing, Instant::now());
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the consumer does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Doing {
    /// Nothing that counts.
    #[default]
    Nothing,
    /// It waits for a batch.
    Waiting,
    /// It uses one.
    Using,
}

/// Adds up what the consumer does.
#[derive(Debug, Default)]
struct Clock {
    doing: Doing,
    /// Up to when it is added up.
    since: Option<Instant>,
    /// Pauses at the moment.
    pauses: usize,
    waited: Duration,
    used: Duration,
}

impl Clock {
    fn settle(&mut self, now: Instant) {
        let passed =
            self.since.replace(now).map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        match self.doing {
            _ if self.pauses > 0 => {}
            Doing::Nothing => {}
            Doing::Waiting => self.waited += passed,
            Doing::Using => self.used += passed,
        }
    }

    fn turn(&mut self, doing: Doing, now: Instant) {
        self.settle(now);
        self.doing = doing;
    }

    fn pause(&mut self, now: Instant) {
        self.settle(now);
        self.pauses += 1;
    }

    fn resume(&mut self, now: Instant) {
        self.settle(now);
        self.pauses = self.pauses.saturating_sub(1);
    }
}

/// What workers count, from several threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) decoding: AtomicU64,
    pub(crate) flow: AtomicU64,
    pub(crate) cropping: AtomicU64,
    pub(crate) windows: AtomicU64,
    pub(crate) without_window: AtomicU64,
    pub(crate) too_small: AtomicU64,
    pub(crate) unreadable: AtomicU64,
}

impl Counters {
    fn stats(&self) -> LoaderStats {
        let count = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let time = |c: &AtomicU64| Duration::from_nanos(count(c));
        LoaderStats {
            batches: count(&self.batches),
            decoding: time(&self.decoding),
            flow: time(&self.flow),
            cropping: time(&self.cropping),
            windows: count(&self.windows),
            without_window: count(&self.without_window),
            too_small: count(&self.too_small),
            unreadable: count(&self.unreadable),
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
    #[test]
    fn the_clock_leaves_pauses_out() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        clock.turn(Doing::Using, at(10)); // after the first batch
        clock.turn(Doing::Waiting, at(13));
        clock.turn(Doing::Using, at(14));
        // A validation in the middle of its use of a batch; a checkpoint within it.
        clock.pause(at(16));
        clock.pause(at(20));
        clock.resume(at(30));
        clock.resume(at(116));
        clock.turn(Doing::Waiting, at(117));
        // Another while a thread waits for the next.
        clock.pause(at(119));
        clock.turn(Doing::Using, at(130));
        clock.resume(at(150));
        clock.settle(at(151));
        assert_eq!((clock.used.as_secs(), clock.waited.as_secs()), (3 + 2 + 1 + 1, 1 + 2));
    }
}
