//! A deformable convolution, strip by strip: what its taps read goes to scratch memory that stays in a core's cache, and is
//! summed up from there by an ordinary convolution 1/1/0. As maps, the samples would be as many as inputs times taps.
#![allow(unsafe_code, reason = "units of a step share the plan's buffer")]

use std::sync::Arc;

use super::kernel::Kernel;
use super::lower::UNIT_VECTORS;
use super::run::{activate_vectors, clear_ends};
use super::step::{Address, Step};
use crate::conv::{self, Call};
use crate::kernels::arithmetic::Act;
use crate::kernels::deform::{Samples, interleaved, locate, prefetch, sample};
use crate::kernels::warp::CHUNK;
use crate::layout::{LANES, Layout};
use crate::level::Level;
use crate::memory::Memory;

/// Where the taps read.
#[derive(Debug)]
pub(crate) struct Steering {
    /// y, then x of each tap of each group.
    pub(crate) offsets: Vec<Address>,
    /// One for each tap of each group.
    pub(crate) masks: Vec<Address>,
    /// x, then y; added to every offset.
    pub(crate) flow: Option<[Address; 2]>,
    /// Taps along each axis.
    pub(crate) taps: usize,
}

/// What is sampled: maps, interleaved.
#[derive(Debug)]
pub(crate) struct Interleaved {
    /// The first of each group's planes.
    pub(crate) blocks: Vec<Address>,
    /// Channels of a group.
    pub(crate) run: usize,
    /// Of the planes.
    pub(crate) layout: Layout,
    /// The first row of the output, in rows of these maps.
    pub(crate) row: usize,
}

/// A deformable convolution, or a band of rows of it: then steering, residual and outputs begin at the band.
#[derive(Debug)]
pub(crate) struct Deform {
    pub(crate) kernel: Arc<Kernel>,
    source: Interleaved,
    steering: Steering,
    residual: Vec<Address>,
    /// Which lanes of each vector of the output are values.
    bits: Arc<[u16]>,
    act: Act,
    /// Vectors of a unit.
    strip: usize,
    /// Where samples, sums and residuals are in scratch memory.
    local: [Vec<usize>; 3],
}

/// Scratch memory of a unit, about: half of a second-level cache, since the interleaved maps want some of it.
const SCRATCH_BYTES: usize = 1 << 19;

impl Deform {
    pub(super) fn new(
        kernel: Arc<Kernel>,
        source: Interleaved,
        steering: Steering,
        residual: Vec<Address>,
        bits: Arc<[u16]>,
        act: Act,
    ) -> Self {
        let outputs = kernel.parts[0].packed.outputs();
        let lens =
            [source.blocks.len() * source.run * steering.taps * steering.taps, outputs, residual.len()];
        let planes: usize = lens.iter().sum();
        let fits = SCRATCH_BYTES / (planes * LANES * size_of::<f32>());
        // Not so few units that threads wait for each other.
        let strip = fits.min(bits.len() / 16);
        let strip = (strip / UNIT_VECTORS * UNIT_VECTORS).max(UNIT_VECTORS);
        let mut next = (0..planes).map(|i| i * strip * LANES);
        let local = lens.map(|len| next.by_ref().take(len).collect());
        Self { kernel, source, steering, residual, bits, act, strip, local }
    }

    /// Layout of the maps that are sampled.
    pub(super) fn sampled(&self) -> Layout {
        self.source.layout
    }

    /// Every address it reads; outputs are the step's.
    pub(super) fn reads(&mut self) -> [&mut [Address]; 5] {
        let Steering { offsets, masks, flow, .. } = &mut self.steering;
        let flow = flow.as_mut().map_or(&mut [][..], |flow| flow);
        [&mut self.source.blocks, offsets, masks, flow, &mut self.residual]
    }

    pub(super) fn units(&self) -> usize {
        self.bits.len().div_ceil(self.strip)
    }

    /// Floats of scratch memory a unit needs.
    pub(super) fn scratch(&self) -> usize {
        self.local.iter().map(Vec::len).sum::<usize>() * self.strip * LANES
    }

