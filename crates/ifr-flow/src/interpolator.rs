//! Flow-based interpolation behind the trait [`Interpolate`].

use std::sync::Arc;

use ifr_frame::{Covered, Frame, FrameError, Interpolate, InterpolateError, Pair};
use rayon::ThreadPool;

use crate::field::FlowField;
use crate::flow::Both;
use crate::kernels::Level;
use crate::params::{Params, Quality};
use crate::picture::{Picture, render};
use crate::project::Motion;

/// How a [`FlowInterpolator`] works.
#[derive(Clone, Debug, Default)]
pub struct FlowOptions {
    /// Preset.
    pub quality: Quality,
    /// The threads to work on; `None`: rayon's global pool. The frames made do not depend on their number.
    pub pool: Option<Arc<ThreadPool>>,
}

/// Bytes of a pixel that both qualities take at most: 64 at 1920×1080, 56 at 3840×2160, 53 at 7680×4320, planes of 4:4:4 among them.
const BYTES: u64 = 64;
/// What they take of the smallest frames.
const FIXED: u64 = 8 << 20;

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

    /// Its preset.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.options.quality
    }

    /// Bytes that an interpolator holds at most for frames of `width` × `height` pixels, those given and made not counted, by what
    /// was measured.
    #[must_use]
    pub fn memory_for(quality: Quality, width: usize, height: usize) -> u64 {
        let bytes = match quality {
            Quality::Standard | Quality::Fast => BYTES,
        };
        FIXED + bytes * (width * height) as u64
    }

    /// Prepares a pair as [`Interpolate::pair`] does, for callers that want the flows beside the frames.
    ///
    /// # Errors
    /// [`InterpolateError::Mismatch`] when the frames differ in size, format or colour description.
    pub fn prior(
        &mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<PriorPair<'_>, InterpolateError> {
        Ok(PriorPair { pair: self.prepare([whole(first), whole(second)])? })
    }

    fn prepare(&mut self, [a, b]: [Covered<'_>; 2]) -> Result<FlowPair<'_>, InterpolateError> {
        let (first, second) = (a.frame, b.frame);
        InterpolateError::check_pair(first, second)?;
        let level = self.level;
        let params = self.options.quality.params().sized(first.width(), first.height());
        let (pictures, flows) = on(self.options.pool.as_ref(), || {
            let (a, b) = rayon::join(|| self.picture(a), || self.picture(b));
            let flows = Both::new(level, [&a.luma, &b.luma], &params);
            ([a, b], flows)
        });
        self.last = Some((second.clone(), pictures[1].clone()));
        Ok(FlowPair { interpolator: self, params, like: first.clone(), pictures, flows })
    }

    fn picture(&self, Covered { frame, cover }: Covered<'_>) -> Arc<Picture> {
        match &self.last {
            Some((known, picture)) if Arc::ptr_eq(known, frame) => picture.clone(),
            _ => Arc::new(Picture::new(frame, cover)),
        }
    }
}

fn whole(frame: &Arc<Frame>) -> Covered<'_> {
    Covered { frame, cover: None }
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
        Ok(Box::new(self.prepare([whole(first), whole(second)])?))
    }

    fn pair_covered<'a>(
        &'a mut self,
        first: Covered<'_>,
        second: Covered<'_>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        Ok(Box::new(self.prepare([first, second])?))
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

impl FlowPair<'_> {
    /// The frame at `t`, and what `also` makes of the motion it follows.
    fn make<T: Send>(
        &self,
        t: f32,
        also: impl FnOnce(&Both, &Motion) -> T + Send,
    ) -> Result<(Frame, T), InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let FlowInterpolator { options, level, .. } = self.interpolator;
        let [first, second] = self.pictures.each_ref().map(|p| &**p);
        let lumas = [&first.luma, &second.luma];
        on(options.pool.as_ref(), || {
            let motion = self.flows.at(*level, lumas, t);
            let also = also(&self.flows, &motion);
            let candidates = self.flows.candidates(*level, lumas, &self.params, t, motion);
            Ok((render(*level, &self.like, [first, second], t, &candidates)?, also))
        })
        .map_err(|e: FrameError| InterpolateError::Engine(Box::new(e)))
    }
}

impl Pair for FlowPair<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        self.make(t, |_, _| ()).map(|(frame, ())| frame)
    }
}

/// What classical flow knows of an instant between two frames: a starting point for methods that know better.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// The flows (F_{t→0}, F_{t→1}) from the instant to the first and the second frame, of the frames' full size: what is at
    /// (x, y) is found at (x, y) + F_{t→0} in the first and at (x, y) + F_{t→1} in the second, u to the right, v downwards,
    /// in pixels. The first is −t times the motion led by the first frame's flow, the second 1 − t times that led by the
    /// second's: where they are at one, it is one motion.
    pub flows: [FlowField; 2],
    /// The frame at the instant, bit by bit the one [`Pair::at`] makes.
    pub frame: Frame,
}

/// A prepared pair of frames that tells the flows at each instant; made by [`FlowInterpolator::prior`].
pub struct PriorPair<'a> {
    pair: FlowPair<'a>,
}

impl std::fmt::Debug for PriorPair<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PriorPair").field("interpolator", &self.pair.interpolator).finish_non_exhaustive()
    }
}

