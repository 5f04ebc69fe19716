//! The networks of ifr as graphs: IFRNet S, B and L, their parameters, and what they cost.
//!
//! A network is described once, by code that records a [`Graph`] through a [`Builder`]: operations ([`Op`]), the tensors
//! between them, and parameters under the names of the reference checkpoints. Everything else reads that graph: engines
//! run it, [`Cost`] counts it, [`recognise`] compares its parameters with a file's, and the scalar [`mod@reference`] judges
//! them all through the [`conformance`] suite.
//!
//! ```
//! use ifr_net::{IfrNet, Parameters, Ratio, Tensor, reference};
//!
//! let graph = IfrNet::S.graph(Ratio::ONE)?;
//! let params = Parameters::by_rule(&graph); // or Parameters::read(&graph, &ParameterStore::open("ifrnet-s.safetensors")?)
//! let (black, white) = (Tensor::zeros([1, 3, 16, 32]), Tensor::new([1, 3, 16, 32], vec![1.0; 1536])?);
//! let outputs = reference::run(&graph, &params, &[black, white, Tensor::point(&[0.5])])?;
//! assert_eq!(outputs[0].shape(), [1, 3, 16, 32]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The network, level by level
//!
//! IFRNet finds, for an instant t between two frames, where each of its pixels comes from in either frame: two flows, refined
//! from coarse to fine together with features of the frame in between. Widths are those of S; at scale 1.
//!
//! ```text
//!            img0 ─┐           ┌─ img1                                              t
//!                  └─► mean ◄──┘   one number for the pair, subtracted from both    │
//!                        │                                                          │
//!         ┌── encoder ───┴── encoder ──┐      the same weights twice                │
//!   1/2   │ img0/level1   24  level1   │                                            │
//!   1/4   │ img0/level2   36  level2   │                                            │
//!   1/8   │ img0/level3   54  level3   │                                            │
//!   1/16  │ img0/level4   72  level4   │                                            │
//!         └────────────┬───────────────┘                                            │
//!  ─ ─ ─ ─ Phase::Pair │ ─ above: once a pair ─ ─ below: for every t ─ Phase::Instant
//!                      ▼                                                            ▼
//!   1/16   decoder4:  level4 of both, t ───────────────────────────► flows (2 + 2), ft 54   at 1/8
//!   1/8    decoder3:  ft, level3 of both warped along flows, flows ─► + 2·flows↑2,  ft 36   at 1/4
//!   1/4    decoder2:  ft, level2 of both warped along flows, flows ─► + 2·flows↑2,  ft 24   at 1/2
//!   1/2    decoder1:  ft, level1 of both warped along flows, flows ─► + 2·flows↑2,  mask logit, residual (3)   at 1
//!                      │
//!   1      pred = clamp(m · warp(img0) + (1 − m) · warp(img1) + mean + residual),  m = sigmoid(mask logit)
//! ```
//!
//! Each encoder level is two 3×3 convolutions with PReLU, the first of stride 2. Each decoder is a convolution with PReLU, a residual block, and
//! a transposed convolution 4/2/1 that doubles the size; its raw output is the tensor `decoder4` … `decoder1`:
//!
//! ```text
//!          inputs ─ conv ─ x ─ conv1 ─┬─ all but the last `side` channels ──┬─ conv3 ─┬─ … ─┬─ conv5 ─ (+ x) ─ PReLU ─ transposed conv
//!                                     └─ the last `side` channels ─ conv2 ──┘         └conv4┘
//! ```
//!
//! At a scale s below 1 encoder and decoders work on images resized by s, and flows (times 1/s), mask and residual are
//! resized back before the last line. See [`IfrNet::graph`] for the names of all tensors.
//!
//! # How a convolution travels
//!
//! `decoder3`'s first convolution, from the paper to a kernel:
//!
//! 1. *The description* says what it reads and what follows, in [`IfrNet::graph`]: a list of [`Source`]s, which stands for
//!    their concatenation, then width, window and activation:
//!    `conv("decoder3.in", [ft, warp(img0/level3, flow0), warp(img1/level3, flow1), flows], 162 channels, 3/1/1, PReLU)`.
//! 2. *The builder* checks that the sources are of one size and adds up their channels (54 + 54 + 54 + 4 = 166), derives the
//!    output's [`Extent`] (1/8) and [`Phase`] (it depends on t), and notes the parameters `decoder3.convblock.0.0.weight` (162×166×3×3),
//!    `….bias` and the slopes `decoder3.convblock.0.1.weight`: [`Op::Conv`].
//! 3. *The walks* that need no values read the [`Node`]: [`Cost`] multiplies pixels by channels and taps; [`Parameters::read`]
//!    finds the three arrays in a file and checks their shapes.
//! 4. *An engine* either expands it — warp, warp, concatenate, convolve, add the bias, apply the slopes, as [`mod@reference`] does — or
//!    plans it: warps only the rows that the next strip needs, packs weights once for its kernel, and lets the kernel finish
//!    with bias and PReLU while the sums are in registers. Both must agree: [`conformance`].
//!
//! # Rules that interpreters may rely on
//!
//! * Tensors are batch × channels × height × width of `f32`; images are RGB in \[0, 1\]; flows are x (to the right), then y (down), in pixels of
//!   the map they lie on.
//! * Inputs are padded to [`Graph::multiple`], so that every [`Extent`] is whole: strides divide without remainder.
//! * Nodes stand in an order in which they can run. Each tensor is written once and whole. Nodes of [`Phase::Pair`] read
//!   nothing that depends on t.
//! * There is no node for a concatenation, and none that overwrites channels: sources do both.

pub mod conformance;
mod cost;
mod graph;
mod ifrnet;
mod network;
mod parameters;
pub mod reference;
mod store;
mod tensor;

pub use cost::{Cost, StageCost};
pub use graph::{
    Activation, Alignment, Binary, Builder, Conv, ConvSpec, Extent, Graph, GraphError, Node, Op, ParamId,
    ParamInfo, Phase, Ratio, Source, StageId, TensorId, TensorInfo, View, Window,
};
pub use ifrnet::IfrNet;
pub use network::{Network, UnknownNetwork, recognise};
pub use parameters::{Mismatch, ParameterError, Parameters};
pub use store::{Dtype, Entry, ParameterStore, StoreError, write_safetensors};
pub use tensor::{InputError, RunSize, Tensor};
