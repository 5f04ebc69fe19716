//! From the operations of a graph to those of ONNX.

mod conv;
mod deform;
mod norm;
mod sample;

use ifr_net::{Activation, Binary, Extent, Graph, Node, Op, ParamId, Parameters, Source, TensorId, View};

use super::body::{Attr, Attrs, Body, Columns, Data, Stored, Value};
use super::sizes::{Dim, Sizes};
use super::{Deformable, OnnxError, OnnxOptions};

/// Walks a graph, and notes the nodes of its ONNX counterpart.
pub(super) struct Lowering<'a> {
    graph: &'a Graph,
    parameters: &'a Parameters,
    body: Body,
    sizes: Sizes,
    opset: i64,
    deformable: Deformable,
    half_weights: bool,
    /// By tensor: its value once it is made.
    values: Vec<Option<Value>>,
}

impl<'a> Lowering<'a> {
    /// Notes every node that the graph's outputs need, and returns the body with the sizes of inputs and outputs.
    pub(super) fn lower(
        graph: &'a Graph,
        parameters: &'a Parameters,
        options: &OnnxOptions,
    ) -> Result<(Body, Sizes), OnnxError> {
        let mut body = Body::default();
        let mut values = vec![None; graph.tensors().len()];
        let (mut witness, mut first) = (None, Value::ABSENT);
        for &id in graph.inputs().iter().rev() {
            let info = graph.tensor(id);
            let value = body.input(&info.name);
            values[id.index()] = Some(value);
            first = value;
            if let Extent::Map(ratio) = info.extent {
                witness = Some((value, ratio));
            }
        }
        if witness.is_none() {
            return Err(OnnxError::NoMap { network: graph.name().to_owned() });
        }
        let sizes = Sizes { batch: options.batch, full: options.size, witness, first };
        let (opset, half_weights) = (i64::from(options.opset), options.half_weights);
        let deformable = options.deformable()?;
        let mut lowering = Self { graph, parameters, body, sizes, opset, deformable, half_weights, values };
        let needed = needed(graph);
        for node in graph.nodes().iter().filter(|node| needed[node.output.index()]) {
            lowering.node(node)?;
        }
        Ok((lowering.body, lowering.sizes))
    }

    fn node(&mut self, node: &Node) -> Result<(), OnnxError> {
        let graph = self.graph;
        let info = graph.tensor(node.output);
        self.body.about(&info.name);
        let value = match &node.op {
            Op::Conv(conv) => self.conv(conv, false)?,
            Op::ConvTranspose(conv) => self.conv(conv, true)?,
            Op::DeformConv(deform) => self.deform_conv(deform)?,
            Op::Warp { image, flow } => self.warp(*image, *flow)?,
            Op::Resize { input, alignment, gain, add } => {
                let mut out = self.resize(*input, *alignment, info.channels, info.extent)?;
                out = self.scale(out, *gain);
                self.add_view(out, *add)?
            }
            Op::Binary { op, a, b, activation } => {
                let name = match op {
                    Binary::Add => "Add",
                    Binary::Sub => "Sub",
                    Binary::Mul => "Mul",
                };
                let operands = [self.operand(a)?, self.operand(b)?];
                let out = self.body.plain(name, &operands);
                self.activate(out, *activation)
            }
            Op::Activate { input, activation } => {
                let input = self.view(*input)?;
                self.activate(input, *activation)
            }
            Op::Affine { input, gain, offset, activation } => {
                let input = self.view(*input)?;
                let gain = self.by_channel(gain);
                let offset = self.by_channel(offset);
                let scaled = self.body.plain("Mul", &[input, gain]);
                let out = self.body.plain("Add", &[scaled, offset]);
                self.activate(out, *activation)
            }
            Op::Sum { inputs, gain } => {
                let inputs = inputs.iter().map(|&v| self.view(v)).collect::<Result<Vec<_>, _>>()?;
                let sum = if let [one] = *inputs { one } else { self.body.plain("Sum", &inputs) };
                self.scale(sum, *gain)
            }
            Op::LayerNorm(norm) => self.layer_norm(norm)?,
            Op::ResponseNorm(norm) => self.response_norm(norm)?,
            Op::ChannelMean { input } => {
                let input = self.view(*input)?;
                self.reduce("ReduceMean", input, &[3, 2])
            }
            Op::Mean { inputs } => self.mean(inputs)?,
            Op::Blend { mask, a, b, add, activation } => {
                let (mask, a, b) = (self.view(*mask)?, self.operand(a)?, self.operand(b)?);
                // mask · a + (1 − mask) · b with one operation less.
                let difference = self.body.plain("Sub", &[a, b]);
                let part = self.body.plain("Mul", &[difference, mask]);
                let mut out = self.body.plain("Add", &[part, b]);
                for source in add {
                    let source = self.operand(source)?;
                    out = self.body.plain("Add", &[out, source]);
                }
                self.activate(out, *activation)
            }
        };
        let value = self.body.named(value, &info.name);
        self.values[node.output.index()] = Some(value);
        Ok(())
    }

