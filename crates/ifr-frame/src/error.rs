use thiserror::Error;

/// What can be wrong with a frame, a time or a rate. Each message says what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A width or height of zero, or beyond [`MAX_DIMENSION`](crate::MAX_DIMENSION) or
    /// [`MAX_PIXELS`](crate::MAX_PIXELS).
    #[error(
        "a frame of {width}x{height} is not possible: sides must be 1 to 65535 and the area at most 2^28 pixels"
    )]
    Size {
        /// The width asked for, in pixels.
        width: usize,
        /// The height asked for, in pixels.
        height: usize,
    },
    /// Planes that do not fit the pixel format and size.
    #[error("plane {plane} of a {format} frame: found {found}, expected {expected}")]
    Plane {
        /// Index of the plane.
        plane: usize,
        /// The frame's pixel format, in words.
        format: String,
        /// What the plane is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A bit depth outside 8 to 16.
    #[error("{0} bits a sample are not supported: 8 to 16 are")]
    Depth(u8),
    /// A number of halvings outside 1 to 8.
    #[error("'{0}' is not how often an interval may be halved: give 1 to 8")]
    BisectDepth(String),
    /// A frame rate that is no positive number.
    #[error(
        "'{0}' is not a frame rate: give a whole number (60), a decimal (59.94) or a fraction (60000/1001) above 0 and at most 100000"
    )]
    Rate(String),
    /// A time that cannot be read.
    #[error("'{0}' is not a time: give seconds (90 or 10.4) or [hours:]minutes:seconds (1:02:03.5)")]
    Time(String),
    /// A time base with a zero or negative part.
    #[error("a time base of {num}/{den} seconds is not possible: both parts must be positive")]
    TimeBase {
        /// Numerator found.
        num: i64,
        /// Denominator found.
        den: i64,
    },
}
