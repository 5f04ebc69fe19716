//! What training minimises.

mod census;
mod charbonnier;
mod distillation;
mod ifrnet;

pub use ifrnet::{IfrNetLoss, LossWeights, Losses};