    /// The channels that a view sees.
    fn view(&mut self, view: View) -> Result<Value, OnnxError> {
        let info = self.graph.tensor(view.tensor);
        let whole = self.whole(view.tensor)?;
        if (view.first, view.channels) == (0, info.channels) {
            return Ok(whole);
        }
        Ok(self.slice(whole, 1, [view.first, view.first + view.channels].map(Dim::known)))
    }

    /// What lies between two places along an axis.
    fn slice(&mut self, value: Value, axis: i64, [first, end]: [Dim; 2]) -> Value {
        let first = self.sizes.shape(&mut self.body, &[first]);
        let end = self.sizes.shape(&mut self.body, &[end]);
        let axes = self.body.ints(&[axis]);
        self.body.plain("Slice", &[value, first, end, axes])
    }

    fn whole(&self, id: TensorId) -> Result<Value, OnnxError> {
        self.values.get(id.index()).copied().flatten().ok_or_else(|| OnnxError::Order {
            network: self.graph.name().to_owned(),
            tensor: self.graph.tensor(id).name.clone(),
        })
    }

    /// A source where single values serve for whole planes: ONNX spreads them by itself.
    fn operand(&mut self, source: &Source) -> Result<Value, OnnxError> {
        match *source {
            Source::Map(view) | Source::Plane(view) => self.view(view),
            Source::Warped { image, flow } => self.warp(image, flow),
        }
    }

    /// Sources side by side.
    fn concatenated(&mut self, sources: &[Source]) -> Result<Value, OnnxError> {
        let [rows, columns] = self.sizes.map(self.extent_of(sources));
        let mut parts = Vec::new();
        for source in sources {
            let mut part = self.operand(source)?;
            if matches!(source, Source::Plane(_)) {
                let one = Dim::known(1);
                let shape = self.sizes.shape(&mut self.body, &[one, one, rows, columns]);
                part = self.body.plain("Expand", &[part, shape]);
            }
            parts.push(part);
        }
        match *parts {
            [one] => Ok(one),
            _ => Ok(self.body.call("Concat", &parts, vec![("axis", Attr::Int(1))])),
        }
    }

    /// What sources that lie side by side have in common.
    fn extent_of(&self, sources: &[Source]) -> Extent {
        let extent = |view: View| self.graph.tensor(view.tensor).extent;
        let map = sources.iter().find_map(|source| match *source {
            Source::Map(view) | Source::Warped { image: view, .. } => Some(extent(view)),
            Source::Plane(_) => None,
        });
        map.unwrap_or(Extent::Point)
    }

    fn add_view(&mut self, value: Value, view: Option<View>) -> Result<Value, OnnxError> {
        let Some(view) = view else { return Ok(value) };
        let view = self.view(view)?;
        Ok(self.body.plain("Add", &[value, view]))
    }

    fn scale(&mut self, value: Value, gain: f32) -> Value {
        if gain == 1.0 {
            return value;
        }
        let gain = self.body.float(gain);
        self.body.plain("Mul", &[value, gain])
    }

    /// Constants that meet maps channel by channel.
    fn by_channel(&mut self, values: &[f32]) -> Value {
        self.body.floats(&[values.len(), 1, 1], values)
    }

