mod deform;
mod norm;

use super::extent::gcd;
use super::{
    Activation, Alignment, Binary, Conv, Extent, Graph, GraphError, Node, Op, ParamId, ParamInfo, Phase,
    Ratio, Source, StageId, TensorId, TensorInfo, View, Window,
};

/// Records a network as a [`Graph`], one method for each operation.
///
/// Every method returns the [`View`] of the whole tensor it adds. The first mistake (channels or sizes that do not
/// match, a name used twice) is kept and reported by [`Builder::finish`], so that a description reads as plain code.
///
/// ```
/// use ifr_net::{Activation, Builder, ConvSpec, Extent, Window};
///
/// let mut b = Builder::new("example");
/// b.stage("encoder");
/// let image = b.input("image", 3, Extent::FULL);
/// let slope = b.prelu("layer.1.weight", 8);
/// let spec = ConvSpec { activation: slope, ..ConvSpec::new(8, Window::HALVE) };
/// let features = b.conv("features", "layer.0", vec![image.into()], spec);
/// b.output(features);
/// let graph = b.finish()?;
/// assert_eq!(graph.multiple(), 2);
/// assert_eq!(graph.tensor_named("features"), Some(features.tensor));
/// # Ok::<(), ifr_net::GraphError>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    stage: Option<StageId>,
    error: Option<GraphError>,
}

/// What a convolution is besides its name and its input; see [`Builder::conv`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvSpec {
    /// Output channels.
    pub channels: usize,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// A map of the output's shape, added before the activation.
    pub residual: Option<View>,
    /// Applied last.
    pub activation: Activation,
}

impl ConvSpec {
    /// One group, with bias, no residual, no activation.
    pub fn new(channels: usize, window: Window) -> Self {
        Self { channels, window, groups: 1, bias: true, residual: None, activation: Activation::None }
    }
}

impl Builder {
    /// An empty graph of that name.
    pub fn new(name: &str) -> Self {
        let graph = Graph {
            name: name.to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            tensors: Vec::new(),
            params: Vec::new(),
            stages: Vec::new(),
            multiple: 1,
        };
        Self { graph, stage: None, error: None }
    }

    /// Operations from here on belong to this stage (a new one, or one used before).
    pub fn stage(&mut self, name: &str) {
        self.stage = Some(self.stage_id(name));
    }

    /// A map that the caller provides once for each pair, e.g. an image.
    pub fn input(&mut self, name: &str, channels: usize, extent: Extent) -> View {
        self.declare(name, channels, extent, Phase::Pair)
    }

    /// A number that the caller provides for each sample and timestep: a point tensor of 1 channel. All that depends
    /// on it is of [`Phase::Instant`].
    pub fn timestep(&mut self, name: &str) -> View {
        self.instant(name, 1, Extent::Point)
    }

    /// A map (or a point tensor) that the caller provides anew for each timestep, e.g. the flows of another method. All
    /// that depends on it is of [`Phase::Instant`].
    pub fn instant(&mut self, name: &str, channels: usize, extent: Extent) -> View {
        self.declare(name, channels, extent, Phase::Instant)
    }

    /// Marks a whole tensor, written by an operation, as an output of the graph.
    pub fn output(&mut self, view: View) {
        if self.info(view).is_none_or(|t| (view.first, view.channels) != (0, t.channels)) {
            self.fail("output", "an output is a whole tensor");
        }
        if self.graph.inputs.contains(&view.tensor) {
            self.fail("output", "an input is no output");
        }
        self.graph.outputs.push(view.tensor);
    }

    /// A PReLU whose slopes are the parameter of that name, one for each of `channels` channels; or, where `channels` is 1,
    /// one for all.
    pub fn prelu(&mut self, name: &str, channels: usize) -> Activation {
        Activation::Prelu(self.param(name, vec![channels]))
    }

    /// The same with slopes below 0 taken as 0: [`Activation::PreluNonNegative`].
    pub fn prelu_non_negative(&mut self, name: &str, channels: usize) -> Activation {
        Activation::PreluNonNegative(self.param(name, vec![channels]))
    }

