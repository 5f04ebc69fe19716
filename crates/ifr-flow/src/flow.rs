//! Flow between two luma planes, and seen from an instant between them.

use thiserror::Error;

use crate::candidates::Candidates;
use crate::estimate::{Pyramid, estimate};
use crate::field::{FlowField, Grid};
use crate::kernels::Level;
use crate::params::{Params, Quality};
use crate::plane::Plane;
use crate::project::{Motion, Source, project};
use crate::refine::refine_field;
use crate::steady::steady;

/// Why no flow could be computed.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The two planes are of different sizes.
    #[error("the flow between {first} and {second} was asked for: both planes must be of one size")]
    Size {
        /// Size of the first plane, `WIDTHxHEIGHT`.
        first: String,
        /// Size of the second plane, `WIDTHxHEIGHT`.
        second: String,
    },
    /// An instant outside (0, 1).
    #[error("timestep {0} is not between 0 and 1")]
    Timestep(f32),
}

fn check(first: &Plane, second: &Plane) -> Result<(), FlowError> {
    let size = |p: &Plane| (p.width(), p.height());
    if size(first) == size(second) {
        return Ok(());
    }
    let words = |p: &Plane| format!("{}x{}", p.width(), p.height());
    Err(FlowError::Size { first: words(first), second: words(second) })
}

/// The pictures and the flows both ways of a pair.
pub(crate) struct Both {
    /// The level of the pyramid the flows are brought to.
    finest: usize,
    sources: [Source; 2],
}

impl Both {
    pub(crate) fn new(level: Level, [a, b]: [&Pyramid; 2], params: &Params) -> Self {
        let finest = a.level(params.flow.finest);
        let (f, g) =
            rayon::join(|| estimate(level, a, b, &params.flow), || estimate(level, b, a, &params.flow));
        // Where they go is decided on a coarser level: it costs a quarter and errs no more.
        let coarser = params.project.saturating_sub(finest).min(a.levels.len() - 1 - finest);
        let [f, g] = [f, g].map(|f| (0..coarser).fold(f, |f, _| f.half()));
        let finest = finest + coarser;
        let (la, lb) = (a.view(finest), b.view(finest));
        let (forward, backward) = rayon::join(
            || Source::new(level, f.clone(), &g, la, lb),
            || Source::new(level, g.clone(), &f, lb, la),
        );
        Self { finest, sources: [forward, backward] }
    }

    /// The motion at `t`, steadied, in pixels of the level the flows were brought to.
    pub(crate) fn at(&self, level: Level, [a, b]: [&Pyramid; 2], t: f32) -> Motion {
        let mut motion = project(&self.sources[0], &self.sources[1], t);
        let l = self.finest;
        steady(level, [a.view(l), b.view(l)], t, &mut motion);
        motion
    }

    /// Candidate motions around `motion`, which is seen from `t`.
    pub(crate) fn candidates(
        &self,
        level: Level,
        [a, b]: [&Pyramid; 2],
        params: &Params,
        t: f32,
        motion: Motion,
    ) -> Candidates {
        let l = self.finest;
        Candidates::new(level, [a.view(l), b.view(l)], l, t, motion, params.several)
    }

    /// The flows (F_{t→0}, F_{t→1}) of `motion`, which is seen from `t`, on `width` × `height` pixels, the full size: the
    /// first along the motion led by the first frame, the second along that led by the second.
    pub(crate) fn flows(&self, motion: &Motion, t: f32, width: usize, height: usize) -> [FlowField; 2] {
        let [first, second] = &motion.led;
        rayon::join(
            || first.enlarged(self.finest, width, height, -t),
            || second.enlarged(self.finest, width, height, 1.0 - t),
        )
        .into()
    }

    /// The likeliest motion at `t`, in full size.
    fn motion(&self, level: Level, [a, b]: [&Pyramid; 2], params: &Params, t: f32) -> FlowField {
        let motion = project(&self.sources[0], &self.sources[1], t);
        let mut field = motion.field();
        let mut trust = motion.trust;
        for l in (0..self.finest).rev() {
            let (a, b) = (&a.levels[l], &b.levels[l]);
            let (w, h) = (a.width(), a.height());
            let grid = Grid::halves(field.width(), field.height());
            let mut fine = vec![0.0; w * h];
            grid.resample(&trust, w, 1.0, &mut fine);
            trust = fine;
            field = field.double(w, h);
            refine_field(level, [a, b], t, &params.flow.terms, &trust, &mut field);
        }
        field
    }
}

/// The optical flow from `first` to `second`, on rayon's current pool.
///
/// Both planes hold luma in 8-bit codes (0 to 255). The result has their size: the sample at (x, y) of `first` is found at
/// (x + u, y + v) in `second`, u to the right, v downwards, in pixels. It does not depend on the number of threads.
///
/// # Errors
/// [`FlowError::Size`] when the planes differ in size.
pub fn flow(first: &Plane, second: &Plane, quality: Quality) -> Result<FlowField, FlowError> {
    check(first, second)?;
    let level = Level::best();
    let params = quality.params();
    let (a, b) = rayon::join(|| Pyramid::new(first.clone()), || Pyramid::new(second.clone()));
    let mut field = estimate(level, &a, &b, &params.flow);
    for l in (0..a.level(params.flow.finest)).rev() {
        let (a, b) = (&a.levels[l], &b.levels[l]);
        field = field.double(a.width(), a.height());
        refine_field(level, [a, b], 0.0, &params.flow.terms, &[], &mut field);
    }
    Ok(field)
}

/// The flows (F_{t→0}, F_{t→1}) from an instant `t` in (0, 1) between `first` and `second` to both, on rayon's current pool.
///
/// Both planes hold luma in 8-bit codes (0 to 255); the results have their size. What is at (x, y) at the instant `t` is
/// found at (x, y) + F_{t→0} in `first` and at (x, y) + F_{t→1} in `second`, u to the right, v downwards, in pixels. Motion
/// is taken to be uniform: F_{t→0} = −t·m and F_{t→1} = (1 − t)·m for one motion m.
///
/// # Errors
/// [`FlowError::Size`] when the planes differ in size, [`FlowError::Timestep`] when `t` is not inside (0, 1).
pub fn flow_at(first: &Plane, second: &Plane, t: f32, quality: Quality) -> Result<[FlowField; 2], FlowError> {
    check(first, second)?;
    if !(t > 0.0 && t < 1.0) {
        return Err(FlowError::Timestep(t));
    }
    let level = Level::best();
    let params = quality.params();
    let (a, b) = rayon::join(|| Pyramid::new(first.clone()), || Pyramid::new(second.clone()));
    let pyramids = [&a, &b];
    let field = Both::new(level, pyramids, &params).motion(level, pyramids, &params, t);
    Ok([field.scaled(-t), field.scaled(1.0 - t)])
}
