use std::error::Error;
use std::fmt;
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

    /// As [`Interpolate::pair`], of frames parts of which are made up. Methods that can tell find no motion there, and take what
    /// is behind from the other frame where that shows it; others, as this default, see ordinary frames.
    ///
    /// # Errors
    /// As [`Interpolate::pair`].
    fn pair_covered<'a>(
        &'a mut self,
        first: Covered<'_>,
        second: Covered<'_>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        self.pair(first.frame, second.frame)
    }
}

/// Which parts of a frame are made up: painted over something that hid what was to be seen.
pub trait Cover: Sync {
    /// Writes how far each sample of row `y` of a plane is made up: 0 (as it was) to 1 (wholly). The plane's samples stand for
    /// `step` luma columns and rows each, and `out` is as wide as the plane.
    fn row(&self, step: (usize, usize), y: usize, out: &mut [f32]);
}

/// A frame, and which parts of it are made up. The same frame (the same [`Arc`]) always comes with the same cover.
#[derive(Clone, Copy)]
pub struct Covered<'a> {
    /// The frame.
    pub frame: &'a Arc<Frame>,
    /// What is made up of it; `None`: nothing.
    pub cover: Option<&'a dyn Cover>,
}

impl fmt::Debug for Covered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Covered").field("is_covered", &self.cover.is_some()).finish_non_exhaustive()
    }
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
