//! IFR+: a ConvNeXt-V2 encoder, decoders with deformable residual blocks, a fusion of five flow pairs, and a refiner.

mod decoder;
mod encoder;
mod grid;
mod refiner;

use std::fmt;

use decoder::Decoded;

use crate::graph::{Activation, Builder, ConvSpec, Extent, Graph, GraphError, Ratio, Source, View, Window};

/// The widths that make IFR+, the successor of IFRNet published with MindSpore (mindediting): [`IfrPlus::PUBLISHED`].
///
/// It was trained for the middle between two frames alone: its input `t` must be 0.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IfrPlus {
    /// What the network is called, e.g. `ifr-plus`.
    pub name: &'static str,
    /// Channels of the encoder's stages, at 1/2, 1/4, 1/8 and 1/16 of the flow scale.
    pub encoder: [usize; 4],
    /// Blocks of the encoder's stages.
    pub depths: [usize; 4],
    /// Channels of each level's features as the decoders take them; decoder 4 works on twice as many, the others on three
    /// times as many.
    pub decoder: [usize; 4],
    /// The last channels of a residual block, which its deformable convolutions refine alone: a multiple of
    /// [`IfrPlus::DEFORM_GROUPS`], at most the narrowest decoder's.
    pub side: usize,
    /// Channels of the refiner's features at 1, 1/2 and 1/4 of its scale: multiples of [`IfrPlus::GUIDED_GROUPS`].
    pub refiner: [usize; 3],
    /// Channels of the three rows of the refiner's grid.
    pub grid: [usize; 3],
}

/// Mean and standard deviation of red, green and blue in ImageNet, by which images are normalised.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// See [`MEAN`].
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Pairs of flows that are fused.
const FLOWS: usize = 5;

impl IfrPlus {
    /// The published network: 29.43 million parameters.
    pub const PUBLISHED: Self = Self {
        name: "ifr-plus",
        encoder: [48, 96, 192, 384],
        depths: [2, 2, 6, 2],
        decoder: [64, 96, 144, 192],
        side: 64,
        refiner: [24, 48, 96],
        grid: [32, 64, 96],
    };
    /// Deformable groups of the residual blocks' convolutions.
    pub const DEFORM_GROUPS: usize = 4;
    /// Deformable groups of the refiner's guided convolutions.
    pub const GUIDED_GROUPS: usize = 8;

    /// The network as a graph that finds flows at `flow_scale` times the size of its input, fuses at full size, and refines at
    /// `refine_scale` times that.
    ///
    /// Inputs: `img0`, `img1` (3 channels, RGB in \[0, 1\], padded to a multiple of [`Graph::multiple`]: 16 / flow scale and 4 /
    /// refiner's scale) and `t`, which must be 0.5. Output: `pred`, 3 channels in \[0, 1\]. Other tensors worth asking for (see
    /// [`Graph::with_outputs`]), with s the flow scale and r the refiner's:
    ///
    /// | name | channels | extent | what |
    /// |---|---|---|---|
    /// | `img0/level1` … `img1/level4` | [`decoder`](Self::decoder) | s/2 … s/16 | features of each image |
    /// | `decoder4` | 2 + 2 + next level's | s/8 | raw: both flows, features of the middle |
    /// | `decoder3`, `decoder2` | 2 + 2 + 3 + 3 + next level's | s/4, s/2 | raw: flow residuals, inter-flows with masks, features |
    /// | `decoder1` | 10 + 10 + 15 + 15 + 5 + 15 | s | raw: for five flow pairs the same, mask logits, RGB residuals |
    /// | `flow0_4`, `flow1_4` … `flow0_2`, `flow1_2` | 2 | s/8 … s/2 | flow to `img0` and to `img1`, in that level's pixels |
    /// | `flow0_1.0` … `flow1_1.4` | 2 | s | the five flows to each |
    /// | `flow0_1`, `flow1_1` | 2 | 1 | their mean |
    /// | `candidate.0` … `candidate.4` | 3 | 1 | what each flow pair makes, normalised |
    /// | `merged_normalised` | 3 | 1 | the fusion of those, before the refiner |
    /// | `img0/fine1` … `merged/fine3` | [`refiner`](Self::refiner) | r … r/4 | the refiner's features |
    /// | `guide0_1` … `guide1_3` | [`refiner`](Self::refiner) | r … r/4 | what steers its deformable convolutions |
    /// | `pred_unclamped` | 3 | 1 | the result before it is clamped: what training compares |
    ///
    /// # Errors
    /// [`GraphError::Scale`] when a scale is above 1 or below 1/16.
    pub fn graph(&self, flow_scale: Ratio, refine_scale: Ratio) -> Result<Graph, GraphError> {
        for scale in [flow_scale, refine_scale] {
            if scale.num() > scale.den() || scale.num() * 16 < scale.den() {
                return Err(GraphError::Scale(scale));
            }
        }
        let mut builder = Builder::new(self.name);
        let b = &mut builder;
        let images = ["img0", "img1"];
        let inputs = images.map(|name| b.input(name, 3, Extent::FULL));
        let t = b.timestep("t");

        b.stage("prepare");
        let gain = DEVIATION.map(|d| 1.0 / d);
        let offset = [0, 1, 2].map(|c| -MEAN[c] / DEVIATION[c]);
        let name = |i: usize, what: &str| format!("{}/{what}", images[i]);
        let full =
            [0, 1].map(|i| b.affine(&name(i, "normalised"), inputs[i], &gain, &offset, Activation::None));
        let work = [0, 1].map(|i| scaled(b, &name(i, "small"), full[i], flow_scale, 1.0));

        b.stage("encoder");
        let features = [0, 1].map(|i| self.features(b, images[i], work[i]));
        let decoded = self.decoders(b, features, t, flow_scale)?;
        let (merged, flows) = fuse(b, full, &decoded, flow_scale);
        let refined = self.refine(b, full, merged, flows, refine_scale)?;

        b.stage("fusion");
        let unclamped = b.affine("pred_unclamped", refined, &DEVIATION, &MEAN, Activation::None);
        let pred = b.activate("pred", unclamped, Activation::Clamp { low: 0.0, high: 1.0 });
        b.output(pred);
        builder.finish()
    }
}

