use super::{ParamId, TensorId};

/// A range of a tensor's channels: `first .. first + channels`. The whole tensor is a view like any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View {
    /// The tensor looked at.
    pub tensor: TensorId,
    /// The first channel seen.
    pub first: usize,
    /// How many channels are seen, at least 1.
    pub channels: usize,
}

impl View {
    /// `channels` channels of this view from its `first` on.
    ///
    /// The [`Builder`](super::Builder) refuses views that reach beyond their tensor.
    #[must_use]
    pub fn range(self, first: usize, channels: usize) -> Self {
        Self { tensor: self.tensor, first: self.first.saturating_add(first), channels }
    }

    /// The channels of this view from `first` on.
    #[must_use]
    pub fn from(self, first: usize) -> Self {
        self.range(first, self.channels.saturating_sub(first))
    }
}

/// One part of an operation's input. A list of sources stands for their concatenation along the channels, which an
/// engine need not make in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Channels as they are.
    Map(View),
    /// `image` sampled backwards along `flow`, as [`Op::Warp`] does.
    Warped {
        /// What is sampled.
        image: View,
        /// Where: 2 channels, x then y, in pixels.
        flow: View,
    },
    /// A point tensor (one value a channel and sample) spread over the whole map: a constant plane for each channel.
    /// Under a convolution, the zero padding surrounds the plane as it does any map.
    Plane(View),
}

impl Source {
    /// How many channels it contributes.
    pub fn channels(&self) -> usize {
        match self {
            Self::Map(view) | Self::Plane(view) | Self::Warped { image: view, .. } => view.channels,
        }
    }

    /// The views it reads.
    pub fn views(&self) -> impl Iterator<Item = View> + use<> {
        let (first, second) = match *self {
            Self::Map(view) | Self::Plane(view) => (view, None),
            Self::Warped { image, flow } => (image, Some(flow)),
        };
        std::iter::once(first).chain(second)
    }
}

impl From<View> for Source {
    fn from(view: View) -> Self {
        Self::Map(view)
    }
}

/// What happens to each value of a result, last of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x` where x ≥ 0, else `slope[channel] · x`. The parameter has one slope for each output channel.
    Prelu(ParamId),
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
    /// `min(max(x, low), high)`.
    Clamp {
        /// The least result.
        low: f32,
        /// The greatest result.
        high: f32,
    },
}

/// The window of a convolution: square, the same on both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step between windows, in pixels.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
}

impl Window {
    /// Kernel 3, stride 1, padding 1: keeps the size.
    pub const THREE: Self = Self::new(3, 1, 1);
    /// Kernel 3, stride 2, padding 1: halves the size.
    pub const HALVE: Self = Self::new(3, 2, 1);
    /// Kernel 4, stride 2, padding 1: doubles the size when transposed.
    pub const DOUBLE: Self = Self::new(4, 2, 1);

    /// A window of these numbers.
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel, stride, padding }
    }
}

/// A convolution or transposed convolution with its epilogue:
/// `activation(bias + Σ weight · window(cat(inputs)) + residual)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// What is convolved: these, concatenated.
    pub inputs: Vec<Source>,
    /// Convolution: outputs × (inputs / groups) × kernel × kernel.
    /// Transposed: inputs × (outputs / groups) × kernel × kernel.
    pub weight: ParamId,
    /// One value for each output channel.
    pub bias: Option<ParamId>,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Groups of channels that do not see each other; 1 is an ordinary convolution.
    pub groups: usize,
    /// A map of the output's shape, added before the activation.
    pub residual: Option<View>,
    /// Applied last.
    pub activation: Activation,
}

/// What [`Op::Binary`] does with its two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`.
    Add,
    /// `a − b`.
    Sub,
    /// `a · b`.
    Mul,
}

/// Where the samples of a resized map lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alignment {
    /// Pixel centres at half-integers (`align_corners = false`): output pixel i samples the input at
    /// `max((i + ½) · in/out − ½, 0)`, and the last pixel repeats.
    HalfPixel,
    /// The corner pixels of both maps coincide (`align_corners = true`): i · (in − 1)/(out − 1), or 0 where out is 1.
    Corners,
}

