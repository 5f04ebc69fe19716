//! The refiner: features of both images and of the fused frame, aligned by flow-guided deformable convolutions on three
//! scales, then put together by a grid of convolutions.

use super::{IfrPlus, scaled};
use crate::graph::{Activation, Builder, ConvSpec, Extent, GraphError, Ratio, Source, View, Window};

/// One side's features on one level, and what they are aligned by.
struct Aligned<'a> {
    name: &'a str,
    layer: &'a str,
    features: View,
    /// These features along the flow, and the other side's along its own.
    warped: [View; 2],
    flow: View,
    /// What guided the coarser level, enlarged.
    coarser: Option<View>,
}

impl IfrPlus {
    /// The fused frame with what the refiner adds to it, normalised, at full size.
    pub(super) fn refine(
        &self,
        b: &mut Builder,
        images: [View; 2],
        merged: View,
        flows: [View; 2],
        scale: Ratio,
    ) -> Result<View, GraphError> {
        b.stage("refiner.encoder");
        let fine = |b: &mut Builder, name: &str, image: View| {
            let work = scaled(b, &format!("{name}/fine.small"), image, scale, 1.0);
            self.fine_features(b, name, work)
        };
        let features = [fine(b, "img0", images[0]), fine(b, "img1", images[1])];
        let middle = fine(b, "merged", merged);

        b.stage("refiner");
        let flows =
            [0, 1].map(|side| scaled(b, &format!("flow{side}_1.refiner"), flows[side], scale, scale.value()));
        let mut guides = [None::<View>; 2];
        let mut inputs: [Vec<Source>; 3] = Default::default();
        for level in [3, 2, 1] {
            let extent = Extent::Map(scale.times(1, 1 << (level - 1))?);
            let small = 1.0 / (1 << (level - 1)) as f32;
            let flow = [0, 1].map(|side| match level {
                1 => flows[side],
                _ => b.resize(&format!("flow{side}_1.fine{level}"), flows[side], extent, small, None),
            });
            let warped = [0, 1].map(|side| {
                b.warp(&format!("img{side}/fine{level}.warped"), features[side][level - 1], flow[side])
            });
            for side in [0, 1] {
                let name = format!("{side}_{level}");
                let coarser = guides[side]
                    .map(|guide| b.resize(&format!("guide{name}.coarser"), guide, extent, 1.0, None));
                let aligned = Aligned {
                    name: &name,
                    layer: &format!("generator.refiner.fgdcl_{name}"),
                    features: features[side][level - 1],
                    warped: [warped[side], warped[1 - side]],
                    flow: flow[side],
                    coarser,
                };
                let (out, guide) = aligned.describe(b);
                inputs[level - 1].push(Source::Map(out));
                guides[side] = Some(guide);
            }
            inputs[level - 1].push(middle[level - 1].into());
        }
        // What the grid makes is added to the fused frame; below full size, by way of a resize.
        if scale == Ratio::ONE {
            return self.grid(b, inputs, scale, "refined", Some(merged));
        }
        let added = self.grid(b, inputs, scale, "refined.small", None)?;
        Ok(b.resize("refined", added, Extent::FULL, 1.0, Some(merged)))
    }
}

impl Aligned<'_> {
    /// A deformable convolution of the features, whose offsets begin at the flow, added to the features along the flow; and
    /// what guided it.
    fn describe(&self, b: &mut Builder) -> (View, View) {
        let Self { name, layer, features, warped, flow, coarser } = *self;
        let width = features.channels;
        let relu = ConvSpec { activation: Activation::Relu, ..ConvSpec::new(width, Window::THREE) };
        let mut conv = |what: &str, layer_end: &str, inputs: Vec<Source>, spec: ConvSpec| {
            b.conv(&format!("{what}{name}"), &format!("{layer}.{layer_end}"), inputs, spec)
        };
        let x = conv("guide.a", "conv1.0", warped.map(Source::Map).to_vec(), relu);
        let x = conv("guide.b", "conv1.2", vec![x.into()], relu);
        let inputs = std::iter::once(x).chain(coarser).map(Source::Map).collect();
        let x = conv("guide.c", "conv2.0", inputs, relu);
        let guide = conv("guide", "conv2.2", vec![x.into()], relu);
        let samples = 9 * IfrPlus::GUIDED_GROUPS;
        let spec = ConvSpec::new(2 * samples, Window::THREE);
        let offsets = conv("offsets", "conv_offset.0", vec![guide.into()], spec);
        let activation = Activation::Sigmoid;
        let spec = ConvSpec { activation, ..ConvSpec::new(samples, Window::THREE) };
        let masks = conv("masks", "conv_mask.0", vec![guide.into()], spec);
        let spec = ConvSpec { residual: Some(warped[0]), ..ConvSpec::new(width, Window::THREE) };
        let name = format!("aligned{name}");
        let out = b.deform_conv(&name, layer, vec![features.into()], [offsets, masks], Some(flow), spec);
        (out, guide)
    }
}
