//! From a graph to steps over one buffer, for one size.

pub(crate) mod kernel;
mod lower;
mod place;
pub(crate) mod run;
pub(crate) mod step;
mod winograd;

use std::sync::Arc;

use ifr_net::{Graph, Phase, TensorId};

use crate::error::CpuError;
use crate::kernels::warp::Samples;
use crate::layout::{LANES, Layout};
use crate::level::Level;
use kernel::Kernel;
pub(crate) use lower::{Constants, constants};
use lower::{Lowering, Slot};
use place::{Life, place};
use step::{Address, Step, Work};

/// A whole tensor in the buffer.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// The first value of each channel.
    pub(crate) planes: Vec<Address>,
    pub(crate) layout: Layout,
}

/// All steps of a graph at one size.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) size: (usize, usize),
    pub(crate) steps: Vec<Step>,
    /// The first steps, done once for a pair; the others are done for each instant.
    pub(crate) pair_steps: usize,
    /// By the graph's inputs.
    pub(crate) inputs: Vec<Map>,
    /// By the graph's outputs.
    pub(crate) outputs: Vec<Map>,
    /// Length of the buffer, in floats.
    pub(crate) len: usize,
    /// Length of a thread's scratch memory, in floats.
    pub(crate) scratch: usize,
}

impl Plan {
    /// # Errors
    /// [`CpuError::Graph`] when the graph refuses the size.
    pub(crate) fn new(
        graph: &Graph,
        kernels: &[Option<Arc<Kernel>>],
        constants: &[Constants],
        winograd: bool,
        level: Level,
        width: usize,
        height: usize,
    ) -> Result<Self, CpuError> {
        graph.check_size(width, height)?;
        let mut lowering = Lowering::new(graph, kernels, constants, winograd, level, width, height);
        lowering.phase(Phase::Pair);
        let pair_steps = lowering.steps.len();
        lowering.phase(Phase::Instant);
        let Lowering { mut steps, slots, tensors, .. } = lowering;

        let samples = |work: &Work| matches!(work, Work::Warp { .. } | Work::Deform { .. });
        let too_large = |s: &&Step| samples(&s.work) && !Samples::can_take(s.layout);
        if let Some(step) = steps.iter().find(too_large) {
            return Err(CpuError::Extent { width: step.layout.width, height: step.layout.height });
        }
        let slot_of = |id: &TensorId| tensors[id.index()];
        let lives = lives(graph, &mut steps, &slots, pair_steps, &slot_of);
        let (starts, len) = place(&lives);
        let resolve = |address: Address| {
            let (slot, channel) = lower::parts(address);
            starts[slot] + channel * slots[slot].layout.plane() + slots[slot].layout.front()
        };
        for step in &mut steps {
            step.visit(&mut |_, address| *address = resolve(*address));
        }
        let map = |id: &TensorId| {
            let slot = slot_of(id);
            let planes = (0..slots[slot].channels).map(|c| resolve(lower::address(slot, c))).collect();
            Map { planes, layout: slots[slot].layout }
        };
        let (inputs, outputs) =
            (graph.inputs().iter().map(map).collect(), graph.outputs().iter().map(map).collect());
        let scratch = steps.iter().map(Step::scratch).max().unwrap_or(0).next_multiple_of(LANES);
        Ok(Self { size: (width, height), steps, pair_steps, inputs, outputs, len, scratch })
    }
}

/// From the step that first writes each slot to the last that uses it.
///
/// What the pair's steps leave to those of an instant, and the outputs, live to the end, since further instants follow.
fn lives(
    graph: &Graph,
    steps: &mut [Step],
    slots: &[Slot],
    pair_steps: usize,
    slot_of: &dyn Fn(&TensorId) -> usize,
) -> Vec<Life> {
    let end = steps.len();
    let mut used: Vec<Option<(usize, usize)>> = vec![None; slots.len()];
    let mut touch = |slot: usize, step: usize| {
        let (first, last) = used[slot].get_or_insert((step, step));
        (*first, *last) = ((*first).min(step), (*last).max(step));
    };
    let mut from_pair = vec![false; slots.len()];
    for id in graph.inputs() {
        let instant = graph.tensor(*id).phase == Phase::Instant;
        touch(slot_of(id), if instant { pair_steps } else { 0 });
        from_pair[slot_of(id)] = !instant;
    }
    for (i, step) in steps.iter_mut().enumerate() {
        step.visit(&mut |_, address| touch(lower::parts(*address).0, i));
    }
    for id in graph.outputs() {
        touch(slot_of(id), end);
    }
    let life = |index: usize| {
        let steps = used[index].map(|(first, last)| {
            let kept = (from_pair[index] || first < pair_steps) && last >= pair_steps;
            first..=if kept { end } else { last }
        });
        Life { len: slots[index].channels * slots[index].layout.plane(), steps }
    };
    (0..slots.len()).map(life).collect()
}
