use ifr_frame::{FrameError, RgbImage};
use thiserror::Error;

use crate::graph::{Extent, Graph, GraphError};

/// Values: batch × channels × height × width of `f32`, row-major, without gaps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    shape: [usize; 4],
    data: Vec<f32>,
}

impl Tensor {
    /// Zeros of `[batch, channels, height, width]`.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, data: vec![0.0; shape.iter().product()] }
    }

    /// Given values of `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`InputError::Length`] when there are more or fewer values than the shape has.
    pub fn new(shape: [usize; 4], data: Vec<f32>) -> Result<Self, InputError> {
        let expected = shape.iter().try_fold(1_usize, |n, &side| n.checked_mul(side));
        if expected != Some(data.len()) {
            return Err(InputError::Length { shape, found: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// A point tensor: one value a sample, such as the timestep of each.
    pub fn point(values: &[f32]) -> Self {
        Self { shape: [values.len(), 1, 1, 1], data: values.to_vec() }
    }

    /// `[batch, channels, height, width]`.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// All values.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, to write.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values themselves.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// One channel of one sample, height × width.
    ///
    /// # Panics
    /// When there is no such sample or channel.
    pub fn plane(&self, sample: usize, channel: usize) -> &[f32] {
        let [_, c, h, w] = self.shape;
        let start = (sample * c + channel) * h * w;
        &self.data[start..start + h * w]
    }

    /// One channel of one sample, to write.
    ///
    /// # Panics
    /// When there is no such sample or channel.
    pub fn plane_mut(&mut self, sample: usize, channel: usize) -> &mut [f32] {
        let [_, c, h, w] = self.shape;
        let start = (sample * c + channel) * h * w;
        &mut self.data[start..start + h * w]
    }

    /// A batch of one as an image.
    ///
    /// # Errors
    /// [`FrameError`] when it is not 1 × 3 × height × width of a possible size.
    pub fn into_image(self) -> Result<RgbImage, FrameError> {
        let [_, _, h, w] = self.shape;
        RgbImage::new(w, h, self.data)
    }
}

/// 1 × 3 × height × width.
impl From<&RgbImage> for Tensor {
    fn from(image: &RgbImage) -> Self {
        Self { shape: [1, 3, image.height(), image.width()], data: image.data().to_vec() }
    }
}

/// The size of one run of a graph, as its inputs tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunSize {
    /// Samples in the batch.
    pub batch: usize,
    /// Width in pixels of what has [`Extent::FULL`].
    pub width: usize,
    /// Height in pixels of what has [`Extent::FULL`].
    pub height: usize,
}

impl RunSize {
    /// Shape of a tensor of `channels` channels and that extent: `[batch, channels, height, width]`.
    pub fn shape(self, channels: usize, extent: Extent) -> [usize; 4] {
        let (width, height) = extent.size(self.width, self.height);
        [self.batch, channels, height, width]
    }

    /// Checks inputs, given in the order of [`Graph::inputs`], and returns the size they ask for.
    ///
    /// # Errors
    /// [`InputError`] when their number, a shape or the size does not suit the graph.
    pub fn of(graph: &Graph, inputs: &[Tensor]) -> Result<Self, InputError> {
        if inputs.len() != graph.inputs().len() {
            return Err(InputError::Count { expected: graph.inputs().len(), found: inputs.len() });
        }
        let pairs = || graph.inputs().iter().map(|&id| graph.tensor(id)).zip(inputs);
        let mut size = Self { batch: inputs.first().map_or(0, |t| t.shape[0]), width: 0, height: 0 };
        for (info, tensor) in pairs() {
            if let Extent::Map(ratio) = info.extent {
                let [_, _, h, w] = tensor.shape;
                let full = |n: usize| n.saturating_mul(ratio.den() as usize) / ratio.num() as usize;
                (size.width, size.height) = (full(w), full(h));
                break;
            }
        }
        graph.check_size(size.width, size.height)?;
        for (info, tensor) in pairs() {
            let expected = size.shape(info.channels, info.extent);
            if tensor.shape != expected || size.batch == 0 {
                return Err(InputError::Shape { name: info.name.clone(), found: tensor.shape, expected });
            }
        }
        Ok(size)
    }
}

/// Inputs that do not suit a graph.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// Values that do not fill their shape.
    #[error("a tensor of shape {shape:?} has not {found} values")]
    Length {
        /// The shape given.
        shape: [usize; 4],
        /// The values given.
        found: usize,
    },
    /// Too many or too few inputs.
    #[error("the graph takes {expected} inputs, found {found}")]
    Count {
        /// Inputs the graph declares.
        expected: usize,
        /// Inputs given.
        found: usize,
    },
    /// An input of another shape than the graph declares.
    #[error(
        "input '{name}' has shape {found:?}, expected {expected:?} (batch, channels, height, width; batch at least 1)"
    )]
    Shape {
        /// The input's name.
        name: String,
        /// Its shape.
        found: [usize; 4],
        /// What the graph and the other inputs ask for.
        expected: [usize; 4],
    },
    /// A size that does not divide into the network's levels.
    #[error(transparent)]
    Size(#[from] GraphError),
    /// Parameters that are not this graph's.
    #[error("the parameters are not those of {0}")]
    Parameters(String),
}
