//! LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018), version 0.1: distances
//! between the features of a network that was trained to recognise things, weighted as people judge.

mod conv;
mod layers;
mod weights;

use std::fmt;

use ifr_frame::RgbImage;
use thiserror::Error;

use crate::MetricError;
use crate::metrics::{check, clamped};
use conv::{Conv, Map, pooled};
use layers::Step;

/// The networks whose features are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backbone {
    /// VGG-16: features of relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
    Vgg16,
    /// AlexNet (torchvision's): features of all five convolutions.
    AlexNet,
}

impl fmt::Display for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vgg16 => "VGG-16",
            Self::AlexNet => "AlexNet",
        })
    }
}

/// Weights that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LpipsError {
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] ifr_net::StoreError),
    /// It holds neither network.
    #[error(
        "{origin}: no LPIPS weights: expected net.slice1.0.weight or features.0.weight of shape 64x3x3x3 (VGG-16) or 64x3x11x11 \
         (AlexNet), found {found}"
    )]
    Unknown {
        /// The file.
        origin: String,
        /// What was found.
        found: String,
    },
    /// An array is missing or of another shape.
    #[error("{origin}: {name}: found {found}, expected {expected}")]
    Array {
        /// The file.
        origin: String,
        /// The array.
        name: String,
        /// What was found.
        found: String,
        /// The shape that was expected.
        expected: String,
    },
}

/// The metric with its weights.
pub struct Lpips {
    backbone: Backbone,
    steps: Vec<Prepared>,
    /// Weights of the channels of each of the five features.
    linear: [Vec<f32>; 5],
}

/// A [`Step`] with its parameters.
enum Prepared {
    Conv(Conv),
    Pool { side: usize },
    Feature,
}

impl fmt::Debug for Lpips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpips").field("backbone", &self.backbone).finish_non_exhaustive()
    }
}

/// Means and deviations of the channels of inputs in \[−1, 1\]: the `ScalingLayer` of the reference implementation.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];
/// Added to the norm of a pixel's features.
const EPS: f32 = 1e-10;

impl Lpips {
    /// The network.
    pub fn backbone(&self) -> Backbone {
        self.backbone
    }

    /// The least side of a picture, in pixels: below it the last feature has no pixel.
    pub fn min_side(&self) -> usize {
        match self.backbone {
            Backbone::Vgg16 => 16,
            Backbone::AlexNet => 31,
        }
    }

    /// The distance of two pictures, float RGB clamped to \[0, 1\] here; 0 for identical ones, lower is better. It does not
    /// depend on the number of threads.
    ///
    /// # Errors
    /// [`MetricError`] when the sizes differ or a side is below [`Lpips::min_side`].
    pub fn distance(&self, output: &RgbImage, truth: &RgbImage) -> Result<f64, MetricError> {
        check(output, truth, self.min_side())?;
        let (mut a, mut b) = (scaled(output), scaled(truth));
        let (mut sum, mut feature) = (0.0, 0);
        for step in &self.steps {
            match step {
                Prepared::Conv(conv) => (a, b) = (conv.relu(&a), conv.relu(&b)),
                Prepared::Pool { side } => (a, b) = (pooled(&a, *side), pooled(&b, *side)),
                Prepared::Feature => {
                    sum += apart(&a, &b, &self.linear[feature]);
                    feature += 1;
                }
            }
        }
        Ok(sum)
    }
}

fn scaled(image: &RgbImage) -> Map {
    let n = image.width() * image.height();
    let channel =
        |c: usize| image.channel(c).iter().map(move |&v| (2.0 * clamped(v) - 1.0 - SHIFT[c]) / SCALE[c]);
    let mut data = Vec::with_capacity(3 * n);
    (0..3).for_each(|c| data.extend(channel(c)));
    Map { channels: 3, width: image.width(), height: image.height(), data }
}

/// Mean over the pixels of the weighted square difference of features of unit length.
fn apart(a: &Map, b: &Map, linear: &[f32]) -> f64 {
    let n = a.width * a.height;
    let norms = |map: &Map| {
        let mut squares = vec![0.0_f32; n];
        for plane in map.data.chunks_exact(n) {
            squares.iter_mut().zip(plane).for_each(|(s, v)| *s += v * v);
        }
        squares.iter().map(|s| s.sqrt() + EPS).collect::<Vec<f32>>()
    };
    let (na, nb) = (norms(a), norms(b));
    let planes = a.data.chunks_exact(n).zip(b.data.chunks_exact(n)).zip(linear);
    let sum: f64 = planes
        .map(|((a, b), &weight)| {
            let square = |i: usize| f64::from(a[i] / na[i] - b[i] / nb[i]).powi(2);
            f64::from(weight) * (0..n).map(square).sum::<f64>()
        })
        .sum();
    sum / n as f64
}
