//! A network behind the trait [`Interpolate`].

mod alpha;
mod pairs;
mod picture;
mod runner;

use std::sync::Arc;

use ifr_flow::FlowInterpolator;
use ifr_frame::{BisectDepth, Bisection, Frame, FrameError, Interpolate, InterpolateError, Padding, Pair};
use ifr_net::{Extent, Graph, Parameters, Phase, Prior};

use self::pairs::{BisectedPair, DirectPair};
use self::picture::Picture;
use self::runner::{Runner, failed, on};
use crate::engine::{Engine, EngineOptions};
use crate::error::CpuError;
use crate::plan::bands::Bands;
use crate::prior::{FlowPrior, QUALITY};

/// The most bytes of made images of a pair that are kept for its other instants. Those on the way to the last one, at most 8,
/// are among them, and are kept even where they alone take more.
///
/// Without a prior that is all 15 of the default depth up to 1.4 million pixels (1600×900), and two at 3840×2160. Depth 8
/// makes up to 255 of a pair, which have room up to 87 thousand pixels (320×256).
const KEPT: usize = 256 << 20;

/// How many made images have room in [`KEPT`] bytes, `rgb` bytes each as the network takes them. A prior needs each in 16-bit
/// integers too, which is half as much again.
fn room(rgb: usize, prior: bool) -> usize {
    KEPT / (if prior { rgb + rgb / 2 } else { rgb })
}

/// Makes in-between frames with a network.
///
/// Frames become float RGB, are padded to the multiple the network asks for (by repeating the last row and column), and
/// what comes out is cropped and converted back to the format and colour description of its sources. An alpha plane is
/// blended linearly: networks know nothing of it. Large frames can be handled at a lower working scale, which is a
/// property of the graph ([`IfrNet::graph`](ifr_net::IfrNet::graph)).
///
/// A graph that asks for a [prior](Prior) gets it: the flows and the frame of
/// [`FlowInterpolator::prior`](ifr_flow::FlowInterpolator::prior) in its best quality, padded likewise, worked out on the
/// same threads.
///
/// Networks and weights that know the middle between two frames alone are [bisected](NetInterpolator::bisecting).
///
/// ```
/// use std::sync::Arc;
///
/// use ifr_cpu::{EngineOptions, NetInterpolator};
/// use ifr_frame::{ColorDescription, Frame, Interpolate, PixelFormat};
/// use ifr_net::{IfrNet, Parameters};
///
/// let graph = IfrNet::S.graph("0.5".parse()?)?; // flows are found at half size
/// let parameters = Parameters::by_rule(&graph);
/// let mut net = NetInterpolator::new(&graph, &parameters, EngineOptions::default())?;
///
/// let frame = Arc::new(Frame::black(PixelFormat::YUV420P8, 50, 30, ColorDescription::default())?);
/// let mut pair = net.pair(&frame, &frame)?;
/// assert!(pair.at(0.5)?.is_like(&frame));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NetInterpolator {
    network: Runner,
    /// The second frame of the last pair, ready for the network, where pictures are kept: usually the first of the next.
    last: Option<Arc<Picture>>,
    /// What the network is told of each instant beside the images, if it asks for that.
    prior: Option<FlowPrior>,
    /// How often an interval is halved; `None`: the network makes any instant.
    depth: Option<BisectDepth>,
}

impl NetInterpolator {
    /// An interpolator for a graph that takes two images and a timestep, and a prior or not, and makes one image of their
    /// size.
    ///
    /// # Errors
    /// [`CpuError::Interface`] when the graph is none of that kind; otherwise as [`Engine::new`].
    pub fn new(graph: &Graph, parameters: &Parameters, options: EngineOptions) -> Result<Self, CpuError> {
        let fault = |problem: &str| CpuError::Interface {
            network: graph.name().to_owned(),
            problem: problem.to_owned(),
        };
        let kind = |&id| {
            let info = graph.tensor(id);
            (info.phase, info.channels, info.extent)
        };
        let plain = [
            (Phase::Pair, 3, Extent::FULL),
            (Phase::Pair, 3, Extent::FULL),
            (Phase::Instant, 1, Extent::Point),
        ];
        let prior = [(Phase::Instant, 4, Extent::FULL), (Phase::Instant, 3, Extent::FULL)];
        let inputs: Vec<_> = graph.inputs().iter().map(kind).collect();
        let named = graph.inputs().iter().skip(plain.len()).map(|&id| graph.tensor(id).name.as_str());
        let prior = if inputs == plain {
            None
        } else if inputs == [&plain[..], &prior].concat() && named.eq([Prior::FLOWS, Prior::FRAME]) {
            Some(FlowPrior::new(options.pool.clone()))
        } else {
            return Err(fault(
                "its inputs are not two images and a timestep, with or without the prior 'flow'",
            ));
        };
        let outputs: Vec<_> = graph.outputs().iter().map(kind).map(|(_, c, e)| (c, e)).collect();
        if outputs != [(3, Extent::FULL)] {
            return Err(fault("its output is not one image"));
        }
        let pool = options.pool.clone();
        let mut engine = Engine::new(graph, parameters, options)?;
        engine.set_row_output(true);
        engine.keep_for_next();
        let network = Runner { engine, pool, held: None, runs: 0 };
        Ok(Self { network, last: None, prior, depth: None })
    }

