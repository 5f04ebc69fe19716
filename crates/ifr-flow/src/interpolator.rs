//! Flow-based interpolation behind the trait [`Interpolate`].

use std::sync::Arc;

use ifr_frame::{Frame, Interpolate, InterpolateError, Pair};
use rayon::ThreadPool;

use crate::flow::Both;
use crate::kernels::Level;
use crate::params::{Params, Quality};
use crate::picture::{Picture, render};

/// How a [`FlowInterpolator`] works.
#[derive(Clone, Debug, Default)]
pub struct FlowOptions {
    /// Preset.
    pub quality: Quality,
    /// The threads to work on; `None`: rayon's global pool. The frames made do not depend on their number.
    pub pool: Option<Arc<ThreadPool>>,
}

/// Makes in-between frames by classical optical flow; needs no weights.
///
/// The flow between the two frames is estimated both ways on their luma, checked one against the other for what is hidden
/// in one of them, brought to the wanted instant, and both frames are warped along it and blended. Where the flows fail
/// over an area, the motion fades to one that varies slowly: what cannot be made is soft rather than torn.
pub struct FlowInterpolator {
    options: FlowOptions,
    level: Level,
    /// The second frame of the last pair, which is usually the first of the next.
    last: Option<(Arc<Frame>, Arc<Picture>)>,
}

impl std::fmt::Debug for FlowInterpolator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlowInterpolator").field("options", &self.options).finish_non_exhaustive()
    }
}

impl FlowInterpolator {
    /// An interpolator of that quality on rayon's global pool.
    #[must_use]
    pub fn new(quality: Quality) -> Self {
        Self::with_options(FlowOptions { quality, pool: None })
    }

    /// An interpolator with all options.
    #[must_use]
    pub fn with_options(options: FlowOptions) -> Self {
        Self { options, level: Level::best(), last: None }
    }

    fn picture(&self, frame: &Arc<Frame>) -> Arc<Picture> {
        match &self.last {
            Some((known, picture)) if Arc::ptr_eq(known, frame) => picture.clone(),
            _ => Arc::new(Picture::new(frame)),
        }
    }
}

fn on<T: Send>(pool: Option<&Arc<ThreadPool>>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

impl Interpolate for FlowInterpolator {
    fn name(&self) -> &str {
        match self.options.quality {
            Quality::Standard => "flow",
            Quality::Fast => "flow-fast",
        }
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        InterpolateError::check_pair(first, second)?;
        let level = self.level;
        let params = self.options.quality.params().sized(first.width(), first.height());
        let (pictures, flows) = on(self.options.pool.as_ref(), || {
            let (a, b) = rayon::join(|| self.picture(first), || self.picture(second));
            let flows = Both::new(level, [&a.luma, &b.luma], &params);
            ([a, b], flows)
        });
        self.last = Some((second.clone(), pictures[1].clone()));
        Ok(Box::new(FlowPair { interpolator: self, params, like: first.clone(), pictures, flows }))
    }
}

/// A pair whose flows are known.
struct FlowPair<'a> {
    interpolator: &'a FlowInterpolator,
    params: Params,
    like: Arc<Frame>,
    pictures: [Arc<Picture>; 2],
    flows: Both,
}

impl Pair for FlowPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let FlowInterpolator { options, level, .. } = self.interpolator;
        let [first, second] = self.pictures.each_ref().map(|p| &**p);
        on(options.pool.as_ref(), || {
            let candidates = self.flows.candidates(*level, [&first.luma, &second.luma], &self.params, t);
            render(*level, &self.like, [first, second], t, &candidates)
        })
        .map_err(|e| InterpolateError::Engine(Box::new(e)))
    }
}
