//! The convolutions of a graph, packed for one level: made once, used at every size.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ifr_net::{Activation, Conv, DeformConv, Graph, Node, Op, Parameters, Window};

use crate::conv::{Form, Packed};
use crate::level::Level;

/// Which value a weight applies to: so many rows and columns away, in one phase of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    pub(crate) phase: usize,
    pub(crate) dy: isize,
    pub(crate) dx: isize,
}

/// One convolution without stride: the whole of an ordinary one, one group of a grouped one, or one phase of a
/// transposed one.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) packed: Packed,
    pub(crate) taps: Vec<Tap>,
    /// Input channels it reads.
    pub(crate) inputs: std::ops::Range<usize>,
    /// Output channels it makes.
    pub(crate) outputs: std::ops::Range<usize>,
    /// Phase of the output it makes (0 but for transposed ones).
    pub(crate) phase: usize,
    /// Multiplications for each position, input and output that a direct summation takes.
    pub(crate) work: usize,
}

/// The parts of one convolution node.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) parts: Vec<Part>,
    /// Phases of the input (or, transposed, of the output) along each axis.
    pub(crate) step: usize,
    pub(crate) transposed: bool,
    /// See [`Kernel::joint`].
    joint: OnceLock<Option<Arc<Self>>>,
}

impl Kernel {
    /// Bytes of its weights, those of its joint form included.
    pub(crate) fn bytes(&self) -> usize {
        let own = |part: &Part| size_of_val(part.packed.weights.as_slice());
        let joint = self.joint.get().and_then(Option::as_deref).map_or(0, Self::bytes);
        self.parts.iter().map(own).sum::<usize>() + joint
    }

    /// How far taps reach, in rows or columns of the map (or phase) they are applied to.
    pub(crate) fn reach(&self) -> usize {
        let taps = self.parts.iter().flat_map(|p| &p.taps);
        taps.map(|t| t.dy.unsigned_abs().max(t.dx.unsigned_abs())).max().unwrap_or(0)
    }

    /// A transposed convolution 4/2/1 as one 3×3 convolution that makes all phases, four outputs in place of each: most of its
    /// weights are zeros, which are not held, but Winograd's algorithm needs fewer multiplications for it all the same, and transforms
    /// inputs once for all phases.
    pub(crate) fn joint(&self, level: Level) -> Option<Arc<Self>> {
        let make = || {
            // Rows and columns r − 1 and r of phase r: the form that `Form::Phases` has room for.
            let fits = |part: &Part| {
                let (r, q) = (part.phase as isize / 2, part.phase as isize % 2);
                let taps = (0..4).map(|k| Tap { phase: 0, dy: r - 1 + k / 2, dx: q - 1 + k % 2 });
                part.taps.iter().copied().eq(taps)
            };
            if !self.transposed || self.step != 2 || !self.parts.iter().all(fits) {
                return None;
            }
            let phases = self.step * self.step;
            let groups = self.parts.len() / phases;
            let part = |group: usize| {
                // Parts are ordered by phase, then by group.
                let of = |o: usize| (&self.parts[o % phases * groups + group], o / phases);
                let (first, outs) = (&self.parts[group], self.parts[group].outputs.len());
                let weight = |o: usize, i: usize, k: usize| of(o).0.packed.weight(of(o).1, i, k);
                let values = |pick: &dyn Fn(&Packed) -> &[f32]| {
                    (0..outs * phases).filter_map(|o| pick(&of(o).0.packed).get(of(o).1).copied()).collect()
                };
                let (bias, slopes) = (values(&|p| &p.bias), values(&|p| &p.slopes));
                let packed = Packed::new(level, [outs * phases, first.inputs.len(), 4], weight, bias, slopes);
                Part {
                    packed: Packed { form: Form::Phases, ..packed },
                    taps: (0..9).map(|k| Tap { phase: 0, dy: k / 3 - 1, dx: k % 3 - 1 }).collect(),
                    inputs: first.inputs.clone(),
                    outputs: first.outputs.start * phases..first.outputs.end * phases,
                    phase: 0,
                    work: first.work,
                }
            };
            let parts = (0..groups).map(part).collect();
            Some(Arc::new(Self { parts, step: 1, transposed: false, joint: OnceLock::new() }))
        };
        self.joint.get_or_init(make).clone()
    }

    /// Packs every convolution of a graph, by node. Nodes that share their parameters share the packing.
    pub(crate) fn of_graph(graph: &Graph, parameters: &Parameters, level: Level) -> Vec<Option<Arc<Self>>> {
        let mut known = HashMap::new();
        let mut make = |node: &Node| {
            let (conv, transposed) = match &node.op {
                Op::Conv(conv) => (conv.clone(), false),
                Op::ConvTranspose(conv) => (conv.clone(), true),
                // Of its samples, one for each input and tap, what is left is a convolution 1/1/0.
                Op::DeformConv(DeformConv { conv, .. }) => {
                    (Conv { window: Window::ONE, ..conv.clone() }, false)
                }
                Op::Warp { .. }
                | Op::Resize { .. }
                | Op::Binary { .. }
                | Op::Activate { .. }
                | Op::Affine { .. }
                | Op::Sum { .. }
                | Op::LayerNorm(_)
                | Op::ResponseNorm(_)
                | Op::ChannelMean { .. }
                | Op::Mean { .. }
                | Op::Blend { .. } => return None,
            };
            let outputs = graph.tensor(node.output).channels;
            let slopes = fused_slopes(conv.activation, parameters, outputs);
            let bits: Option<Vec<u32>> = slopes.as_ref().map(|s| s.iter().map(|v| v.to_bits()).collect());
            let key = (conv.weight, conv.bias, bits, conv.window, conv.groups, transposed);
            let kernel = known.entry(key).or_insert_with(|| {
                let taps = match &node.op {
                    Op::DeformConv(deform) => deform.conv.window.kernel.pow(2),
                    _ => 1,
                };
                let inputs = taps * conv.inputs.iter().map(ifr_net::Source::channels).sum::<usize>();
                let slopes = slopes.unwrap_or_default();
                Arc::new(if transposed {
                    transposed_kernel(&conv, parameters, &slopes, level, inputs, outputs)
                } else {
                    kernel(&conv, parameters, &slopes, level, inputs, outputs)
                })
            });
            Some(kernel.clone())
        };
        graph.nodes().iter().map(&mut make).collect()
    }
}

