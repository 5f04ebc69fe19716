//! Classical dense optical flow and frame interpolation by flow: what `ifr` uses where no network's weights are at hand.
//!
//! * [`FlowInterpolator`] makes in-between frames of any [`Frame`](ifr_frame::Frame) behind the trait
//!   [`Interpolate`](ifr_frame::Interpolate).
//! * [`FlowInterpolator::prior`] gives the flows at each instant beside the frame, for networks that start from them.
//! * [`flow()`] is the flow from one luma [`Plane`] to another, [`flow_at`] the flows from an instant between them to both.
//! * [`read_flo`] and [`write_flo`] exchange [`FlowField`]s as Middlebury `.flo` files, [`colour_flow`] paints them.
//!
//! The flow is estimated coarse to fine. On every level a dense inverse search of small patches (Kroeger et al., ECCV 2016)
//! is followed by a variational refinement (Brox et al., ECCV 2004). Flows both ways are checked against each other, splatted
//! to the wanted instant, steadied where they failed, and weighed there by how well they explain both frames, which are
//! then warped and blended.
//!
//! Results depend neither on the number of threads nor on the instruction set of the machine.
//!
//! ```
//! use std::sync::Arc;
//! use ifr_flow::{FlowInterpolator, Quality};
//! use ifr_frame::{ColorDescription, Frame, Interpolate, PixelFormat};
//!
//! let first = Arc::new(Frame::black(PixelFormat::YUV420P8, 64, 48, ColorDescription::BT709)?);
//! let second = first.clone();
//! let mut interpolator = FlowInterpolator::new(Quality::Standard);
//! let mut pair = interpolator.pair(&first, &second)?;
//! assert_eq!(pair.at(0.5)?, *first);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod candidates;
mod estimate;
mod field;
mod flo;
mod flow;
mod interpolator;
mod kernels;
mod params;
mod picture;
mod plane;
mod project;
mod refine;
mod search;
mod steady;
mod wheel;

pub use field::FlowField;
pub use flo::{FloError, MAX_AREA, MAX_SIDE, open_flo, read_flo, save_flo, write_flo};
pub use flow::{FlowError, flow, flow_at};
pub use interpolator::{FlowInterpolator, FlowOptions, Prior, PriorPair};
pub use params::Quality;
pub use plane::Plane;
pub use wheel::colour_flow;
