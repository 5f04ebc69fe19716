use std::error::Error;
use std::sync::Arc;

use thiserror::Error;

use crate::Frame;

/// Makes the frames between two frames.
///
/// Implementations keep what two consecutive pairs share: frames come in [`Arc`]s so that the second frame of one
/// pair can be recognised (by pointer) as the first of the next.
pub trait Interpolate: Send {
    /// A short name for reports, e.g. `flow` or `ifrnet-s`.
    fn name(&self) -> &str;

    /// Prepares the pair (`first` at t = 0, `second` at t = 1): computes once what all in-between frames share.
    ///
    /// # Errors
    /// [`InterpolateError::Mismatch`] when the frames differ in size, format or colour description; otherwise what
    /// the implementation reports.
    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError>;
}

/// A prepared pair of frames.
pub trait Pair {
    /// The frame at timestep `t` in (0, 1), in the format and colour description of its sources.
    ///
    /// # Errors
    /// [`InterpolateError::Timestep`] when `t` is not inside (0, 1); otherwise what the implementation reports.
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError>;
}

/// Why no in-between frame could be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InterpolateError {
    /// The two frames cannot stand in one stream.
    #[error("the two frames differ: {first} and {second}; scale or convert one to match the other")]
    Mismatch {
        /// The first frame, in words.
        first: String,
        /// The second frame, in words.
        second: String,
    },
    /// A timestep outside (0, 1).
    #[error("timestep {0} is not between 0 and 1: only frames strictly between the two can be made")]
    Timestep(f32),
    /// What the method's own engine reports.
    #[error(transparent)]
    Engine(Box<dyn Error + Send + Sync>),
}

impl InterpolateError {
    /// Checks that two frames are of one kind.
    ///
    /// # Errors
    /// [`InterpolateError::Mismatch`] when they are not.
    pub fn check_pair(first: &Frame, second: &Frame) -> Result<(), Self> {
        if first.is_like(second) {
            return Ok(());
        }
        let words = |f: &Frame| format!("{}x{} {} {}", f.width(), f.height(), f.format(), f.color());
        Err(Self::Mismatch { first: words(first), second: words(second) })
    }

    /// Checks that a timestep lies strictly between 0 and 1.
    ///
    /// # Errors
    /// [`InterpolateError::Timestep`] when it does not (or is not a number).
    pub fn check_timestep(t: f32) -> Result<(), Self> {
        if t > 0.0 && t < 1.0 { Ok(()) } else { Err(Self::Timestep(t)) }
    }
}
