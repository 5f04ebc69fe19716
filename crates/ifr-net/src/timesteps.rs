use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::network::Network;
use crate::parameters::Parameters;
use crate::store::printable;

/// The instants between two frames that a network, or its weights, can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timesteps {
    /// Any t between 0 and 1.
    Any,
    /// The middle alone: t is 0.5.
    Midpoint,
}

impl Timesteps {
    /// The key of the metadata of weights under which the instants they know are recorded.
    pub const KEY: &'static str = "timesteps";

    /// What it is called in metadata: `any` or `midpoint`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Midpoint => "midpoint",
        }
    }
}

impl fmt::Display for Timesteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Timesteps {
    type Err = TimestepsError;

    /// Reads a [name](Timesteps::name).
    fn from_str(text: &str) -> Result<Self, TimestepsError> {
        match text {
            "any" => Ok(Self::Any),
            "midpoint" => Ok(Self::Midpoint),
            other => Err(TimestepsError::Unknown(printable(other, 100))),
        }
    }
}

/// Weights of which it cannot be said what instants they know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestepsError {
    /// A word that is neither `any` nor `midpoint`.
    #[error("timesteps '{0}' are unknown: they are 'any' or 'midpoint'")]
    Unknown(
        /// The word found.
        String,
    ),
    /// Metadata that promise more than the network or its weights can do.
    #[error(
        "the weights of {network} contradict themselves: their metadata say 'timesteps' is 'any', but {reason}; it must be \
         'midpoint'"
    )]
    Contradiction {
        /// The network's name.
        network: &'static str,
        /// Why that cannot be.
        reason: &'static str,
    },
}

/// The convolution that reads the timestep, in every IFRNet; t is its last input channel.
const READS_T: &str = "decoder4.convblock.0.0.weight";

impl Network {
    /// The instants that these weights of the network know: as their metadata say under [`Timesteps::KEY`]; where those say
    /// nothing, IFRNet without a prior knows the middle alone when every weight for the plane of t is exactly 0, as in
    /// the checkpoints published for Vimeo-90K, whose training never varied t. A network on a prior is told of t by that
    /// too.
    ///
    /// # Errors
    /// [`TimestepsError::Unknown`] for another word in the metadata, [`TimestepsError::Contradiction`] when they say
    /// [`Timesteps::Any`] of a network, or of weights, to which every t is the same.
    pub fn timesteps_of(
        &self,
        metadata: &BTreeMap<String, String>,
        parameters: &Parameters,
    ) -> Result<Timesteps, TimestepsError> {
        let said = metadata.get(Timesteps::KEY).map(|word| word.parse()).transpose()?;
        let blind = match self {
            Self::IfrPlus(_) => Some("the network makes middles alone"),
            Self::IfrNet(_) if self.prior().is_none() && ignores_t(parameters) => {
                Some("all of their weights for t are 0")
            }
            Self::IfrNet(_) => None,
        };
        match (said, blind) {
            (Some(Timesteps::Any), Some(reason)) => {
                Err(TimestepsError::Contradiction { network: self.name(), reason })
            }
            (Some(said), _) => Ok(said),
            (None, Some(_)) => Ok(Timesteps::Midpoint),
            (None, None) => Ok(Timesteps::Any),
        }
    }
}

/// Whether all weights of [`READS_T`] for its last input channel are 0. Without that parameter: no.
fn ignores_t(parameters: &Parameters) -> bool {
    let Some((info, values)) = parameters.iter().find(|(info, _)| info.name == READS_T) else { return false };
    // Output channels × input channels × 3 × 3.
    let [_, inputs, taps @ ..] = info.shape.as_slice() else { return false };
    let taps: usize = taps.iter().product();
    let mut planes = values.chunks_exact((inputs * taps).max(1));
    planes.all(|filter| filter[filter.len() - taps..].iter().all(|&weight| weight == 0.0))
}
