//! Doing the steps of a plan.
#![allow(unsafe_code, reason = "units of a step share the plan's buffer")]

use std::ops::Range;

use rayon::prelude::*;

use super::Kept;
use super::alone::Move;
use super::step::{Address, INTERLEAVE_VALUES, Operands, Pointwise, SUM_ROWS, Step, Work};
use crate::conv::{self, Call};
use crate::crew::Lead;
use crate::kernels::arithmetic::{self, Act, Operand};
use crate::kernels::warp::{CHUNK, Samples};
use crate::kernels::{deform, norm, phase, resize, warp};
use crate::layout::{LANES, Layout};
use crate::level::Level;
use crate::memory::{Buffer, Memory};
use crate::rows::RowsMut;
use crate::winograd;

/// Memory beside the maps: a piece for each thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scratch {
    /// Where the first piece begins.
    pub(crate) start: usize,
    /// Length of each, in floats.
    pub(crate) len: usize,
}

/// Does all units of a step of a plan that this buffer was made for, with scratch memory for as many threads as there are.
pub(crate) fn run_step(lead: &Lead<'_>, step: &Step, level: Level, buffer: &mut Buffer, scratch: Scratch) {
    let memory = buffer.memory();
    lead.share(step.units(), &|unit| step.cost(unit), &|unit, thread| {
        let scratch = scratch.start + thread * scratch.len;
        // SAFETY: the buffer is borrowed for this step alone, each unit is done once, and threads have different numbers.
        unsafe { run_unit(step, unit, level, memory, scratch) };
    });
}

/// Floats that are copied or exchanged as one unit.
const MOVE_VALUES: usize = 1 << 16;

/// Copies what is kept of one image to the place of the other's, or exchanges both.
pub(crate) fn move_kept(lead: &Lead<'_>, kept: &[Kept], how: Move, buffer: &mut Buffer) {
    let memory = buffer.memory();
    for &Kept { starts, len } in kept {
        lead.share(len.div_ceil(MOVE_VALUES), &|_| 1, &|unit, _| {
            let at = unit * MOVE_VALUES;
            let n = MOVE_VALUES.min(len - at);
            // SAFETY: the buffer is borrowed for this alone; maps that are kept share no memory, and units are disjoint.
            let [first, second] = starts.map(|start| unsafe { memory.write(start + at, n) });
            match how {
                Move::FirstToSecond => second.copy_from_slice(first),
                Move::SecondToFirst => first.copy_from_slice(second),
                Move::Exchange => first.swap_with_slice(second),
            }
        });
    }
}

