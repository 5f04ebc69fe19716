//! The networks of ifr as graphs: IFRNet S, B and L; parameters, safetensors, cost.

mod graph;
mod ifrnet;

pub use graph::{
    Activation, Alignment, Binary, Builder, Conv, ConvSpec, Extent, Graph, GraphError, Node, Op, ParamId,
    ParamInfo, Phase, Ratio, Source, StageId, TensorId, TensorInfo, View, Window,
};
pub use ifrnet::IfrNet;
