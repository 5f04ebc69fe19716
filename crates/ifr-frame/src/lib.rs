//! What every part of `ifr` agrees on: [`Frame`]s as decoders make them, float [`RgbImage`]s as networks see them,
//! exact [`Time`], and the trait [`Interpolate`].
//!
//! * A [`Frame`] is planar, 8 to 16 bits a sample, and carries its [`PixelFormat`] and [`ColorDescription`]. It is
//!   never converted on its way from reader to writer unless someone asks: source frames stay bit-identical.
//! * An [`RgbImage`] is planar float RGB, nominally in \[0, 1\]; [`Frame::to_rgb`] and [`RgbImage::to_frame`] convert
//!   with the frame's own matrix, range and chroma siting, so that in-between frames match their neighbours. [`RgbReader`] and
//!   [`FrameWriter`] do so row by row.
//! * [`Time`] is an exact rational number of seconds. It is rounded once, by [`Time::to_pts`], when a container is
//!   written.
//! * [`Averaged`] takes the mean of what a method makes of mirrored and time-reversed pairs.
//! * [`Bisection`] makes any instant out of middles alone, for methods that can make no other.
//!
//! ```
//! use ifr_frame::{ColorDescription, Frame, PixelFormat, Rate, Time};
//!
//! let frame = Frame::black(PixelFormat::YUV420P8, 64, 48, ColorDescription::default())?;
//! let rgb = frame.to_rgb();
//! assert_eq!((rgb.width(), rgb.height()), (64, 48));
//!
//! let ntsc: Rate = "23.976".parse()?;
//! assert_eq!(ntsc, Rate::new(24000, 1001)?);
//! assert_eq!(ntsc.time_of(24), Time::new(1001, 1000));
//! # Ok::<(), ifr_frame::FrameError>(())
//! ```

mod averaged;
mod bisect;
mod color;
mod convert;
mod error;
mod format;
mod frame;
mod image;
mod interpolate;
mod mirror;
mod pad;
mod rate;
mod resample;
mod time;

pub use averaged::Averaged;
pub use bisect::{BisectDepth, Bisection, Dyadic};
pub use color::{ChromaSiting, ColorDescription, Matrix, Primaries, Range, Transfer};
pub use convert::{FrameWriter, RgbReader};
pub use error::FrameError;
pub use format::{ColorModel, PixelFormat, Subsampling};
pub use frame::{Frame, MAX_DIMENSION, MAX_PIXELS, Plane, Samples, SamplesMut};
pub use image::RgbImage;
pub use interpolate::{Cover, Covered, Interpolate, InterpolateError, Pair};
pub use mirror::Mirror;
pub use pad::Padding;
pub use rate::Rate;
pub use time::{Time, TimeBase};