    /// A parameter as an initializer of that shape. What has two dimensions and more is stored in half precision if that was
    /// asked for.
    fn param(&mut self, id: ParamId, dims: &[usize]) -> Value {
        let len = self.graph.param(id).len();
        self.param_columns(id, Columns { first: 0, count: len, of: len }, dims)
    }

    /// Of a parameter some columns, as an initializer of that shape.
    fn param_columns(&mut self, id: ParamId, columns: Columns, dims: &[usize]) -> Value {
        let info = self.graph.param(id);
        let name = if columns.count == columns.of {
            info.name.clone()
        } else {
            format!("{}/{}", info.name, columns.first / columns.count)
        };
        if self.half_weights && info.shape.len() > 1 {
            let data = Data::Param(id, Stored::Half, columns);
            let stored = self.body.initializer(dims, data, format!("{name}/f16"));
            return self.body.call("Cast", &[stored], vec![("to", Attr::Int(super::proto::FLOAT.into()))]);
        }
        self.body.initializer(dims, Data::Param(id, Stored::AsIs, columns), name)
    }

    /// A parameter of one value a channel (or one for all) as it meets maps.
    fn param_by_channel(&mut self, id: ParamId) -> Value {
        let len = self.graph.param(id).len();
        self.param(id, &[len, 1, 1])
    }

    fn activate(&mut self, value: Value, activation: Activation) -> Value {
        match activation {
            Activation::None => value,
            Activation::Prelu(id) => {
                let slopes = self.param_by_channel(id);
                self.body.plain("PRelu", &[value, slopes])
            }
            Activation::PreluNonNegative(id) => {
                let (graph, values) = (self.graph, self.parameters.get(id));
                let info = graph.param(id);
                let len = values.len();
                let stored =
                    if values.iter().all(|&v| v >= 0.0) { Stored::AsIs } else { Stored::NonNegative };
                let data = Data::Param(id, stored, Columns { first: 0, count: len, of: len });
                let slopes = self.body.initializer(&[len, 1, 1], data, info.name.clone());
                self.body.plain("PRelu", &[value, slopes])
            }
            Activation::Relu => self.body.plain("Relu", &[value]),
            Activation::Gelu => {
                // The order of operations that runtimes recognise and fuse.
                let root = self.body.float(std::f32::consts::SQRT_2);
                let (one, half) = (self.body.float(1.0), self.body.float(0.5));
                let scaled = self.body.plain("Div", &[value, root]);
                let erf = self.body.plain("Erf", &[scaled]);
                let sum = self.body.plain("Add", &[erf, one]);
                let product = self.body.plain("Mul", &[value, sum]);
                self.body.plain("Mul", &[product, half])
            }
            Activation::Sigmoid => self.body.plain("Sigmoid", &[value]),
            Activation::Clamp { low, high } => {
                let (low, high) = (self.body.float(low), self.body.float(high));
                self.body.plain("Clip", &[value, low, high])
            }
        }
    }

    fn reshape(&mut self, value: Value, dims: &[Dim]) -> Value {
        let shape = self.sizes.shape(&mut self.body, dims);
        self.body.plain("Reshape", &[value, shape])
    }

    fn transpose(&mut self, value: Value, order: &[i64]) -> Value {
        self.body.call("Transpose", &[value], vec![("perm", Attr::Ints(order.to_vec()))])
    }
}

/// By tensor: whether an output needs it.
fn needed(graph: &Graph) -> Vec<bool> {
    let mut needed = vec![false; graph.tensors().len()];
    for id in graph.outputs() {
        needed[id.index()] = true;
    }
    for node in graph.nodes().iter().rev() {
        if needed[node.output.index()] {
            for view in node.op.views() {
                needed[view.tensor.index()] = true;
            }
        }
    }
    needed
}

/// Attributes of a window.
fn window(window: ifr_net::Window) -> Attrs {
    let square = |n: usize, times: usize| Attr::Ints(vec![n as i64; times]);
    vec![
        ("kernel_shape", square(window.kernel, 2)),
        ("pads", square(window.padding, 4)),
        ("strides", square(window.stride, 2)),
    ]
}
