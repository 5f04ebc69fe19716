use std::fmt;

use crate::graph::{
    Activation, Binary, Builder, ConvSpec, Extent, Graph, GraphError, Ratio, Source, View, Window,
};

/// The widths that make a member of the IFRNet family (CVPR 2022); everything else is common to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IfrNet {
    /// What the network is called, e.g. `ifrnet-s`.
    pub name: &'static str,
    /// Channels of the encoder's four levels, at 1/2, 1/4, 1/8 and 1/16 of the input.
    pub encoder: [usize; 4],
    /// Inner channels of decoders 4, 3, 2 and 1.
    pub decoder: [usize; 4],
    /// The last channels of a residual block, which its second and fourth convolution refine alone.
    pub side: usize,
    /// Kernel of the very first convolution.
    pub first_kernel: usize,
}

impl IfrNet {
    /// The small network: 2.80 million parameters.
    pub const S: Self = Self {
        name: "ifrnet-s",
        encoder: [24, 36, 54, 72],
        decoder: [144, 162, 108, 72],
        side: 24,
        first_kernel: 3,
    };
    /// The base network, plain "IFRNet" in the paper: 4.96 million parameters.
    pub const B: Self = Self {
        name: "ifrnet-b",
        encoder: [32, 48, 72, 96],
        decoder: [192, 216, 144, 96],
        side: 32,
        first_kernel: 3,
    };
    /// The large network: 19.7 million parameters.
    pub const L: Self = Self {
        name: "ifrnet-l",
        encoder: [64, 96, 144, 192],
        decoder: [384, 432, 288, 192],
        side: 64,
        first_kernel: 7,
    };
    /// All three.
    pub const ALL: [Self; 3] = [Self::S, Self::B, Self::L];

    /// The network as a graph that works at `scale` times the size of its input (at most 1) and blends at full size.
    ///
    /// Inputs: `img0`, `img1` (3 channels, RGB in \[0, 1\], padded to a multiple of [`Graph::multiple`]) and `t`.
    /// Output: `pred`, 3 channels in \[0, 1\]. Other tensors worth asking for (see [`Graph::with_outputs`]):
    ///
    /// | name | channels | extent | what |
    /// |---|---|---|---|
    /// | `img0/level1` … `img1/level4` | encoder's | scale/2 … scale/16 | features of each image |
    /// | `decoder4` … `decoder2` | 2 + 2 + next level's | scale/8 … scale/2 | raw: flow residuals, features of the middle |
    /// | `decoder1` | 2 + 2 + 1 + 3 | scale | raw: flow residuals, mask logit, RGB residual |
    /// | `flows3` … `flows1` | 4 | scale/4 … scale | flow to `img0` (x, y), then to `img1`, in that level's pixels |
    /// | `mask` | 1 | scale | weight of `img0` |
    /// | `flows`, `mask.full`, `residual` | 4, 1, 3 | 1 | the same at full size, where scale < 1 |
    ///
    /// # Errors
    /// [`GraphError::Scale`] when the scale is above 1 or below 1/16.
    pub fn graph(&self, scale: Ratio) -> Result<Graph, GraphError> {
        if scale.num() > scale.den() || scale.num() * 16 < scale.den() {
            return Err(GraphError::Scale(scale));
        }
        let mut builder = Builder::new(self.name);
        let b = &mut builder;
        let img0 = b.input("img0", 3, Extent::FULL);
        let img1 = b.input("img1", 3, Extent::FULL);
        let t = b.timestep("t");

        b.stage("prepare");
        let mean = b.mean("mean", vec![img0, img1]);
        let centre = |b: &mut Builder, name: &str, image: View| {
            b.binary(name, Binary::Sub, image, Source::Plane(mean), Activation::None)
        };
        let full0 = centre(b, "img0/centred", img0);
        let full1 = centre(b, "img1/centred", img1);
        let work = Extent::Map(scale);
        let (work0, work1) = if scale == Ratio::ONE {
            (full0, full1)
        } else {
            let small0 = b.resize("img0/small", full0, work, 1.0, None);
            (small0, b.resize("img1/small", full1, work, 1.0, None))
        };

        b.stage("encoder");
        let f0 = self.encoder(b, "img0", work0);
        let f1 = self.encoder(b, "img1", work1);

        b.stage("decoder4");
        let [.., f0_4] = f0;
        let [.., f1_4] = f1;
        let out4 = self.decoder(b, 4, vec![f0_4.into(), f1_4.into(), Source::Plane(t)]);
        let mut flows = out4.range(0, 4);
        let mut out = out4;
        for level in [3, 2, 1] {
            b.stage(&format!("decoder{level}"));
            let (to0, to1) = (flows.range(0, 2), flows.range(2, 2));
            let warped = |image, flow| Source::Warped { image, flow };
            let inputs = vec![
                out.from(4).into(),
                warped(f0[level - 1], to0),
                warped(f1[level - 1], to1),
                flows.into(),
            ];
            out = self.decoder(b, level, inputs);
            let extent = Extent::Map(scale.times(1, 1 << (level - 1))?);
            flows = b.resize(&format!("flows{level}"), flows, extent, 2.0, Some(out.range(0, 4)));
        }

        b.stage("synthesis");
        let mut mask = b.activate("mask", out.range(4, 1), Activation::Sigmoid);
        let mut residual = out.range(5, 3);
        if scale != Ratio::ONE {
            flows = b.resize("flows", flows, Extent::FULL, scale.inverse().value(), None);
            mask = b.resize("mask.full", mask, Extent::FULL, 1.0, None);
            residual = b.resize("residual", residual, Extent::FULL, 1.0, None);
        }
        let pred = b.blend(
            "pred",
            mask,
            Source::Warped { image: full0, flow: flows.range(0, 2) },
            Source::Warped { image: full1, flow: flows.range(2, 2) },
            vec![Source::Plane(mean), residual.into()],
            Activation::Clamp { low: 0.0, high: 1.0 },
        );
        b.output(pred);
        builder.finish()
    }

