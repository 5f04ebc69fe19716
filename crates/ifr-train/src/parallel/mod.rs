//! Data-parallel training: one process per device, each with batches of its own, gradients averaged before every step.
//!
//! A [`World`] says which process this is, from the variables that launchers set (`torchrun`, Slurm's `srun`, or a few lines of shell);
//! [`World::connect`] brings the processes together and gives the [`Averager`]. All processes start from the same weights and apply the
//! same averaged gradient, so their weights stay the same to the bit and only rank 0 needs to validate, log and write.
//!
//! ```no_run
//! use ifr_train::parallel::{Timeouts, World};
//!
//! let world = World::from_env()?; // alone, where no launcher set anything
//! let cuda = ifr_torch::load_cuda()? && tch::Cuda::is_available();
//! let device = if cuda { tch::Device::Cuda(world.local_rank()) } else { tch::Device::Cpu };
//! let mut averager = world.connect(device, 0x5eed, Timeouts::default())?;
//! let mut gradient = tch::Tensor::ones([2_800_000], (tch::Kind::Float, device));
//! if !averager.any(false)? {
//!     averager.average(&mut gradient)?;
//!     averager.settle()?; // before waiting for the device
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two ways lead from process to process. A star of TCP connections around rank 0 always exists: it brings the processes together, carries
//! what is small (who wants to stop), and the gradients of processes on CPUs. Gradients on CUDA devices travel by NCCL (feature `nccl`).

mod averager;
mod error;
mod handshake;
mod message;
#[cfg(feature = "nccl")]
mod nccl;
mod rendezvous;
mod slurm;
mod star;
mod world;

pub use averager::Averager;
pub use error::ParallelError;
pub use rendezvous::Timeouts;
pub use world::World;
