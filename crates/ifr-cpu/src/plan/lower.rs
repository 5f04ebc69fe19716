//! From nodes to steps: what a graph leaves open (concatenation, warps inside a convolution's input, strides) is
//! spelled out here.

use std::collections::HashMap;
use std::sync::Arc;

use ifr_net::{
    Activation, Binary, Conv, DeformConv, Extent, Graph, Norm, Op, Parameters, Phase, Source, TensorId, View,
};

use super::Choices;
use super::deform::{Deform, Interleaved, Steering};
use super::kernel::{Kernel, fused_slopes};
use super::step::{Address, Operands, PartCall, Pointwise, SUM_ROWS, Step, Unit, Work};
use super::winograd;
use crate::kernels::arithmetic::Act;
use crate::kernels::deform::interleaved;
use crate::kernels::resize::Axis;
use crate::layout::{LANES, Layout};
use crate::level::Level;
use crate::winograd::Tiles;

/// Channels of one layout that live and die together.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) layout: Layout,
    pub(super) channels: usize,
    /// Floats after the last plane, into which its rows, and those of each plane into the next one's, may slide: see `bands`.
    pub(super) slack: usize,
}

impl Slot {
    /// Rows that there is slack for.
    pub(super) fn slack_rows(&self) -> usize {
        self.slack / self.layout.stride()
    }

    /// Floats of memory it takes.
    pub(super) fn len(&self) -> usize {
        self.channels * self.layout.plane() + self.slack.next_multiple_of(LANES)
    }
}

/// Bits of an address before memory is laid out: slot, channel, and how far into the channel's plane.
const OFFSET_BITS: u32 = 31;
const CHANNEL_BITS: u32 = 18;

/// An address before memory is laid out.
pub(super) fn address(slot: usize, channel: usize) -> Address {
    assert!(channel >> CHANNEL_BITS == 0, "{channel} channels are too many for one map");
    assert!(slot >> (usize::BITS - OFFSET_BITS - CHANNEL_BITS) == 0, "{slot} maps are too many for one plan");
    (slot << CHANNEL_BITS | channel) << OFFSET_BITS
}

/// Slot, channel and offset of such an address.
pub(super) fn parts(address: Address) -> (usize, usize, usize) {
    let (place, offset) = (address >> OFFSET_BITS, address & ((1 << OFFSET_BITS) - 1));
    (place >> CHANNEL_BITS, place & ((1 << CHANNEL_BITS) - 1), offset)
}

/// The same planes, so many floats further.
fn shifted(addresses: &[Address], by: usize) -> Vec<Address> {
    addresses.iter().map(|address| address + by).collect()
}

/// A plan in the making.
pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    kernels: &'a [Option<Arc<Kernel>>],
    constants: &'a [Constants],
    winograd: bool,
    level: Level,
    size: (usize, usize),
    pads: HashMap<Extent, usize>,
    masks: HashMap<Layout, Arc<[u16]>>,
    needed: Vec<bool>,
    /// Nodes whose steps are part of another's: see [`Lowering::steering`].
    part_of_another: Vec<bool>,
    pub(super) slots: Vec<Slot>,
    /// The slot of each tensor.
    pub(super) tensors: Vec<usize>,
    pub(super) steps: Vec<Step>,
    node: usize,
}

/// What the steps of a node need of its parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constants {
    /// The activation of each output channel, for row-wise steps.
    acts: Vec<Act>,
    /// Factors and summands of a normalisation, one for each channel.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// The constants of each node.