/// Does one unit of a step.
///
/// # Safety
/// `memory` is the live buffer the step was placed in; nobody touches what the step writes meanwhile, or writes what it
/// reads, but other units of the same step. The scratch memory it asks for begins at `scratch` and is this unit's alone.
unsafe fn run_unit(step: &Step, unit: usize, level: Level, memory: Memory, scratch: usize) {
    // The units of a step write disjoint rows (or vectors) of its outputs, borders included: each row's right border
    // belongs to the row, the front to the first unit and the back to the last. A plan never places a step's outputs
    // where it reads, but for the one operand that a pointwise step may have in place of its output (`Operands::Own`): that is
    // read through the output's own slice alone. That makes every access below sound.
    // SAFETY: see above.
    unsafe {
        match &step.work {
            Work::Conv { .. } => run_conv(step, unit, level, memory),
            Work::Deform(deform) => deform.run(step, unit, level, memory, scratch),
            Work::Winograd { .. } => run_winograd(step, unit, level, memory, scratch),
            Work::Interleave { inputs, run } => {
                let (layout, width) = (step.layout, deform::interleaved(*run));
                let start = unit * INTERLEAVE_VALUES;
                let n = INTERLEAVE_VALUES.min(layout.plane() - start);
                for (inputs, outputs) in inputs.chunks(*run).zip(step.outputs.chunks(width)) {
                    let out = memory.write(outputs[0] - layout.front() + start * width, n * width);
                    out.fill(0.0);
                    for (c, input) in inputs.iter().enumerate() {
                        let row = memory.read(input - layout.front() + start, n);
                        deform::interleave(level, row, width, c, out);
                    }
                }
            }
            Work::Roll { at, len } => {
                let planes = unit * step.rolled()..((unit + 1) * step.rolled()).min(step.outputs.len());
                // The zeros before the first row come along: where they were others may have written.
                let (pad, len) = (step.layout.pad, len + step.layout.pad);
                for plane in step.outputs[planes].iter().map(|plane| plane - pad) {
                    if *at < len {
                        memory.write(plane, at + len).copy_within(*at.., 0);
                    } else {
                        memory.write(plane, len).copy_from_slice(memory.read(plane + at, len));
                    }
                }
            }
            Work::Weights { kernel } => {
                let blocks = |(part, &output): (usize, &Address)| {
                    kernel.parts[part].packed.blocks.iter().map(move |block| (part, output, block))
                };
                let all = step.outputs.iter().enumerate().flat_map(blocks);
                for (part, output, block) in all.skip(unit).take(1) {
                    let packed = &kernel.parts[part].packed;
                    let len = winograd::weights_len(packed) / packed.outputs() * block.len;
                    let out = memory.write(output + winograd::weights_start(packed, block), len);
                    winograd::transform_block(level, packed, block, out);
                }
            }
            Work::Sum { inputs, from, blocks, squares } => {
                let (input, block) = (inputs[unit / blocks], unit % blocks);
                let rows = block * SUM_ROWS..((block + 1) * SUM_ROWS).min(from.height);
                let row = |y: usize| memory.read(input + y * from.stride(), from.width);
                let sum = if *squares { arithmetic::squares } else { arithmetic::sum };
                let sum: f64 = rows.map(|y| sum(level, row(y))).sum();
                let out = memory.write(step.outputs[0] + 2 * unit, 2);
                out[0] = sum as f32;
                out[1] = (sum - f64::from(out[0])) as f32;
            }
            Work::Mean { sums, count, divisor } => {
                for (i, &output) in step.outputs.iter().enumerate() {
                    let total = total(memory.read(sums + 2 * i * count, 2 * count));
                    memory.write(output, 1)[0] = (total / divisor) as f32;
                }
            }
            Work::Response { sums, count, weight, epsilon } => {
                let norm = |i: usize| total(memory.read(sums + 2 * i * count, 2 * count)).sqrt();
                let channels = step.outputs.len();
                let mean = (0..channels).map(norm).sum::<f64>() / channels as f64 + f64::from(*epsilon);
                for (i, (&output, &weight)) in step.outputs.iter().zip(weight).enumerate() {
                    memory.write(output, 1)[0] = (1.0 + f64::from(weight) * norm(i) / mean) as f32;
                }
            }
            _ => run_rows(step, unit, level, memory),
        }
    }
}

/// The total of sums in two floats each.
fn total(sums: &[f32]) -> f64 {
    sums.iter().map(|&x| f64::from(x)).sum()
}

/// # Safety
/// As for [`run_unit`].
unsafe fn run_conv(step: &Step, unit: usize, level: Level, memory: Memory) {
    let Work::Conv { kernel, parts, masks, units, act } = &step.work else { return };
    let unit = &units[unit];
    let part = &parts[unit.part];
    let packed = &kernel.parts[unit.part].packed;
    let call = Call {
        base: memory.base(),
        packed,
        inputs: &part.inputs,
        taps: &part.taps,
        outputs: &part.outputs,
        residual: &part.residual,
        masks,
    };
    // SAFETY: planes have a front and a back as long as taps reach, and kernels were packed for this level; the caller
    // promises the rest.
    unsafe { conv::run(level, &call, unit.blocks.clone(), unit.range.clone()) };
    let ends = edges(step, unit.range.start == 0, unit.range.end == masks.len());
    for block in &packed.blocks[unit.blocks.clone()] {
        for &plane in &part.outputs[block.first..block.first + block.len] {
            if *act != Act::None {
                // SAFETY: these positions are this unit's own.
                unsafe { activate_vectors(memory, plane, &unit.range, masks, *act, level) };
            }
            // SAFETY: the first and last unit of a plane own its front and back.
            unsafe { clear_ends(memory, plane, step.layout, ends) };
        }
    }
}

