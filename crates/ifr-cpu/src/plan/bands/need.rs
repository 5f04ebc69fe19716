//! Which rows of its operands a step needs for which rows of its outputs.

use super::super::lower::parts;
use super::super::step::{Address, Operands, Pointwise, Step, Work};

/// Rows of an operand that a step needs for row y of its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// From `y − up` to `y + down`.
    Near { up: usize, down: usize },
    /// So many from `times · y` on.
    Times(usize),
    /// `y / step`.
    Over(usize),
    /// The two that its vertical axis says.
    Axis,
    /// All of them.
    Whole,
}

impl Need {
    const SAME: Self = Self::Near { up: 0, down: 0 };

    /// The first row needed for rows from `y` on; there are `height` rows of the operand.
    pub(super) fn first(self, step: &Step, y: usize) -> usize {
        match self {
            Self::Near { up, .. } => y.saturating_sub(up),
            Self::Times(times) => y * times,
            Self::Over(over) => y / over,
            Self::Axis => match &step.work {
                Work::Resize { y: axis, .. } => axis.low[y] as usize,
                _ => 0,
            },
            Self::Whole => 0,
        }
    }

    /// The end of the rows needed for those before `y`; rows of the operand end before, perhaps. Rows before the first are
    /// counted on, about: what is needed long before the first is made tells when to begin.
    pub(super) fn end(self, step: &Step, y: isize) -> isize {
        match self {
            Self::Near { down, .. } => y + down.cast_signed(),
            Self::Times(times) => y * times.cast_signed(),
            Self::Over(over) => -(-y).div_euclid(over.cast_signed()),
            Self::Axis => match &step.work {
                Work::Resize { y: axis, .. } => match axis.high.get((y - 1).cast_unsigned()) {
                    Some(&row) => row as isize + 1,
                    None => (y * axis.input.cast_signed()).div_euclid(axis.high.len().cast_signed()) + 1,
                },
                _ => isize::MAX,
            },
            Self::Whole => isize::MAX,
        }
    }
}

/// The slots a step reads, and what it needs of them. `None`: it cannot be done for some rows alone.
pub(super) fn reads(step: &Step) -> Option<Vec<(usize, Need)>> {
    let mut all = Vec::new();
    let mut add = |addresses: &[Address], need: Need| {
        for &address in addresses {
            let entry = (parts(address).0, need);
            if !all.contains(&entry) {
                all.push(entry);
            }
        }
    };
    match &step.work {
        Work::Fill { value } => add(&[*value], Need::Whole),
        Work::Split { inputs, step, .. } => add(inputs, Need::Times(*step)),
        Work::Join { inputs, step, .. } => add(inputs, Need::Over(*step)),
        Work::Conv { kernel, parts, .. } | Work::Winograd { kernel, parts, .. } => {
            let taps = || kernel.parts.iter().flat_map(|part| &part.taps);
            let up = taps().map(|t| -t.dy).max().unwrap_or(0).max(0) as usize;
            let down = taps().map(|t| t.dy).max().unwrap_or(0).max(0) as usize;
            for part in parts {
                add(&part.inputs, Need::Near { up, down });
                add(&part.residual, Need::SAME);
            }
        }
        Work::Warp { images, flow, .. } => {
            add(images, Need::Whole);
            add(flow, Need::SAME);
        }
        Work::LayerNorm { inputs, .. } | Work::Deliver { inputs, .. } => add(inputs, Need::SAME),
        Work::Resize { inputs, add: more, .. } => {
            add(inputs, Need::Axis);
            add(more, Need::SAME);
        }
        Work::Pointwise { what, add: more, .. } => {
            let mut operands: Vec<&Operands> = more.iter().collect();
            match what {
                Pointwise::Copy(a) => operands.push(a),
                Pointwise::Binary(_, a, b) => operands.extend([a, b]),
                Pointwise::Blend(mask, a, b) => {
                    add(&[*mask], Need::SAME);
                    operands.extend([a, b]);
                }
            }
            for operand in operands {
                match operand {
                    Operands::Own => return None,
                    Operands::Maps(planes) => add(planes, Need::SAME),
                    Operands::Points(points) => add(points, Need::Whole),
                    Operands::Values(_) => {}
                }
            }
        }
        Work::Interleave { .. }
        | Work::Deform(_)
        | Work::Sum { .. }
        | Work::Mean { .. }
        | Work::Response { .. }
        | Work::Weights { .. }
        | Work::Roll { .. } => return None,
    }
    Some(all)
}

/// The slots a step writes.
pub(super) fn writes(step: &Step) -> Vec<usize> {
    let mut all: Vec<usize> = Vec::new();
    let mut add = |addresses: &[Address]| {
        for &address in addresses {
            if !all.contains(&parts(address).0) {
                all.push(parts(address).0);
            }
        }
    };
    add(&step.outputs);
    if let Work::Conv { parts, .. } | Work::Winograd { parts, .. } = &step.work {
        parts.iter().for_each(|part| add(&part.outputs));
    }
    all
}
