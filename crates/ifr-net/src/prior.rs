use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::graph::{Builder, Extent, GraphError, Ratio, View};

/// What a network is told of an instant beside the two images and the timestep: another method's answer, which it
/// improves on instead of finding its own from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prior {
    /// Classical optical flow: the flows from the instant to both images, and the frame they make. In a graph, the inputs
    /// [`Prior::FLOWS`] and [`Prior::FRAME`].
    Flow,
}

impl Prior {
    /// The key of the metadata of weights under which a network's prior is recorded.
    pub const KEY: &'static str = "prior";
    /// The input of 4 channels at full size, anew for each instant: flow to `img0` (x to the right, y down), then to
    /// `img1`, in pixels of the full size.
    pub const FLOWS: &'static str = "prior.flows";
    /// The input of 3 channels at full size, anew for each instant: the frame that the prior makes, RGB, nominally in
    /// \[0, 1\].
    pub const FRAME: &'static str = "prior.frame";

    /// What it is called in metadata and configurations, e.g. `flow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
        }
    }
}

impl fmt::Display for Prior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No prior of that name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no prior: 'flow' is the only one")]
pub struct UnknownPrior(
    /// The name found.
    pub String,
);

impl FromStr for Prior {
    type Err = UnknownPrior;

    /// A prior by its [name](Prior::name).
    fn from_str(text: &str) -> Result<Self, UnknownPrior> {
        match text {
            "flow" => Ok(Self::Flow),
            other => Err(UnknownPrior(other.to_owned())),
        }
    }
}

/// A prior's inputs in a graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PriorInputs {
    pub(crate) flows: View,
    pub(crate) frame: View,
}

impl PriorInputs {
    /// Declares them, in this order.
    pub(crate) fn declare(b: &mut Builder, prior: Prior) -> Self {
        match prior {
            Prior::Flow => Self {
                flows: b.instant(Prior::FLOWS, 4, Extent::FULL),
                frame: b.instant(Prior::FRAME, 3, Extent::FULL),
            },
        }
    }

    /// The flows at `scale` times 1, 1/2, 1/4, 1/8 and 1/16 of the full size, each in pixels of its own: the mean of 2×2
    /// pixels of the one before.
    pub(crate) fn pyramid(self, b: &mut Builder, scale: Ratio) -> Result<[View; 5], GraphError> {
        let first = if scale == Ratio::ONE {
            self.flows
        } else {
            b.resize("prior0", self.flows, Extent::Map(scale), scale.value(), None)
        };
        let mut levels = [first; 5];
        for k in 1..5 {
            let extent = Extent::Map(scale.times(1, 1 << k)?);
            levels[k] = b.resize(&format!("prior{k}"), levels[k - 1], extent, 0.5, None);
        }
        Ok(levels)
    }
}