impl PriorPair<'_> {
    /// Flows and frame at timestep `t` in (0, 1). It costs what [`Pair::at`] does and the enlargement of two fields.
    ///
    /// # Errors
    /// [`InterpolateError::Timestep`] when `t` is not inside (0, 1).
    pub fn at(&mut self, t: f32) -> Result<Prior, InterpolateError> {
        let (width, height) = (self.pair.like.width(), self.pair.like.height());
        let (frame, flows) = self.pair.make(t, |both, motion| both.flows(motion, t, width, height))?;
        Ok(Prior { flows, frame })
    }
}

#[cfg(test)]
mod tests {
    use ifr_frame::{ColorDescription, Cover, PixelFormat, Samples};

    use super::*;

    const SIZE: (usize, usize) = (160, 96);
    /// What is covered: columns and rows.
    const COVERED: [std::ops::Range<usize>; 2] = [60..68, 30..66];

    struct Patch;

    impl Cover for Patch {
        fn row(&self, step: (usize, usize), y: usize, out: &mut [f32]) {
            for (x, o) in out.iter_mut().enumerate() {
                let inside = COVERED[0].contains(&(x * step.0)) && COVERED[1].contains(&(y * step.1));
                *o = f32::from(u8::from(inside));
            }
        }
    }

    /// Detail that moves by (`dx`, 1) pixels a frame, painted over in grey where it is covered.
    fn frame(i: f32, dx: f32, painted: bool) -> Arc<Frame> {
        let code = |x: usize, y: usize| {
            if painted && COVERED[0].contains(&x) && COVERED[1].contains(&y) {
                return 120;
            }
            let (x, y) = (x as f32 - dx * i, y as f32 - i);
            let wave = |a: f32, b: f32, c: f32| (a * x + b * y + c).sin();
            (120.0
                + 40.0 * wave(0.31, 0.17, 0.3)
                + 35.0 * wave(-0.25, 0.43, 1.0)
                + 30.0 * wave(0.71, -0.53, 2.0)) as u8
        };
        let planes = (0..3).map(|p| {
            let (w, h) = PixelFormat::YUV420P8.plane_size(p, SIZE.0, SIZE.1);
            let step = if p == 0 { 1 } else { 2 };
            Samples::U8((0..w * h).map(|k| code(k % w * step, k / w * step)).collect())
        });
        let (format, color) = (PixelFormat::YUV420P8, ColorDescription::BT709);
        Arc::new(
            Frame::new(format, SIZE.0, SIZE.1, planes.collect(), color).unwrap_or_else(|e| panic!("{e}")),
        )
    }

    /// Mean squared error of luma in and around what is covered.
    fn error(made: &Frame, truth: &Frame) -> f32 {
        let [a, b] = [made, truth].map(|f| f.planes()[0].to_f32());
        let near = |k: &usize| (40..104).contains(&(k % SIZE.0)) && (26..70).contains(&(k / SIZE.0));
        let squares: Vec<f32> = (0..a.len()).filter(near).map(|k| (a[k] - b[k]).powi(2)).collect();
        squares.iter().sum::<f32>() / squares.len() as f32
    }

    #[test]
    fn what_is_painted_over_is_taken_from_the_other_frame() {
        for quality in [Quality::Standard, Quality::Fast] {
            let (first, second) = (frame(0.0, 6.0, true), frame(1.0, 6.0, true));
            let truth = frame(0.5, 6.0, false);
            let mut engine = FlowInterpolator::new(quality);
            let mut make = |cover: Option<&dyn Cover>| {
                let [a, b] = [&first, &second].map(|frame| Covered { frame, cover });
                engine.pair_covered(a, b).and_then(|mut pair| pair.at(0.5)).unwrap_or_else(|e| panic!("{e}"))
            };
            let plain = error(&make(None), &truth);
            let mut engine = FlowInterpolator::new(quality);
            let mut pair = engine
                .pair_covered(
                    Covered { frame: &first, cover: Some(&Patch) },
                    Covered { frame: &second, cover: Some(&Patch) },
                )
                .unwrap_or_else(|e| panic!("{e}"));
            let covered = error(&pair.at(0.5).unwrap_or_else(|e| panic!("{e}")), &truth);
            assert!(covered < 0.7 * plain, "{quality:?}: {plain}, with the cover {covered}");
        }
    }

    #[test]
    fn a_cover_of_nothing_changes_nothing() {
        struct Nothing;
        impl Cover for Nothing {
            fn row(&self, _: (usize, usize), _: usize, out: &mut [f32]) {
                out.fill(0.0);
            }
        }
        let (first, second) = (frame(0.0, 5.0, false), frame(1.0, 5.0, false));
        let made = [None, Some(&Nothing as &dyn Cover)].map(|cover| {
            let mut engine = FlowInterpolator::new(Quality::Standard);
            let [a, b] = [&first, &second].map(|frame| Covered { frame, cover });
            let mut pair = engine.pair_covered(a, b).unwrap_or_else(|e| panic!("{e}"));
            pair.at(0.25).unwrap_or_else(|e| panic!("{e}"))
        });
        assert_eq!(made[0], made[1]);
    }
}
