//! What a graph with a [`Prior`](ifr_net::Prior) is told of each instant: classical flow, padded as the images are.

use std::sync::Arc;

use ifr_flow::{FlowInterpolator, FlowOptions, Prior, PriorPair, Quality};
use ifr_frame::{Frame, FrameError, InterpolateError, Padding, RgbImage};
use rayon::ThreadPool;

/// The preset that priors are made with, in training too: a network learns what to make of just these errors.
pub(crate) const QUALITY: Quality = Quality::Standard;

/// Makes priors.
#[derive(Debug)]
pub(crate) struct FlowPrior {
    interpolator: FlowInterpolator,
    /// Room for the flows of an instant, 4 × padded height × padded width.
    flows: Vec<f32>,
}

impl FlowPrior {
    pub(crate) fn new(pool: Option<Arc<ThreadPool>>) -> Self {
        let interpolator = FlowInterpolator::with_options(FlowOptions { quality: QUALITY, pool });
        Self { interpolator, flows: Vec::new() }
    }

    pub(crate) fn pair(
        &mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<PairPrior<'_>, InterpolateError> {
        Ok(PairPrior { pair: self.interpolator.prior(first, second)?, flows: &mut self.flows })
    }
}

/// Makes the priors of one pair.
#[derive(Debug)]
pub(crate) struct PairPrior<'a> {
    pair: PriorPair<'a>,
    flows: &'a mut Vec<f32>,
}

impl PairPrior<'_> {
    /// The inputs `prior.flows` and `prior.frame` at `t`.
    pub(crate) fn at(&mut self, t: f32, padding: Padding) -> Result<(&[f32], RgbImage), InterpolateError> {
        let Prior { flows: [first, second], frame } = self.pair.at(t)?;
        let channels = [first.u(), first.v(), second.u(), second.v()];
        let (flows, size) = (&mut *self.flows, (first.width(), first.height()));
        let (image, ()) = rayon::join(|| image(&frame, padding), || pad(channels, size, padding, flows));
        Ok((self.flows, image.map_err(|e| InterpolateError::Engine(Box::new(e)))?))
    }
}

/// A frame as the network takes it.
pub(crate) fn image(frame: &Frame, padding: Padding) -> Result<RgbImage, FrameError> {
    let image = frame.to_rgb();
    let padded = padding.padded_size() != (frame.width(), frame.height());
    if padded { padding.pad(&image) } else { Ok(image) }
}

/// Planes of `width` × `height`, one after the other, with their last column and row repeated.
fn pad(planes: [&[f32]; 4], (width, height): (usize, usize), padding: Padding, out: &mut Vec<f32>) {
    let (pw, ph) = padding.padded_size();
    out.resize(4 * pw * ph, 0.0);
    for (plane, out) in planes.into_iter().zip(out.chunks_exact_mut(pw * ph)) {
        for (y, row) in out.chunks_exact_mut(pw).enumerate() {
            let start = y.min(height - 1) * width;
            let (inner, border) = row.split_at_mut(width);
            inner.copy_from_slice(&plane[start..start + width]);
            border.fill(inner[width - 1]);
        }
    }
}