    /// [`Op::Conv`] with the parameters `{layer}.weight` and `{layer}.bias`. A window of 1/1/0 takes point tensors too.
    pub fn conv(&mut self, name: &str, layer: &str, inputs: Vec<Source>, spec: ConvSpec) -> View {
        let ConvSpec { channels, window: w, groups, .. } = spec;
        if w.stride == 0 || 2 * w.padding >= w.kernel || w.kernel > w.stride + 2 * w.padding {
            return self.refuse(name, &format!("a window of {w:?} does not divide sizes exactly"));
        }
        let (extent, total) = self.sources(name, &inputs);
        if groups == 0 || total % groups != 0 || channels % groups != 0 {
            return self.refuse(name, &format!("{total} to {channels} channels in {groups} groups"));
        }
        let shape = vec![channels, total / groups, w.kernel, w.kernel];
        let extent = if extent == Extent::Point && w == Window::ONE {
            extent
        } else {
            self.scaled(name, extent, 1, w.stride)
        };
        let conv = self.conv_op(layer, inputs, shape, spec);
        self.push(name, channels, extent, Op::Conv(conv))
    }

    /// [`Op::ConvTranspose`] with the parameters `{layer}.weight` and `{layer}.bias`.
    pub fn conv_transpose(&mut self, name: &str, layer: &str, inputs: Vec<Source>, spec: ConvSpec) -> View {
        let ConvSpec { channels, window: w, groups, .. } = spec;
        if w.stride == 0 || w.kernel != w.stride + 2 * w.padding {
            return self
                .refuse(name, &format!("a transposed window of {w:?} does not multiply sizes exactly"));
        }
        let (extent, total) = self.sources(name, &inputs);
        if groups == 0 || total % groups != 0 || channels % groups != 0 {
            return self.refuse(name, &format!("{total} to {channels} channels in {groups} groups"));
        }
        let shape = vec![total, channels / groups, w.kernel, w.kernel];
        let extent = self.scaled(name, extent, w.stride, 1);
        let conv = self.conv_op(layer, inputs, shape, spec);
        self.push(name, channels, extent, Op::ConvTranspose(conv))
    }

    /// [`Op::Warp`]: `image` sampled backwards along `flow`.
    pub fn warp(&mut self, name: &str, image: View, flow: View) -> View {
        let (extent, channels) = self.sources(name, &[Source::Warped { image, flow }]);
        self.push(name, channels, extent, Op::Warp { image, flow })
    }

    /// [`Op::Resize`] to `extent`, half-pixel: `gain · resize(input) + add`.
    pub fn resize(&mut self, name: &str, input: View, extent: Extent, gain: f32, add: Option<View>) -> View {
        self.resize_aligned(name, input, extent, Alignment::HalfPixel, gain, add)
    }

    /// [`Op::Resize`] with any alignment.
    pub fn resize_aligned(
        &mut self,
        name: &str,
        input: View,
        extent: Extent,
        alignment: Alignment,
        gain: f32,
        add: Option<View>,
    ) -> View {
        self.sources(name, &[input.into()]);
        if extent == Extent::Point || self.extent(input) == Extent::Point {
            return self.refuse(name, "only maps are resized");
        }
        let node = Op::Resize { input, alignment, gain, add };
        let out = self.push(name, input.channels, extent, node);
        self.same_shape(name, out, add);
        out
    }

    /// [`Op::Binary`]: two operands of equal channels.
    pub fn binary(
        &mut self,
        name: &str,
        op: Binary,
        a: impl Into<Source>,
        b: impl Into<Source>,
        activation: Activation,
    ) -> View {
        let (a, b) = (a.into(), b.into());
        let (extent, _) = self.sources(name, &[a, b]);
        let channels = a.channels().max(b.channels());
        for source in [a, b] {
            self.broadcasts(name, source, channels);
        }
        self.push(name, channels, extent, Op::Binary { op, a, b, activation })
    }

    /// [`Op::Activate`]: an activation alone.
    pub fn activate(&mut self, name: &str, input: View, activation: Activation) -> View {
        self.sources(name, &[input.into()]);
        let extent = self.extent(input);
        self.push(name, input.channels, extent, Op::Activate { input, activation })
    }

    /// [`Op::Mean`] over all channels and pixels of all inputs.
    pub fn mean(&mut self, name: &str, inputs: Vec<View>) -> View {
        let sources: Vec<Source> = inputs.iter().map(|&v| v.into()).collect();
        self.sources(name, &sources);
        self.push(name, 1, Extent::Point, Op::Mean { inputs })
    }

