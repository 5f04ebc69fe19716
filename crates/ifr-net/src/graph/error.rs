use thiserror::Error;

/// Why there is no such graph, or why it cannot run on a given size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A ratio of sizes that is no positive number of small terms.
    #[error(
        "'{0}' is not a usable ratio: give a fraction (4/5) or a decimal (0.25) with terms of at most 65536"
    )]
    Ratio(String),
    /// A working scale outside the range a network allows.
    #[error("a scale of {0} is not possible: it must be at most 1 and at least 1/16")]
    Scale(Ratio),
    /// A scale for a refiner that the network has not.
    #[error("{network} has no refiner: a refiner's scale of {scale} is for ifr-plus")]
    Refiner {
        /// The network's name.
        network: String,
        /// The scale asked for.
        scale: Ratio,
    },
    /// An input whose size does not divide into the network's levels.
    #[error("{network} takes sizes that are multiples of {multiple}; {width}x{height} is not: pad it first")]
    Size {
        /// The network's name.
        network: String,
        /// Width found, in pixels.
        width: usize,
        /// Height found, in pixels.
        height: usize,
        /// What both must be a multiple of.
        multiple: usize,
    },
    /// No operation writes a tensor of that name.
    #[error("the graph writes no tensor '{0}'")]
    NoTensor(String),
    /// A mistake in the description of a network.
    #[error("{network}: {tensor}: {problem}")]
    Malformed {
        /// The network's name.
        network: String,
        /// The tensor that was to be written.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
}

use super::Ratio;
