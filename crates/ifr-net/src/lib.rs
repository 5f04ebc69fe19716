//! The networks of ifr as graphs: IFRNet S, B and L, alone or on a prior, and IFR+; their parameters, and what they cost.
//!
//! A network is described once, by code that records a [`Graph`] through a [`Builder`]: operations ([`Op`]), the
//! tensors between them, and parameters under the names of the reference checkpoints. Everything else reads that
//! graph: engines run it, [`Cost`] counts it, [`recognise`] compares its parameters with a file's, and the scalar
//! [`mod@reference`] judges all engines through the [`conformance`] suite.
//!
//! ```
//! use ifr_net::{IfrNet, Parameters, Ratio, Tensor, reference};
//!
//! let graph = IfrNet::S.graph(Ratio::ONE)?;
//! // Made-up weights; trained ones come from Parameters::read(&graph, &ParameterStore::open("ifrnet-s.safetensors")?).
//! let params = Parameters::by_rule(&graph);
//! let (black, white) = (Tensor::zeros([1, 3, 16, 32]), Tensor::new([1, 3, 16, 32], vec![1.0; 1536])?);
//! let outputs = reference::run(&graph, &params, &[black, white, Tensor::point(&[0.5])])?;
//! assert_eq!(outputs[0].shape(), [1, 3, 16, 32]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The network, level by level
//!
//! IFRNet finds, for an instant t between two frames, where each of its pixels comes from in either frame: two flows,
//! refined from coarse to fine together with features (ft) of the frame in between. Widths are those of S, at scale 1.
//!
//! ```text
//!               img0 ──┐                  ┌── img1                                        t
//!                 │    └──► mean of both ◄┘    │     the mean is subtracted from both     │
//!                 ▼                            ▼                                          │
//!              encoder                      encoder      the same weights twice           │
//!     1/2    img0/level1    24 channels   img1/level1 ──────────────► decoder 1           │
//!     1/4    img0/level2    36            img1/level2 ──────────────► decoder 2           │
//!     1/8    img0/level3    54            img1/level3 ──────────────► decoder 3           │
//!     1/16   img0/level4    72            img1/level4 ──────────────► decoder 4           │
//!  ── above: Phase::Pair, once a pair ─────────────── below: Phase::Instant, for every t ─┤
//!                                                                                         ▼
//!     1/16 → 1/8   decoder4 (level4 of both, t)                                 ► flows 2+2, ft 54
//!                     ▼
//!     1/8 → 1/4    decoder3 (ft, level3 of both warped along flows, flows)      ► flows 2+2, ft 36
//!                     ▼     flows = decoder's + 2 · resize(flows before, ×2), at every level from here on
//!     1/4 → 1/2    decoder2 (ft, level2 of both warped along flows, flows)      ► flows 2+2, ft 24
//!                     ▼
//!     1/2 → 1      decoder1 (ft, level1 of both warped along flows, flows)      ► flows 2+2, mask logit 1, residual 3
//!                     ▼
//!     1            pred = clamp(m · warp(img0) + (1 − m) · warp(img1) + mean + residual),   m = sigmoid(mask logit)
//! ```
//!
//! Each encoder level is two 3×3 convolutions with PReLU, the first of stride 2 (L's very first is 7×7). Each decoder is
//! a convolution with PReLU, a residual block, and a transposed convolution 4/2/1 that doubles the size; its raw output
//! is the tensor `decoder4` … `decoder1`. The residual block lets its second and fourth convolution work on the last
//! `side` channels (24 in S) alone:
//!
//! ```text
//!     x ── conv1 ──┬── kept channels ────┬── conv3 ──┬── kept channels ────┬── conv5 ── + x ── PReLU
//!                  └── side ── conv2 ────┘           └── side ── conv4 ────┘
//! ```
//!
//! At a scale s below 1, encoder and decoders work on images resized by s; flows (times 1/s), mask and residual are
//! resized back before the last line. [`IfrNet::graph`] names all tensors.
//!
//! # The network on a prior
//!
//! Matching is the hardest thing to learn. A variant of each member ([`IfrNet::S_FLOW`], …) is given what another method
//! found for the instant, and learns what to add: `prior.flows`, both flows at full size, and `prior.frame`, the frame made
//! along them ([`Prior`]). Where it adds nothing, its flows are the prior's; where the gate is 1, its frame is.
//!
//! ```text
//!     prior.flows  ► prior1 1/2 ► prior2 1/4 ► prior3 1/8 ► prior4 1/16       each the mean of 2×2 pixels, halved
//!
//!     1/16 → 1/8   decoder4 (level4 of both warped along prior4, t)             ► added flows 2+2, ft 54
//!                     ▼     flows4 = prior3 + added flows
//!     1/8 → 1/4    decoder3 (ft, level3 of both warped along flows4, flows4)    ► 2+2, ft 36
//!                     ▼     added = decoder's + 2 · resize(added before, ×2); flows3 = prior2 + added; and so on
//!     1/4 → 1/2    decoder2 (ft, level2 of both warped along flows3, flows3)    ► 2+2, ft 24
//!                     ▼
//!     1/2 → 1      decoder1 (ft, level1 of both warped along flows2, flows2,    ► 2+2, mask logit 1, residual 3,
//!                     │      level1 of prior.frame)                               gate logit 1
//!                     ▼     flows1 = prior.flows + added
//!     1            merged = m · warp(img0) + (1 − m) · warp(img1) + mean
//!                  pred = clamp(g · prior.frame + (1 − g) · merged + residual),     g = sigmoid(gate logit)
//! ```
//!
//! # IFR+
//!
//! [`IfrPlus`] goes the same way with more at every step, and ends with a second network that corrects the first:
//!
//! ```text
//!     img0, img1   normalised by constants: each by itself
//!                     ▼
//!     encoder      ConvNeXt-V2: depthwise 7×7, layer norm, 1×1 with GELU, response norm, 1×1; then widths by 1×1
//!     1/16 … 1     decoders 4 to 1: as IFRNet's, but the residual block's second and fourth convolution are deformable,
//!                     │      and channels are weighted (squeeze and excitation)
//!                     ▼     flow = residual + (1 − m) · warp(u, inter-flow) + m · u,     u = 2 · resize(flow before, ×2)
//!     1            fusion: five flow pairs make five candidates; their mean plus two 7×7 convolutions of all  ► merged
//!                     ▼
//!     1, 1/2, 1/4  refiner: a second encoder's features of img0, img1 and merged; those of the images aligned by deformable
//!                     │      convolutions whose offsets start from the flow; a grid of 3 rows and 6 columns
//!                     ▼
//!     1            pred = clamp(denormalised(merged + what the refiner adds))
//! ```
//!
//! Flows and refiner have scales of their own ([`Scales`]); it makes the middle between two frames alone ([`Timesteps`]).
//!
//! # How a convolution travels
//!
//! The first convolution of decoder 3, from the paper to a kernel:
//!
//! 1. *The description*, in [`IfrNet::graph`], says what it reads and what follows: a list of [`Source`]s that stands for
//!    their concatenation, then width, window and activation. Ft, `img0/level3` warped along the first flow, `img1/level3`
//!    warped along the second, both flows; 162 channels; 3/1/1; PReLU.
//! 2. *The builder* checks that the sources are of one size, adds up their channels (54 + 54 + 54 + 4 = 166), derives the
//!    output's [`Extent`] (1/8) and [`Phase`] (it depends on t), and notes the parameters
//!    `decoder3.convblock.0.0.weight` (162×166×3×3), its `.bias`, and the slopes `decoder3.convblock.0.1.weight`. The
//!    result is an [`Op::Conv`] that writes `decoder3.in`.
//! 3. *Walks* that need no pixels read that [`Node`]: [`Cost`] multiplies pixels by channels and taps;
//!    [`Parameters::read`] finds the three arrays in a file and checks their shapes.
//! 4. *An engine* either expands it, as [`mod@reference`] does (warp, warp, concatenate, convolve, add the bias, apply the
//!    slopes), or plans it: it packs the weights once for its kernel, warps only the rows that the next strip needs, and
//!    lets the kernel finish with bias and PReLU while the sums are still in registers. [`conformance`] makes sure that
//!    both agree.
//!
//! # What interpreters may rely on
//!
//! * Tensors are batch × channels × height × width of `f32`; images are RGB in \[0, 1\]; flows are x (to the right),
//!   then y (down), in pixels of the map they lie on.
//! * Inputs are padded to [`Graph::multiple`], so that every [`Extent`] is whole and strides leave no remainder.
//! * Inputs of [`Phase::Pair`] stay for all timesteps of a pair; those of [`Phase::Instant`], points or maps, come anew with
//!   each.
//! * Nodes stand in an order in which they can run. Each tensor is written once and whole. Nodes of [`Phase::Pair`]
//!   read nothing that depends on t.
//! * No node concatenates, and none overwrites channels: lists of sources do both.

pub mod conformance;
mod cost;
mod graph;
mod ifrnet;
mod ifrplus;
mod network;
mod parameters;
mod prior;
pub mod reference;
mod store;
mod tensor;
mod timesteps;

pub use cost::{Cost, StageCost};
pub use graph::{
    Activation, Alignment, Binary, Builder, Conv, ConvSpec, DeformConv, Extent, Graph, GraphError, Node,
    Norm, Op, ParamId, ParamInfo, Phase, Ratio, Source, StageId, TensorId, TensorInfo, View, Window,
};
pub use ifrnet::IfrNet;
pub use ifrplus::IfrPlus;
pub use network::{Network, RecogniseError, Scales, recognise};
pub use parameters::{Mismatch, ParameterError, Parameters};
pub use prior::{Prior, UnknownPrior};
pub use store::{
    ArraySource, Dtype, Entry, FileBytes, ParameterStore, StoreError, printable, write_safetensors,
};
pub use tensor::{InputError, RunSize, Tensor};
pub use timesteps::{Timesteps, TimestepsError};