impl fmt::Display for IfrPlus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The frame that all flow pairs make together, normalised, and the mean flow to each image, all at full size.
fn fuse(b: &mut Builder, images: [View; 2], decoded: &Decoded, scale: Ratio) -> (View, [View; 2]) {
    b.stage("fusion");
    let up = scale.inverse();
    let mut flows = [decoded.flows[0].clone(), decoded.flows[1].clone()];
    let (mut logits, mut residuals) = (decoded.masks, decoded.residuals);
    if scale != Ratio::ONE {
        for (side, flows) in flows.iter_mut().enumerate() {
            for (i, flow) in flows.iter_mut().enumerate() {
                let name = format!("flow{side}_1.{i}.full");
                *flow = b.resize(&name, *flow, Extent::FULL, up.value(), None);
            }
        }
        // The sigmoid comes after: this is not what IFRNet does.
        logits = b.resize("masks.small", logits, Extent::FULL, 1.0, None);
        residuals = b.resize("residuals", residuals, Extent::FULL, 1.0, None);
    }
    let masks = b.activate("masks", logits, Activation::Sigmoid);
    let candidates: Vec<View> = (0..FLOWS)
        .map(|i| {
            let [from0, from1] =
                [0, 1].map(|side| Source::Warped { image: images[side], flow: flows[side][i] });
            let residual = residuals.range(3 * i, 3).into();
            let name = format!("candidate.{i}");
            b.blend(&name, masks.range(i, 1), from0, from1, vec![residual], Activation::None)
        })
        .collect();
    let share = 1.0 / FLOWS as f32;
    let mean = b.sum("candidates", candidates.clone(), share);
    let all: Vec<Source> = candidates.into_iter().map(Source::Map).collect();
    let activation = b.prelu_non_negative("generator.comb_block.1.weight", 2 * 3 * FLOWS);
    let spec = ConvSpec { activation, ..ConvSpec::new(2 * 3 * FLOWS, Window::SEVEN) };
    let hidden = b.conv("combined", "generator.comb_block.0", all, spec);
    let spec = ConvSpec { residual: Some(mean), ..ConvSpec::new(3, Window::SEVEN) };
    let merged = b.conv("merged_normalised", "generator.comb_block.2", vec![hidden.into()], spec);
    let means = [0, 1].map(|side| b.sum(&format!("flow{side}_1"), flows[side].clone(), share));
    (merged, means)
}

/// A map at `scale` times the full size, times `gain`; at full size, the map itself.
fn scaled(b: &mut Builder, name: &str, map: View, scale: Ratio, gain: f32) -> View {
    if scale == Ratio::ONE { map } else { b.resize(name, map, Extent::Map(scale), gain, None) }
}

/// A convolution `{layer}.0` followed by the PReLU `{layer}.1`, whose slopes are at least 0.
fn conv_prelu(
    b: &mut Builder,
    name: &str,
    layer: &str,
    inputs: Vec<Source>,
    channels: usize,
    window: Window,
) -> View {
    let activation = b.prelu_non_negative(&format!("{layer}.1.weight"), channels);
    let spec = ConvSpec { activation, ..ConvSpec::new(channels, window) };
    b.conv(name, &format!("{layer}.0"), inputs, spec)
}
