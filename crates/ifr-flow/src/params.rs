//! The presets.

use crate::estimate::FlowParams;
use crate::kernels::variational::Terms;
use crate::search::SearchParams;

/// How much work goes into the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// The best pictures.
    #[default]
    Standard,
    /// Several times faster, somewhat softer along the edges of moving objects.
    Fast,
}

/// Everything a preset decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Params {
    /// Estimation of the flow of each frame.
    pub(crate) flow: FlowParams,
    /// Refinement at the wanted instant, on every level finer than the estimation's.
    pub(crate) instant: Terms,
}

impl Quality {
    pub(crate) fn params(self) -> Params {
        match self {
            Self::Standard => Params {
                flow: FlowParams {
                    finest: 1,
                    search: SearchParams { step: 4, steps: 12, rounds: 2 },
                    terms: Terms { alpha: 20.0, delta: 5.0, gamma: 10.0, warps: 2, sweeps: 5, edge: 0.0 },
                },
                instant: Terms { alpha: 20.0, delta: 5.0, gamma: 10.0, warps: 2, sweeps: 5, edge: 0.0 },
            },
            Self::Fast => Params {
                flow: FlowParams {
                    finest: 2,
                    search: SearchParams { step: 4, steps: 12, rounds: 1 },
                    terms: Terms { alpha: 20.0, delta: 5.0, gamma: 10.0, warps: 1, sweeps: 5, edge: 0.0 },
                },
                instant: Terms { alpha: 20.0, delta: 5.0, gamma: 10.0, warps: 0, sweeps: 5, edge: 0.0 },
            },
        }
    }
}
