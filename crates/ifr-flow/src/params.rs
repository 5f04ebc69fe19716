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
    /// Level of the pyramid on which flows are brought to the wanted instant, at least `flow.finest`.
    pub(crate) project: usize,
    /// Whether every pixel has several candidate motions (see [`Candidates`](crate::candidates::Candidates)).
    pub(crate) several: bool,
}

/// Found by the half-rate test on real clips at 360 lines and on large-motion triplets: less smoothness than the 20 usual
/// with brightness 5 and gradient 10, a single warp per level, but several rounds of propagation between patches.
const TERMS: Terms = Terms { alpha: 10.0, delta: 5.0, gamma: 10.0, warps: 1, sweeps: 3 };

impl Quality {
    pub(crate) fn params(self) -> Params {
        match self {
            Self::Standard => Params {
                flow: FlowParams {
                    finest: 0,
                    search: SearchParams { step: 5, steps: 6, rounds: 2 },
                    terms: TERMS,
                },
                project: 1,
                several: true,
            },
            Self::Fast => Params {
                flow: FlowParams {
                    finest: 2,
                    search: SearchParams { step: 4, steps: 6, rounds: 1 },
                    terms: TERMS,
                },
                project: 2,
                several: false,
            },
        }
    }
}
