use std::sync::Arc;

use crate::sample::Sample;

/// What one training step sees: `samples` of everything, one after another; planes are `height` rows × `width` columns,
/// row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// N: windows × targets of a window. A window's targets lie side by side, in order of time.
    pub samples: usize,
    /// Width of the crops in pixels.
    pub width: usize,
    /// Height of the crops in pixels.
    pub height: usize,
    /// Frames at t = 0: N×3×H×W, R'G'B', nominally in \[0, 1\]: videos hold colours beyond it, which come through
    /// unclamped, as they do where a network is used.
    pub first: Vec<f32>,
    /// Frames at t = 1, as `first`.
    pub second: Vec<f32>,
    /// The true frames at t, as `first`: unclamped too, so that a network's output, which is clamped, keeps a small
    /// constant distance from colours beyond the range.
    pub target: Vec<f32>,
    /// Places between the two frames, in (0, 1): N.
    pub t: Vec<f32>,
    /// Pseudo-labels, where they were asked for: N×4×H×W, x and y of F_{t→0}, x and y of F_{t→1}, in pixels.
    pub labels: Option<Vec<f32>>,
    /// What the classical method makes of the two frames, where it was asked for.
    pub prior: Option<PriorBatch>,
    /// Where each window was taken from: N ÷ targets.
    pub origins: Vec<Origin>,
}

/// The classical method's flows and frames for a [`Batch`].
#[derive(Clone, Debug, PartialEq)]
pub struct PriorBatch {
    /// As the labels: N×4×H×W.
    pub flows: Vec<f32>,
    /// Its in-between frames: N×3×H×W, R'G'B' as [`Batch::first`].
    pub frame: Vec<f32>,
}

/// Where a window was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the clip, folder or triplet within its set.
    pub name: Arc<str>,
    /// Number of the earliest frame, counted from 0 (whether or not time was reversed).
    pub first: usize,
    /// Numbers of the targets.
    pub targets: Vec<usize>,
    /// Number of the latest frame.
    pub second: usize,
}

impl Batch {
    /// The samples side by side; they have one size and number of targets, and all or none have labels and prior.
    pub(crate) fn of(samples: &[(Sample, Origin)]) -> Self {
        let targets = || samples.iter().flat_map(|(s, _)| s.targets.iter().map(move |t| (s, t)));
        let (width, height) = samples.first().map_or((0, 0), |(s, _)| (s.width, s.height));
        let count = targets().count();
        let area = width * height;
        let mut batch = Self {
            samples: count,
            width,
            height,
            first: Vec::with_capacity(3 * area * count),
            second: Vec::with_capacity(3 * area * count),
            target: Vec::with_capacity(3 * area * count),
            t: Vec::with_capacity(count),
            labels: None,
            prior: None,
            origins: samples.iter().map(|(_, origin)| origin.clone()).collect(),
        };
        let flows = || Vec::with_capacity(4 * area * count);
        for (sample, target) in targets() {
            batch.first.extend_from_slice(&sample.first);
            batch.second.extend_from_slice(&sample.second);
            batch.target.extend_from_slice(&target.image);
            batch.t.push(target.t);
            if let Some(labels) = &target.labels {
                batch.labels.get_or_insert_with(flows).extend_from_slice(labels);
            }
            if let Some(prior) = &target.prior {
                let empty = || PriorBatch { flows: flows(), frame: Vec::with_capacity(3 * area * count) };
                let all = batch.prior.get_or_insert_with(empty);
                all.flows.extend_from_slice(&prior.flows);
                all.frame.extend_from_slice(&prior.frame);
            }
        }
        batch
    }
}
