//! Coarse-to-fine estimation of the flow between two luma planes.

use crate::field::FlowField;
use crate::kernels::Level;
use crate::kernels::patch::{SIDE, Search};
use crate::kernels::variational::Terms;
use crate::plane::Plane;
use crate::refine::refine_field;
use crate::search::{SearchParams, improve};

/// How the flow is estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FlowParams {
    /// Level of the pyramid (0: full size) the estimation ends on.
    pub(crate) finest: usize,
    pub(crate) search: SearchParams,
    /// Distance between patches, in place of `search.step`, on the level the estimation ends on.
    pub(crate) last_step: usize,
    pub(crate) terms: Terms,
}

/// A luma plane and its halvings.
#[derive(Clone, Debug)]
pub(crate) struct Pyramid {
    pub(crate) levels: Vec<Plane>,
    /// How far each sample of each level was seen, 0 (made up) ..= 1; no levels: all were.
    seen: Vec<Plane>,
}

/// One level of a pyramid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) plane: &'a Plane,
    /// How far each sample was seen; `None`: all were.
    pub(crate) seen: Option<&'a Plane>,
}

impl Pyramid {
    /// Halves `base` until a side would be less than one and a half patches.
    pub(crate) fn new(base: Plane) -> Self {
        Self { levels: halvings(base), seen: Vec::new() }
    }

    /// The same of a plane that was seen only so far.
    pub(crate) fn covered(base: Plane, seen: Plane) -> Self {
        Self { levels: halvings(base), seen: halvings(seen) }
    }

    pub(crate) fn view(&self, level: usize) -> View<'_> {
        View { plane: &self.levels[level], seen: self.seen.get(level) }
    }

    /// The level of that number, or the coarsest there is.
    pub(crate) fn level(&self, number: usize) -> usize {
        number.min(self.levels.len() - 1)
    }
}

fn halvings(base: Plane) -> Vec<Plane> {
    let mut levels = vec![base];
    while let Some(last) = levels.last()
        && last.width().min(last.height()) >= 3 * SIDE
    {
        let next = last.half();
        levels.push(next);
    }
    levels
}

/// Flow from `a` to `b` (of one size) on the level `params.finest`, in pixels of that level.
pub(crate) fn estimate(level: Level, a: &Pyramid, b: &Pyramid, params: &FlowParams) -> FlowField {
    let mut field = FlowField::default();
    let last = a.level(params.finest);
    for l in (last..a.levels.len()).rev() {
        let (from, to) = (&a.levels[l], &b.levels[l]);
        field = if field.width() == 0 {
            FlowField::new(from.width(), from.height())
        } else {
            field.double(from.width(), from.height())
        };
        let step = if l == last { params.last_step } else { params.search.step };
        let search = SearchParams { step, ..params.search };
        improve(level, Search { from, to, steps: search.steps }, search, &mut field);
        // What is made up says nothing of motion: there the flow is what is around it.
        let trust = a.seen.get(l).map(Plane::to_vec).unwrap_or_default();
        refine_field(level, [from, to], 0.0, &params.terms, &trust, &mut field);
    }
    field
}
