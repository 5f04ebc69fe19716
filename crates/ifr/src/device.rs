use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use rayon::{ThreadPool, ThreadPoolBuilder};
use thiserror::Error;

/// Where frames are computed.
#[derive(Debug, Clone)]
pub struct Device {
    threads: NonZeroUsize,
}

/// No threads to be had.
#[derive(Debug, Error)]
#[error("cannot start {threads} threads: {message}; try fewer with --threads")]
pub struct DeviceError {
    threads: usize,
    message: String,
}

impl Device {
    /// All processors that this process may use (affinity masks and cgroup limits are respected).
    pub fn cpu() -> Self {
        Self { threads: available_parallelism().unwrap_or(NonZeroUsize::MIN) }
    }

    /// The processor with a given number of threads. The frames made do not depend on it.
    pub fn cpu_with_threads(threads: NonZeroUsize) -> Self {
        Self { threads }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads.get()
    }

    pub(crate) fn pool(&self) -> Result<Arc<ThreadPool>, DeviceError> {
        let threads = self.threads();
        let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("ifr-{i}"));
        builder.build().map(Arc::new).map_err(|e| DeviceError { threads, message: e.to_string() })
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::cpu()
    }
}
