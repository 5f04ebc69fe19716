//! What every command that interpolates takes.

use std::num::NonZeroUsize;

use clap::Args;
use ifr::net::Ratio;
use ifr::{Device, Interpolator, Model};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// How in-between frames are made: an embedded model (flow, flow-fast; `ifr doctor` lists all), or a network's weights (a
    /// safetensors file of IFRNet S, B or L, as published or on the prior of flow).
    // By name, so that a model is made ready only where it is asked for.
    #[arg(long, value_name = "MODEL", default_value = Model::embedded()[0])]
    pub(crate) model: Model,

    /// Working scale of a network (0.25, 0.33, 0.4, 0.5, 0.67, 0.75, 0.8, 1): smaller is faster and finds larger motion.
    #[arg(long, value_name = "S", default_value_t = Ratio::ONE, value_parser = scale)]
    pub(crate) scale: Ratio,

    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// Working scales: those for which frames are padded to a multiple of no more than 64 pixels.
const SCALES: [(u32, u32); 8] = [(1, 4), (1, 3), (2, 5), (1, 2), (2, 3), (3, 4), (4, 5), (1, 1)];

/// The working scale that a number means: the nearest of [`SCALES`], if it is near.
pub(crate) fn scale(text: &str) -> Result<Ratio, String> {
    let value = |(num, den): (u32, u32)| f64::from(num) / f64::from(den);
    let wanted = match text.split_once('/') {
        Some((num, den)) => {
            num.parse().ok().zip(den.parse().ok()).filter(|p: &(u32, u32)| p.1 > 0).map(value)
        }
        None => text.parse::<f64>().ok(),
    };
    let near = |wanted: f64| SCALES.into_iter().find(|&s| (value(s) - wanted).abs() <= 0.01);
    match wanted.and_then(near) {
        Some((num, den)) => Ratio::new(num, den).map_err(|e| e.to_string()),
        None => Err(format!("found '{text}', expected one of 0.25, 0.33, 0.4, 0.5, 0.67, 0.75, 0.8 and 1")),
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