    /// The same for a network, or weights, that make middles alone: other instants are made by halving the interval up to
    /// `depth` times, with middles of middles, in floating point and padded all the way. An instant that this does not reach
    /// becomes the nearest that it does: see [`Dyadic::nearest`](ifr_frame::Dyadic::nearest) and [`Bisection`].
    #[must_use]
    pub fn bisecting(self, depth: BisectDepth) -> Self {
        Self { depth: Some(depth), ..self }
    }

    /// How often the network has run: once for each instant or, [bisecting](Self::bisecting), once for each middle.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.network.runs
    }

    /// Which steps of the network run band by band: see [`Engine::set_bands`].
    pub fn set_bands(&mut self, bands: Bands) {
        self.network.engine.set_bands(bands);
    }

    /// Bytes that it holds at most when it makes frames of `width` × `height` pixels with such bands: weights, maps, and images as
    /// floats; not the frames given and made.
    ///
    /// # Errors
    /// As [`Engine::memory_for`].
    pub fn memory_for(&self, width: usize, height: usize, bands: Bands) -> Result<u64, CpuError> {
        let engine = &self.network.engine;
        let padding = Padding::to_multiple(width, height, engine.graph().multiple());
        let (padded_width, padded_height) = padding.padded_size();
        let maps = engine.memory_for(padded_width, padded_height, bands)? as u64;
        let image = (3 * size_of::<f32>() * padded_width * padded_height) as u64;
        // Both frames, and meanwhile both without their padding, where they are held beside the engine; halving has one made, too,
        // and what its conversion takes.
        let images = match self.depth {
            Some(_) => 6,
            None if engine.shares() => 4,
            None => 0,
        };
        let kept = if self.depth.is_some() { (KEPT as u64).max(8 * image) } else { 0 };
        // Flows and a frame as floats, and those of the prior itself.
        let prior = if self.prior.is_some() {
            3 * image + FlowInterpolator::memory_for(QUALITY, width, height)
        } else {
            0
        };
        Ok(maps + images * image + kept + prior)
    }

    /// The engine at work.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.network.engine
    }

    fn picture(&self, frame: &Arc<Frame>, padding: Padding) -> Result<Arc<Picture>, FrameError> {
        let is_of = |picture: &&Arc<Picture>| picture.source.as_ref().is_some_and(|s| Arc::ptr_eq(s, frame));
        match self.last.as_ref().filter(is_of) {
            Some(known) => Ok(Arc::clone(known)),
            None => Picture::of_source(frame, padding).map(Arc::new),
        }
    }
}

impl Interpolate for NetInterpolator {
    fn name(&self) -> &str {
        self.network.engine.graph().name()
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        InterpolateError::check_pair(first, second)?;
        let multiple = self.network.engine.graph().multiple();
        let padding = Padding::to_multiple(first.width(), first.height(), multiple);
        if self.depth.is_none() && !self.network.engine.shares() {
            let Self { network, prior, .. } = self;
            network.pair_of_frames([first, second], padding)?;
            let prior = prior.as_mut().map(|prior| prior.pair(first, second)).transpose()?;
            let sources = [first.clone(), second.clone()];
            return Ok(Box::new(DirectPair { network, prior, sources, padding }));
        }
        let convert = || rayon::join(|| self.picture(first, padding), || self.picture(second, padding));
        let (a, b) = on(self.network.pool.as_ref(), convert);
        let (a, b) = (a.map_err(failed)?, b.map_err(failed)?);
        self.last = Some(Arc::clone(&b));
        let Self { network, prior, depth, .. } = self;
        let sources = [first.clone(), second.clone()];
        if let Some(depth) = *depth {
            let room = room(size_of_val(a.rgb.data()), prior.is_some());
            let between = Bisection::new(Arc::clone(&a), b, room);
            let prior = prior.as_mut();
            return Ok(Box::new(BisectedPair { network, prior, between, depth, sources, padding }));
        }
        network.pair([&a, &b])?;
        let prior = prior.as_mut().map(|prior| prior.pair(first, second)).transpose()?;
        Ok(Box::new(DirectPair { network, prior, sources, padding }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_images_have_room() {
        let bytes = |width: usize, height: usize| 3 * size_of::<f32>() * width * height;
        assert!(room(bytes(1600, 912), false) >= 15);
        assert!(room(bytes(320, 256), false) >= 255);
        assert_eq!((room(bytes(448, 256), false), room(bytes(448, 256), true)), (195, 130));
        assert_eq!((room(bytes(3840, 2176), false), room(bytes(3840, 2176), true)), (2, 1));
    }
}
