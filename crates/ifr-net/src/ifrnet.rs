use std::fmt;

use crate::graph::{
    Activation, Binary, Builder, ConvSpec, Extent, Graph, GraphError, Ratio, Source, View, Window,
};
use crate::prior::{Prior, PriorInputs};

/// The widths that make a member of the IFRNet family (CVPR 2022), and whether it starts from a prior; everything else is
/// common to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IfrNet {
    /// What the network is called, e.g. `ifrnet-s` or, with a prior, `ifrnet-s+flow`.
    pub name: &'static str,
    /// Channels of the encoder's four levels, at 1/2, 1/4, 1/8 and 1/16 of the input.
    pub encoder: [usize; 4],
    /// Inner channels of decoders 4, 3, 2 and 1.
    pub decoder: [usize; 4],
    /// The last channels of a residual block, which its second and fourth convolution refine alone.
    pub side: usize,
    /// Kernel of the very first convolution.
    pub first_kernel: usize,
    /// What it is told of each instant beside the images; `None`: nothing, as published.
    pub prior: Option<Prior>,
}

impl IfrNet {
    /// The small network: 2.80 million parameters.
    pub const S: Self = Self {
        name: "ifrnet-s",
        encoder: [24, 36, 54, 72],
        decoder: [144, 162, 108, 72],
        side: 24,
        first_kernel: 3,
        prior: None,
    };
    /// The base network, plain "IFRNet" in the paper: 4.96 million parameters.
    pub const B: Self = Self {
        name: "ifrnet-b",
        encoder: [32, 48, 72, 96],
        decoder: [192, 216, 144, 96],
        side: 32,
        first_kernel: 3,
        prior: None,
    };
    /// The large network: 19.7 million parameters.
    pub const L: Self = Self {
        name: "ifrnet-l",
        encoder: [64, 96, 144, 192],
        decoder: [384, 432, 288, 192],
        side: 64,
        first_kernel: 7,
        prior: None,
    };
    /// The small network on classical flow.
    pub const S_FLOW: Self = Self { name: "ifrnet-s+flow", prior: Some(Prior::Flow), ..Self::S };
    /// The base network on classical flow.
    pub const B_FLOW: Self = Self { name: "ifrnet-b+flow", prior: Some(Prior::Flow), ..Self::B };
    /// The large network on classical flow.
    pub const L_FLOW: Self = Self { name: "ifrnet-l+flow", prior: Some(Prior::Flow), ..Self::L };
    /// All six: as published, then with a prior.
    pub const ALL: [Self; 6] = [Self::S, Self::B, Self::L, Self::S_FLOW, Self::B_FLOW, Self::L_FLOW];

    /// The same widths with that prior, or with none. Members of the family take the name of the other member.
    #[must_use]
    pub fn with_prior(self, prior: Option<Prior>) -> Self {
        let wanted = Self { prior, ..self };
        let member = Self::ALL.into_iter().find(|known| Self { name: self.name, ..*known } == wanted);
        member.unwrap_or(wanted)
    }

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
    /// With the prior [`Prior::Flow`] there are two more inputs, `prior.flows` and `prior.frame` (see there), and the network
    /// finds what is to be added to them: its decoders warp along the sum of the prior's flows and its own, decoder 1 reads
    /// the encoder's features of `prior.frame` too, and a gate blends `prior.frame` with what the flows bring together:
    /// pred = clamp(gate · `prior.frame` + (1 − gate) · `merged` + residual).
    ///
    /// | name | channels | extent | what |
    /// |---|---|---|---|
    /// | `prior0` | 4 | scale | `prior.flows` in that level's pixels, where scale < 1 |
    /// | `prior1` … `prior4` | 4 | scale/2 … scale/16 | the same, each the mean of 2×2 pixels of the one before |
    /// | `prior.frame/level1` | encoder's | scale/2 | features of the prior's frame |
    /// | `decoder1` | 2 + 2 + 1 + 3 + 1 | scale | raw, with the gate's logit at the end |
    /// | `residual_flows3` … `residual_flows1` | 4 | scale/4 … scale | what is added to the prior |
    /// | `flows4` … `flows1` | 4 | scale/8 … scale | the sums, along which the next decoder or the synthesis warps |
    /// | `gate` | 1 | scale | weight of `prior.frame` |
    /// | `gate.full` | 1 | 1 | the same at full size, where scale < 1 |
    /// | `merged` | 3 | 1 | both images along the flows, blended by the mask |
    ///
    /// # Errors
    /// [`GraphError::Scale`] when the scale is above 1 or below 1/16.
    pub fn graph(&self, scale: Ratio) -> Result<Graph, GraphError> {
        self.describe(scale, false)
    }

    /// The network at full scale with one input more, at the end: `target`, the true frame in between (3 channels, RGB in
    /// \[0, 1\]), and with what training compares to the decoders' features, `target/level1` … `target/level3`: the
    /// encoder's features of `target` minus the mean of `img0` and `img1`. Parameters and everything else are those of
    /// [`IfrNet::graph`].
    ///
    /// # Errors
    /// None for the members of the family.
    pub fn training_graph(&self) -> Result<Graph, GraphError> {
        self.describe(Ratio::ONE, true)
    }

