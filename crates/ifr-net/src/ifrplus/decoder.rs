//! The decoders: flows from coarse to fine, each enlarged with the help of flows between its own pixels.

use super::{FLOWS, IfrPlus, conv_prelu};
use crate::graph::{Activation, Binary, Builder, ConvSpec, Extent, GraphError, Ratio, Source, View, Window};

/// What the last decoder makes, at the flow scale.
pub(super) struct Decoded {
    /// The flows to the first image, then those to the second.
    pub(super) flows: [Vec<View>; 2],
    /// A mask's logit for each pair of flows.
    pub(super) masks: View,
    /// Three channels for each pair of flows.
    pub(super) residuals: View,
}

impl IfrPlus {
    /// All four decoders.
    pub(super) fn decoders(
        &self,
        b: &mut Builder,
        features: [[View; 4]; 2],
        t: View,
        scale: Ratio,
    ) -> Result<Decoded, GraphError> {
        b.stage("decoder4");
        let inputs = vec![features[0][3].into(), features[1][3].into(), Source::Plane(t)];
        let mut out = self.decode(b, 4, 2, inputs, 4 + self.decoder[2]);
        let mut flows = [out.range(0, 2), out.range(2, 2)];
        // Nothing reads these: they are the names by which a loss finds the coarsest flows.
        for (side, &flow) in flows.iter().enumerate() {
            b.activate(&format!("flow{side}_4"), flow, Activation::None);
        }
        let mut middle = out.from(4);
        for level in [3, 2] {
            b.stage(&format!("decoder{level}"));
            let inputs = below(middle, flows, features, level);
            out = self.decode(b, level, 3, inputs, 10 + self.decoder[level - 2]);
            let extent = Extent::Map(scale.times(1, 1 << (level - 1))?);
            flows = [0, 1].map(|side| {
                let name = format!("flow{side}_{level}");
                let up = b.resize(&format!("{name}.up"), flows[side], extent, 2.0, None);
                let between = out.range(4 + 3 * side, 3);
                let mask = b.activate(&format!("{name}.mask"), between.range(2, 1), Activation::Sigmoid);
                moved(b, &name, up, between.range(0, 2), mask, out.range(2 * side, 2))
            });
            middle = out.from(10);
        }
        b.stage("decoder1");
        let inputs = below(middle, flows, features, 1);
        out = self.decode(b, 1, 3, inputs, (2 + 2 + 3 + 3 + 1 + 3) * FLOWS);
        let flows = [0, 1].map(|side| {
            let name = format!("flow{side}_1");
            let up = b.resize(&format!("{name}.up"), flows[side], Extent::Map(scale), 2.0, None);
            // Five inter-flows, then five masks.
            let between = out.range((4 + 3 * side) * FLOWS, 3 * FLOWS);
            let masks = between.from(2 * FLOWS);
            let masks = b.activate(&format!("{name}.masks"), masks, Activation::Sigmoid);
            let one = |i: usize| {
                let residual = out.range(2 * (side * FLOWS + i), 2);
                moved(b, &format!("{name}.{i}"), up, between.range(2 * i, 2), masks.range(i, 1), residual)
            };
            (0..FLOWS).map(one).collect()
        });
        Ok(Decoded { flows, masks: out.range(10 * FLOWS, FLOWS), residuals: out.from(11 * FLOWS) })
    }

    /// A convolution, the residual block and the transposed convolution that doubles the size, on `times` the level's width.
    fn decode(
        &self,
        b: &mut Builder,
        level: usize,
        times: usize,
        inputs: Vec<Source>,
        outputs: usize,
    ) -> View {
        let (name, layer) = (format!("decoder{level}"), format!("generator.decoder{level}"));
        let inner = times * self.decoder[level - 1];
        let block = format!("{layer}.convblock");
        let x = conv_prelu(b, &format!("{name}.in"), &format!("{block}.0"), inputs, inner, Window::THREE);
        let y = self.residual_block(b, &name, &format!("{block}.1"), x);
        let spec = ConvSpec::new(outputs, Window::DOUBLE);
        b.conv_transpose(&name, &format!("{layer}.upsample"), vec![y.into()], spec)
    }

