use std::ops::Range;

use ifr_net::{Graph, InputError, Parameters};
use tch::{Device, Kind, Tensor};

use crate::convert::download_values;
use crate::error::{During, TorchError};

/// All parameters of a graph as one `f32` tensor of one dimension, a leaf of autograd: optimiser, averages, clipping of
/// gradients and exchange between devices are single operations on it. Parameters lie in the order of [`Graph::params`],
/// without gaps, each row-major.
///
/// ```
/// use ifr_net::{IfrNet, Parameters, Ratio};
/// use ifr_torch::FlatParameters;
///
/// let graph = IfrNet::S.graph(Ratio::ONE)?;
/// let mut flat = FlatParameters::new(&graph, tch::Device::Cpu)?;
/// flat.load(&Parameters::by_rule(&graph))?;
/// let loss = flat.views()?[0].square().sum(tch::Kind::Float);
/// loss.backward();
/// assert_eq!(flat.tensor().grad().size(), flat.tensor().size());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FlatParameters {
    graph: Graph,
    ranges: Vec<Range<usize>>,
    tensor: Tensor,
}

impl FlatParameters {
    /// Zeros, with gradients.
    ///
    /// # Errors
    /// [`TorchError::Memory`] when the device has no room.
    pub fn new(graph: &Graph, device: Device) -> Result<Self, TorchError> {
        let mut end = 0;
        let mut range = |len: usize| {
            let start = end;
            end += len;
            start..end
        };
        let ranges: Vec<_> = graph.params().iter().map(|info| range(info.len())).collect();
        let zeros = Tensor::f_zeros([end as i64], (Kind::Float, device));
        let tensor = zeros.and_then(|t| t.f_set_requires_grad(true)).during("parameters", device)?;
        Ok(Self { graph: graph.clone(), ranges, tensor })
    }

    /// Overwrites all values; the leaf stays the same tensor.
    ///
    /// # Errors
    /// [`TorchError::Input`] when the parameters are another graph's.
    pub fn load(&mut self, parameters: &Parameters) -> Result<(), TorchError> {
        if !parameters.fit(&self.graph) {
            return Err(InputError::Parameters(self.graph.name().to_owned()).into());
        }
        let mut values = Vec::with_capacity(parameters.count());
        parameters.iter().for_each(|(_, part)| values.extend_from_slice(part));
        let tensor = &mut self.tensor;
        tch::no_grad(|| Tensor::f_from_slice(&values).and_then(|values| tensor.f_copy_(&values)))
            .during("parameters", self.tensor.device())
    }

    /// The values, by name.
    ///
    /// # Errors
    /// [`TorchError::Torch`] when they cannot be read from the device.
    pub fn to_parameters(&self) -> Result<Parameters, TorchError> {
        self.parameters_of(&self.tensor)
    }

    /// The values of another tensor of this layout, such as a moving average or a gradient, by name.
    ///
    /// # Errors
    /// [`TorchError::Shape`] when it has another shape, [`TorchError::Torch`] when it cannot be read from the device.
    pub fn parameters_of(&self, tensor: &Tensor) -> Result<Parameters, TorchError> {
        let (found, expected) = (tensor.size(), self.tensor.size());
        if found != expected {
            return Err(TorchError::Shape { name: "parameters".to_owned(), found, expected });
        }
        let values = download_values(tensor)?;
        let mut parameters = Parameters::by_rule(&self.graph);
        for (id, range) in self.graph.param_ids().zip(&self.ranges) {
            parameters.get_mut(id).copy_from_slice(&values[range.clone()]);
        }
        Ok(parameters)
    }

    /// The graph whose parameters these are.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The leaf itself, one dimension; its gradient is here after a backward pass.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// The leaf, to change in place where gradients are off.
    pub fn tensor_mut(&mut self) -> &mut Tensor {
        &mut self.tensor
    }

    /// Where each parameter lies, in the order of [`Graph::params`].
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The parameters with their shapes, as [`run`](crate::run) takes them; gradients flow back into the leaf.
    ///
    /// # Errors
    /// [`TorchError::Memory`] when the device has no room.
    pub fn views(&self) -> Result<Vec<Tensor>, TorchError> {
        self.views_of(&self.tensor)
    }

    /// The same views of another tensor of this layout, such as a moving average.
    ///
    /// # Errors
    /// [`TorchError::Torch`] when it has another size.
    pub fn views_of(&self, tensor: &Tensor) -> Result<Vec<Tensor>, TorchError> {
        let sizes: Vec<i64> = self.ranges.iter().map(|range| range.len() as i64).collect();
        let device = self.tensor.device();
        let parts = tensor.f_split_with_sizes(sizes.as_slice(), 0).during("parameters", device)?;
        let view = |(part, info): (Tensor, &ifr_net::ParamInfo)| {
            let shape: Vec<i64> = info.shape.iter().map(|&side| side as i64).collect();
            part.f_view(shape.as_slice()).during(&info.name, device)
        };
        parts.into_iter().zip(self.graph.params()).map(view).collect()
    }
}
