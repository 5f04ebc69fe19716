//! Plans and runs the networks of ifr on the CPU.
//!
//! * [`NetInterpolator`] is what a video wants: frames in, frames in between out. For a network that starts from a prior
//!   it makes that by itself.
//! * [`Engine`] runs any [`Graph`](ifr_net::Graph). What a pair of images shares is computed once ([`Engine::pair`]), the rest
//!   for each timestep ([`Engine::at`]); what depends on one image alone serves the next pair that has the image, too
//!   ([`Engine::pair_sharing`]).
//! * [`Level`] is the instruction set of the kernels: plain Rust, AVX2 with FMA, or AVX-512; the best one is found at run
//!   time.
//!
//! # From a graph to a kernel
//! *Packing*, once for each network: a convolution's weights are put into the order in which the level's kernel reads
//! them. A stride or a transposition becomes a convolution without stride over phases of the input or output.
//!
//! *Planning*, once for each size: nodes become steps whose operands are planes in one buffer. A concatenation is a list of
//! planes and costs nothing; steps that are not needed for the outputs are left out; maps that do not live at the same time
//! share memory.
//!
//! *Running*: steps follow one another; each is cut into units that depend on its shape alone, and the threads of a pool
//! share those out. Every value is computed in one order whatever the units, so results do not depend on the number of
//! threads, to the bit.

mod conv;
mod crew;
mod engine;
mod error;
mod interpolator;
mod kernels;
mod layout;
mod level;
mod memory;
mod peak;
mod plan;
mod prior;
mod profile;
mod rows;
mod winograd;

pub use engine::{Engine, EngineOptions};
pub use error::CpuError;
pub use interpolator::NetInterpolator;
pub use level::Level;
pub use peak::peak_flops;
pub use plan::alone::{Shared, Was};
pub use plan::bands::Bands;
pub use profile::StepTime;
pub use rows::{Rows, RowsMut, Team};
