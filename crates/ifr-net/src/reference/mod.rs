//! The judge: every operation as plain loops, in the order the definitions give, with sums in `f64`.
//!
//! Nothing is fused, nothing kept for the next run and every tensor exists at once: simple rather than quick. Engines
//! are held to what comes out of here; this module is itself held to the golden vectors of the reference
//! implementation.

mod conv;
mod deform;
mod norm;
mod sample;

use std::collections::HashMap;

use crate::conformance::Engine;
use crate::graph::{Activation, Binary, Graph, Op, Source, TensorId, View, Window};
use crate::parameters::Parameters;
use crate::tensor::{InputError, RunSize, Tensor};

/// Runs a graph on inputs in the order of [`Graph::inputs`]; returns its outputs in the order of [`Graph::outputs`].
///
/// # Errors
/// [`InputError`] when inputs or parameters do not suit the graph.
pub fn run(graph: &Graph, params: &Parameters, inputs: &[Tensor]) -> Result<Vec<Tensor>, InputError> {
    let tensors = evaluate(graph, params, inputs)?;
    Ok(graph.outputs().iter().map(|id| tensors[id.index()].clone()).collect())
}

/// Like [`run`], but returns every tensor of the graph by name.
///
/// # Errors
/// [`InputError`] when inputs or parameters do not suit the graph.
pub fn trace(
    graph: &Graph,
    params: &Parameters,
    inputs: &[Tensor],
) -> Result<HashMap<String, Tensor>, InputError> {
    let tensors = evaluate(graph, params, inputs)?;
    Ok(graph.tensors().iter().map(|info| info.name.clone()).zip(tensors).collect())
}

/// The reference as an [`Engine`], so that the conformance suite can be tried on itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reference;

impl Engine for Reference {
    type Error = InputError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, InputError> {
        run(graph, params, inputs)
    }
}

fn evaluate(graph: &Graph, params: &Parameters, inputs: &[Tensor]) -> Result<Vec<Tensor>, InputError> {
    let size = RunSize::of(graph, inputs)?;
    if !params.fit(graph) {
        return Err(InputError::Parameters(graph.name().to_owned()));
    }
    let mut run = Run { params, size, tensors: vec![Tensor::default(); graph.tensors().len()] };
    for (id, input) in graph.inputs().iter().zip(inputs) {
        run.tensors[id.index()] = input.clone();
    }
    for node in graph.nodes() {
        let info = graph.tensor(node.output);
        let shape = size.shape(info.channels, info.extent);
        let value = run.apply(&node.op, shape);
        run.tensors[node.output.index()] = value;
    }
    Ok(run.tensors)
}

struct Run<'a> {
    params: &'a Parameters,
    size: RunSize,
    tensors: Vec<Tensor>,
}

