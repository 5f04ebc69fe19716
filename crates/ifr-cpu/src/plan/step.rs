//! What a plan does, one step after the other.

use std::ops::Range;
use std::sync::Arc;

use ifr_net::Binary;

use super::deform::Deform;
use super::kernel::Kernel;
use crate::kernels::arithmetic::Act;
use crate::kernels::resize::Axis;
use crate::layout::Layout;
use crate::winograd::{self, Tiles};

/// Where a plane's first value is: while a plan is being made, slot and channel; afterwards, floats from the start of
/// the buffer.
pub(crate) type Address = usize;

/// Maps, points spread over the map, or constants; one for each channel, or one for all.
#[derive(Debug)]
pub(crate) enum Operands {
    /// What the output holds already: the step works in place.
    Own,
    Maps(Vec<Address>),
    Points(Vec<Address>),
    Values(Vec<f32>),
}

impl Operands {
    fn addresses(&mut self) -> &mut [Address] {
        match self {
            Self::Maps(a) | Self::Points(a) => a,
            Self::Values(_) | Self::Own => &mut [],
        }
    }
}

/// One [`Part`](super::kernel::Part) with its planes.
#[derive(Debug)]
pub(crate) struct PartCall {
    pub(crate) inputs: Vec<Address>,
    pub(crate) taps: Vec<isize>,
    pub(crate) outputs: Vec<Address>,
    pub(crate) residual: Vec<Address>,
}

/// What one thread does of a convolution at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) part: usize,
    pub(crate) blocks: Range<usize>,
    /// Vectors of the output planes, or (by Winograd's algorithm) tiles of them.
    pub(crate) range: Range<usize>,
}

/// What is computed value by value.
#[derive(Debug)]
pub(crate) enum Pointwise {
    Copy(Operands),
    Binary(Binary, Operands, Operands),
    Blend(Address, Operands, Operands),
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Work {
    /// A plane of one value.
    Fill { value: Address },
    /// Maps into phases: `outputs` are the first of `step`² each. Rows and columns of `from` are `step` times those of the
    /// output.
    Split { inputs: Vec<Address>, from: Layout, step: usize },
    /// Phases into maps: `inputs` are the first of `step`² each.
    Join { inputs: Vec<Address>, from: Layout, step: usize },
    /// A convolution without stride; `act` follows the kernels' own epilogue.
    Conv { kernel: Arc<Kernel>, parts: Vec<PartCall>, masks: Arc<[u16]>, units: Vec<Unit>, act: Act },
    /// A 3×3 convolution without stride, by Winograd's algorithm. `weights`: transformed, of each part; `act` as above.
    Winograd {
        kernel: Arc<Kernel>,
        parts: Vec<PartCall>,
        tiles: Tiles,
        units: Vec<Unit>,
        weights: Vec<Address>,
        act: Act,
    },
    /// The transform of such a convolution's weights: one output for each part.
    Weights { kernel: Arc<Kernel> },
    /// A backward warp of whole maps of the layout `from`, to rows from `row` on.
    Warp { images: Vec<Address>, flow: [Address; 2], from: Layout, row: usize },
    /// Planes of groups of `run` channels, interleaved: each group's take [`interleaved`](crate::kernels::deform::interleaved)
    /// planes of the output.
    Interleave { inputs: Vec<Address>, run: usize },
    /// A deformable convolution.
    Deform(Deform),
    /// Layer normalisation over the channels.
    LayerNorm { inputs: Vec<Address>, weight: Vec<f32>, bias: Vec<f32>, epsilon: f32 },
    /// A bilinear resize.
    Resize { inputs: Vec<Address>, from: Layout, x: Arc<Axis>, y: Axis, gain: f32, add: Vec<Address> },
    /// Arithmetic: what it says, plus `add`, then `acts` by channel.
    Pointwise { what: Pointwise, add: Vec<Operands>, acts: Vec<Act> },
    /// Sums of blocks of rows, of values or of their squares: for each input and each block a sum in two floats (it and its
    /// rounding error).
    Sum { inputs: Vec<Address>, from: Layout, blocks: usize, squares: bool },
    /// The sum of `count` such sums for each output, divided.
    Mean { sums: Address, count: usize, divisor: f64 },
    /// Rows of output `index` of the graph from `row` on, handed to the caller: see [`Engine::at_rows`](crate::Engine::at_rows).
    Deliver { inputs: Vec<Address>, index: usize, row: usize },
    /// The last rows of what outputs hold, `len` floats from `at` on, to the front of each plane.
    Roll { at: usize, len: usize },
    /// The gain that response normalisation has for each channel, from `count` such sums of squares for each.
    Response { sums: Address, count: usize, weight: Vec<f32>, epsilon: f32 },
}

/// One step: what is done, and the planes it writes.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    /// Planes written (for convolutions: see the parts).
    pub(crate) outputs: Vec<Address>,
    pub(crate) layout: Layout,
    /// Index of the node it belongs to.
    pub(crate) node: usize,
    /// Whether these are the first rows, and the last rows, of the maps: the zeros before and after those are then written too.
    pub(crate) edges: [bool; 2],
}

/// Positions that a unit of an interleaving step handles.
pub(crate) const INTERLEAVE_VALUES: usize = 1 << 11;

/// Rows that are summed up together.
pub(crate) const SUM_ROWS: usize = 16;

/// Values that a unit of a row-wise step computes, or moves, about.
const UNIT_VALUES: usize = 1 << 15;
/// Units of a row-wise step at least, where there are as many rows, so that threads finish together.
const UNITS: usize = 16;