pub(crate) fn constants(graph: &Graph, parameters: &Parameters) -> Vec<Constants> {
    let node = |node: &ifr_net::Node| {
        let channels = graph.tensor(node.output).channels;
        let activation = node.op.activation();
        let acts = match (activation, fused_slopes(activation, parameters, channels)) {
            (_, Some(slopes)) => slopes.into_iter().map(Act::Slope).collect(),
            (Activation::Sigmoid, _) => vec![Act::Sigmoid; channels],
            (Activation::Gelu, _) => vec![Act::Gelu; channels],
            (Activation::Clamp { low, high }, _) => vec![Act::Clamp(low, high); channels],
            _ => vec![Act::None; channels],
        };
        let (weight, bias) = match &node.op {
            Op::LayerNorm(norm) | Op::ResponseNorm(norm) => {
                (parameters.get(norm.weight).to_vec(), parameters.get(norm.bias).to_vec())
            }
            _ => Default::default(),
        };
        Constants { acts, weight, bias }
    };
    graph.nodes().iter().map(node).collect()
}

impl<'a> Lowering<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        kernels: &'a [Option<Arc<Kernel>>],
        constants: &'a [Constants],
        Choices { winograd, level, .. }: Choices,
        width: usize,
        height: usize,
    ) -> Self {
        let mut pads = HashMap::new();
        for (node, kernel) in graph.nodes().iter().zip(kernels) {
            let (Some(conv), Some(kernel)) = (node.op.as_conv(), kernel) else { continue };
            // Taps apply to maps of the smaller side's size: the output's, or the input's of a transposed one.
            let extent = if kernel.transposed {
                conv.inputs.iter().find_map(|s| match s {
                    Source::Map(v) | Source::Warped { image: v, .. } => Some(graph.tensor(v.tensor).extent),
                    Source::Plane(_) => None,
                })
            } else {
                Some(graph.tensor(node.output).extent)
            };
            if let Some(extent) = extent {
                let pad: &mut usize = pads.entry(extent).or_insert(1);
                *pad = (*pad).max(kernel.reach());
            }
        }
        let mut new = Self {
            graph,
            kernels,
            constants,
            winograd,
            level,
            size: (width, height),
            pads,
            masks: HashMap::new(),
            needed: needed(graph),
            part_of_another: vec![false; graph.nodes().len()],
            slots: Vec::new(),
            tensors: Vec::new(),
            steps: Vec::new(),
            node: 0,
        };
        for info in graph.tensors() {
            let layout = new.layout(info.extent);
            let slot = new.slot(layout, info.channels);
            new.tensors.push(slot);
        }
        for index in 0..graph.nodes().len() {
            if let Some((nodes, _)) = new.banded(index) {
                nodes.into_iter().for_each(|node| new.part_of_another[node] = true);
            }
        }
        new
    }

    /// Adds the steps of all needed nodes of one phase.
    pub(super) fn phase(&mut self, phase: Phase) {
        let graph = self.graph;
        for (index, node) in graph.nodes().iter().enumerate() {
            let skipped = !self.needed[index] || self.part_of_another[index];
            if graph.tensor(node.output).phase != phase || skipped {
                continue;
            }
            self.node = index;
            let layout = self.layout(graph.tensor(node.output).extent);
            let outputs = self.view(graph.view(node.output));
            match &node.op {
                Op::Conv(conv) | Op::ConvTranspose(conv) => self.conv(conv, outputs, layout),
                Op::DeformConv(deform) => self.deform(deform, outputs, layout),
                Op::Warp { image, flow } => self.warp(*image, *flow, outputs),
                Op::Resize { input, alignment, gain, add } => {
                    let from = self.layout_of(input.tensor);
                    let work = Work::Resize {
                        inputs: self.view(*input),
                        from,
                        x: Arc::new(Axis::new(from.width, layout.width, *alignment)),
                        y: Axis::new(from.height, layout.height, *alignment),
                        gain: *gain,
                        add: add.map(|v| self.view(v)).unwrap_or_default(),
                    };
                    self.push(work, outputs, layout);
                }
                Op::Binary { op, a, b, .. } => {
                    let what = Pointwise::Binary(*op, self.operands(*a), self.operands(*b));
                    self.pointwise(what, Vec::new(), outputs, layout);
                }
                Op::Activate { input, .. } => {
                    let what = Pointwise::Copy(Operands::Maps(self.view(*input)));
                    self.pointwise(what, Vec::new(), outputs, layout);
                }
                Op::Blend { mask, a, b, add, .. } => {
                    let mask = self.view(*mask)[0];
                    let what = Pointwise::Blend(mask, self.operands(*a), self.operands(*b));
                    let add = add.iter().map(|&s| self.operands(s)).collect();
                    self.pointwise(what, add, outputs, layout);
                }
                Op::Affine { input, gain, offset, .. } => {
                    let input = Operands::Maps(self.view(*input));
                    let what = Pointwise::Binary(Binary::Mul, input, Operands::Values(gain.clone()));
                    self.pointwise(what, vec![Operands::Values(offset.clone())], outputs, layout);
                }
                Op::Sum { inputs, gain } => {
                    let mut terms = inputs.iter().map(|&v| Operands::Maps(self.view(v))).collect::<Vec<_>>();
                    let what = Pointwise::Copy(terms.remove(0));
                    let acts = vec![Act::Gain(*gain); outputs.len()];
                    self.push(Work::Pointwise { what, add: terms, acts }, outputs, layout);
                }
                Op::LayerNorm(norm) => {
                    let Constants { weight, bias, .. } = self.constants[self.node].clone();
                    let (inputs, epsilon) = (self.view(norm.input), norm.epsilon);
                    self.push(Work::LayerNorm { inputs, weight, bias, epsilon }, outputs, layout);
                }
                Op::ResponseNorm(norm) => self.response(norm, outputs, layout),
                Op::ChannelMean { input } => self.channel_mean(*input, outputs, layout),
                Op::Mean { inputs } => self.mean(inputs, outputs, layout),
            }
        }
    }

    /// Adds the step that hands on an output.
    pub(super) fn deliver(&mut self, id: TensorId, index: usize) {
        let Some(node) = self.graph.nodes().iter().position(|node| node.output == id) else { return };
        self.node = node;
        let (inputs, layout) = (self.view(self.graph.view(id)), self.layout_of(id));
        self.push(Work::Deliver { inputs, index, row: 0 }, Vec::new(), layout);
    }

    fn layout(&self, extent: Extent) -> Layout {
        let (width, height) = extent.size(self.size.0, self.size.1);
        Layout::new(width, height, self.pads.get(&extent).copied().unwrap_or(1))
    }

    fn layout_of(&self, tensor: TensorId) -> Layout {
        self.slots[self.tensors[tensor.index()]].layout
    }

    fn slot(&mut self, layout: Layout, channels: usize) -> usize {
        self.slots.push(Slot { layout, channels, slack: 0 });
        self.slots.len() - 1
    }

    /// A slot for one step's use.
    fn scratch(&mut self, layout: Layout, channels: usize) -> Vec<Address> {
        let slot = self.slot(layout, channels);
        (0..channels).map(|c| address(slot, c)).collect()
    }

    fn view(&self, view: View) -> Vec<Address> {
        let slot = self.tensors[view.tensor.index()];
        (view.first..view.first + view.channels).map(|c| address(slot, c)).collect()
    }

    fn push(&mut self, work: Work, outputs: Vec<Address>, layout: Layout) {
        self.steps.push(Step { work, outputs, layout, node: self.node, edges: [true; 2] });
    }

    fn pointwise(&mut self, what: Pointwise, add: Vec<Operands>, outputs: Vec<Address>, layout: Layout) {
        let acts = self.constants[self.node].acts.clone();
        self.push(Work::Pointwise { what, add, acts }, outputs, layout);
    }

    fn warp(&mut self, image: View, flow: View, outputs: Vec<Address>) {
        let layout = self.layout_of(image.tensor);
        let flow = self.view(flow);
        let work = Work::Warp { images: self.view(image), flow: [flow[0], flow[1]], from: layout, row: 0 };
        self.push(work, outputs, layout);
    }

    /// The planes of a source as an operand of row-wise steps.
    fn operands(&mut self, source: Source) -> Operands {
        match source {
            Source::Map(view) => Operands::Maps(self.view(view)),
            Source::Plane(view) => Operands::Points(self.view(view)),
            Source::Warped { image, flow } => Operands::Maps(self.warped(image, flow)),
        }
    }

    fn warped(&mut self, image: View, flow: View) -> Vec<Address> {
        let layout = self.layout_of(image.tensor);
        let outputs = self.scratch(layout, image.channels);
        self.warp(image, flow, outputs.clone());
        outputs
    }

    fn conv(&mut self, conv: &Conv, outputs: Vec<Address>, layout: Layout) {
        let Some(kernel) = self.kernels[self.node].clone() else { return };
        let step = kernel.step;
        // Where the input is, before any splitting.
        let from = if kernel.transposed {
            Layout { width: layout.width / step, height: layout.height / step, ..layout }
        } else {
            Layout { width: layout.width * step, height: layout.height * step, ..layout }
        };
        let from = conv
            .inputs
            .iter()
            .find_map(|s| match s {
                Source::Map(v) | Source::Warped { image: v, .. } => Some(self.layout_of(v.tensor)),
                Source::Plane(_) => None,
            })
            .unwrap_or(from);
        let inputs = self.side_by_side(&conv.inputs, from);
        self.convolve(conv, kernel, inputs, from, outputs, layout);
    }

    /// Every plane of some sources, in order.
    fn side_by_side(&mut self, sources: &[Source], from: Layout) -> Vec<Address> {
        let mut inputs = Vec::new();
        for &source in sources {
            inputs.extend(match source {
                Source::Map(view) => self.view(view),
                Source::Warped { image, flow } => self.warped(image, flow),
                Source::Plane(view) => {
                    let planes = self.scratch(from, view.channels);
                    for (value, &plane) in self.view(view).into_iter().zip(&planes) {
                        self.push(Work::Fill { value }, vec![plane], from);
                    }
                    planes
                }
            });
        }
        inputs
    }

    /// Each group's channels side by side, then samples and sums of them strip by strip.
    fn deform(&mut self, deform: &DeformConv, outputs: Vec<Address>, layout: Layout) {
        let Some(kernel) = self.kernels[self.node].clone() else { return };
        let inputs = self.side_by_side(&deform.conv.inputs, layout);
        let run = inputs.len() / deform.groups;
        let width = interleaved(run);
        let blocks = self.scratch(layout, deform.groups * width);
        self.push(Work::Interleave { inputs, run }, blocks.clone(), layout);
        let blocks: Vec<_> = blocks.into_iter().step_by(width).collect();
        let residual = deform.conv.residual.map(|v| self.view(v)).unwrap_or_default();
        let flow = deform.flow.map(|v| self.view(v));
        let (node, act, taps) = (self.node, self.last_act(), deform.conv.window.kernel);
        let (makers, height) = match self.banded(node) {
            Some((makers, height)) => (Some(makers), height),
            None => (None, layout.height),
        };
        for row in (0..layout.height).step_by(height) {
            let band = Layout { height: height.min(layout.height - row), ..layout };
            let by = row * layout.stride();
            let [offsets, masks] = match makers {
                Some(makers) => makers.map(|node| self.band_of_conv(node, band, by)),
                None => [deform.offsets, deform.masks].map(|view| self.view(view)),
            };
            self.node = node;
            let flow = flow.as_ref().map(|flow| [flow[0] + by, flow[1] + by]);
            let steering = Steering { offsets, masks, flow, taps };
            let (residual, outputs) = (shifted(&residual, by), shifted(&outputs, by));
            let source = Interleaved { blocks: blocks.clone(), run, layout, row };
            let bits = self.masks(band);
            let work = Deform::new(kernel.clone(), source, steering, residual, bits, act);
            self.push(Work::Deform(work), outputs, band);
        }
    }

    /// The nodes that make the offsets and the masks of a deformable convolution, and the rows of a band, where that is done band
    /// by band: they are convolutions for this purpose alone, and would make maps far larger than any other.
    fn banded(&self, index: usize) -> Option<([usize; 2], usize)> {
        let (graph, node) = (self.graph, &self.graph.nodes()[index]);
        let Op::DeformConv(deform) = &node.op else { return None };
        let layout = self.layout(graph.tensor(node.output).extent);
        let row = (deform.offsets.channels + deform.masks.channels) * layout.stride() * size_of::<f32>();
        // Whole vectors, whatever the stride.
        let height = (BAND_BYTES / row / LANES * LANES).max(LANES);
        let maker = |view: View| {
            let maker = graph.nodes().iter().position(|n| n.output == view.tensor)?;
            let made = &graph.nodes()[maker];
            let Op::Conv(conv) = &made.op else { return None };
            let plain = conv.inputs.iter().all(|source| matches!(source, Source::Map(_)))
                && conv.residual.is_none()
                && conv.window.stride == 1;
            let reads = |n: &ifr_net::Node| n.op.views().iter().filter(|v| v.tensor == view.tensor).count();
            let alone = graph.nodes().iter().map(reads).sum::<usize>() == 1
                && view == graph.view(view.tensor)
                && !graph.outputs().contains(&view.tensor)
                && graph.tensor(view.tensor).phase == graph.tensor(node.output).phase
                // Else it would not be made anew for an image that the engine has met, while its bands are needed.
                && graph.tensor(view.tensor).depends == graph.tensor(node.output).depends;
            (plain && alone && self.needed[index]).then_some(maker)
        };
        let makers = [maker(deform.offsets)?, maker(deform.masks)?];
        (height < layout.height).then_some((makers, height))
    }

    /// Some rows of what a convolution makes, from `by` floats into its maps on.
    fn band_of_conv(&mut self, node: usize, band: Layout, by: usize) -> Vec<Address> {
        self.node = node;
        let graph = self.graph;
        let (Op::Conv(conv), Some(kernel)) = (&graph.nodes()[node].op, self.kernels[node].clone()) else {
            return Vec::new();
        };
        let inputs = self.side_by_side(&conv.inputs, band);
        let outputs = self.scratch(band, graph.tensor(graph.nodes()[node].output).channels);
        self.parts(kernel, &shifted(&inputs, by), &outputs, &[], band);
        outputs
    }

    /// A convolution of planes of the layout `from`.
    fn convolve(
        &mut self,
        conv: &Conv,
        kernel: Arc<Kernel>,
        inputs: Vec<Address>,
        from: Layout,
        outputs: Vec<Address>,
        layout: Layout,
    ) {
        let step = kernel.step;
        let residual = conv.residual.map(|v| self.view(v)).unwrap_or_default();
        if step == 1 {
            self.parts(kernel, &inputs, &outputs, &residual, layout);
        } else if kernel.transposed {
            let phases = self.scratch(from, outputs.len() * step * step);
            let residual = self.split(&residual, layout, from, step);
            let joint = if self.winograd { kernel.joint(self.level) } else { None };
            let joint = joint.filter(|joint| winograd::suits(joint, Tiles::new(from)));
            self.parts(joint.unwrap_or(kernel), &inputs, &phases, &residual, from);
            let inputs = phases.into_iter().step_by(step * step).collect();
            self.push(Work::Join { inputs, from, step }, outputs, layout);
        } else {
            let phases = self.split(&inputs, from, layout, step);
            let inputs: Vec<_> = phases.into_iter().step_by(step * step).collect();
            self.parts(kernel, &inputs, &outputs, &residual, layout);
        }
    }

    /// The phases of some planes, `step`² for each.
    fn split(&mut self, planes: &[Address], from: Layout, to: Layout, step: usize) -> Vec<Address> {
        if planes.is_empty() {
            return Vec::new();
        }
        let phases = self.scratch(to, planes.len() * step * step);
        self.push(Work::Split { inputs: planes.to_vec(), from, step }, phases.clone(), to);
        phases
    }

    /// The convolution itself. Outputs and residuals of a transposed one are `step`² for each channel.
    fn parts(
        &mut self,
        kernel: Arc<Kernel>,
        inputs: &[Address],
        outputs: &[Address],
        residual: &[Address],
        layout: Layout,
    ) {
        let phases = if kernel.transposed { kernel.step * kernel.step } else { 1 };
        let call = |part: &super::kernel::Part| {
            let pick = |planes: &[Address]| match planes {
                [] => Vec::new(),
                _ => part.outputs.clone().map(|o| planes[o * phases + part.phase]).collect(),
            };
            let tap =
                |t: &super::kernel::Tap| (t.phase * layout.plane()) as isize + layout.offset(t.dy, t.dx);
            PartCall {
                inputs: inputs[part.inputs.clone()].to_vec(),
                taps: part.taps.iter().map(tap).collect(),
                outputs: pick(outputs),
                residual: pick(residual),
            }
        };
        let parts = kernel.parts.iter().map(call).collect();
        let tiles = Tiles::new(layout);
        let act = self.last_act();
        if self.winograd && winograd::suits(&kernel, tiles) {
            let units = winograd::units(&kernel, tiles);
            // Weights are put before it once bands are made.
            self.push(
                Work::Winograd { kernel, parts, tiles, units, weights: Vec::new(), act },
                Vec::new(),
                layout,
            );
            return;
        }
        let masks = self.masks(layout);
        let units = units(&kernel, layout);
        self.push(Work::Conv { kernel, parts, masks, units, act }, Vec::new(), layout);
    }

    fn masks(&mut self, layout: Layout) -> Arc<[u16]> {
        self.masks.entry(layout).or_insert_with(|| layout.masks().into()).clone()
    }

    /// The activation of a convolution, where its kernels' own epilogue does not know it.
    fn last_act(&self) -> Act {
        match self.constants[self.node].acts[..] {
            [act @ (Act::Sigmoid | Act::Gelu | Act::Clamp(..)), ..] => act,
            _ => Act::None,
        }
    }

    fn mean(&mut self, inputs: &[View], outputs: Vec<Address>, layout: Layout) {
        let from = self.layout_of(inputs[0].tensor);
        let inputs: Vec<_> = inputs.iter().flat_map(|&v| self.view(v)).collect();
        let divisor = (inputs.len() * from.width * from.height) as f64;
        let planes = inputs.len();
        let (sums, blocks) = self.sums(inputs, from, false);
        self.push(Work::Mean { sums, count: planes * blocks, divisor }, outputs, layout);
    }

    fn channel_mean(&mut self, input: View, outputs: Vec<Address>, layout: Layout) {
        let from = self.layout_of(input.tensor);
        let divisor = (from.width * from.height) as f64;
        let inputs = self.view(input);
        let (sums, count) = self.sums(inputs, from, false);
        self.push(Work::Mean { sums, count, divisor }, outputs, layout);
    }

    fn response(&mut self, norm: &Norm, outputs: Vec<Address>, layout: Layout) {
        let Constants { weight, bias, .. } = self.constants[self.node].clone();
        let (inputs, epsilon) = (self.view(norm.input), norm.epsilon);
        let (sums, count) = self.sums(inputs.clone(), layout, true);
        let point = self.layout(Extent::Point);
        let gains = self.scratch(point, inputs.len());
        self.push(Work::Response { sums, count, weight, epsilon }, gains.clone(), point);
        let what = Pointwise::Binary(Binary::Mul, Operands::Maps(inputs), Operands::Points(gains));
        self.pointwise(what, vec![Operands::Values(bias)], outputs, layout);
    }

    /// Sums of blocks of rows of each plane, or of their squares: the first, and how many there are for each plane.
    fn sums(&mut self, inputs: Vec<Address>, from: Layout, squares: bool) -> (Address, usize) {
        let blocks = from.height.div_ceil(SUM_ROWS);
        let layout = Layout::new(2 * inputs.len() * blocks, 1, 1);
        let sums = self.scratch(layout, 1);
        self.push(Work::Sum { inputs, from, blocks, squares }, sums.clone(), layout);
        (sums[0], blocks)
    }
}

