//! Networks as ONNX models.
//!
//! [`write()`] turns a [`Graph`] with its [`Parameters`] into one file that onnxruntime and others run:
//!
//! ```
//! use ifr_formats::onnx::{self, OnnxOptions};
//! use ifr_net::{IfrNet, Parameters, Ratio};
//!
//! let graph = IfrNet::S.graph(Ratio::ONE)?;
//! let parameters = Parameters::by_rule(&graph);
//! let mut file = Vec::new();
//! onnx::write(&graph, &parameters, &OnnxOptions::default(), &mut file)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The model
//!
//! Inputs and outputs are those of the graph, by their names: `img0`, `img1` (batch × 3 × height × width of `f32`, RGB in
//! \[0, 1\]) and `t` (batch × 1 × 1 × 1), for some networks `prior.flows` and `prior.frame`; then `pred`. Width and height must be
//! multiples of [`Graph::multiple`], which the metadata repeat: callers pad (by repeating the last pixels at the right and at the
//! bottom) and crop. Weights are initializers under the names of the reference checkpoints, PReLU slopes shaped C×1×1; those
//! that a network takes as 0 where they are negative are 0 in the file.
//!
//! | here | there |
//! |---|---|
//! | warp | GridSample with `padding_mode = border`, along a grid made of the flow |
//! | resize | Resize to given sizes, `half_pixel` or `align_corners` |
//! | deformable convolution | [`Deformable`] |
//! | layer and response normalisation, exact GELU, means | their arithmetic |
//!
//! Warps that share a flow share its grid; whatever is asked for twice is computed once.

mod body;
mod encode;
mod lower;
mod proto;
mod sizes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::ops::RangeInclusive;

use ifr_net::{Extent, Graph, GraphError, Parameters, Prior, TensorId};
use thiserror::Error;

use encode::Encoder;
use lower::Lowering;
use sizes::Sizes;

/// The opsets that can be written: GridSample exists since 16; 22 is the newest these models were run under.
pub const OPSETS: RangeInclusive<u32> = 16..=22;
/// The first opset with DeformConv.
const DEFORM_CONV: u32 = 19;

/// How deformable convolutions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deformable {
    /// By GridSample and 1×1 convolutions, which any runtime of opset 16 has. It takes memory for the samples of one deformable
    /// group: 9 maps for each of its channels.
    Decomposed,
    /// As DeformConv, which exists since opset 19.
    Operator,
}

/// What an ONNX model is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxOptions {
    /// The version of ONNX's operators, one of [`OPSETS`]. Older ones run in more places.
    pub opset: u32,
    /// Width and height in pixels, multiples of [`Graph::multiple`]; `None`: any, named `width` and `height` in the model.
    pub size: Option<(usize, usize)>,
    /// Samples in a batch; `None`: any, named `batch` in the model.
    pub batch: Option<usize>,
    /// How deformable convolutions are written; `None`: as an operator where the opset has one.
    pub deformable: Option<Deformable>,
    /// Stores convolutions' weights as `f16`, in half the space; they are brought back to `f32` when the model is loaded.
    pub half_weights: bool,
    /// More for the model's metadata, such as `timesteps` and the scales of the graph. What is always there: `network`, `prior`
    /// (where it has one), `multiple`. Entries given here replace those.
    pub metadata: BTreeMap<String, String>,
}

impl Default for OnnxOptions {
    /// Opset 16, any size, a batch of one, weights as they are.
    fn default() -> Self {
        Self {
            opset: 16,
            size: None,
            batch: Some(1),
            deformable: None,
            half_weights: false,
            metadata: BTreeMap::new(),
        }
    }
}

impl OnnxOptions {
    fn deformable(&self) -> Result<Deformable, OnnxError> {
        match self.deformable {
            Some(Deformable::Operator) if self.opset < DEFORM_CONV => {
                Err(OnnxError::NoDeformConv { opset: self.opset })
            }
            Some(choice) => Ok(choice),
            None if self.opset < DEFORM_CONV => Ok(Deformable::Decomposed),
            None => Ok(Deformable::Operator),
        }
    }

    /// The version of the file format that came with the opset.
    fn ir_version(&self) -> i64 {
        match self.opset {
            ..19 => 8,
            19 | 20 => 9,
            _ => 10,
        }
    }
}