    /// [`Op::Blend`]: `activation(mask · a + (1 − mask) · b + Σ add)`.
    pub fn blend(
        &mut self,
        name: &str,
        mask: View,
        a: Source,
        b: Source,
        add: Vec<Source>,
        activation: Activation,
    ) -> View {
        let (extent, _) = self.sources(name, &[mask.into(), a, b]);
        self.sources_at(name, &add, Some(extent));
        let channels = a.channels();
        if mask.channels != 1 || b.channels() != channels {
            return self.refuse(name, "a blend takes a mask of 1 channel and two maps of equal channels");
        }
        for &source in &add {
            self.broadcasts(name, source, channels);
        }
        self.push(name, channels, extent, Op::Blend { mask, a, b, add, activation })
    }

    /// The graph, if its description had no mistake.
    ///
    /// # Errors
    /// The first mistake made, as [`GraphError::Malformed`].
    pub fn finish(mut self) -> Result<Graph, GraphError> {
        if self.graph.outputs.is_empty() {
            self.fail("output", "the graph has none");
        }
        // A view of another builder could name a tensor that did not exist yet: engines rely on nothing reading ahead.
        let ahead = |node: &&Node| node.op.views().iter().any(|v| v.tensor.index() >= node.output.index());
        if let Some(output) = self.graph.nodes.iter().find(ahead).map(|node| node.output) {
            let name = self.graph.tensors.get(output.index()).map_or_else(String::new, |t| t.name.clone());
            self.fail(&name, "it reads a tensor that is not written before it");
        }
        let mut multiple = 1_u32;
        for info in &self.graph.tensors {
            if let Extent::Map(ratio) = info.extent {
                let den = ratio.den();
                multiple = (multiple / gcd(multiple, den)).saturating_mul(den);
            }
        }
        self.graph.multiple = multiple as usize;
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.graph),
        }
    }

    fn conv_op(&mut self, layer: &str, inputs: Vec<Source>, shape: Vec<usize>, spec: ConvSpec) -> Conv {
        let weight = self.param(&format!("{layer}.weight"), shape);
        let bias = spec.bias.then(|| self.param(&format!("{layer}.bias"), vec![spec.channels]));
        let ConvSpec { window, groups, residual, activation, .. } = spec;
        Conv { inputs, weight, bias, window, groups, residual, activation }
    }

    fn declare(&mut self, name: &str, channels: usize, extent: Extent, phase: Phase) -> View {
        let bit = self.graph.inputs.len();
        if bit >= 32 {
            return self.refuse(name, "a graph has at most 32 inputs");
        }
        let view = self.add(TensorInfo { name: name.to_owned(), channels, extent, phase, depends: 1 << bit });
        self.graph.inputs.push(view.tensor);
        view
    }

    fn push(&mut self, name: &str, channels: usize, extent: Extent, op: Op) -> View {
        let (mut phase, mut depends) = (Phase::Pair, 0);
        for view in op.views() {
            if let Some(info) = self.info(view) {
                phase = phase.max(info.phase);
                depends |= info.depends;
            }
        }
        let slopes = op.activation().slopes();
        for id in op.params() {
            // Every parameter that has one dimension is a value for each output channel; slopes may be one for all.
            let fits = |shape: &[usize]| match *shape {
                [len] => len == channels || len == 1 && slopes == Some(id),
                _ => true,
            };
            if self.graph.params.get(id.index()).is_some_and(|p| !fits(&p.shape)) {
                self.fail(name, "a bias or slope that is not one value for each output channel");
            }
        }
        let residual = op.as_conv().and_then(|conv| conv.residual);
        let view = self.add(TensorInfo { name: name.to_owned(), channels, extent, phase, depends });
        self.same_shape(name, view, residual);
        let stage = self.stage.unwrap_or_else(|| self.stage_id("network"));
        self.graph.nodes.push(Node { op, output: view.tensor, stage });
        view
    }

    fn add(&mut self, info: TensorInfo) -> View {
        if self.graph.tensor_named(&info.name).is_some() {
            self.fail(&info.name, "the name is taken");
        }
        if info.channels == 0 {
            self.fail(&info.name, "it has no channels");
        }
        let view =
            View { tensor: TensorId(self.graph.tensors.len() as u32), first: 0, channels: info.channels };
        self.graph.tensors.push(info);
        view
    }

    fn stage_id(&mut self, name: &str) -> StageId {
        let stages = &mut self.graph.stages;
        let index = stages.iter().position(|s| s == name).unwrap_or_else(|| {
            stages.push(name.to_owned());
            stages.len() - 1
        });
        StageId(index as u32)
    }

    fn param(&mut self, name: &str, shape: Vec<usize>) -> ParamId {
        if let Some(index) = self.graph.params.iter().position(|p| p.name == name) {
            if self.graph.params[index].shape != shape {
                let before = self.graph.params[index].shape.clone();
                self.fail(name, &format!("the parameter is used as {before:?} and as {shape:?}"));
            }
            return ParamId(index as u32);
        }
        self.graph.params.push(ParamInfo { name: name.to_owned(), shape });
        ParamId(self.graph.params.len() as u32 - 1)
    }

    fn info(&self, view: View) -> Option<&TensorInfo> {
        self.graph.tensors.get(view.tensor.index())
    }

    fn extent(&self, view: View) -> Extent {
        self.info(view).map_or(Extent::FULL, |t| t.extent)
    }

    /// Checks sources that lie side by side: their extent and how many channels they have together.
    fn sources(&mut self, name: &str, sources: &[Source]) -> (Extent, usize) {
        self.sources_at(name, sources, None)
    }

    fn sources_at(&mut self, name: &str, sources: &[Source], at: Option<Extent>) -> (Extent, usize) {
        let mut extent = at;
        for source in sources {
            for view in source.views() {
                let end = view.first.checked_add(view.channels);
                let fits = self.info(view).is_some_and(|t| end.is_some_and(|end| end <= t.channels));
                if !fits || view.channels == 0 {
                    self.fail(name, &format!("reads channels that are not there: {view:?}"));
                }
                let found = self.extent(view);
                if matches!(source, Source::Plane(_)) {
                    if found != Extent::Point {
                        self.fail(name, "only a point tensor can be spread as a plane");
                    }
                } else if extent.is_some_and(|e| e != found) {
                    self.fail(name, "its inputs differ in extent");
                } else {
                    extent = Some(found);
                }
            }
            if matches!(source, Source::Warped { flow, .. } if flow.channels != 2) {
                self.fail(name, "a flow has 2 channels");
            }
        }
        if extent.is_none() && !sources.is_empty() || sources.is_empty() && at.is_none() {
            self.fail(name, "it has no map among its inputs");
        }
        (extent.unwrap_or(Extent::FULL), sources.iter().map(Source::channels).sum())
    }

    /// A source serves a result of `channels` channels: as many, or one plane for all.
    fn broadcasts(&mut self, name: &str, source: Source, channels: usize) {
        let found = source.channels();
        if found != channels && !(found == 1 && matches!(source, Source::Plane(_))) {
            self.fail(name, &format!("an operand of {found} channels for a result of {channels}"));
        }
    }

    fn same_shape(&mut self, name: &str, out: View, other: Option<View>) {
        let Some(other) = other else { return };
        self.sources(name, &[other.into()]);
        if other.channels != out.channels || self.extent(other) != self.extent(out) {
            self.fail(name, "what is added has another shape");
        }
    }

    fn scaled(&mut self, name: &str, extent: Extent, num: usize, den: usize) -> Extent {
        let Extent::Map(ratio) = extent else {
            self.fail(name, "a convolution takes maps (one of 1/1/0, points too)");
            return extent;
        };
        match (u32::try_from(num), u32::try_from(den)) {
            (Ok(n), Ok(d)) => ratio.times(n, d),
            _ => Err(GraphError::Ratio(format!("{num}/{den}"))),
        }
        .map_or_else(
            |error| {
                self.error.get_or_insert(error);
                Extent::Map(Ratio::ONE)
            },
            Extent::Map,
        )
    }

    fn fail(&mut self, tensor: &str, problem: &str) {
        let network = self.graph.name.clone();
        self.error.get_or_insert_with(|| GraphError::Malformed {
            network,
            tensor: tensor.to_owned(),
            problem: problem.to_owned(),
        });
    }

    /// Notes a mistake that leaves nothing to add; the tensor exists all the same, so that the description goes on.
    fn refuse(&mut self, name: &str, problem: &str) -> View {
        self.fail(name, problem);
        self.add(TensorInfo {
            name: name.to_owned(),
            channels: 1,
            extent: Extent::FULL,
            phase: Phase::Pair,
            depends: 0,
        })
    }
}
