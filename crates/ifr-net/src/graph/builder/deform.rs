//! Deformable convolutions.

use super::{Builder, ConvSpec};
use crate::graph::{DeformConv, Extent, Op, Source, View};

impl Builder {
    /// [`Op::DeformConv`] with the parameters `{layer}.weight` and `{layer}.bias`. Its window keeps the size; it has as many
    /// deformable groups as `offsets` and `masks` are for.
    pub fn deform_conv(
        &mut self,
        name: &str,
        layer: &str,
        inputs: Vec<Source>,
        [offsets, masks]: [View; 2],
        flow: Option<View>,
        spec: ConvSpec,
    ) -> View {
        let ConvSpec { channels, window: w, .. } = spec;
        if w.stride != 1 || w.kernel != 1 + 2 * w.padding || spec.groups != 1 {
            return self
                .refuse(name, "a deformable convolution has a window that keeps the size, and one group");
        }
        let (extent, total) = self.sources(name, &inputs);
        if extent == Extent::Point {
            return self.refuse(name, "a deformable convolution takes maps");
        }
        let steering = [Some(offsets), Some(masks), flow].into_iter().flatten();
        let steering: Vec<Source> = steering.map(Source::Map).collect();
        self.sources_at(name, &steering, Some(extent));
        let taps = w.kernel * w.kernel;
        let groups = masks.channels / taps;
        if groups == 0 || masks.channels != groups * taps || offsets.channels != 2 * masks.channels {
            let (o, m) = (offsets.channels, masks.channels);
            return self.refuse(name, &format!("{o} offsets and {m} masks for a window of {taps} taps"));
        }
        if total % groups != 0 {
            return self.refuse(name, &format!("{total} channels in {groups} deformable groups"));
        }
        if flow.is_some_and(|flow| flow.channels != 2) {
            return self.refuse(name, "a flow has 2 channels");
        }
        let conv = self.conv_op(layer, inputs, vec![channels, total, w.kernel, w.kernel], spec);
        let op = DeformConv { conv, offsets, masks, flow, groups };
        self.push(name, channels, extent, Op::DeformConv(op))
    }
}
