//! What makes the frames of a case.

mod blend;
mod folder;
mod interpolated;

use ifr_frame::RgbImage;

use crate::{Case, EvalError};

pub use blend::Blend;
pub use folder::FrameFolder;
pub use interpolated::Interpolated;

/// A frame that was made.
#[derive(Debug, Clone)]
pub struct Take {
    /// The frame, of the size of the inputs or of the truth.
    pub image: RgbImage,
    /// How long it took, in seconds, the pair's share included; `None` where another program made it.
    pub seconds: Option<f64>,
}

/// Makes the frames of a case.
pub trait Method {
    /// What it is called in reports.
    fn name(&self) -> &str;

    /// Makes the frames of all truths of a case, in their order, and hands each to `taken` with the truth's index.
    ///
    /// # Errors
    /// What the method or `taken` reports.
    fn make(
        &mut self,
        case: &Case,
        taken: &mut dyn FnMut(usize, Take) -> Result<(), EvalError>,
    ) -> Result<(), EvalError>;
}