/// Applies an activation to some vectors of a plane; the border between rows stays zero.
///
/// # Safety
/// Nobody else touches these.
pub(super) unsafe fn activate_vectors(
    memory: Memory,
    plane: Address,
    vectors: &Range<usize>,
    masks: &[u16],
    act: Act,
    level: Level,
) {
    // SAFETY: the caller's promise.
    let values = unsafe { memory.write(plane + vectors.start * LANES, vectors.len() * LANES) };
    arithmetic::activate(level, act, values);
    arithmetic::mask(level, &masks[vectors.clone()], values);
}

/// # Safety
/// As for [`run_unit`].
unsafe fn run_winograd(step: &Step, unit: usize, level: Level, memory: Memory, scratch: usize) {
    let Work::Winograd { kernel, parts, tiles, units, weights, act } = &step.work else { return };
    let unit = &units[unit];
    let (part, call) = (&kernel.parts[unit.part], &parts[unit.part]);
    let (outputs, layout, weights) = (&call.outputs, step.layout, weights[unit.part]);
    let call = winograd::Call {
        base: memory.base(),
        direct: &part.packed,
        // SAFETY: nobody writes what a step reads.
        weights: unsafe { memory.read(weights, winograd::weights_len(&part.packed)) },
        inputs: &call.inputs,
        outputs,
        residual: &call.residual,
        tiles: *tiles,
    };
    // SAFETY: planes have a pad of at least 1, kernels were packed for this level, and scratch memory begins at whole vectors
    // and is as long as the longest unit wants; the caller promises the rest.
    unsafe {
        let scratch = memory.base().add(scratch);
        winograd::run(level, &call, unit.blocks.clone(), unit.range.clone(), scratch);
    }
    let ends = edges(step, unit.range.start == 0, unit.range.end == tiles.count());
    for block in &part.packed.blocks[unit.blocks.clone()] {
        for &plane in &outputs[block.first..block.first + block.len] {
            if *act != Act::None {
                for values in tiles.rows(unit.range.clone()) {
                    // SAFETY: these positions are this unit's own.
                    let values = unsafe { memory.write(plane + values.start, values.len()) };
                    arithmetic::activate(level, *act, values);
                }
            }
            // SAFETY: the first and last unit of a plane own its front and back.
            unsafe { clear_ends(memory, plane, layout, ends) };
        }
    }
}

/// Which ends of its planes a unit writes, where it has the first and the last of a step's rows or not.
fn edges(step: &Step, first: bool, last: bool) -> [bool; 2] {
    [first && step.edges[0], last && step.edges[1]]
}

/// Zeroes as much before the first value of a plane and after its last row as taps reach.
///
/// # Safety
/// Nobody else touches these.
pub(super) unsafe fn clear_ends(memory: Memory, plane: Address, layout: Layout, [front, back]: [bool; 2]) {
    // Not to the end of the plane: of rows that begin in the middle of one, only this much is known to be in it.
    let (used, reach) = (layout.height * layout.stride(), layout.pad * (layout.stride() + 1));
    // SAFETY: the caller's promise.
    unsafe {
        if front {
            memory.write(plane - layout.front(), layout.front()).fill(0.0);
        }
        if back {
            memory.write(plane + used, reach).fill(0.0);
        }
    }
}

/// # Safety
/// As for [`run_unit`].
unsafe fn run_rows(step: &Step, unit: usize, level: Level, memory: Memory) {
    let layout = step.layout;
    let rows = unit * step.rows()..((unit + 1) * step.rows()).min(layout.height);
    let ends = edges(step, rows.start == 0, rows.end == layout.height);
    // SAFETY: see `run_unit`.
    unsafe {
        for y in rows.clone() {
            match &step.work {
                Work::Warp { images, flow, from, row } => {
                    warp_row(step, images, *flow, (*from, *row), y, level, memory);
                }
                Work::LayerNorm { inputs, weight, bias, epsilon } => {
                    norm_row(step, inputs, [weight, bias], *epsilon, y, level, memory);
                }
                _ => break,
            }
        }
        for (c, &plane) in step.outputs.iter().enumerate() {
            for y in rows.clone() {
                let row = memory.write(plane + y * layout.stride(), layout.stride());
                let (values, border) = row.split_at_mut(layout.width);
                row_of(step, c, y, values, level, memory);
                border.fill(0.0);
            }
            clear_ends(memory, plane, layout, ends);
        }
    }
}

