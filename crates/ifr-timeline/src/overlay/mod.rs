//! Overlays: captions, logos, displays and letterbox bars that stand still over a moving picture.

mod evidence;
mod fill;
mod keep;
mod luma;
mod mask;
mod tracker;

pub use keep::Overlaid;
pub use mask::OverlayMask;
pub use tracker::OverlayTracker;
