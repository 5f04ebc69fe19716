//! What one window gives: images, and what belongs to them, in the crop's size.

/// One crop of a window: planes of `height` rows × `width` columns, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// R, G, B of the frame at t = 0, nominally in \[0, 1\].
    pub(crate) first: Vec<f32>,
    /// R, G, B of the frame at t = 1.
    pub(crate) second: Vec<f32>,
    /// The frames between.
    pub(crate) targets: Vec<Target>,
}

/// A frame between the two, and the flows from it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Its place between the two.
    pub(crate) t: f32,
    /// R, G, B.
    pub(crate) image: Vec<f32>,
    /// Pseudo-labels: x and y of F_{t→0}, x and y of F_{t→1}, in pixels.
    pub(crate) labels: Option<Vec<f32>>,
    /// What the classical method makes of the two frames.
    pub(crate) prior: Option<TargetPrior>,
}

/// The classical method's flows and frame at a target's t.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TargetPrior {
    /// As the labels: four planes.
    pub(crate) flows: Vec<f32>,
    /// R, G, B.
    pub(crate) frame: Vec<f32>,
}

impl Sample {
    /// Every image: both frames, the targets, the prior's frames.
    pub(crate) fn images(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        let between = self.targets.iter_mut().flat_map(|target| {
            let prior = target.prior.as_mut().map(|p| &mut p.frame);
            [Some(&mut target.image), prior].into_iter().flatten()
        });
        [&mut self.first, &mut self.second].into_iter().chain(between)
    }

    /// Every set of four flow planes: labels and the prior's.
    pub(crate) fn flows(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.targets.iter_mut().flat_map(|target| {
            let prior = target.prior.as_mut().map(|p| &mut p.flows);
            [target.labels.as_mut(), prior].into_iter().flatten()
        })
    }
}
