//! Some rows of a step, as a step of its own.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::lower::{Slot, parts, units};
use super::super::step::{Address, Operands, PartCall, Pointwise, Step, Work};
use super::super::winograd::units as winograd_units;
use crate::kernels::resize::Axis;
use crate::layout::Layout;
use crate::winograd::Tiles;

/// Cuts steps into bands.
pub(super) struct Cutter<'a> {
    pub(super) slots: &'a [Slot],
    /// Of each slot, the row that its memory begins with.
    pub(super) bases: Vec<usize>,
    pub(super) masks: HashMap<Layout, Arc<[u16]>>,
}

impl Cutter<'_> {
    /// The same planes from some row of their maps on.
    fn at(&self, planes: &[Address], row: usize) -> Vec<Address> {
        let one = |&plane: &Address| {
            let slot = parts(plane).0;
            plane + (row - self.bases[slot]) * self.slots[slot].layout.stride()
        };
        planes.iter().map(one).collect()
    }

    fn operands(&self, operands: &Operands, row: usize) -> Operands {
        match operands {
            Operands::Own => Operands::Own,
            Operands::Maps(planes) => Operands::Maps(self.at(planes, row)),
            Operands::Points(points) => Operands::Points(points.clone()),
            Operands::Values(values) => Operands::Values(values.clone()),
        }
    }

    /// The layout that planes have in memory.
    fn placed(&self, planes: &[Address], otherwise: Layout) -> Layout {
        planes.first().map_or(otherwise, |&plane| self.slots[parts(plane).0].layout)
    }

    /// Some rows of a step, of which [`reads`](super::need::reads) knows what they need.
    pub(super) fn cut(&mut self, step: &Step, rows: Range<usize>) -> Step {
        let layout = Layout { height: rows.len(), ..step.layout };
        let y = rows.start;
        let work = match &step.work {
            Work::Fill { value } => Work::Fill { value: *value },
            Work::Split { inputs, from, step } => {
                Work::Split { inputs: self.at(inputs, y * step), from: *from, step: *step }
            }
            Work::Join { inputs, from, step } => {
                let from = self.placed(inputs, *from);
                Work::Join { inputs: self.at(inputs, y / step), from, step: *step }
            }
            Work::Conv { kernel, parts, act, .. } => {
                let call = |(part, call): (&super::super::kernel::Part, &PartCall)| {
                    let plane = self.placed(&call.inputs, layout).plane();
                    let tap = |t: &super::super::kernel::Tap| {
                        (t.phase * plane).cast_signed() + layout.offset(t.dy, t.dx)
                    };
                    PartCall { taps: part.taps.iter().map(tap).collect(), ..self.part(call, y) }
                };
                let parts = kernel.parts.iter().zip(parts).map(call).collect();
                let masks = self.masks.entry(layout).or_insert_with(|| layout.masks().into()).clone();
                let units = units(kernel, layout);
                Work::Conv { kernel: kernel.clone(), parts, masks, units, act: *act }
            }
            Work::Winograd { kernel, parts, weights, act, .. } => {
                let tiles = Tiles::new(layout);
                let parts = parts.iter().map(|call| self.part(call, y)).collect();
                let units = winograd_units(kernel, tiles);
                Work::Winograd {
                    kernel: kernel.clone(),
                    parts,
                    tiles,
                    units,
                    weights: weights.clone(),
                    act: *act,
                }
            }
            Work::Deliver { inputs, index, row } => {
                Work::Deliver { inputs: self.at(inputs, y), index: *index, row: row + y }
            }
            Work::Warp { images, flow, from, row } => {
                let flow = self.at(flow, y);
                Work::Warp { images: images.clone(), flow: [flow[0], flow[1]], from: *from, row: row + y }
            }
            Work::LayerNorm { inputs, weight, bias, epsilon } => Work::LayerNorm {
                inputs: self.at(inputs, y),
                weight: weight.clone(),
                bias: bias.clone(),
                epsilon: *epsilon,
            },
            Work::Resize { inputs, from, x, y: axis, gain, add } => {
                let first = axis.low[y];
                let part = |all: &[u32]| all[rows.clone()].iter().map(|row| row - first).collect();
                let axis = Axis {
                    low: part(&axis.low),
                    high: part(&axis.high),
                    weight: axis.weight[rows.clone()].to_vec(),
                    input: axis.input - first as usize,
                };
                let (inputs, add) = (self.at(inputs, first as usize), self.at(add, y));
                Work::Resize { inputs, from: *from, x: x.clone(), y: axis, gain: *gain, add }
            }
            Work::Pointwise { what, add, acts } => {
                let what = match what {
                    Pointwise::Copy(a) => Pointwise::Copy(self.operands(a, y)),
                    Pointwise::Binary(op, a, b) => {
                        Pointwise::Binary(*op, self.operands(a, y), self.operands(b, y))
                    }
                    Pointwise::Blend(mask, a, b) => {
                        Pointwise::Blend(self.at(&[*mask], y)[0], self.operands(a, y), self.operands(b, y))
                    }
                };
                let add = add.iter().map(|a| self.operands(a, y)).collect();
                Work::Pointwise { what, add, acts: acts.clone() }
            }
            Work::Interleave { .. }
            | Work::Deform(_)
            | Work::Sum { .. }
            | Work::Mean { .. }
            | Work::Response { .. }
            | Work::Weights { .. }
            | Work::Roll { .. } => unreachable!("groups have none of these"),
        };
        let edges = [y == 0, rows.end == step.layout.height];
        Step { work, outputs: self.at(&step.outputs, y), layout, node: step.node, edges }
    }

    /// A part's planes from row `y` on; its taps as they were.
    fn part(&self, call: &PartCall, y: usize) -> PartCall {
        PartCall {
            inputs: self.at(&call.inputs, y),
            taps: call.taps.clone(),
            outputs: self.at(&call.outputs, y),
            residual: self.at(&call.residual, y),
        }
    }
}
