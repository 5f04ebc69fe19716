//! What every command that interpolates takes.

use std::num::NonZeroUsize;

use clap::Args;
use ifr::{Device, Interpolator, Model};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// How in-between frames are made: flow (best) or flow-fast.
    #[arg(long, value_name = "MODEL", default_value_t, value_parser = |s: &str| s.parse::<Model>())]
    pub(crate) model: Model,

    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

impl ModelArgs {
    pub(crate) fn device(&self) -> Device {
        self.threads.map_or_else(Device::cpu, Device::cpu_with_threads)
    }

    pub(crate) fn interpolator(&self) -> Result<Interpolator, Failure> {
        Interpolator::new(&self.model, &self.device()).map_err(Failure::usage)
    }
}
