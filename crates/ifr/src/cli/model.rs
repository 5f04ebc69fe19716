//! What every command that interpolates takes.

use std::num::NonZeroUsize;

use clap::Args;
use ifr::net::Ratio;
use ifr::{Device, Interpolator, Model};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// How in-between frames are made: flow (best), flow-fast, or a network's weights (a safetensors file of IFRNet S, B
    /// or L).
    #[arg(long, value_name = "MODEL", default_value_t)]
    pub(crate) model: Model,

    /// Working scale of a network, 0.25 to 1: smaller is faster and finds larger motion. For large frames.
    #[arg(long, value_name = "S", default_value_t = Ratio::ONE, value_parser = scale)]
    pub(crate) scale: Ratio,

    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

pub(crate) fn scale(text: &str) -> Result<Ratio, String> {
    match text.parse::<Ratio>() {
        Ok(ratio) if (0.25..=1.0).contains(&ratio.value()) => Ok(ratio),
        _ => Err(format!("found '{text}', expected a number from 0.25 to 1")),
    }
}

/// The most threads taken: above any machine's processors, below what brings one down.
const MOST_THREADS: usize = 1024;

pub(crate) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    match text.parse::<NonZeroUsize>() {
        Ok(n) if n.get() <= MOST_THREADS => Ok(n),
        _ => Err(format!("found '{text}', expected a number from 1 to {MOST_THREADS}")),
    }
}

impl ModelArgs {
    pub(crate) fn device(&self) -> Device {
        self.threads.map_or_else(Device::cpu, Device::cpu_with_threads)
    }

    pub(crate) fn interpolator(&self) -> Result<Interpolator, Failure> {
        Interpolator::with_scale(&self.model, &self.device(), self.scale).map_err(Failure::usage)
    }
}