/// Why a model could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// An opset that is not written.
    #[error("opset {opset} is not written: give one from {} to {}", OPSETS.start(), OPSETS.end())]
    Opset {
        /// The opset asked for.
        opset: u32,
    },
    /// Deformable convolutions as an operator that the opset lacks.
    #[error(
        "opset {opset} has no DeformConv: give opset {DEFORM_CONV} or newer, or have deformable convolutions decomposed"
    )]
    NoDeformConv {
        /// The opset asked for.
        opset: u32,
    },
    /// A size the network cannot take.
    #[error(transparent)]
    Size(#[from] GraphError),
    /// A batch of nothing.
    #[error("a model for batches of 0 samples is of no use: give at least 1, or none for any number")]
    Batch,
    /// Another network's parameters.
    #[error("the parameters are not those of {network}")]
    Parameters {
        /// The graph's name.
        network: String,
    },
    /// A graph whose inputs tell no size.
    #[error("{network} has no map among its inputs, so nothing tells its size")]
    NoMap {
        /// The graph's name.
        network: String,
    },
    /// A graph that reads a tensor before it is written, which builders refuse.
    #[error("{network} reads '{tensor}' before it is written")]
    Order {
        /// The graph's name.
        network: String,
        /// The tensor read.
        tensor: String,
    },
    /// More than protobuf can hold.
    #[error(
        "the model would have {bytes} bytes, and protobuf holds at most {}: store its weights as f16",
        i32::MAX
    )]
    TooLarge {
        /// The size of the file.
        bytes: u64,
    },
    /// A writer that failed.
    #[error("the model cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes a network as an ONNX model. The file is made piece by piece: beside the parameters, next to no memory is taken. Pieces
/// may be small, so a writer with a buffer is best.
///
/// # Errors
/// [`OnnxError`] when options or parameters do not suit the graph, when the model would be larger than 2 GiB (nothing is written
/// then), or when `out` fails.
pub fn write(
    graph: &Graph,
    parameters: &Parameters,
    options: &OnnxOptions,
    out: &mut impl Write,
) -> Result<(), OnnxError> {
    if !OPSETS.contains(&options.opset) {
        return Err(OnnxError::Opset { opset: options.opset });
    }
    if let Some((width, height)) = options.size {
        graph.check_size(width, height)?;
    }
    if options.batch == Some(0) {
        return Err(OnnxError::Batch);
    }
    if !parameters.fit(graph) {
        return Err(OnnxError::Parameters { network: graph.name().to_owned() });
    }
    let (body, sizes) = Lowering::lower(graph, parameters, options)?;
    let reserved: HashSet<String> = graph.tensors().iter().map(|t| t.name.clone()).collect();
    let (node, initializers) = body.finish(reserved);
    let infos = |ids: &[TensorId]| ids.iter().map(|&id| value_info(graph, id, &sizes)).collect();
    let (input, output) = (infos(graph.inputs()), infos(graph.outputs()));
    let name = graph.name().to_owned();
    Encoder {
        model: model(graph, options),
        graph: proto::Graph { node, name, input, output },
        initializers,
        parameters,
    }
    .write(out)
}

/// Everything about a model but its graph.
fn model(graph: &Graph, options: &OnnxOptions) -> proto::Model {
    let multiple = graph.multiple();
    // What the model is, whatever the caller's words say.
    let mut metadata = options.metadata.clone();
    metadata.insert("network".to_owned(), graph.name().to_owned());
    metadata.insert("multiple".to_owned(), multiple.to_string());
    if graph.tensor_named(Prior::FLOWS).is_some() {
        metadata.insert(Prior::KEY.to_owned(), Prior::Flow.name().to_owned());
    }
    let size = match options.size {
        Some((width, height)) => format!("{width}x{height} pixels"),
        None => format!("any width and height that are multiples of {multiple}"),
    };
    let doc_string = format!(
        "Video frame interpolation: {}. For {size}; pad images of other sizes by repeating their last pixels at the right and at the \
         bottom, and crop the result.",
        graph.name()
    );
    proto::Model {
        ir_version: options.ir_version(),
        producer_name: "ifr".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string,
        opset_import: vec![proto::OperatorSet {
            domain: Some(String::new()),
            version: i64::from(options.opset),
        }],
        metadata_props: metadata.into_iter().map(|(key, value)| proto::Entry { key, value }).collect(),
    }
}

fn value_info(graph: &Graph, id: TensorId, sizes: &Sizes) -> proto::ValueInfo {
    let info = graph.tensor(id);
    let [rows, columns] = sizes.map(info.extent);
    let sides = [sizes.batch(), sizes::Dim::known(info.channels), rows, columns];
    let dim = sides.map(|side| match side.described() {
        Ok(number) => proto::Dimension { dim_value: Some(number as i64), dim_param: None },
        Err(name) => proto::Dimension { dim_value: None, dim_param: Some(name) },
    });
    let shape = Some(proto::Shape { dim: dim.to_vec() });
    let tensor_type = Some(proto::TensorType { elem_type: proto::FLOAT, shape });
    proto::ValueInfo {
        name: info.name.clone(),
        r#type: Some(proto::Type { tensor_type }),
        doc_string: meaning(&info.name, info.extent).to_owned(),
    }
}

/// What an input or output of an interpolating network is, by its name.
fn meaning(name: &str, extent: Extent) -> &'static str {
    match (name, extent) {
        ("img0", _) => "the first frame: RGB in [0, 1]",
        ("img1", _) => "the second frame: RGB in [0, 1]",
        ("t", Extent::Point) => "the instant between the frames: 0 is the first, 1 the second",
        (Prior::FLOWS, _) => {
            "flow of another method from the instant to img0 (x to the right, y down), then to img1, in pixels"
        }
        (Prior::FRAME, _) => "the frame that those flows make: RGB in [0, 1]",
        ("pred", _) => "the frame at the instant: RGB in [0, 1]",
        _ => "",
    }
}