    fn describe(&self, scale: Ratio, training: bool) -> Result<Graph, GraphError> {
        if scale.num() > scale.den() || scale.num() * 16 < scale.den() {
            return Err(GraphError::Scale(scale));
        }
        let mut builder = Builder::new(self.name);
        let b = &mut builder;
        let img0 = b.input("img0", 3, Extent::FULL);
        let img1 = b.input("img1", 3, Extent::FULL);
        let t = b.timestep("t");
        let prior = self.prior.map(|prior| PriorInputs::declare(b, prior));
        let target = training.then(|| b.instant("target", 3, Extent::FULL));

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
        if let Some(target) = target {
            let mut features = centre(b, "target/centred", target);
            for level in 1..=3 {
                features = self.encoder_level(b, "target", level, features);
            }
        }

        let priors = match prior {
            Some(inputs) => {
                b.stage("prior");
                Some(inputs.pyramid(b, scale)?)
            }
            None => None,
        };
        // What the flows are, from what the network adds to them.
        let total = |b: &mut Builder, level: usize, residual: View| match priors {
            Some(priors) => {
                b.binary(&format!("flows{level}"), Binary::Add, priors[level - 1], residual, Activation::None)
            }
            None => residual,
        };

        b.stage("decoder4");
        let [.., f0_4] = f0;
        let [.., f1_4] = f1;
        let inputs = match priors {
            Some([.., flows]) => warped_along(flows, f0_4, f1_4).to_vec(),
            None => vec![f0_4.into(), f1_4.into()],
        };
        let mut out = self.decoder(b, 4, [inputs, vec![Source::Plane(t)]].concat());
        let mut added = out.range(0, 4);
        let mut flows = total(b, 4, added);
        for level in [3, 2, 1] {
            let mut inputs = vec![out.from(4).into()];
            inputs.extend(warped_along(flows, f0[level - 1], f1[level - 1]));
            inputs.push(flows.into());
            if let (Some(prior), 1) = (prior, level) {
                b.stage("prior");
                let full = centre(b, "prior.frame/centred", prior.frame);
                let work = if scale == Ratio::ONE {
                    full
                } else {
                    b.resize("prior.frame/small", full, work, 1.0, None)
                };
                inputs.push(self.encoder_level(b, "prior.frame", 1, work).into());
            }
            b.stage(&format!("decoder{level}"));
            out = self.decoder(b, level, inputs);
            let extent = Extent::Map(scale.times(1, 1 << (level - 1))?);
            let name = if priors.is_some() { "residual_flows" } else { "flows" };
            added = b.resize(&format!("{name}{level}"), added, extent, 2.0, Some(out.range(0, 4)));
            flows = total(b, level, added);
        }

        b.stage("synthesis");
        let mut mask = b.activate("mask", out.range(4, 1), Activation::Sigmoid);
        let mut residual = out.range(5, 3);
        if scale != Ratio::ONE {
            // The prior's flows are known at full size: only what is added to them is enlarged.
            let prior = prior.map(|prior| prior.flows);
            flows = b.resize("flows", added, Extent::FULL, scale.inverse().value(), prior);
            mask = b.resize("mask.full", mask, Extent::FULL, 1.0, None);
            residual = b.resize("residual", residual, Extent::FULL, 1.0, None);
        }
        let [from0, from1] = warped_along(flows, full0, full1);
        let (mean, codes) = (Source::Plane(mean), Activation::Clamp { low: 0.0, high: 1.0 });
        let pred = if let Some(prior) = prior {
            let mut gate = b.activate("gate", out.range(8, 1), Activation::Sigmoid);
            if scale != Ratio::ONE {
                gate = b.resize("gate.full", gate, Extent::FULL, 1.0, None);
            }
            let merged = b.blend("merged", mask, from0, from1, vec![mean], Activation::None);
            b.blend("pred", gate, prior.frame.into(), merged.into(), vec![residual.into()], codes)
        } else {
            b.blend("pred", mask, from0, from1, vec![mean, residual.into()], codes)
        };
        b.output(pred);
        builder.finish()
    }

    /// The features of an image on four levels.
    fn encoder(&self, b: &mut Builder, image: &str, input: View) -> [View; 4] {
        let mut x = input;
        let mut level = 0;
        self.encoder.map(|_| {
            level += 1;
            x = self.encoder_level(b, image, level, x);
            x
        })
    }

    /// One level, 1 to 4: a convolution that halves and one that keeps the size.
    fn encoder_level(&self, b: &mut Builder, image: &str, level: usize, input: View) -> View {
        let channels = self.encoder[level - 1];
        let halve =
            if level == 1 { Window::new(self.first_kernel, 2, self.first_kernel / 2) } else { Window::HALVE };
        let name = format!("{image}/level{level}");
        let layer = |i: usize| format!("encoder.pyramid{level}.{i}");
        let x = conv_prelu(b, &format!("{name}.half"), &layer(0), vec![input.into()], channels, halve);
        conv_prelu(b, &name, &layer(1), vec![x.into()], channels, Window::THREE)
    }

    /// A convolution, the residual block and the transposed convolution that doubles the size.
    fn decoder(&self, b: &mut Builder, level: usize, inputs: Vec<Source>) -> View {
        let (name, layer) = (format!("decoder{level}"), format!("decoder{level}.convblock"));
        let inner = self.decoder[4 - level];
        // Two flows, then the next level's features or, from the last decoder, mask, residual and gate.
        let gate = usize::from(self.prior.is_some());
        let outputs = 4 + if level == 1 { 1 + 3 + gate } else { self.encoder[level - 2] };
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

/// What is sampled of two maps along the first and the second of two flows.
fn warped_along(flows: View, first: View, second: View) -> [Source; 2] {
    [
        Source::Warped { image: first, flow: flows.range(0, 2) },
        Source::Warped { image: second, flow: flows.range(2, 2) },
    ]
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
