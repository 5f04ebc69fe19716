use super::Case;
use crate::graph::{Builder, Extent, Graph, GraphError, Ratio, View};
use crate::parameters::Parameters;
use crate::tensor::{RunSize, Tensor};

/// Values of an input.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fill {
    /// Noise between −a and a.
    Noise(f32),
    /// Noise between 0 and 1.
    Unit,
    /// Whole numbers between −a and a.
    Whole(f32),
    /// One value everywhere.
    All(f32),
    /// These, again and again.
    Cycle(&'static [f32]),
}

/// Describes a case: a [`Builder`] whose inputs know their values.
pub(super) struct Maker {
    pub(super) b: Builder,
    fills: Vec<Fill>,
    name: String,
    tolerance: f32,
}

/// Rounding of a few hundred products and sums in `f32`, with room for fast convolution algorithms.
const TOLERANCE: f32 = 2e-5;

impl Maker {
    pub(super) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { b: Builder::new(&name), fills: Vec::new(), name, tolerance: TOLERANCE }
    }

    /// An input at full size.
    pub(super) fn map(&mut self, name: &str, channels: usize, fill: Fill) -> View {
        self.fills.push(fill);
        self.b.input(name, channels, Extent::FULL)
    }

    /// An input of one pixel.
    pub(super) fn point(&mut self, name: &str, channels: usize, fill: Fill) -> View {
        self.fills.push(fill);
        self.b.input(name, channels, Extent::Point)
    }

    /// An input at full size that comes anew with each instant.
    pub(super) fn instant(&mut self, name: &str, channels: usize, fill: Fill) -> View {
        self.fills.push(fill);
        self.b.instant(name, channels, Extent::FULL)
    }

    /// A timestep.
    pub(super) fn timestep(&mut self, name: &str) -> View {
        self.fills.push(Fill::Cycle(&[0.25, 0.5, 0.8]));
        self.b.timestep(name)
    }

    /// Marks an output and ends the description; the case runs on `[batch, height, width]`.
    pub(super) fn output(mut self, view: View, size: [usize; 3]) -> Result<Case, GraphError> {
        self.b.output(view);
        self.finish(size)
    }

    pub(super) fn finish(self, size: [usize; 3]) -> Result<Case, GraphError> {
        let graph = self.b.finish()?;
        case(self.name, graph, size, &self.fills, self.tolerance)
    }
}

/// A case from a graph and the fills of its inputs.
pub(super) fn case(
    name: String,
    graph: Graph,
    [batch, height, width]: [usize; 3],
    fills: &[Fill],
    tolerance: f32,
) -> Result<Case, GraphError> {
    graph.check_size(width, height)?;
    let size = RunSize { batch, width, height };
    let tensor = |(i, fill): (usize, &Fill)| {
        let info = graph.tensor(graph.inputs()[i]);
        fill.tensor(size.shape(info.channels, info.extent), i as u64)
    };
    let inputs = fills.iter().enumerate().map(tensor).collect();
    Ok(Case { name, params: Parameters::by_rule(&graph), graph, inputs, tolerance })
}

impl Fill {
    fn tensor(self, shape: [usize; 4], seed: u64) -> Tensor {
        let mut out = Tensor::zeros(shape);
        for (i, v) in out.data_mut().iter_mut().enumerate() {
            let noise = noise(seed, i as u64);
            *v = match self {
                Self::Noise(a) => a * noise,
                Self::Unit => 0.5 + 0.5 * noise,
                Self::Whole(a) => (a * noise).round(),
                Self::All(a) => a,
                Self::Cycle(values) => values[i % values.len()],
            };
        }
        out
    }
}

/// A number between −1 and 1 that depends on both arguments.
fn noise(seed: u64, index: u64) -> f32 {
    let mut z = (seed << 40 ^ index).wrapping_add(0x5851_F42D_4C95_7F2D).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^= z >> 32;
    (z >> 40) as f32 / 8_388_608.0 - 1.0
}

/// A map of `num`/`den` times the input's size.
pub(super) fn at(num: u32, den: u32) -> Result<Extent, GraphError> {
    Ratio::new(num, den).map(Extent::Map)
}
