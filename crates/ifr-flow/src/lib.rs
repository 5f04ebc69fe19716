//! Classical dense optical flow and frame interpolation by flow: needs no weights.

mod estimate;
mod field;
mod interpolator;
mod kernels;
mod params;
mod picture;
mod plane;
mod project;
mod refine;
mod search;

pub use field::FlowField;
pub use interpolator::{FlowInterpolator, FlowOptions};
pub use params::Quality;
pub use plane::Plane;
