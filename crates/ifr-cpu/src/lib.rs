//! Plans and runs the networks of ifr on the CPU.
mod conv;
mod engine;
mod error;
mod kernels;
mod layout;
mod level;
mod memory;
mod plan;
mod profile;

pub use engine::{Engine, EngineOptions};
pub use error::CpuError;
pub use level::Level;
