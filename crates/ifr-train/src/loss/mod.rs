//! What training minimises.

mod census;
mod charbonnier;
mod distillation;
mod frequency;
mod ifrnet;
mod ifrplus;
mod perceptual;

pub(crate) use charbonnier::charbonnier;
pub use ifrnet::{IfrNetLoss, LossWeights, Losses};
pub use ifrplus::{IfrPlusLoss, PlusLosses, PlusWeights};
pub use perceptual::{Perceptual, PerceptualError};
