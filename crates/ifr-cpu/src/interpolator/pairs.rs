//! Prepared pairs: for networks that know any instant, and for those that know middles alone.

use std::sync::Arc;

use ifr_frame::{BisectDepth, Bisection, Dyadic, Frame, InterpolateError, Padding, Pair, RgbImage};

use super::picture::{Picture, finished};
use super::runner::{Runner, failed, on};
use crate::prior::{FlowPrior, PairPrior};

/// A pair whose shared part has been computed; the network makes each instant in one run.
pub(super) struct DirectPair<'a> {
    pub(super) network: &'a mut Runner,
    /// Where the network's output goes, without padding.
    pub(super) output: &'a mut Option<RgbImage>,
    pub(super) prior: Option<PairPrior<'a>>,
    pub(super) sources: [Arc<Frame>; 2],
    pub(super) padding: Padding,
}

impl Pair for DirectPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let Self { network, output, prior, sources, padding } = self;
        let (width, height) = (sources[0].width(), sources[0].height());
        let fits = |image: &RgbImage| (image.width(), image.height()) == (width, height);
        let mut image = match output.take().filter(fits) {
            Some(image) => image,
            None => RgbImage::black(width, height).map_err(failed)?,
        };
        network.at(t, prior.as_mut(), *padding, &mut image)?;
        let bare = Padding::to_multiple(width, height, 1);
        let frame = on(network.pool.as_ref(), || finished(&image, bare, sources, t)).map_err(failed);
        **output = Some(image);
        frame
    }
}

/// A pair whose instants are made by halving.
pub(super) struct BisectedPair<'a> {
    pub(super) network: &'a mut Runner,
    pub(super) prior: Option<&'a mut FlowPrior>,
    pub(super) between: Bisection<Picture>,
    pub(super) depth: BisectDepth,
    pub(super) sources: [Arc<Frame>; 2],
    pub(super) padding: Padding,
}

impl Pair for BisectedPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let Self { network, prior, between, depth, sources, padding } = self;
        let instant = Dyadic::nearest(t, *depth);
        let middle = |first: &_, second: &_| network.middle([first, second], prior.as_deref_mut(), *padding);
        let picture = between.at(instant, middle)?;
        // What is blended linearly lies where the rest of the frame does.
        let frame = || finished(&picture.rgb, *padding, sources, instant.value());
        on(network.pool.as_ref(), frame).map_err(failed)
    }
}
