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
    /// `x` where x ≥ 0, else `slope[channel] · x`. The parameter has one slope for each output channel, or one for all.
    Prelu(ParamId),
    /// The same with slopes below 0 taken as 0, as IFR+ has them.
    PreluNonNegative(ParamId),
    /// `max(x, 0)`.
    Relu,
    /// `x · (1 + erf(x / √2)) / 2`: the exact GELU.
    Gelu,
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

impl Activation {
    /// The parameter with its slopes, if it has some.
    pub fn slopes(self) -> Option<ParamId> {
        match self {
            Self::Prelu(id) | Self::PreluNonNegative(id) => Some(id),
            Self::None | Self::Relu | Self::Gelu | Self::Sigmoid | Self::Clamp { .. } => None,
        }
    }
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
    /// Kernel 1, stride 1, no padding: every pixel by itself. The one window that point tensors have.
    pub const ONE: Self = Self::new(1, 1, 0);
    /// Kernel 7, stride 1, padding 3: keeps the size.
    pub const SEVEN: Self = Self::new(7, 1, 3);

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

/// A modulated deformable convolution: a convolution that reads its input where maps say, and as much of it as they say.
///
/// With g the deformable group of input channel i (groups are equal runs of channels) and k a tap, row by row,
/// `out(o, p) = activation(bias(o) + Σ weight(o, i, k) · mask(g, k, p) · in(i, p + k − padding + offset(g, k, p) + flow(p)) +
/// residual(o, p))`, where `in` is sampled bilinearly and is zero outside its map: of the four pixels around a sample, those
/// that do not exist count as zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct DeformConv {
    /// Weights, epilogue and what is read. The window keeps the size (stride 1, kernel = 1 + 2·padding); one group.
    pub conv: Conv,
    /// Where each tap reads, in pixels beyond its place in the window: 2 · `groups` · kernel² channels, (y, x) of each tap
    /// of the first group, then of the next.
    pub offsets: View,
    /// What each sample is multiplied by: `groups` · kernel² channels, in the same order.
    pub masks: View,
    /// 2 channels, x then y in pixels: added to every offset.
    pub flow: Option<View>,
    /// Deformable groups: runs of input channels with offsets and masks of their own.
    pub groups: usize,
}

