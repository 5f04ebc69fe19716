use ifr_net::{GraphError, InputError};
use thiserror::Error;

/// Why a network cannot run on the CPU, or not on this input.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CpuError {
    /// The graph refuses the size.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Inputs or parameters that do not suit the graph.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An output that the graph does not have.
    #[error("there is no output {index}: the graph has {count}")]
    Output {
        /// The index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A network with another interface than an interpolator needs.
    #[error("{network} does not interpolate: {problem}")]
    Interface {
        /// The network's name.
        network: String,
        /// What is missing.
        problem: String,
    },
    /// [`Engine::at`](crate::Engine::at) without a pair before it.
    #[error("no pair has been prepared: call Engine::pair first")]
    NoPair,
    /// An output that depends on a timestep before [`Engine::at`](crate::Engine::at).
    #[error("the output has not been computed: call Engine::at first")]
    NotRun,
    /// An output that was handed on row by row, so that it is not there as a whole.
    #[error(
        "the output was handed on row by row: take it from Engine::at_rows, or set_row_output(false) before the pair"
    )]
    HandedOn,
    /// A map beyond what positions in a plane can tell apart.
    #[error("a map of {width}x{height} cannot be warped: use a smaller size or scale")]
    Extent {
        /// Its width in pixels.
        width: usize,
        /// Its height in pixels.
        height: usize,
    },
    /// More memory than there is.
    #[error("{bytes} bytes for the network's maps are not to be had: use a smaller size or scale")]
    Memory {
        /// How much was asked for.
        bytes: usize,
    },
}
