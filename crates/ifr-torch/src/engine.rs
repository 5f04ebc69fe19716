use ifr_net::{Graph, InputError, Parameters, Tensor, conformance};
use tch::Device;

use crate::convert::{download, upload, upload_values};
use crate::error::TorchError;
use crate::run::{Precision, run};

/// libtorch as an engine for the [`conformance`] suite: everything is uploaded anew for every run.
#[derive(Debug, Clone, Copy)]
pub struct Torch {
    /// Where it runs.
    pub device: Device,
    /// What convolutions are computed with.
    pub precision: Precision,
}

impl conformance::Engine for Torch {
    type Error = TorchError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, TorchError> {
        if !params.fit(graph) {
            return Err(InputError::Parameters(graph.name().to_owned()).into());
        }
        let _guard = tch::no_grad_guard();
        let parameters = params.iter().map(|(info, values)| upload_values(values, &info.shape, self.device));
        let parameters = parameters.collect::<Result<Vec<_>, _>>()?;
        let inputs = inputs.iter().map(|t| upload(t, self.device)).collect::<Result<Vec<_>, _>>()?;
        let outputs = run(graph, &parameters, &inputs, graph.outputs(), self.precision)?;
        outputs.iter().map(download).collect()
    }
}
