//! A network behind the trait [`Interpolate`].

use std::sync::Arc;

use ifr_frame::{Frame, FrameError, Interpolate, InterpolateError, Padding, Pair, RgbImage, Samples};
use ifr_net::{Extent, Graph, Parameters, Phase, Prior};
use rayon::ThreadPool;

use crate::engine::{Engine, EngineOptions};
use crate::error::CpuError;
use crate::prior::{FlowPrior, PairPrior, image};

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
    engine: Engine,
    options: EngineOptions,
    /// The second frame of the last pair, ready for the network: usually the first of the next.
    last: Option<(Arc<Frame>, Arc<RgbImage>)>,
    /// Where the network's output goes before it is cropped.
    output: Option<RgbImage>,
    /// What the network is told of each instant beside the images, if it asks for that.
    prior: Option<FlowPrior>,
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
        let engine = Engine::new(graph, parameters, options.clone())?;
        Ok(Self { engine, options, last: None, output: None, prior })
    }

    /// The engine at work.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn image(&self, frame: &Arc<Frame>, padding: Padding) -> Result<Arc<RgbImage>, FrameError> {
        match &self.last {
            Some((known, image)) if Arc::ptr_eq(known, frame) => Ok(image.clone()),
            _ => image(frame, padding).map(Arc::new),
        }
    }
}

fn on<T: Send>(pool: Option<&Arc<ThreadPool>>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> InterpolateError {
    InterpolateError::Engine(Box::new(error))
}

impl Interpolate for NetInterpolator {
    fn name(&self) -> &str {
        self.engine.graph().name()
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        InterpolateError::check_pair(first, second)?;
        let multiple = self.engine.graph().multiple();
        let padding = Padding::to_multiple(first.width(), first.height(), multiple);
        let (width, height) = padding.padded_size();
        let convert = || rayon::join(|| self.image(first, padding), || self.image(second, padding));
        let (a, b) = on(self.options.pool.as_ref(), convert);
        let (a, b) = (a.map_err(failed)?, b.map_err(failed)?);
        self.last = Some((second.clone(), b.clone()));
        let Self { engine, options, output, prior, .. } = self;
        engine.pair(width, height, &[a.data(), b.data()]).map_err(failed)?;
        let prior = prior.as_mut().map(|prior| prior.pair(first, second)).transpose()?;
        let pool = options.pool.as_ref();
        Ok(Box::new(NetPair {
            engine,
            pool,
            output,
            prior,
            frames: [first.clone(), second.clone()],
            padding,
        }))
    }
}

/// A pair whose shared part has been computed.
struct NetPair<'a> {
    engine: &'a mut Engine,
    pool: Option<&'a Arc<ThreadPool>>,
    output: &'a mut Option<RgbImage>,
    prior: Option<PairPrior<'a>>,
    frames: [Arc<Frame>; 2],
    padding: Padding,
}

impl Pair for NetPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let Self { engine, output, padding, .. } = self;
        match &mut self.prior {
            Some(prior) => {
                let (flows, frame) = on(self.pool, || prior.at(t, *padding))?;
                engine.at(&[&[t], flows, frame.data()])
            }
            None => engine.at(&[&[t]]),
        }
        .map_err(failed)?;
        let (width, height) = padding.padded_size();
        let fits = |image: &RgbImage| (image.width(), image.height()) == (width, height);
        let mut padded = match output.take().filter(fits) {
            Some(image) => image,
            None => RgbImage::black(width, height).map_err(failed)?,
        };
        engine.read_output(0, padded.data_mut()).map_err(failed)?;
        let like = &self.frames[0];
        let frame = if (width, height) == (like.width(), like.height()) {
            padded.to_frame(like.format(), like.color())
        } else {
            padding.crop(&padded).and_then(|image| image.to_frame(like.format(), like.color()))
        }
        .map_err(failed)?;
        **output = Some(padded);
        if like.format().alpha { with_alpha(&frame, &self.frames, t).map_err(failed) } else { Ok(frame) }
    }
}

/// The frame with its alpha (the last plane) blended from two others'.
fn with_alpha(frame: &Frame, [first, second]: &[Arc<Frame>; 2], t: f32) -> Result<Frame, FrameError> {
    let mut planes: Vec<Samples> = frame.planes().iter().map(|p| p.samples.clone()).collect();
    if let (Some(a), Some(b), Some(alpha)) =
        (first.planes().last(), second.planes().last(), planes.last_mut())
    {
        let blend = |(a, b): (f32, f32)| a + t * (b - a) + 0.5;
        match (&a.samples, &b.samples) {
            (Samples::U8(a), Samples::U8(b)) => {
                let pairs = a.iter().zip(b).map(|(&a, &b)| (f32::from(a), f32::from(b)));
                *alpha = Samples::U8(pairs.map(|p| blend(p) as u8).collect());
            }
            (Samples::U16(a), Samples::U16(b)) => {
                let pairs = a.iter().zip(b).map(|(&a, &b)| (f32::from(a), f32::from(b)));
                *alpha = Samples::U16(pairs.map(|p| blend(p) as u16).collect());
            }
            // Frames of one format have planes of one type.
            _ => {}
        }
    }
    Frame::new(frame.format(), frame.width(), frame.height(), planes, frame.color())
}