/// Which nodes the outputs depend on.
pub(super) fn needed(graph: &Graph) -> Vec<bool> {
    let mut wanted = vec![false; graph.tensors().len()];
    for id in graph.outputs() {
        wanted[id.index()] = true;
    }
    let mut needed = vec![false; graph.nodes().len()];
    for (node, needed) in graph.nodes().iter().zip(&mut needed).rev() {
        if wanted[node.output.index()] {
            *needed = true;
            for view in node.op.views() {
                wanted[view.tensor.index()] = true;
            }
        }
    }
    needed
}

/// The offsets and masks of a deformable convolution that are there at a time, about: a part of a last-level cache.
const BAND_BYTES: usize = 1 << 24;
/// Input that a unit of a convolution reads, or output that it writes, at most about: it should stay in the second-level cache.
const UNIT_BYTES: usize = 1 << 20;
/// Work of a unit at least, in multiply-adds: below this, handing it out costs more than doing it.
const UNIT_MACS: usize = 1 << 20;
/// Units that every convolution is cut into where that is possible, so that threads finish together.
const UNITS: usize = 16;
/// Vectors of a unit are a multiple of this: all tile widths divide it.
pub(super) const UNIT_VECTORS: usize = 12;

/// Cuts a convolution into units. They depend on its shape alone.
pub(super) fn units(kernel: &Kernel, layout: Layout) -> Vec<Unit> {
    let mut units = Vec::new();
    let vectors = layout.vectors();
    for (index, part) in kernel.parts.iter().enumerate() {
        let planes = part.inputs.len() * if kernel.transposed { 1 } else { kernel.step * kernel.step };
        let planes = planes.max(part.outputs.len());
        let blocks = part.packed.blocks.len();
        let per_vector = part.inputs.len() * part.taps.len() * part.outputs.len() * LANES;
        let wanted = (per_vector * vectors / UNIT_MACS).clamp(1, UNITS.div_ceil(kernel.parts.len()));
        let by_cache = (UNIT_BYTES / (planes * LANES * size_of::<f32>())).max(1);
        let strip = vectors.div_ceil(wanted).min(by_cache).next_multiple_of(UNIT_VECTORS);
        let strips = vectors.div_ceil(strip);
        let groups = wanted.div_ceil(strips).clamp(1, blocks);
        for s in 0..strips {
            for group in 0..groups {
                units.push(Unit {
                    part: index,
                    blocks: group * blocks / groups..(group + 1) * blocks / groups,
                    range: s * strip..((s + 1) * strip).min(vectors),
                });
            }
        }
    }
    // What is close together, one thread does.
    units.sort_by_key(|unit| unit.range.start);
    units
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, Ratio};

    use super::*;

    #[test]
    fn units_cover_a_convolution_once() {
        let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
        let kernels = Kernel::of_graph(&graph, &Parameters::by_rule(&graph), Level::best());
        for (width, height) in [(1, 1), (28, 16), (640, 352), (5000, 3)] {
            let layout = Layout::new(width, height, 1);
            for kernel in kernels.iter().flatten() {
                let blocks = kernel.parts[0].packed.blocks.len();
                let mut done = vec![0; kernel.parts.len() * blocks * layout.vectors()];
                for unit in units(kernel, layout) {
                    for block in unit.blocks {
                        for vector in unit.range.clone() {
                            done[(unit.part * blocks + block) * layout.vectors() + vector] += 1;
                        }
                    }
                }
                assert!(done.iter().all(|&n| n == 1), "{width}x{height}");
            }
        }
    }
}
