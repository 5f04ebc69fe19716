//! Prepared pairs: for networks that know any instant, and for those that know middles alone.

use std::sync::Arc;

use ifr_frame::{BisectDepth, Bisection, Dyadic, Frame, FrameWriter, InterpolateError, Padding, Pair};

use super::alpha::with_alpha;
use super::picture::{Picture, finished};
use super::runner::{Runner, failed, on};
use crate::prior::{FlowPrior, PairPrior};
use crate::rows::{Rows, Team};

/// A pair whose shared part has been computed; the network makes each instant in one run.
pub(super) struct DirectPair<'a> {
    pub(super) network: &'a mut Runner,
    pub(super) prior: Option<PairPrior<'a>>,
    pub(super) sources: [Arc<Frame>; 2],
    pub(super) padding: Padding,
}

impl Pair for DirectPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let Self { network, prior, sources, padding } = self;
        let like = &sources[0];
        let (width, height) = (like.width(), like.height());
        let mut writer = FrameWriter::new(like.format(), like.color(), width, height).map_err(failed)?;
        // Rows become codes as soon as they are made, on all threads; the image is never there as floats.
        let take = |rows: Rows<'_>, team: Team<'_>| {
            let count = rows.rows().end.min(height).saturating_sub(rows.rows().start);
            let row = |channel: usize, y: usize| &rows.row(channel, y)[..width];
            writer.write(count, &row, &|parts, part| team.each(parts, part));
        };
        network.at(t, prior.as_mut(), *padding, take)?;
        let frame = writer.finish().map_err(failed)?;
        if like.format().alpha { with_alpha(&frame, sources, t).map_err(failed) } else { Ok(frame) }
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
