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
/// with brightness 5 and gradient 10, a single warp per level and few sweeps, but several rounds of propagation between
/// patches.
const TERMS: Terms = Terms { alpha: 10.0, delta: 5.0, gamma: 10.0, warps: 1, sweeps: 2 };

/// Pixels of a frame up to which the presets work on the levels they name. A larger one has coarser detail for its size:
/// motion found on its halvings costs a fraction, and the half-rate test on clips of 1080 lines is within 0.03 dB.
const LARGE: usize = 1280 * 720;

impl Params {
    /// The same for frames of `width` × `height` pixels.
    pub(crate) fn sized(mut self, width: usize, height: usize) -> Self {
        let mut area = width.saturating_mul(height);
        let mut finest = 0;
        while area > LARGE {
            area /= 4;
            finest += 1;
        }
        if finest > 0 {
            self.flow.finest = self.flow.finest.max(finest);
            self.project = self.project.max(finest + 1);
        }
        self
    }
}

impl Quality {
    pub(crate) fn params(self) -> Params {
        match self {
            Self::Standard => Params {
                flow: FlowParams {
                    finest: 0,
                    search: SearchParams { step: 5, steps: 6, rounds: 2 },
                    last_step: 6,
                    terms: TERMS,
                },
                project: 1,
                several: true,
            },
            Self::Fast => Params {
                flow: FlowParams {
                    finest: 2,
                    search: SearchParams { step: 4, steps: 6, rounds: 1 },
                    last_step: 4,
                    terms: Terms { sweeps: 3, ..TERMS },
                },
                project: 2,
                several: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_frames_start_coarser() {
        let levels = |q: Quality, w, h| {
            let p = q.params().sized(w, h);
            (p.flow.finest, p.project)
        };
        assert_eq!(levels(Quality::Standard, 1280, 720), (0, 1));
        assert_eq!(levels(Quality::Standard, 1920, 1080), (1, 2));
        assert_eq!(levels(Quality::Standard, 3840, 2160), (2, 3));
        assert_eq!(levels(Quality::Fast, 1920, 1080), (2, 2));
    }
}
