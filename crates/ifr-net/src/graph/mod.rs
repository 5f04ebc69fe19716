mod builder;
mod error;
mod extent;
mod op;
mod show;

pub use builder::{Builder, ConvSpec};
pub use error::GraphError;
pub use extent::{Extent, Ratio};
pub use op::{Activation, Alignment, Binary, Conv, DeformConv, Norm, Op, Source, View, Window};

/// Names a tensor of one graph: an index into [`Graph::tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(u32);

/// Names a parameter of one graph: an index into [`Graph::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(u32);

/// Names a stage of one graph: an index into [`Graph::stages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(u32);

macro_rules! index {
    ($($id:ident),*) => {$(
        impl $id {
            /// The index it stands for.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
index!(TensorId, ParamId, StageId);

/// How often a value must be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Once for a pair of images: it does not depend on the timestep.
    Pair,
    /// Anew for every timestep.
    Instant,
}

/// What a graph knows of a tensor: batch × `channels` × height × width in `f32`, written once and whole, by one node
/// or by the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// Unique in its graph, e.g. `decoder4`.
    pub name: String,
    /// Its channels, at least 1.
    pub channels: usize,
    /// Its width and height, relative to the input's.
    pub extent: Extent,
    /// Whether it must be computed again for another timestep.
    pub phase: Phase,
    /// The inputs it depends on: bit i stands for `Graph::inputs()[i]`.
    pub depends: u32,
}

/// What a graph knows of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamInfo {
    /// The name in the reference checkpoints, e.g. `decoder4.convblock.0.0.weight`.
    pub name: String,
    /// The shape in the reference checkpoints, row-major.
    pub shape: Vec<usize>,
}

impl ParamInfo {
    /// How many values it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One operation and the tensor it writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// The tensor written, whole.
    pub output: TensorId,
    /// The part of the network it belongs to, for reports of cost and time.
    pub stage: StageId,
}

/// A network as data: operations in an order in which they can run, the tensors between them, and the parameters they
/// name. Made by a [`Builder`], which has checked every channel count and size; interpreters may rely on that.
///
/// Each tensor is written exactly once, before it is read. A part of a network that *replaces* channels of a map (as
/// IFRNet's residual block does) is written as a new small tensor, and its readers list the kept range and the
/// replacement as two [`Source`]s; an engine may lay both out side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    name: String,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    nodes: Vec<Node>,
    tensors: Vec<TensorInfo>,
    params: Vec<ParamInfo>,
    stages: Vec<String>,
    multiple: usize,
}

impl Graph {
    /// What the network is called, e.g. `ifrnet-s`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the caller provides, in the order the graph declared; for interpolation `img0`, `img1` and `t`.
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// What must be there after a run; for interpolation `pred`.
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// The operations, each after those it reads from.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The operations of one phase, in order. Those of [`Phase::Pair`] read nothing that [`Phase::Instant`] wrote.
    pub fn nodes_of(&self, phase: Phase) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| self.tensor(node.output).phase == phase)
    }

    /// All tensors, inputs included; a [`TensorId`] is an index into this.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of that id.
    ///
    /// # Panics
    /// When the id is another graph's and out of range here.
    pub fn tensor(&self, id: TensorId) -> &TensorInfo {
        &self.tensors[id.index()]
    }

    /// The tensor of that name.
    pub fn tensor_named(&self, name: &str) -> Option<TensorId> {
        self.tensors.iter().position(|t| t.name == name).map(|i| TensorId(i as u32))
    }

    /// The whole of a tensor as a view.
    ///
    /// # Panics
    /// When the id is another graph's and out of range here.
    pub fn view(&self, id: TensorId) -> View {
        View { tensor: id, first: 0, channels: self.tensor(id).channels }
    }

    /// All parameters; a [`ParamId`] is an index into this. The order is that of first use, and the same at every
    /// scale.
    pub fn params(&self) -> &[ParamInfo] {
        &self.params
    }

    /// The parameter of that id.
    ///
    /// # Panics
    /// When the id is another graph's and out of range here.
    pub fn param(&self, id: ParamId) -> &ParamInfo {
        &self.params[id.index()]
    }

    /// The ids of all parameters, in order.
    pub fn param_ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.params.len() as u32).map(ParamId)
    }

    /// Names of the stages, in order of first use; a [`StageId`] is an index into this.
    pub fn stages(&self) -> &[String] {
        &self.stages
    }

    /// Width and height of the input must be multiples of this: then every size in the graph is whole.
    pub fn multiple(&self) -> usize {
        self.multiple
    }

    /// Checks the size of an input.
    ///
    /// # Errors
    /// [`GraphError::Size`] when a side is zero or no multiple of [`Graph::multiple`].
    pub fn check_size(&self, width: usize, height: usize) -> Result<(), GraphError> {
        let fits = |n: usize| n > 0 && n.is_multiple_of(self.multiple);
        if fits(width) && fits(height) {
            return Ok(());
        }
        Err(GraphError::Size { network: self.name.clone(), width, height, multiple: self.multiple })
    }

    /// The same network with other outputs, by name: a test may ask for `decoder4`, a viewer for `flows1`.
    ///
    /// # Errors
    /// [`GraphError::NoTensor`] when the graph writes none of that name.
    pub fn with_outputs(&self, names: &[&str]) -> Result<Self, GraphError> {
        let find =
            |name: &&str| self.tensor_named(name).ok_or_else(|| GraphError::NoTensor((*name).to_owned()));
        let outputs = names.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { outputs, ..self.clone() })
    }
}