/// A normalisation: what it reads, and one factor and one summand for each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Norm {
    /// What is normalised.
    pub input: View,
    /// A factor for each channel.
    pub weight: ParamId,
    /// A summand for each channel.
    pub bias: ParamId,
    /// Keeps the divisor from zero.
    pub epsilon: f32,
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
    /// A convolution that reads where maps say; see [`DeformConv`].
    DeformConv(DeformConv),
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
    /// Constants by channel: `activation(gain[c] · input + offset[c])`.
    Affine {
        /// What it is applied to.
        input: View,
        /// A factor for each channel.
        gain: Vec<f32>,
        /// A summand for each channel.
        offset: Vec<f32>,
        /// Applied last.
        activation: Activation,
    },
    /// `gain · Σ inputs`, value by value; all of one shape.
    Sum {
        /// What is added up, at least one.
        inputs: Vec<View>,
        /// A factor on the sum.
        gain: f32,
    },
    /// Layer normalisation over the channels of each pixel:
    /// `weight[c] · (x − mean) / √(variance + epsilon) + bias[c]`, the variance being the mean square of `x − mean`.
    LayerNorm(Norm),
    /// Global response normalisation: with g the root of the sum of a channel's squares over the whole map,
    /// `x + weight[c] · x · g[c] / (mean of g over the channels + epsilon) + bias[c]`. Engines sum in fixed blocks.
    ResponseNorm(Norm),
    /// The mean of each channel over its map, for each sample: a point tensor of as many channels. Engines sum in fixed blocks.
    ChannelMean {
        /// What is averaged.
        input: View,
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
            Self::DeformConv(deform) => {
                let mut views = of(&deform.conv.inputs);
                views.extend([deform.offsets, deform.masks]);
                views.extend(deform.flow);
                views.extend(deform.conv.residual);
                views
            }
            Self::Warp { image, flow } => vec![*image, *flow],
            Self::Resize { input, add, .. } => std::iter::once(*input).chain(*add).collect(),
            Self::Binary { a, b, .. } => of(&[*a, *b]),
            Self::Activate { input, .. } | Self::Affine { input, .. } | Self::ChannelMean { input } => {
                vec![*input]
            }
            Self::LayerNorm(norm) | Self::ResponseNorm(norm) => vec![norm.input],
            Self::Mean { inputs } | Self::Sum { inputs, .. } => inputs.clone(),
            Self::Blend { mask, a, b, add, .. } => {
                let mut views = vec![*mask];
                views.extend(of(&[*a, *b]));
                views.extend(of(add));
                views
            }
        }
    }

    /// The same operation on other views: what `f` makes of each.
    #[must_use]
    pub fn with_views(&self, mut f: impl FnMut(View) -> View) -> Self {
        let mut op = self.clone();
        let source = |source: &mut Source, f: &mut dyn FnMut(View) -> View| match source {
            Source::Map(view) | Source::Plane(view) => *view = f(*view),
            Source::Warped { image, flow } => (*image, *flow) = (f(*image), f(*flow)),
        };
        let conv = |conv: &mut Conv, f: &mut dyn FnMut(View) -> View| {
            conv.inputs.iter_mut().for_each(|s| source(s, f));
            conv.residual = conv.residual.map(&mut *f);
        };
        match &mut op {
            Self::Conv(c) | Self::ConvTranspose(c) => conv(c, &mut f),
            Self::DeformConv(deform) => {
                conv(&mut deform.conv, &mut f);
                (deform.offsets, deform.masks) = (f(deform.offsets), f(deform.masks));
                deform.flow = deform.flow.map(f);
            }
            Self::Warp { image, flow } => (*image, *flow) = (f(*image), f(*flow)),
            Self::Resize { input, add, .. } => (*input, *add) = (f(*input), add.map(f)),
            Self::Binary { a, b, .. } => [a, b].into_iter().for_each(|s| source(s, &mut f)),
            Self::Activate { input, .. } | Self::Affine { input, .. } | Self::ChannelMean { input } => {
                *input = f(*input);
            }
            Self::LayerNorm(norm) | Self::ResponseNorm(norm) => norm.input = f(norm.input),
            Self::Mean { inputs } | Self::Sum { inputs, .. } => inputs.iter_mut().for_each(|v| *v = f(*v)),
            Self::Blend { mask, a, b, add, .. } => {
                *mask = f(*mask);
                [a, b].into_iter().chain(add).for_each(|s| source(s, &mut f));
            }
        }
        op
    }

    /// The convolution in it: what it reads, its weights and its epilogue.
    pub fn as_conv(&self) -> Option<&Conv> {
        match self {
            Self::Conv(conv) | Self::ConvTranspose(conv) | Self::DeformConv(DeformConv { conv, .. }) => {
                Some(conv)
            }
            _ => None,
        }
    }

    /// What is applied last, where the operation has an activation at all.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Conv(Conv { activation, .. })
            | Self::ConvTranspose(Conv { activation, .. })
            | Self::DeformConv(DeformConv { conv: Conv { activation, .. }, .. })
            | Self::Binary { activation, .. }
            | Self::Activate { activation, .. }
            | Self::Affine { activation, .. }
            | Self::Blend { activation, .. } => *activation,
            Self::Warp { .. }
            | Self::Resize { .. }
            | Self::Mean { .. }
            | Self::Sum { .. }
            | Self::LayerNorm(_)
            | Self::ResponseNorm(_)
            | Self::ChannelMean { .. } => Activation::None,
        }
    }

    /// Every parameter the operation uses.
    pub fn params(&self) -> Vec<ParamId> {
        let own = match self {
            Self::Conv(conv) | Self::ConvTranspose(conv) | Self::DeformConv(DeformConv { conv, .. }) => {
                [Some(conv.weight), conv.bias]
            }
            Self::LayerNorm(norm) | Self::ResponseNorm(norm) => [Some(norm.weight), Some(norm.bias)],
            Self::Binary { .. }
            | Self::Activate { .. }
            | Self::Affine { .. }
            | Self::Blend { .. }
            | Self::Warp { .. }
            | Self::Resize { .. }
            | Self::Mean { .. }
            | Self::Sum { .. }
            | Self::ChannelMean { .. } => [None, None],
        };
        own.into_iter().flatten().chain(self.activation().slopes()).collect()
    }

    /// A short name for tables and messages, e.g. `conv`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::ConvTranspose(_) => "conv-transpose",
            Self::DeformConv(_) => "deform-conv",
            Self::Warp { .. } => "warp",
            Self::Resize { .. } => "resize",
            Self::Binary { op: Binary::Add, .. } => "add",
            Self::Binary { op: Binary::Sub, .. } => "sub",
            Self::Binary { op: Binary::Mul, .. } => "mul",
            Self::Activate { .. } => "activate",
            Self::Affine { .. } => "affine",
            Self::Sum { .. } => "sum",
            Self::LayerNorm(_) => "layer-norm",
            Self::ResponseNorm(_) => "response-norm",
            Self::ChannelMean { .. } => "channel-mean",
            Self::Mean { .. } => "mean",
            Self::Blend { .. } => "blend",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IfrNet, IfrPlus, Ratio};

    #[test]
    fn operations_on_other_views_read_those() {
        let graphs = [
            IfrNet::S_FLOW.graph(Ratio::ONE.halved()).unwrap(),
            IfrPlus::PUBLISHED.graph(Ratio::ONE.halved(), Ratio::ONE.halved()).unwrap(),
        ];
        for node in graphs.iter().flat_map(|graph| graph.nodes()) {
            assert_eq!(node.op.with_views(|view| view), node.op);
            let further = |view: View| View { first: view.first + 3, ..view };
            let moved = node.op.with_views(further);
            assert_eq!(moved.views(), node.op.views().into_iter().map(further).collect::<Vec<_>>());
            assert_ne!(moved, node.op);
        }
    }
}