    /// Does one unit.
    ///
    /// # Safety
    /// As for `run_unit` of the module beside this; scratch memory begins at `scratch`.
    pub(super) unsafe fn run(&self, step: &Step, unit: usize, level: Level, memory: Memory, scratch: usize) {
        let vectors = unit * self.strip..((unit + 1) * self.strip).min(self.bits.len());
        let (start, n) = (vectors.start * LANES, vectors.len() * LANES);
        let [inputs, sums, residual] = &self.local;
        // SAFETY: the caller's promise: vectors are this unit's own, and so is the scratch memory, whose parts do not overlap.
        // The convolution stays in that, since it has one tap and the strip's vectors only.
        unsafe {
            self.sample(step, start, n, level, memory, scratch);
            for (&from, &to) in self.residual.iter().zip(residual) {
                memory.write(scratch + to, n).copy_from_slice(memory.read(from + start, n));
            }
            let call = Call {
                base: memory.base().add(scratch),
                packed: &self.kernel.parts[0].packed,
                inputs,
                taps: &[0],
                outputs: sums,
                residual,
                masks: &self.bits[vectors.clone()],
            };
            conv::run(level, &call, 0..call.packed.blocks.len(), 0..vectors.len());
            // The plane's ends belong to its first and last band.
            let (above, below) = (self.source.row == 0, self.source.row + step.layout.height);
            let front = vectors.start == 0 && above;
            let back = vectors.end == self.bits.len() && below == self.source.layout.height;
            for (&plane, &from) in step.outputs.iter().zip(sums) {
                memory.write(plane + start, n).copy_from_slice(memory.read(scratch + from, n));
                if self.act != Act::None {
                    activate_vectors(memory, plane, &vectors, &self.bits, self.act, level);
                }
                clear_ends(memory, plane, step.layout, [front, back]);
            }
        }
    }

    /// What all taps read for the `n` positions from `start` on. Positions between rows are left as they are: nobody looks at
    /// what becomes of them.
    ///
    /// # Safety
    /// As for [`Deform::run`].
    unsafe fn sample(
        &self,
        step: &Step,
        start: usize,
        n: usize,
        level: Level,
        memory: Memory,
        scratch: usize,
    ) {
        let Steering { offsets, masks, flow, taps } = &self.steering;
        let layout = step.layout;
        let (stride, squared, plane) = (layout.stride(), taps * taps, self.strip * LANES);
        let centre = (taps / 2) as isize;
        let Interleaved { blocks, run, layout: from, row: top } = &self.source;
        let mut samples = Samples::new(*from);
        let rows = start / stride..(start + n).div_ceil(stride).min(layout.height);
        for y in rows {
            let row = y * stride;
            let (first, end) = (start.max(row) - row, (start + n - row).min(layout.width));
            for x in (first..end).step_by(CHUNK) {
                let n = CHUNK.min(end - x);
                // SAFETY: the caller's promise; positions are inside the row, and samples inside a plane with the zeros around it.
                unsafe {
                    let values = |plane: Address| memory.read(plane + row + x, n);
                    let flow = flow.map(|flow| flow.map(values));
                    for (i, &mask) in masks.iter().enumerate() {
                        let (group, tap) = (i / squared, i % squared);
                        let place = [tap / taps, tap % taps].map(|k| k as isize - centre);
                        let place = [(top + y) as isize + place[0], x as isize + place[1]];
                        let offset = [values(offsets[2 * i]), values(offsets[2 * i + 1])];
                        // More planes than a processor follows by itself.
                        if let Some(&next) = masks.get(i + 1) {
                            let next = [next, offsets[2 * i + 2], offsets[2 * i + 3]];
                            next.into_iter().for_each(|plane| prefetch(values(plane)));
                        }
                        locate(level, &mut samples, place, offset, flow, values(mask));
                        let block = blocks[group] - from.front();
                        let block = memory.read(block, from.plane() * interleaved(*run));
                        let to = (group * run * squared + tap) * plane + row + x - start;
                        let step = squared * plane;
                        let out = memory.write(scratch + to, (run - 1) * step + n);
                        sample(level, &samples, block, *run, n, out, step);
                    }
                }
            }
        }
    }
}
