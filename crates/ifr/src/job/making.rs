//! What there is to say about how a plan's frames are made.

use std::fmt;

use ifr_frame::{BisectDepth, Rate};
use ifr_timeline::Grid;

use crate::job::Stretch;
use crate::job::instants::{Instants, worst_error};
use crate::{Method, Times};

/// How the frames of a plan are made, and what that costs; [`Display`](fmt::Display) makes a few lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Making {
    /// The model and how it works on frames of this size.
    pub method: Method,
    /// The largest distance between where a frame is shown and the instant it is made for, as a share of the time between two
    /// source frames; 0 where every instant is exact.
    pub error: f64,
    /// The same in seconds of the output; `None`: the source states no rate.
    pub error_seconds: Option<f64>,
    /// How often a network runs for each pair of source frames, on average, where nothing is cut or repeated; `None`: the model
    /// is no network, or the instants are not known beforehand.
    pub runs: Option<f64>,
    /// Multiply-accumulates for each pair of source frames, likewise; what runs of IFR+ share (the features of a frame that several
    /// of them have, about a twentieth) is counted in each.
    pub macs: Option<f64>,
}

impl Making {
    pub(super) fn new(method: Method, grid: Grid, stretch: Stretch, rate: Option<Rate>) -> Self {
        let instants = Instants::new(grid, stretch, rate);
        let times = method.times;
        let error = instants.as_ref().map_or(worst_error(times), |instants| instants.error(times));
        let (longer, shorter) = stretch.parts();
        let interval = rate.map(|rate| f64::from(longer) / (rate.as_f64() * f64::from(shorter)));
        let work = instants.map(|instants| instants.work(times));
        let (runs, macs) = match (&method.cost, work) {
            (Some(cost), Some(work)) => {
                // A middle, or a mirrored pair, is a pair of its own; an instant of a pair needs only what depends on it.
                let passes = f64::from(method.passes);
                let shared = times == Times::Any && method.passes == 1;
                let runs = passes * work.runs;
                let pairs = if shared { work.pairs } else { runs };
                let macs = pairs * cost.pair_macs as f64 + runs * cost.instant_macs() as f64;
                (Some(runs), Some(macs))
            }
            _ => (None, None),
        };
        Self { method, error, error_seconds: interval.map(|seconds| error * seconds), runs, macs }
    }

    /// How far off, in words.
    fn distance(&self) -> String {
        match self.error_seconds {
            Some(seconds) => format!("{:.2} ms", 1e3 * seconds),
            None => format!("{:.3} of the time between two frames", self.error),
        }
    }

    /// What people should be told before it starts.
    pub(super) fn notice(&self) -> Option<String> {
        let Times::Bisected(depth) = self.method.times else { return None };
        (self.error > 0.0).then(|| {
            let parts = 1_u32 << depth.get();
            let advice = match depth {
                BisectDepth::MOST => "",
                _ => "; a larger --bisect-depth brings them nearer",
            };
            format!(
                "the model makes middles alone: frames that are not a multiple of 1/{parts} of the way from one source frame to \
                 the next are made for the nearest, up to {} off{advice}",
                self.distance()
            )
        })
    }
}

impl fmt::Display for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  model   {}\n  times   ", self.method)?;
        match self.method.times {
            Times::Any => f.write_str("any between two frames")?,
            Times::Bisected(depth) => {
                write!(f, "middles of middles, up to {depth} deep; ")?;
                if self.error > 0.0 {
                    write!(f, "at most {} off", self.distance())?;
                } else {
                    f.write_str("all exact")?;
                }
            }
        }
        if let (Some(runs), Some(macs)) = (self.runs, self.macs) {
            // Up to two decimals, and none of a whole number.
            let runs = (runs * 100.0).round() / 100.0;
            let word = if runs == 1.0 { "run" } else { "runs" };
            write!(f, "\n  cost    {:.2} GMAC for each pair of source frames, in {runs} {word}", macs / 1e9)?;
        }
        Ok(())
    }
}
