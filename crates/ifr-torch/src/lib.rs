//! The networks of ifr on libtorch, for training: [`run`] walks a graph with gradients, on the CPU or on CUDA, in `f32` or with
//! convolutions in bfloat16.
//!
//! A graph's parameters live in one flat tensor, [`FlatParameters`], so that an optimiser's step is a handful of operations
//! whatever the network.
//!
//! ```
//! use ifr_net::{IfrNet, Ratio};
//! use ifr_torch::{FlatParameters, Precision, initial_parameters, run};
//! use tch::{Device, Kind, Tensor};
//!
//! let graph = IfrNet::S.graph(Ratio::ONE)?;
//! let mut parameters = FlatParameters::new(&graph, Device::Cpu)?;
//! parameters.load(&initial_parameters(&graph, 1))?;
//!
//! let image = || Tensor::rand([2, 3, 32, 48], (Kind::Float, Device::Cpu));
//! let t = Tensor::from_slice(&[0.25_f32, 0.5]).view([2, 1, 1, 1]);
//! let inputs = [image(), image(), t];
//! let outputs = run(&graph, &parameters.views()?, &inputs, graph.outputs(), Precision::F32)?;
//! (&outputs[0] - image()).square().mean(Kind::Float).backward();
//! assert!(f64::try_from(parameters.tensor().grad().norm())? > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Operations are libtorch's own, matched to the definitions of [`ifr_net::Op`]: a warp is `grid_sample` (bilinear, border,
//! `align_corners`), lists of sources are concatenated, a plane is expanded, a deformable convolution is `grid_sample` with zeros
//! outside and a convolution 1×1 of what that brings. Results differ from the scalar reference by rounding
//! only; [`Torch`] puts that to the [`ifr_net::conformance`] suite.
//!
//! No call of libtorch that could fail is left to panic: what it reports comes back as a [`TorchError`], and a device without
//! room says so. [`load_cuda`] comes before the first question for CUDA.

mod convert;
mod cuda;
mod engine;
mod error;
mod flat;
mod initial;
mod run;
mod sample;
mod walk;

pub use convert::{download, download_values, upload, upload_values};
pub use cuda::{CudaError, load_cuda};
pub use engine::Torch;
pub use error::TorchError;
pub use flat::FlatParameters;
pub use initial::initial_parameters;
pub use run::{Precision, run};
