//! `ifr`: video frame interpolation, making the frames a camera never took.
//!
//! This crate is the front door. Between two frames:
//!
//! ```
//! use std::sync::Arc;
//! use ifr::{Device, Interpolator, Model};
//! use ifr::frame::{ColorDescription, Frame, PixelFormat};
//!
//! let frame0 = Arc::new(Frame::black(PixelFormat::YUV420P8, 64, 48, ColorDescription::BT709)?);
//! let frame1 = Arc::clone(&frame0);
//!
//! let model = Model::default(); // the embedded one
//! let mut interp = Interpolator::new(&model, &Device::cpu())?;
//! let mut pair = interp.pair(&frame0, &frame1)?; // what every t shares is computed once
//! let middle = pair.at(0.5)?; // any t in (0, 1)
//! assert_eq!((middle.width(), middle.height()), (64, 48));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A whole file, sound and subtitles included: see [`job`].
//!
//! The rooms behind it: [`frame`] (frames, exact time, colour), [`flow`] (optical flow, the embedded default),
//! [`net`] (the networks), [`formats`] (their checkpoints from elsewhere, and ONNX), [`eval`] (how good the frames are), [`timeline`] (which frames, when), [`video`] (files in and out).

pub mod config;
pub mod job;

mod device;
mod foreign;
mod interpolator;
mod memory;
mod method;
mod model;
mod scale;
mod scaled;

pub use device::{Device, DeviceError};
pub use interpolator::{Interpolator, InterpolatorError, InterpolatorOptions};
pub use memory::{MemoryLimit, MemoryLimitError};
pub use method::{Method, Times};
pub use model::{Model, ModelError};
pub use scale::Scale;

pub use ifr_eval as eval;
pub use ifr_flow as flow;
pub use ifr_formats as formats;
pub use ifr_frame as frame;
pub use ifr_net as net;
pub use ifr_timeline as timeline;
pub use ifr_video as video;
