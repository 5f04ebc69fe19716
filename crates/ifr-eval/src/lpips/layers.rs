//! The two networks, layer by layer, as torchvision has them.

use super::Backbone;

/// A layer, or a place where features are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A convolution and ReLU.
    Conv(Shape),
    /// The largest of a square, every second pixel.
    Pool {
        /// The square's side.
        side: usize,
    },
    /// What comes out here is compared.
    Feature,
}

/// A convolution's shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Index of the layer among torchvision's `features`.
    pub(crate) index: usize,
    /// Number of features taken before, plus one: the `slice` of the reference implementation.
    pub(crate) slice: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

/// Widths of VGG-16's convolutions, block by block.
const VGG: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256; 3], &[512; 3], &[512; 3]];
/// AlexNet's convolutions: layer, width, kernel, stride, padding, and whether a pool of 3 comes before.
const ALEX: [(usize, usize, usize, usize, usize, bool); 5] = [
    (0, 64, 11, 4, 2, false),
    (3, 192, 5, 1, 2, true),
    (6, 384, 3, 1, 1, true),
    (8, 256, 3, 1, 1, false),
    (10, 256, 3, 1, 1, false),
];

impl Backbone {
    /// The network up to its last feature.
    pub(crate) fn steps(self) -> Vec<Step> {
        let (mut steps, mut from) = (Vec::new(), 3);
        match self {
            Self::Vgg16 => {
                let mut index = 0;
                for (block, widths) in VGG.into_iter().enumerate() {
                    if block > 0 {
                        steps.push(Step::Pool { side: 2 });
                        index += 1;
                    }
                    for &to in widths {
                        let shape =
                            Shape { index, slice: block + 1, from, to, kernel: 3, stride: 1, padding: 1 };
                        steps.push(Step::Conv(shape));
                        (index, from) = (index + 2, to);
                    }
                    steps.push(Step::Feature);
                }
            }
            Self::AlexNet => {
                for (i, (index, to, kernel, stride, padding, pool)) in ALEX.into_iter().enumerate() {
                    if pool {
                        steps.push(Step::Pool { side: 3 });
                    }
                    steps.push(Step::Conv(Shape { index, slice: i + 1, from, to, kernel, stride, padding }));
                    steps.push(Step::Feature);
                    from = to;
                }
            }
        }
        steps
    }

    /// Channels of the five features.
    pub(crate) fn widths(self) -> [usize; 5] {
        match self {
            Self::Vgg16 => VGG.map(|widths| widths[0]),
            Self::AlexNet => ALEX.map(|layer| layer.1),
        }
    }
}