    /// As IFRNet's, but what replaces the last channels comes from deformable convolutions, and is weighted by channel.
    fn residual_block(&self, b: &mut Builder, name: &str, layer: &str, x: View) -> View {
        let (all, kept) = (x.channels, x.channels.saturating_sub(self.side));
        let mut inputs: Vec<Source> = vec![x.into()];
        for (whole, part) in [(1, 2), (3, 4)] {
            let tensor = |i: usize| format!("{name}.res{i}");
            let param = |i: usize| format!("{layer}.conv{i}");
            let y = conv_prelu(b, &tensor(whole), &param(whole), inputs, all, Window::THREE);
            let replaced = self.deformed(b, &tensor(part), &param(part), y.from(kept));
            let replaced = weighted(b, &tensor(part), &format!("{}.2", param(part)), replaced);
            inputs = if kept == 0 { Vec::new() } else { vec![y.range(0, kept).into()] };
            inputs.push(replaced.into());
        }
        let spec = ConvSpec::new(all, Window::THREE);
        let y = b.conv(&format!("{name}.res5"), &format!("{layer}.conv5"), inputs, spec);
        let y = weighted(b, &format!("{name}.res5"), &format!("{layer}.attention"), y);
        let activation = b.prelu_non_negative(&format!("{layer}.prelu.weight"), all);
        b.binary(&format!("{name}.res"), Binary::Add, x, y, activation)
    }

    /// A deformable convolution that finds its own offsets and masks, with PReLU.
    fn deformed(&self, b: &mut Builder, name: &str, layer: &str, x: View) -> View {
        let samples = 9 * Self::DEFORM_GROUPS;
        let spec = ConvSpec::new(3 * samples, Window::THREE);
        let steering =
            b.conv(&format!("{name}.steering"), &format!("{layer}.0.conv_offset"), vec![x.into()], spec);
        let masks = steering.from(2 * samples);
        let masks = b.activate(&format!("{name}.masks"), masks, Activation::Sigmoid);
        let activation = b.prelu_non_negative(&format!("{layer}.1.weight"), x.channels);
        let spec = ConvSpec { activation, ..ConvSpec::new(x.channels, Window::THREE) };
        let steering = [steering.range(0, 2 * samples), masks];
        b.deform_conv(name, &format!("{layer}.0"), vec![x.into()], steering, None, spec)
    }
}

/// What a decoder below the first reads: the features of the middle so far, and both images' along the flows.
fn below(middle: View, flows: [View; 2], features: [[View; 4]; 2], level: usize) -> Vec<Source> {
    let along = |side: usize| Source::Warped { image: features[side][level - 1], flow: flows[side] };
    vec![middle.into(), along(0), along(1)]
}

/// A flow from an enlarged one: that where the mask is 1, where it is 0 what lies an inter-flow away; plus a residual.
fn moved(b: &mut Builder, name: &str, up: View, between: View, mask: View, residual: View) -> View {
    let away = Source::Warped { image: up, flow: between };
    b.blend(name, mask, up.into(), away, vec![residual.into()], Activation::None)
}

/// Squeeze and excitation: every channel times a weight in (0, 1) that the means of all channels give it. Writes
/// `{name}.weighted`.
fn weighted(b: &mut Builder, name: &str, layer: &str, x: View) -> View {
    /// How much narrower the middle of it is.
    const REDUCTION: usize = 16;
    let means = b.channel_mean(&format!("{name}.means"), x);
    let narrow = (x.channels / REDUCTION).max(1);
    let spec = ConvSpec { activation: Activation::Relu, ..ConvSpec::new(narrow, Window::ONE) };
    let hidden = b.conv(&format!("{name}.squeezed"), &format!("{layer}.conv.0"), vec![means.into()], spec);
    let spec = ConvSpec { activation: Activation::Sigmoid, ..ConvSpec::new(x.channels, Window::ONE) };
    let weights = b.conv(&format!("{name}.excited"), &format!("{layer}.conv.2"), vec![hidden.into()], spec);
    b.binary(&format!("{name}.weighted"), Binary::Mul, x, Source::Plane(weights), Activation::None)
}