    /// Four levels, each a convolution that halves and one that keeps the size.
    fn encoder(&self, b: &mut Builder, image: &str, input: View) -> [View; 4] {
        let mut x = input;
        let mut level = 0;
        self.encoder.map(|channels| {
            level += 1;
            let halve = if level == 1 {
                Window::new(self.first_kernel, 2, self.first_kernel / 2)
            } else {
                Window::HALVE
            };
            let layer = |i: usize| format!("encoder.pyramid{level}.{i}");
            x = conv_prelu(
                b,
                &format!("{image}/level{level}.half"),
                &layer(0),
                vec![x.into()],
                channels,
                halve,
            );
            x = conv_prelu(
                b,
                &format!("{image}/level{level}"),
                &layer(1),
                vec![x.into()],
                channels,
                Window::THREE,
            );
            x
        })
    }

    /// A convolution, the residual block and the transposed convolution that doubles the size.
    fn decoder(&self, b: &mut Builder, level: usize, inputs: Vec<Source>) -> View {
        let (name, layer) = (format!("decoder{level}"), format!("decoder{level}.convblock"));
        let inner = self.decoder[4 - level];
        // Two flows, then the next level's features or, from the last decoder, mask and residual.
        let outputs = 4 + if level == 1 { 1 + 3 } else { self.encoder[level - 2] };
        let x = conv_prelu(b, &format!("{name}.in"), &format!("{layer}.0"), inputs, inner, Window::THREE);
        let y = self.residual_block(b, &name, &format!("{layer}.1"), x);
        let spec = ConvSpec::new(outputs, Window::DOUBLE);
        b.conv_transpose(&name, &format!("{layer}.2"), vec![y.into()], spec)
    }

    /// Five convolutions; the second and fourth replace the last [`side`](Self::side) channels.
    fn residual_block(&self, b: &mut Builder, name: &str, layer: &str, x: View) -> View {
        let (all, side) = (x.channels, self.side);
        let three = Window::THREE;
        let mut inputs: Vec<Source> = vec![x.into()];
        for (whole, part) in [(1, 2), (3, 4)] {
            let tensor = |i: usize| format!("{name}.res{i}");
            let param = |i: usize| format!("{layer}.conv{i}");
            let y = conv_prelu(b, &tensor(whole), &param(whole), inputs, all, three);
            let kept = all.saturating_sub(side);
            let replaced = conv_prelu(b, &tensor(part), &param(part), vec![y.from(kept).into()], side, three);
            inputs = vec![y.range(0, kept).into(), replaced.into()];
        }
        let activation = b.prelu(&format!("{layer}.prelu.weight"), all);
        let spec = ConvSpec { residual: Some(x), activation, ..ConvSpec::new(all, three) };
        b.conv(&format!("{name}.res"), &format!("{layer}.conv5"), inputs, spec)
    }
}

impl fmt::Display for IfrNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A convolution `{layer}.0` followed by the PReLU `{layer}.1`, as the reference's `convrelu`.
fn conv_prelu(
    b: &mut Builder,
    name: &str,
    layer: &str,
    inputs: Vec<Source>,
    channels: usize,
    window: Window,
) -> View {
    let activation = b.prelu(&format!("{layer}.1.weight"), channels);
    let spec = ConvSpec { activation, ..ConvSpec::new(channels, window) };
    b.conv(name, &format!("{layer}.0"), inputs, spec)
}
