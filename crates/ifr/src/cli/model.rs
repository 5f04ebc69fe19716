//! What every command that interpolates takes.

use std::num::NonZeroUsize;

use clap::Args;
use ifr::frame::BisectDepth;
use ifr::net::{Ratio, Timesteps};
use ifr::{Device, Interpolator, InterpolatorOptions, Model, Scale};

use super::Failure;

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// How in-between frames are made: an embedded model (flow, flow-fast; `ifr doctor` lists all), or a network's weights (a
    /// safetensors file of IFRNet S, B or L, as published or on the prior of flow, or of IFR+; `ifr convert` makes one of others).
    // By name, so that a model is made ready only where it is asked for.
    #[arg(long, value_name = "MODEL", default_value = Model::embedded()[0])]
    pub(crate) model: Model,

    #[command(flatten)]
    pub(crate) scales: ScaleArgs,

    #[command(flatten)]
    pub(crate) depth: DepthArgs,

    /// Make each frame the mean over mirrored and time-reversed inputs: a little better (0.1 to 0.2 dB with flow on real clips), at
    /// eight times the work.
    #[arg(long)]
    pub(crate) tta: bool,

    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ScaleArgs {
    /// Scale at which a network finds motion (0.125, 0.25, 0.33, 0.4, 0.5, 0.67, 0.75, 0.8, 1): smaller is faster and finds
    /// larger motion. auto: as published for the size; 1 for IFRNet.
    #[arg(long, visible_alias = "scale", value_name = "S", default_value_t = Scale::Auto, value_parser = scale)]
    pub(crate) flow_scale: Scale,

    /// Scale of IFR+'s refiner, likewise.
    #[arg(long, value_name = "S", default_value_t = Scale::Auto, value_parser = scale)]
    pub(crate) refine_scale: Scale,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DepthArgs {
    /// With weights that make middles alone (IFR+): how often an interval is halved to come near any other instant, 1 to 8
    /// [default: 4].
    #[arg(long, value_name = "N")]
    bisect_depth: Option<BisectDepth>,
}

impl ScaleArgs {
    pub(crate) fn options(self, DepthArgs { bisect_depth }: DepthArgs) -> InterpolatorOptions {
        InterpolatorOptions {
            flow_scale: self.flow_scale,
            refine_scale: self.refine_scale,
            bisect_depth: bisect_depth.unwrap_or_default(),
            averaged: false,
        }
    }
}

/// Working scales: those for which frames are padded to a multiple of no more than 64 pixels, and the one published for IFR+ on
/// large frames.
const SCALES: [(u32, u32); 9] = [(1, 8), (1, 4), (1, 3), (2, 5), (1, 2), (2, 3), (3, 4), (4, 5), (1, 1)];

/// `auto`, or the working scale that a number means: the nearest of [`SCALES`], if it is near.
pub(super) fn scale(text: &str) -> Result<Scale, String> {
    if text == "auto" {
        return Ok(Scale::Auto);
    }
    let value = |(num, den): (u32, u32)| f64::from(num) / f64::from(den);
    let wanted = match text.split_once('/') {
        Some((num, den)) => {
            num.parse().ok().zip(den.parse().ok()).filter(|p: &(u32, u32)| p.1 > 0).map(value)
        }
        None => text.parse::<f64>().ok(),
    };
    let near = |wanted: f64| SCALES.into_iter().find(|&s| (value(s) - wanted).abs() <= 0.01);
    match wanted.and_then(near) {
        Some((num, den)) => Ratio::new(num, den).map(Scale::Fixed).map_err(|e| e.to_string()),
        None => Err(format!(
            "found '{text}', expected auto or one of 0.125, 0.25, 0.33, 0.4, 0.5, 0.67, 0.75, 0.8 and 1"
        )),
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
        if self.depth.bisect_depth.is_some() && self.model.timesteps() == Timesteps::Any {
            return Err(Failure::usage(format!(
                "the model {} makes any instant by itself, without halving: leave --bisect-depth out",
                self.model
            )));
        }
        let options = InterpolatorOptions { averaged: self.tta, ..self.scales.options(self.depth) };
        Interpolator::with_options(&self.model, &self.device(), options).map_err(Failure::usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_the_nearest_of_nine() {
        let of = |text: &str| scale(text).map(|s| s.to_string());
        for (text, expected) in [
            ("auto", "auto"),
            ("0.33", "1/3"),
            ("1/3", "1/3"),
            ("0.667", "2/3"),
            ("0.125", "1/8"),
            ("1", "1"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected));
        }
        for bad in ["0.1", "1/16", "2", "0", "-1", "nan", "x", "1/0"] {
            assert!(of(bad).is_err_and(|e| e.contains("expected auto or one of")), "{bad}");
        }
    }
}
