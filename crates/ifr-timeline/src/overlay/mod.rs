//! Overlays: captions, logos, displays and letterbox bars that stand still over a moving picture.

mod bars;
mod evidence;
mod fill;
mod keep;
mod luma;
mod mask;
#[cfg(test)]
mod tests;
mod tracker;

pub use keep::Overlaid;
pub use mask::OverlayMask;
pub use tracker::OverlayTracker;