/// # Safety
/// As for [`run_unit`].
unsafe fn warp_row(
    step: &Step,
    images: &[Address],
    flow: [Address; 2],
    (from, first): (Layout, usize),
    y: usize,
    level: Level,
    memory: Memory,
) {
    let layout = step.layout;
    let at = y * layout.stride();
    let mut samples = Samples::new(from);
    for x in (0..layout.width).step_by(CHUNK) {
        let n = CHUNK.min(layout.width - x);
        // SAFETY: see `run_unit`.
        unsafe {
            let [u, v] = flow.map(|f| memory.read(f + at + x, n));
            warp::locate(level, &mut samples, x, first + y, u, v);
            for (&image, &output) in images.iter().zip(&step.outputs) {
                let plane = memory.read(image, Samples::reach(from));
                warp::sample(level, &samples, plane, memory.write(output + at + x, n));
            }
        }
    }
}

/// Row `y` of a layer normalisation.
///
/// # Safety
/// As for [`run_unit`].
unsafe fn norm_row(
    step: &Step,
    inputs: &[Address],
    [weight, bias]: [&[f32]; 2],
    epsilon: f32,
    y: usize,
    level: Level,
    memory: Memory,
) {
    let at = y * step.layout.stride();
    for x in (0..step.layout.width).step_by(CHUNK) {
        let n = CHUNK.min(step.layout.width - x);
        // SAFETY: see `run_unit`.
        unsafe {
            let row = |plane: Address| memory.read(plane + at + x, n);
            let mut norm = norm::Moments::new(inputs.len());
            inputs.iter().for_each(|&plane| norm::first(level, &mut norm, row(plane)));
            norm.centre();
            inputs.iter().for_each(|&plane| norm::second(level, &mut norm, row(plane)));
            norm.scale(epsilon);
            for (c, (&plane, &output)) in inputs.iter().zip(&step.outputs).enumerate() {
                norm::normal(level, &norm, row(plane), weight[c], bias[c], memory.write(output + at + x, n));
            }
        }
    }
}

/// Row `y` of channel `c`, without its border.
///
/// # Safety
/// As for [`run_unit`].
unsafe fn row_of(step: &Step, c: usize, y: usize, out: &mut [f32], level: Level, memory: Memory) {
    let layout = step.layout;
    let row = |plane: Address, from: Layout, y: usize| {
        // SAFETY: see `run_unit`.
        unsafe { memory.read(plane + y * from.stride(), from.width) }
    };
    let operand = |operands: &Operands| {
        let pick = |planes: &[Address]| planes[if planes.len() == 1 { 0 } else { c }];
        match operands {
            Operands::Own => Operand::Own,
            Operands::Maps(planes) => Operand::Row(row(pick(planes), layout, y)),
            // SAFETY: see `run_unit`.
            Operands::Points(points) => Operand::Value(unsafe { memory.read(pick(points), 1) }[0]),
            Operands::Values(values) => Operand::Value(values[if values.len() == 1 { 0 } else { c }]),
        }
    };
    match &step.work {
        // SAFETY: see `run_unit`.
        Work::Fill { value } => out.fill(unsafe { memory.read(*value, 1) }[0]),
        Work::Split { inputs, from, step } => {
            let (input, part) = (inputs[c / (step * step)], c % (step * step));
            phase::split(level, row(input, *from, step * y + part / step), *step, part % step, out);
        }
        Work::Join { inputs, from, step } => {
            let first = inputs[c] + (y % step) * step * from.plane();
            let phase = |q: usize| row(first + q * from.plane(), *from, y / step);
            if *step == 2 {
                phase::join_two(level, phase(0), phase(1), out);
            } else {
                for q in 0..*step {
                    phase::join(level, phase(q), *step, q, out);
                }
            }
        }
        Work::Resize { inputs, from, x, y: rows, gain, add } => {
            let [top, bottom] = [rows.low[y], rows.high[y]].map(|y| row(inputs[c], *from, y as usize));
            resize::resize_row(level, top, bottom, rows.weight[y], x, *gain, out);
            if let Some(&add) = add.get(c) {
                arithmetic::add(level, Operand::Row(row(add, layout, y)), out);
            }
        }
        Work::Pointwise { what, add, acts } => {
            match what {
                Pointwise::Copy(a) => match operand(a) {
                    Operand::Own => {}
                    Operand::Row(a) => out.copy_from_slice(a),
                    Operand::Value(a) => out.fill(a),
                },
                Pointwise::Binary(op, a, b) => arithmetic::binary(level, *op, operand(a), operand(b), out),
                Pointwise::Blend(mask, a, b) => {
                    arithmetic::blend(level, row(*mask, layout, y), operand(a), operand(b), out);
                }
            }
            for add in add {
                arithmetic::add(level, operand(add), out);
            }
            arithmetic::activate(level, acts.get(c).copied().unwrap_or(Act::None), out);
        }
        // Written by chunks of all channels, before this.
        Work::Warp { .. } | Work::LayerNorm { .. } => {}
        // Not row by row.
        Work::Conv { .. }
        | Work::Winograd { .. }
        | Work::Deform(_)
        | Work::Interleave { .. }
        | Work::Roll { .. }
        | Work::Deliver { .. }
        | Work::Weights { .. }
        | Work::Sum { .. }
        | Work::Mean { .. }
        | Work::Response { .. } => {}
    }
}