impl Step {
    /// The operand whose place the output may take, where nobody reads it afterwards: the first one of a copy, of a sum, a
    /// difference or a product.
    pub(crate) fn replaceable(&mut self) -> Option<&mut Operands> {
        match &mut self.work {
            Work::Pointwise { what: Pointwise::Copy(a) | Pointwise::Binary(_, a, _), .. } => Some(a),
            _ => None,
        }
    }

    /// Rows that a unit handles, for row-wise steps.
    pub(crate) fn rows(&self) -> usize {
        let per_row = (self.layout.width * self.outputs.len()).max(1);
        UNIT_VALUES.div_ceil(per_row).min(self.layout.height.div_ceil(UNITS))
    }

    /// Planes that a unit moves, where that is all the step does.
    pub(crate) fn rolled(&self) -> usize {
        match self.work {
            Work::Roll { len, .. } => (UNIT_VALUES / len.max(1)).max(1),
            _ => 1,
        }
    }

    /// Floats of scratch memory that each thread needs for it.
    pub(crate) fn scratch(&self) -> usize {
        match &self.work {
            Work::Deform(deform) => deform.scratch(),
            Work::Winograd { kernel, units, .. } => {
                let one = |u: &Unit| winograd::scratch_len(&kernel.parts[u.part].packed, u.range.len());
                units.iter().map(one).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Into how many units the step is divided; they may run in any order, on any thread.
    pub(crate) fn units(&self) -> usize {
        match &self.work {
            Work::Conv { units, .. } | Work::Winograd { units, .. } => units.len(),
            Work::Sum { inputs, blocks, .. } => inputs.len() * blocks,
            Work::Mean { .. } | Work::Response { .. } => 1,
            // The engine does it by itself.
            Work::Deliver { .. } => 0,
            Work::Interleave { .. } => self.layout.plane().div_ceil(INTERLEAVE_VALUES),
            Work::Deform(deform) => deform.units(),
            Work::Roll { .. } => self.outputs.len().div_ceil(self.rolled()),
            Work::Weights { kernel } => kernel.parts.iter().map(|part| part.packed.blocks.len()).sum(),
            _ => self.layout.height.div_ceil(self.rows()),
        }
    }

    /// How long a unit takes, beside the step's others.
    pub(crate) fn cost(&self, unit: usize) -> usize {
        match &self.work {
            Work::Conv { units, .. } | Work::Winograd { units, .. } => {
                units[unit].blocks.len() * units[unit].range.len()
            }
            _ => 1,
        }
    }

    /// Shows every address to `f`, with whether it is written.
    pub(crate) fn visit(&mut self, f: &mut dyn FnMut(bool, &mut Address)) {
        let mut read = |addresses: &mut [Address]| addresses.iter_mut().for_each(|a| f(false, a));
        match &mut self.work {
            Work::Fill { value } => f(false, value),
            Work::Roll { .. } | Work::Weights { .. } => {}
            Work::Split { inputs, .. }
            | Work::Join { inputs, .. }
            | Work::Sum { inputs, .. }
            | Work::Deliver { inputs, .. } => read(inputs),
            Work::Conv { parts, .. } | Work::Winograd { parts, .. } => {
                for part in parts.iter_mut() {
                    part.inputs.iter_mut().chain(&mut part.residual).for_each(|a| f(false, a));
                    part.outputs.iter_mut().for_each(|a| f(true, a));
                }
            }
            Work::Warp { images, flow, .. } => {
                read(images);
                read(flow);
            }
            Work::Interleave { inputs, .. } => read(inputs),
            Work::Deform(deform) => deform.reads().into_iter().for_each(read),
            Work::LayerNorm { inputs, .. } => read(inputs),
            Work::Resize { inputs, add, .. } => {
                read(inputs);
                read(add);
            }
            Work::Pointwise { what, add, .. } => {
                match what {
                    Pointwise::Copy(a) => read(a.addresses()),
                    Pointwise::Binary(_, a, b) => {
                        read(a.addresses());
                        read(b.addresses());
                    }
                    Pointwise::Blend(mask, a, b) => {
                        read(std::slice::from_mut(mask));
                        read(a.addresses());
                        read(b.addresses());
                    }
                }
                add.iter_mut().for_each(|a| read(a.addresses()));
            }
            Work::Mean { sums, .. } | Work::Response { sums, .. } => f(false, sums),
        }
        if let Work::Winograd { weights, .. } = &mut self.work {
            weights.iter_mut().for_each(|a| f(false, a));
        }
        self.outputs.iter_mut().for_each(|a| f(true, a));
    }

    /// What it is, for tables.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.work {
            Work::Fill { .. } => "fill",
            Work::Split { .. } => "split",
            Work::Join { .. } => "join",
            Work::Conv { .. } => "conv",
            Work::Winograd { .. } => "winograd",
            Work::Weights { .. } => "weights",
            Work::Deliver { .. } => "deliver",
            Work::Warp { .. } => "warp",
            Work::Interleave { .. } => "interleave",
            Work::Deform(_) => "deform",
            Work::LayerNorm { .. } => "norm",
            Work::Roll { .. } => "roll",
            Work::Resize { .. } => "resize",
            Work::Pointwise { .. } => "pointwise",
            Work::Sum { .. } | Work::Mean { .. } | Work::Response { .. } => "mean",
        }
    }

    /// Multiplications and additions of a convolution done directly, in flop; 0 for the others.
    pub(crate) fn flop(&self) -> u64 {
        let (Work::Conv { kernel, .. } | Work::Winograd { kernel, .. } | Work::Deform(Deform { kernel, .. })) =
            &self.work
        else {
            return 0;
        };
        let one = |p: &super::kernel::Part| p.packed.inputs * p.packed.outputs() * p.work;
        let macs: usize = kernel.parts.iter().map(one).sum();
        2 * macs as u64 * (self.layout.width * self.layout.height) as u64
    }
}