impl Run<'_> {
    /// The value of an operation whose output has that shape.
    fn apply(&self, op: &Op, shape: [usize; 4]) -> Tensor {
        let [batch, channels, h, w] = shape;
        match op {
            Op::Conv(c) | Op::ConvTranspose(c) => {
                let input = self.cat(&c.inputs, self.map_size(&c.inputs));
                let weight = self.params.get(c.weight);
                let bias = c.bias.map(|id| self.params.get(id));
                let mut out = if matches!(op, Op::Conv(_)) {
                    conv::conv(&input, weight, bias, c.window, c.groups, shape)
                } else {
                    conv::conv_transpose(&input, weight, bias, c.window, c.groups, shape)
                };
                if let Some(residual) = c.residual {
                    add(&mut out, &self.see(residual));
                }
                self.activate(out, &c.activation)
            }
            Op::DeformConv(d) => {
                let c = &d.conv;
                let steering = deform::Steering {
                    offsets: self.see(d.offsets),
                    masks: self.see(d.masks),
                    flow: d.flow.map(|view| self.see(view)),
                    groups: d.groups,
                    kernel: c.window.kernel,
                };
                let samples = deform::samples(&self.cat(&c.inputs, (h, w)), &steering);
                let bias = c.bias.map(|id| self.params.get(id));
                let mut out = conv::conv(&samples, self.params.get(c.weight), bias, Window::ONE, 1, shape);
                if let Some(residual) = c.residual {
                    add(&mut out, &self.see(residual));
                }
                self.activate(out, &c.activation)
            }
            Op::Affine { input, gain, offset, activation } => {
                let mut out = self.see(*input);
                for n in 0..batch {
                    for c in 0..channels {
                        out.plane_mut(n, c).iter_mut().for_each(|v| *v = gain[c] * *v + offset[c]);
                    }
                }
                self.activate(out, activation)
            }
            Op::Sum { inputs, gain } => {
                let mut out = Tensor::zeros(shape);
                inputs.iter().for_each(|&view| add(&mut out, &self.see(view)));
                out.data_mut().iter_mut().for_each(|v| *v *= gain);
                out
            }
            Op::LayerNorm(n) => {
                let (weight, bias) = (self.params.get(n.weight), self.params.get(n.bias));
                norm::layer(&self.see(n.input), weight, bias, n.epsilon)
            }
            Op::ResponseNorm(n) => {
                let (weight, bias) = (self.params.get(n.weight), self.params.get(n.bias));
                norm::response(&self.see(n.input), weight, bias, n.epsilon)
            }
            Op::ChannelMean { input } => norm::channel_mean(&self.see(*input)),
            Op::Warp { image, flow } => sample::warp(&self.see(*image), &self.see(*flow)),
            Op::Resize { input, alignment, gain, add: added } => {
                let mut out = sample::resize(&self.see(*input), *alignment, shape);
                out.data_mut().iter_mut().for_each(|v| *v *= gain);
                if let Some(view) = added {
                    add(&mut out, &self.see(*view));
                }
                out
            }
            Op::Binary { op, a, b, activation } => {
                let (a, b) = (self.spread(a, channels, (h, w)), self.spread(b, channels, (h, w)));
                let of = |(&a, &b): (&f32, &f32)| match op {
                    Binary::Add => a + b,
                    Binary::Sub => a - b,
                    Binary::Mul => a * b,
                };
                let data = a.data().iter().zip(b.data()).map(of).collect();
                self.activate(filled(shape, data), activation)
            }
            Op::Activate { input, activation } => self.activate(self.see(*input), activation),
            Op::Mean { inputs } => {
                let views: Vec<Tensor> = inputs.iter().map(|&v| self.see(v)).collect();
                let mean = |sample: usize| {
                    let parts =
                        views.iter().map(|v| v.data().chunks_exact(v.data().len() / batch).nth(sample));
                    let values: Vec<f64> = parts.flatten().flatten().map(|&v| f64::from(v)).collect();
                    (values.iter().sum::<f64>() / values.len() as f64) as f32
                };
                filled(shape, (0..batch).map(mean).collect())
            }
            Op::Blend { mask, a, b, add: added, activation } => {
                let mask = self.see(*mask);
                let (a, b) = (self.spread(a, channels, (h, w)), self.spread(b, channels, (h, w)));
                let mut out = Tensor::zeros(shape);
                for n in 0..batch {
                    for c in 0..channels {
                        let weights = mask.plane(n, 0);
                        let (a, b) = (a.plane(n, c), b.plane(n, c));
                        for (i, v) in out.plane_mut(n, c).iter_mut().enumerate() {
                            *v = weights[i] * a[i] + (1.0 - weights[i]) * b[i];
                        }
                    }
                }
                for source in added {
                    add(&mut out, &self.spread(source, channels, (h, w)));
                }
                self.activate(out, activation)
            }
        }
    }

    /// The channels of a view as a tensor of their own.
    fn see(&self, view: View) -> Tensor {
        let tensor = self.tensor(view.tensor);
        let [batch, _, h, w] = tensor.shape();
        let mut out = Tensor::zeros([batch, view.channels, h, w]);
        for n in 0..batch {
            for c in 0..view.channels {
                out.plane_mut(n, c).copy_from_slice(tensor.plane(n, view.first + c));
            }
        }
        out
    }

    /// A source as a map of (height, width).
    fn map(&self, source: &Source, (h, w): (usize, usize)) -> Tensor {
        match *source {
            Source::Map(view) => self.see(view),
            Source::Warped { image, flow } => sample::warp(&self.see(image), &self.see(flow)),
            Source::Plane(view) => {
                let point = self.see(view);
                let mut out = Tensor::zeros([self.size.batch, view.channels, h, w]);
                for n in 0..self.size.batch {
                    for c in 0..view.channels {
                        out.plane_mut(n, c).fill(point.plane(n, c)[0]);
                    }
                }
                out
            }
        }
    }

    /// A source as a map of `channels`; one plane serves for all.
    fn spread(&self, source: &Source, channels: usize, size: (usize, usize)) -> Tensor {
        let map = self.map(source, size);
        let [batch, found, h, w] = map.shape();
        if found == channels {
            return map;
        }
        let mut out = Tensor::zeros([batch, channels, h, w]);
        for n in 0..batch {
            for c in 0..channels {
                out.plane_mut(n, c).copy_from_slice(map.plane(n, 0));
            }
        }
        out
    }

    /// Sources side by side.
    fn cat(&self, sources: &[Source], size: (usize, usize)) -> Tensor {
        let maps: Vec<Tensor> = sources.iter().map(|s| self.map(s, size)).collect();
        let channels = maps.iter().map(|m| m.shape()[1]).sum();
        let mut out = Tensor::zeros([self.size.batch, channels, size.0, size.1]);
        for n in 0..self.size.batch {
            let mut at = 0;
            for map in &maps {
                for c in 0..map.shape()[1] {
                    out.plane_mut(n, at).copy_from_slice(map.plane(n, c));
                    at += 1;
                }
            }
        }
        out
    }

    /// Height and width of the maps among sources.
    fn map_size(&self, sources: &[Source]) -> (usize, usize) {
        let map = sources.iter().find(|s| !matches!(s, Source::Plane(_)));
        let [_, _, h, w] = map
            .and_then(|source| source.views().next())
            .map_or([0; 4], |view| self.tensor(view.tensor).shape());
        (h, w)
    }

    fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }

    fn activate(&self, mut x: Tensor, activation: &Activation) -> Tensor {
        let [batch, channels, ..] = x.shape();
        let slopes = activation.slopes().map(|id| self.params.get(id));
        for n in 0..batch {
            for c in 0..channels {
                let slope = slopes.map_or(0.0, |s| s[if s.len() == 1 { 0 } else { c }]);
                for v in x.plane_mut(n, c) {
                    *v = match activation {
                        Activation::Prelu(_) if *v < 0.0 => *v * slope,
                        Activation::PreluNonNegative(_) if *v < 0.0 => *v * slope.max(0.0),
                        Activation::None | Activation::Prelu(_) | Activation::PreluNonNegative(_) => *v,
                        Activation::Relu => v.max(0.0),
                        Activation::Gelu => norm::gelu(*v),
                        Activation::Sigmoid => 1.0 / (1.0 + (-*v).exp()),
                        Activation::Clamp { low, high } => v.max(*low).min(*high),
                    };
                }
            }
        }
        x
    }
}

fn filled(shape: [usize; 4], data: Vec<f32>) -> Tensor {
    let mut out = Tensor::zeros(shape);
    out.data_mut().copy_from_slice(&data);
    out
}

fn add(to: &mut Tensor, other: &Tensor) {
    for (v, o) in to.data_mut().iter_mut().zip(other.data()) {
        *v += o;
    }
}