/// Values of a plane that are copied as one unit, about.
const COPY_VALUES: usize = 1 << 15;

/// Rows of a map that are copied as one unit.
fn copied_rows(layout: Layout) -> usize {
    COPY_VALUES.div_ceil(layout.width).min(layout.height)
}

/// Has a whole map written, some rows of all channels at a time, and zeroes its borders. `index`: which input it is.
pub(crate) fn fill(
    lead: &Lead<'_>,
    (index, map): (usize, &super::Map),
    buffer: &mut Buffer,
    write: &(dyn Fn(RowsMut<'_>) + Sync),
) {
    let (layout, memory) = (map.layout, buffer.memory());
    let rows = copied_rows(layout);
    lead.share(layout.height.div_ceil(rows), &|_| 1, &|block, _| {
        let rows = block * rows..((block + 1) * rows).min(layout.height);
        for &plane in &map.planes {
            // SAFETY: the buffer is borrowed for this alone; planes do not overlap, nor do their blocks: the first has what is before
            // the plane's values, the last what is after them.
            unsafe {
                if rows.start == 0 {
                    memory.write(plane - layout.front(), layout.front()).fill(0.0);
                }
                let lines = memory.write(plane + rows.start * layout.stride(), rows.len() * layout.stride());
                for line in lines.chunks_exact_mut(layout.stride()) {
                    line[layout.width..].iter_mut().for_each(|border| *border = 0.0);
                }
                if rows.end == layout.height {
                    let used = layout.height * layout.stride();
                    memory.write(plane + used, layout.front() + layout.body() - used).fill(0.0);
                }
            }
        }
        // SAFETY: as above, and those slices are gone.
        write(unsafe { RowsMut::new(index, rows, layout, &map.planes, memory) });
    });
}

/// Writes a whole map from contiguous values, zeroing its borders.
pub(crate) fn upload(lead: &Lead<'_>, map: &super::Map, values: &[f32], buffer: &mut Buffer) {
    let Layout { width, height, .. } = map.layout;
    let planes = map.planes.len();
    fill(lead, (0, map), buffer, &|mut rows| {
        let range = rows.rows();
        for channel in 0..planes {
            let values =
                &values[(channel * height + range.start) * width..(channel * height + range.end) * width];
            let values = values.chunks_exact(width);
            rows.channel(channel).zip(values).for_each(|(row, values)| row.copy_from_slice(values));
        }
    });
}

/// Reads a whole map into contiguous values, on the threads of the pool this is called in.
pub(crate) fn download(map: &super::Map, values: &mut [f32], buffer: &mut Buffer) {
    let (layout, memory) = (map.layout, buffer.memory());
    let (width, rows) = (layout.width, copied_rows(layout));
    let planes = values.par_chunks_exact_mut(width * layout.height).zip(&map.planes);
    planes.for_each(|(values, plane)| {
        values.par_chunks_mut(rows * width).enumerate().for_each(|(block, values)| {
            for (i, row) in values.chunks_exact_mut(width).enumerate() {
                let at = plane + (block * rows + i) * layout.stride();
                // SAFETY: the buffer is borrowed for this alone, and nobody writes it.
                row.copy_from_slice(unsafe { memory.read(at, width) });
            }
        });
    });
}