/// The slope of each output where an activation is part of the kernels' epilogue; the others follow as a step of their own.
pub(crate) fn fused_slopes(
    activation: Activation,
    parameters: &Parameters,
    outputs: usize,
) -> Option<Vec<f32>> {
    let spread = |values: &[f32]| match *values {
        [one] => vec![one; outputs],
        _ => values.to_vec(),
    };
    match activation {
        Activation::Prelu(id) => Some(spread(parameters.get(id))),
        Activation::PreluNonNegative(id) => {
            Some(spread(parameters.get(id)).into_iter().map(|slope| slope.max(0.0)).collect())
        }
        Activation::Relu => Some(vec![0.0; outputs]),
        Activation::None | Activation::Gelu | Activation::Sigmoid | Activation::Clamp { .. } => None,
    }
}

/// Bias and slopes of a range of outputs.
fn epilogue(
    conv: &Conv,
    parameters: &Parameters,
    slopes: &[f32],
    outputs: &std::ops::Range<usize>,
) -> (Vec<f32>, Vec<f32>) {
    let bias = match conv.bias {
        Some(id) => parameters.get(id)[outputs.clone()].to_vec(),
        None => vec![0.0; outputs.len()],
    };
    (bias, slopes.get(outputs.clone()).unwrap_or_default().to_vec())
}

fn kernel(
    conv: &Conv,
    parameters: &Parameters,
    slopes: &[f32],
    level: Level,
    inputs: usize,
    outputs: usize,
) -> Kernel {
    let (k, s, p) = (conv.window.kernel, conv.window.stride, conv.window.padding);
    // Row s·y + ky − p of the input is row y + dy of its phase r, where ky − p = s·dy + r.
    let split = |at: usize| {
        let offset = at as isize - p as isize;
        (offset.div_euclid(s as isize), offset.rem_euclid(s as isize) as usize)
    };
    let taps: Vec<Tap> = (0..k * k)
        .map(|i| {
            let ((dy, r), (dx, q)) = (split(i / k), split(i % k));
            Tap { phase: r * s + q, dy, dx }
        })
        .collect();
    let weights = parameters.get(conv.weight);
    let (ins, outs) = (inputs / conv.groups, outputs / conv.groups);
    let part = |group: usize| {
        let outputs = group * outs..(group + 1) * outs;
        let (bias, slopes) = epilogue(conv, parameters, slopes, &outputs);
        let weight = |o: usize, i: usize, t: usize| weights[((group * outs + o) * ins + i) * k * k + t];
        Part {
            packed: Packed::new(level, [outs, ins, k * k], weight, bias, slopes),
            taps: taps.clone(),
            inputs: group * ins..(group + 1) * ins,
            outputs,
            phase: 0,
            work: k * k,
        }
    };
    Kernel { parts: (0..conv.groups).map(part).collect(), step: s, transposed: false, joint: OnceLock::new() }
}

fn transposed_kernel(
    conv: &Conv,
    parameters: &Parameters,
    slopes: &[f32],
    level: Level,
    inputs: usize,
    outputs: usize,
) -> Kernel {
    let (k, s, p) = (conv.window.kernel, conv.window.stride, conv.window.padding);
    let weights = parameters.get(conv.weight);
    let (ins, outs) = (inputs / conv.groups, outputs / conv.groups);
    // Output row s·y + r gets input row y + d by kernel row r + p − s·d.
    let along = |r: usize| {
        let all = -(k as isize)..=k as isize;
        let row = move |d: isize| (r + p).checked_add_signed(-d * s as isize).filter(|&ky| ky < k);
        all.filter_map(move |d| row(d).map(|ky| (d, ky)))
    };
    let mut parts = Vec::new();
    for phase in 0..s * s {
        let (taps, at): (Vec<Tap>, Vec<usize>) = along(phase / s)
            .flat_map(|(dy, ky)| {
                along(phase % s).map(move |(dx, kx)| (Tap { phase: 0, dy, dx }, ky * k + kx))
            })
            .unzip();
        for group in 0..conv.groups {
            let outputs = group * outs..(group + 1) * outs;
            let (bias, slopes) = epilogue(conv, parameters, slopes, &outputs);
            let weight =
                |o: usize, i: usize, t: usize| weights[((group * ins + i) * outs + o) * k * k + at[t]];
            parts.push(Part {
                packed: Packed::new(level, [outs, ins, taps.len()], weight, bias, slopes),
                taps: taps.clone(),
                inputs: group * ins..(group + 1) * ins,
                outputs,
                phase,
                work: at.len(),
            });
        }
    }
    Kernel { parts, step: s, transposed: true, joint: OnceLock::new() }
}
