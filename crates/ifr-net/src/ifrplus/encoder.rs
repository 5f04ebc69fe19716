//! ConvNeXt-V2: the encoder of the flows and that of the refiner.

use super::{IfrPlus, conv_prelu};
use crate::graph::{Activation, Builder, ConvSpec, View, Window};

/// Keeps divisors from zero, as ConvNeXt-V2 has it.
const EPSILON: f32 = 1e-6;

/// One ConvNeXt-V2: where its parameters are, and how it begins.
struct ConvNext {
    layer: &'static str,
    stem: Window,
}

impl IfrPlus {
    /// The features of an image on four levels, in the decoders' widths.
    pub(super) fn features(&self, b: &mut Builder, image: &str, input: View) -> [View; 4] {
        let net = ConvNext { layer: "generator.encoder", stem: Window::new(4, 2, 1) };
        let stages = net.stages(b, &format!("{image}/stage"), input, self.encoder, self.depths);
        adapted(b, "generator.adapter", &format!("{image}/level"), stages, self.decoder)
    }

    /// The features of an image for the refiner, on three levels.
    pub(super) fn fine_features(&self, b: &mut Builder, image: &str, input: View) -> [View; 3] {
        let net = ConvNext { layer: "generator.refiner_encoder", stem: Window::THREE };
        let stages = net.stages(b, &format!("{image}/fine.stage"), input, self.refiner, [2; 3]);
        adapted(b, "generator.refine_adapter", &format!("{image}/fine"), stages, self.refiner)
    }
}

/// The stages brought to other widths: `{name}1` and on.
fn adapted<const N: usize>(
    b: &mut Builder,
    layer: &str,
    name: &str,
    stages: [View; N],
    widths: [usize; N],
) -> [View; N] {
    std::array::from_fn(|i| {
        let (name, layer) = (format!("{name}{}", i + 1), format!("{layer}.conv.{i}"));
        conv_prelu(b, &name, &layer, vec![stages[i].into()], widths[i], Window::ONE)
    })
}

impl ConvNext {
    /// What each stage makes of an image.
    fn stages<const N: usize>(
        &self,
        b: &mut Builder,
        name: &str,
        input: View,
        widths: [usize; N],
        depths: [usize; N],
    ) -> [View; N] {
        let stem = format!("{}.stem", self.layer);
        let spec = ConvSpec::new(widths[0], self.stem);
        let x = b.conv(&format!("{name}.stem.conv"), &format!("{stem}.0"), vec![input.into()], spec);
        let mut x = b.layer_norm(&format!("{name}.stem"), &format!("{stem}.1"), x, EPSILON);
        std::array::from_fn(|i| {
            let layer = format!("{}.pyramid{}.0", self.layer, i + 1);
            let name = format!("{name}{}", i + 1);
            if i > 0 {
                let down = format!("{layer}.downsample");
                let normal = b.layer_norm(&format!("{name}.norm"), &format!("{down}.0"), x, EPSILON);
                let spec = ConvSpec::new(widths[i], Window::new(2, 2, 0));
                x = b.conv(&format!("{name}.half"), &format!("{down}.1"), vec![normal.into()], spec);
            }
            for k in 0..depths[i] {
                x = block(b, &format!("{name}.block{k}"), &format!("{layer}.blocks.{k}"), x);
            }
            x
        })
    }
}

/// A depthwise convolution, then a network over the channels of each pixel, four times as wide; added to what came in.
fn block(b: &mut Builder, name: &str, layer: &str, x: View) -> View {
    let width = x.channels;
    let spec = ConvSpec { groups: width, ..ConvSpec::new(width, Window::SEVEN) };
    let y = b.conv(&format!("{name}.depthwise"), &format!("{layer}.conv_dw"), vec![x.into()], spec);
    let y = b.layer_norm(&format!("{name}.norm"), &format!("{layer}.norm"), y, EPSILON);
    let spec = ConvSpec { activation: Activation::Gelu, ..ConvSpec::new(4 * width, Window::ONE) };
    let y = b.conv(&format!("{name}.wide"), &format!("{layer}.mlp.fc1"), vec![y.into()], spec);
    let y = b.response_norm(&format!("{name}.response"), &format!("{layer}.mlp.grn"), y, EPSILON);
    let spec = ConvSpec { residual: Some(x), ..ConvSpec::new(width, Window::ONE) };
    b.conv(name, &format!("{layer}.mlp.fc2"), vec![y.into()], spec)
}