/// One step of a network. Every operation writes one whole tensor, whose channels and [`Extent`](super::Extent) the
/// graph states; interpreters match on this exhaustively, so that a new operation cannot be forgotten.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Convolution with zero padding. `window` satisfies kernel − stride ≤ 2·padding < kernel, so the output is exactly
    /// the input's size / stride.
    Conv(Conv),
    /// Transposed convolution: each input pixel adds its kernel to the output at stride · position − padding.
    /// `window` satisfies kernel = stride + 2·padding, so the output is exactly the input's size · stride.
    ConvTranspose(Conv),
    /// Backward warp: out(p) = bilinear sample of `image` at p + flow(p), with coordinates clamped to the map.
    Warp {
        /// What is sampled.
        image: View,
        /// Where: 2 channels, x (to the right) then y (down), in pixels of this map.
        flow: View,
    },
    /// Bilinear resize without antialiasing to the output's extent: `gain · resize(input) + add`.
    Resize {
        /// What is resized.
        input: View,
        /// Where the samples lie.
        alignment: Alignment,
        /// A factor on the result: flows are in pixels, so they grow with the map.
        gain: f32,
        /// A map of the output's shape, added last.
        add: Option<View>,
    },
    /// Two operands of equal channels, value by value, then an activation.
    Binary {
        /// What is done.
        op: Binary,
        /// The left operand.
        a: Source,
        /// The right operand.
        b: Source,
        /// Applied last.
        activation: Activation,
    },
    /// An activation alone.
    Activate {
        /// What it is applied to.
        input: View,
        /// Which.
        activation: Activation,
    },
    /// The mean over all channels and pixels of all inputs together, one number a sample: a point tensor of 1 channel.
    /// All inputs have the same extent. Engines sum in fixed blocks, so that threads do not change a bit.
    Mean {
        /// What is averaged.
        inputs: Vec<View>,
    },
    /// `activation(mask · a + (1 − mask) · b + Σ add)`; the mask has 1 channel, used for all.
    Blend {
        /// The weight of `a`, nominally in \[0, 1\].
        mask: View,
        /// Where the mask is 1.
        a: Source,
        /// Where the mask is 0.
        b: Source,
        /// Added to the blend; each of the output's channels, or a plane of 1 channel for all of them.
        add: Vec<Source>,
        /// Applied last.
        activation: Activation,
    },
}

impl Op {
    /// Every view the operation reads, in order, repeats included.
    pub fn views(&self) -> Vec<View> {
        let of = |sources: &[Source]| sources.iter().flat_map(Source::views).collect::<Vec<_>>();
        match self {
            Self::Conv(conv) | Self::ConvTranspose(conv) => {
                let mut views = of(&conv.inputs);
                views.extend(conv.residual);
                views
            }
            Self::Warp { image, flow } => vec![*image, *flow],
            Self::Resize { input, add, .. } => std::iter::once(*input).chain(*add).collect(),
            Self::Binary { a, b, .. } => of(&[*a, *b]),
            Self::Activate { input, .. } => vec![*input],
            Self::Mean { inputs } => inputs.clone(),
            Self::Blend { mask, a, b, add, .. } => {
                let mut views = vec![*mask];
                views.extend(of(&[*a, *b]));
                views.extend(of(add));
                views
            }
        }
    }

    /// Every parameter the operation uses.
    pub fn params(&self) -> Vec<ParamId> {
        let slope = |activation: &Activation| match activation {
            Activation::Prelu(id) => Some(*id),
            Activation::None | Activation::Sigmoid | Activation::Clamp { .. } => None,
        };
        match self {
            Self::Conv(conv) | Self::ConvTranspose(conv) => {
                std::iter::once(conv.weight).chain(conv.bias).chain(slope(&conv.activation)).collect()
            }
            Self::Binary { activation, .. }
            | Self::Activate { activation, .. }
            | Self::Blend { activation, .. } => slope(activation).into_iter().collect(),
            Self::Warp { .. } | Self::Resize { .. } | Self::Mean { .. } => Vec::new(),
        }
    }

    /// A short name for tables and messages, e.g. `conv`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::ConvTranspose(_) => "conv-transpose",
            Self::Warp { .. } => "warp",
            Self::Resize { .. } => "resize",
            Self::Binary { op: Binary::Add, .. } => "add",
            Self::Binary { op: Binary::Sub, .. } => "sub",
            Self::Binary { op: Binary::Mul, .. } => "mul",
            Self::Activate { .. } => "activate",
            Self::Mean { .. } => "mean",
            Self::Blend { .. } => "blend",
        }
    }
}
