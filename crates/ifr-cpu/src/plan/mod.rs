//! From a graph to steps over one buffer, for one size.

pub(crate) mod alone;
pub(crate) mod bands;
mod deform;
pub(crate) mod kernel;
mod lower;
mod place;
pub(crate) mod run;
pub(crate) mod step;
mod weights;
mod winograd;

use std::sync::Arc;

use ifr_net::{Graph, Phase, TensorId};

use crate::error::CpuError;
use crate::kernels::warp::Samples;
use crate::layout::{LANES, Layout};
use crate::level::Level;
use bands::Bands;
use kernel::Kernel;
pub(crate) use lower::{Constants, constants};
use lower::{Lowering, Slot};
use place::{Life, place};
use step::{Address, Operands, Step, Work};

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
    /// Length of the maps' part of the buffer, in floats.
    pub(crate) len: usize,
    /// Floats that each thread needs besides.
    pub(crate) scratch: usize,
    /// Whether what depends on one image alone is still there when the next pair comes.
    pub(crate) keeps: bool,
    /// Those maps: where each image's begins, and how long they are.
    pub(crate) kept: Vec<Kept>,
}

/// The same map of both images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) starts: [usize; 2],
    pub(crate) len: usize,
}

/// How a plan goes about things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    /// Whether convolutions may be done by Winograd's algorithm.
    pub(crate) winograd: bool,
    pub(crate) bands: Bands,
    /// Whether outputs that depend on an instant are handed on as rows of them are made, and are never there as a whole.
    pub(crate) deliver: bool,
    pub(crate) level: Level,
}

impl Plan {
    /// `keep`: what each image's own steps leave to others is not overwritten, so that a later pair can have it; these maps
    /// come in pairs.
    ///
    /// # Errors
    /// [`CpuError::Graph`] when the graph refuses the size.
    pub(crate) fn new(
        graph: &Graph,
        kernels: &[Option<Arc<Kernel>>],
        constants: &[Constants],
        choices: Choices,
        width: usize,
        height: usize,
        keep: Option<&[[TensorId; 2]]>,
    ) -> Result<Self, CpuError> {
        graph.check_size(width, height)?;
        let mut lowering = Lowering::new(graph, kernels, constants, choices, width, height);
        lowering.phase(Phase::Pair);
        let pair_steps = lowering.steps.len();
        lowering.phase(Phase::Instant);
        let delivered = |id: &TensorId| choices.deliver && graph.tensor(*id).phase == Phase::Instant;
        for (index, id) in graph.outputs().iter().enumerate().filter(|(_, id)| delivered(id)) {
            lowering.deliver(*id, index);
        }
        let Lowering { steps, mut slots, tensors, .. } = lowering;

        let sampled = |step: &Step| match &step.work {
            Work::Warp { from, .. } => Some(*from),
            Work::Deform(deform) => Some(deform.sampled()),
            _ => None,
        };
        if let Some(layout) = steps.iter().filter_map(sampled).find(|layout| !Samples::can_take(*layout)) {
            return Err(CpuError::Extent { width: layout.width, height: layout.height });
        }
        let slot_of = |id: &TensorId| tensors[id.index()];
        let inputs: Vec<usize> = graph.inputs().iter().map(slot_of).collect();
        let whole = graph.outputs().iter().filter(|id| !delivered(id));
        let pinned = whole.chain(keep.unwrap_or_default().iter().flatten()).map(slot_of);
        let pinned: Vec<usize> = pinned.chain(inputs.iter().copied()).collect();
        let (steps, pair_steps) = bands::divide(steps, pair_steps, &mut slots, &pinned, choices.bands);
        let (mut steps, pair_steps) = weights::before_use(steps, pair_steps, &mut slots);
        let mut lives = lives(graph, &mut steps, &slots, pair_steps, &slot_of);
        for id in graph.outputs().iter().filter(|id| !delivered(id)) {
            let life = &mut lives[slot_of(id)].steps;
            *life = Some(life.as_ref().map_or(steps.len(), |l| *l.start())..=steps.len());
        }
        for id in keep.unwrap_or_default().iter().flatten() {
            lives[slot_of(id)].steps = Some(0..=steps.len());
        }
        // Where each image's steps may be left out, another pair's are not to find the images changed.
        let unchanged = if keep.is_some() { &inputs[..] } else { &[] };
        let places = in_place(&mut steps, &slots, unchanged, &mut lives);
        let slot_of = |id: &TensorId| places[slot_of(id)];
        let (starts, len) = place(&lives);
        let resolve = |address: Address| {
            let (slot, channel, offset) = lower::parts(address);
            let slot = places[slot];
            starts[slot] + channel * slots[slot].layout.plane() + slots[slot].layout.front() + offset
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
        let kept = |ids: &[TensorId; 2]| {
            let slots = ids.each_ref().map(slot_of);
            Kept { starts: slots.map(|slot| starts[slot]), len: lives[slots[0]].len }
        };
        let (keeps, kept) = (keep.is_some(), keep.unwrap_or_default().iter().map(kept).collect());
        let scratch = steps.iter().map(Step::scratch).max().unwrap_or(0).next_multiple_of(LANES);
        Ok(Self { size: (width, height), steps, pair_steps, inputs, outputs, len, scratch, keeps, kept })
    }
}

/// From the step that first writes each slot to the last that uses it.
///
/// What the pair's steps leave to those of an instant lives to the end, since further instants follow.
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
    let life = |index: usize| {
        let steps = used[index].map(|(first, last)| {
            let kept = (from_pair[index] || first < pair_steps) && last >= pair_steps;
            first..=if kept { end } else { last }
        });
        Life { len: slots[index].len(), steps }
    };
    (0..slots.len()).map(life).collect()
}

/// Lets the output of a step take the place of an operand that is read there for the last time, where the step can work in
/// place. Inputs stay what they are: a known image's are written again without the steps that would follow. Returns, for each
/// slot, the one whose memory it has.
fn in_place(steps: &mut [Step], slots: &[Slot], inputs: &[usize], lives: &mut [Life]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..slots.len()).collect();
    for (index, step) in steps.iter_mut().enumerate() {
        let outputs = whole(&step.outputs, slots);
        let Some(operand) = step.replaceable() else { continue };
        let Operands::Maps(planes) = &*operand else { continue };
        let (Some(from), Some(to)) = (whole(planes, slots), outputs) else { continue };
        let place = places[from];
        let (Some(old), Some(new)) = (lives[place].steps.clone(), lives[to].steps.clone()) else { continue };
        let form = |slot: usize| (slots[slot].layout, slots[slot].channels, slots[slot].slack);
        let same = form(from) == form(to);
        // Nobody else of this step may see the operand change, so it must be read there once.
        let once = |step: &mut Step| {
            let mut reads = 0;
            step.visit(&mut |written, address| {
                reads += usize::from(!written && lower::parts(*address).0 == from);
            });
            reads == slots[from].channels
        };
        if same && *old.end() == index && *new.start() == index && !inputs.contains(&from) && once(step) {
            if let Some(operand) = step.replaceable() {
                *operand = Operands::Own;
            }
            lives[place].steps = Some(*old.start()..=*new.end());
            lives[to].steps = None;
            places[to] = place;
        }
    }
    places
}

/// The slot that these are all planes of, in order.
fn whole(planes: &[Address], slots: &[Slot]) -> Option<usize> {
    let (slot, ..) = lower::parts(*planes.first()?);
    let is = |(channel, &address): (usize, &Address)| address == lower::address(slot, channel);
    (planes.len() == slots[slot].channels && planes.iter().enumerate().all(is)).then_some(slot)
}
