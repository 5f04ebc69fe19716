//! A graph on tensors: what is checked before, what is needed, and when a tensor can go.

use ifr_net::{Extent, Graph, RunSize, TensorId};
use tch::{Device, Kind, Tensor};

use crate::error::TorchError;
use crate::walk::Walk;

/// The numbers that convolutions are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Everything in `f32`.
    #[default]
    F32,
    /// Convolutions with their activations and residuals in bfloat16, from weights cast for the run; flows, warps, resizes,
    /// means, masks, blends, and whatever is asked for, in `f32`. Gradients reach `f32` parameters as `f32`.
    Bf16,
}

/// Runs a graph and returns the `wanted` tensors (any of the graph's, inputs included), computing only what they need.
///
/// `parameters` stand in the order of [`Graph::params`] with the shapes stated there, `inputs` in the order of
/// [`Graph::inputs`], batch × channels × height × width, all on one device; a timestep is batch × 1 × 1 × 1. What is returned
/// has the inputs' kind: `f32`, or `f64` throughout when inputs and parameters are `f64` and the precision is
/// [`Precision::F32`] (for checks of gradients). Gradients flow through everything, unless the caller turned them off; then
/// tensors go as soon as nothing reads them any more.
///
/// # Errors
/// [`TorchError::Count`], [`TorchError::Shape`] and [`TorchError::Size`] when inputs or parameters do not suit the graph;
/// [`TorchError::Memory`] when the device has no room.
///
/// # Panics
/// When a wanted id is another graph's and out of range here.
pub fn run(
    graph: &Graph,
    parameters: &[Tensor],
    inputs: &[Tensor],
    wanted: &[TensorId],
    precision: Precision,
) -> Result<Vec<Tensor>, TorchError> {
    let size = size_of(graph, inputs)?;
    check_parameters(graph, parameters)?;
    let device = inputs.first().map_or(Device::Cpu, Tensor::device);
    let wide = match inputs.first().map(Tensor::f_kind) {
        Some(Ok(Kind::Double)) => Kind::Double,
        _ => Kind::Float,
    };
    let narrow = match precision {
        Precision::F32 => wide,
        Precision::Bf16 => Kind::BFloat16,
    };
    let last_reader = last_readers(graph, wanted);
    let mut walk = Walk::new(graph, parameters, size, device, wide, narrow);
    for (&id, input) in graph.inputs().iter().zip(inputs) {
        walk.set(id, input.shallow_clone());
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        if last_reader[node.output.index()].is_none() {
            continue;
        }
        walk.step(node)?;
        for view in node.op.views() {
            if last_reader[view.tensor.index()] == Some(index) {
                walk.forget(view.tensor);
            }
        }
    }
    wanted.iter().map(|&id| walk.whole(id)).collect()
}

/// For every tensor, the index of the last node that reads it on the way to the wanted ones; a wanted tensor is read after
/// all, and one that nothing needs, never.
fn last_readers(graph: &Graph, wanted: &[TensorId]) -> Vec<Option<usize>> {
    let mut last = vec![None; graph.tensors().len()];
    for id in wanted {
        last[id.index()] = Some(usize::MAX);
    }
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        if last[node.output.index()].is_some() {
            for view in node.op.views() {
                last[view.tensor.index()].get_or_insert(index);
            }
        }
    }
    last
}

fn size_of(graph: &Graph, inputs: &[Tensor]) -> Result<RunSize, TorchError> {
    count(graph, "inputs", graph.inputs().len(), inputs.len())?;
    let mut size = RunSize { batch: 0, width: 0, height: 0 };
    for (&id, input) in graph.inputs().iter().zip(inputs) {
        if let (Extent::Map(ratio), &[n, _, h, w]) = (graph.tensor(id).extent, input.size().as_slice()) {
            let full = |side: i64| {
                let side = usize::try_from(side).unwrap_or(0);
                side.saturating_mul(ratio.den() as usize) / ratio.num() as usize
            };
            size = RunSize { batch: usize::try_from(n).unwrap_or(0), width: full(w), height: full(h) };
            break;
        }
    }
    graph.check_size(size.width, size.height)?;
    for (&id, input) in graph.inputs().iter().zip(inputs) {
        let info = graph.tensor(id);
        shape(&info.name, &input.size(), &size.shape(info.channels, info.extent))?;
    }
    Ok(size)
}

fn check_parameters(graph: &Graph, parameters: &[Tensor]) -> Result<(), TorchError> {
    count(graph, "parameters", graph.params().len(), parameters.len())?;
    graph.params().iter().zip(parameters).try_for_each(|(info, p)| shape(&info.name, &p.size(), &info.shape))
}

fn count(graph: &Graph, what: &'static str, expected: usize, found: usize) -> Result<(), TorchError> {
    if expected == found {
        return Ok(());
    }
    Err(TorchError::Count { graph: graph.name().to_owned(), what, expected, found })
}

fn shape(name: &str, found: &[i64], expected: &[usize]) -> Result<(), TorchError> {
    if found.iter().copied().eq(expected.iter().map(|&side| side as i64)) && !expected.contains(&0) {
        return Ok(());
    }
    let expected = expected.iter().map(|&side| side as i64).collect();
    Err(TorchError::Shape { name: name.to_owned(), found: found.to_vec(), expected })
}
