use std::fmt;

use crate::graph::{DeformConv, Graph, GraphError, Op, Phase, TensorInfo};

/// What one stage of a network costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageCost {
    /// The stage's name, e.g. `decoder4`.
    pub name: String,
    /// Values of the parameters that the stage uses first.
    pub parameters: u64,
    /// Multiply-accumulates of its convolutions for one pair and one timestep.
    pub macs: u64,
    /// Bytes of the `f32` tensors it writes for one pair and one timestep.
    pub written: u64,
}

/// What a network costs at a given size, counted by walking its graph. [`Display`](fmt::Display) makes a table.
///
/// Multiply-accumulates are those of convolutions, transposed or not, with zero padding counted as if it were data and
/// concatenated planes as channels, as papers count them; a deformable convolution counts as an ordinary one (its samples as
/// data), and the convolution that makes its offsets as what it is. Warps, resizes, normalisations and activations are not in
/// it.
///
/// ```
/// use ifr_net::{Cost, IfrNet, Ratio};
///
/// let cost = Cost::of(&IfrNet::S.graph(Ratio::ONE)?, 448, 256)?;
/// assert_eq!(format!("{:.2}", cost.macs() as f64 / 1e9), "12.60");
/// println!("{cost}");
/// # Ok::<(), ifr_net::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The network's name.
    pub network: String,
    /// Width in pixels, padded.
    pub width: usize,
    /// Height in pixels, padded.
    pub height: usize,
    /// Each stage, in order.
    pub stages: Vec<StageCost>,
    /// Of all multiply-accumulates, those that are done once for a pair, whatever the number of timesteps.
    pub pair_macs: u64,
    /// Bytes of the tensors, inputs included, that must exist at once when operations run in order, one pair and one
    /// timestep at a time, and what the pair's operations made is kept for the next timestep.
    pub peak: u64,
}

impl Cost {
    /// Counts for an input of `width` × `height` pixels and a batch of one.
    ///
    /// # Errors
    /// [`GraphError::Size`] when the size is no multiple of [`Graph::multiple`].
    pub fn of(graph: &Graph, width: usize, height: usize) -> Result<Self, GraphError> {
        graph.check_size(width, height)?;
        let mut stages: Vec<StageCost> = graph
            .stages()
            .iter()
            .map(|name| StageCost { name: name.clone(), parameters: 0, macs: 0, written: 0 })
            .collect();
        let mut counted = vec![false; graph.params().len()];
        let mut pair_macs = 0;
        for node in graph.nodes() {
            let stage = &mut stages[node.stage.index()];
            for id in node.op.params() {
                if !std::mem::replace(&mut counted[id.index()], true) {
                    stage.parameters += graph.param(id).len() as u64;
                }
            }
            let output = graph.tensor(node.output);
            let macs = macs(graph, &node.op, output, width, height);
            stage.macs += macs;
            stage.written += bytes(output, width, height);
            if output.phase == Phase::Pair {
                pair_macs += macs;
            }
        }
        let peak = peak(graph, width, height);
        Ok(Self { network: graph.name().to_owned(), width, height, stages, pair_macs, peak })
    }

    /// Values of all parameters.
    pub fn parameters(&self) -> u64 {
        self.stages.iter().map(|s| s.parameters).sum()
    }

    /// All multiply-accumulates, for one pair and one timestep.
    pub fn macs(&self) -> u64 {
        self.stages.iter().map(|s| s.macs).sum()
    }

    /// The multiply-accumulates that every further timestep costs.
    pub fn instant_macs(&self) -> u64 {
        self.macs() - self.pair_macs
    }

    /// Bytes of all tensors written, for one pair and one timestep.
    pub fn written(&self) -> u64 {
        self.stages.iter().map(|s| s.written).sum()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let giga = |macs: u64| macs as f64 / 1e9;
        writeln!(f, "{} at {}x{}", self.network, self.width, self.height)?;
        writeln!(f, "{:<12} {:>12} {:>10} {:>12}", "stage", "parameters", "GMAC", "written MiB")?;
        let total = StageCost {
            name: "total".to_owned(),
            parameters: self.parameters(),
            macs: self.macs(),
            written: self.written(),
        };
        for s in self.stages.iter().chain([&total]) {
            let (gmac, mib) = (giga(s.macs), mib(s.written));
            writeln!(f, "{:<12} {:>12} {gmac:>10.2} {mib:>12.1}", s.name, s.parameters)?;
        }
        writeln!(f, "{:.2} M parameters", self.parameters() as f64 / 1e6)?;
        let (pair, instant) = (giga(self.pair_macs), giga(self.instant_macs()));
        writeln!(f, "{pair:.2} GMAC for a pair, {instant:.2} GMAC for each frame between")?;
        write!(f, "{:.1} MiB of activations at once", mib(self.peak))
    }
}

fn pixels(info: &TensorInfo, width: usize, height: usize) -> u64 {
    let (w, h) = info.extent.size(width, height);
    w as u64 * h as u64
}

fn bytes(info: &TensorInfo, width: usize, height: usize) -> u64 {
    4 * info.channels as u64 * pixels(info, width, height)
}

fn macs(graph: &Graph, op: &Op, output: &TensorInfo, width: usize, height: usize) -> u64 {
    let taps = |c: &crate::graph::Conv| (c.window.kernel * c.window.kernel) as u64;
    let inputs = |c: &crate::graph::Conv| c.inputs.iter().map(|s| s.channels()).sum::<usize>() / c.groups;
    match op {
        Op::Conv(c) | Op::DeformConv(DeformConv { conv: c, .. }) => {
            pixels(output, width, height) * output.channels as u64 * inputs(c) as u64 * taps(c)
        }
        // Every input pixel meets the whole kernel; the output has stride² times as many.
        Op::ConvTranspose(c) => {
            let weights = graph.param(c.weight).len() as u64;
            pixels(output, width, height) / (c.window.stride * c.window.stride) as u64 * weights
        }
        Op::Warp { .. }
        | Op::Resize { .. }
        | Op::Binary { .. }
        | Op::Activate { .. }
        | Op::Affine { .. }
        | Op::Sum { .. }
        | Op::LayerNorm(_)
        | Op::ResponseNorm(_)
        | Op::ChannelMean { .. }
        | Op::Mean { .. }
        | Op::Blend { .. } => 0,
    }
}

/// Pair operations run first, then those of one instant; a tensor lives from its operation to its last reader.
fn peak(graph: &Graph, width: usize, height: usize) -> u64 {
    let order: Vec<_> = graph.nodes_of(Phase::Pair).chain(graph.nodes_of(Phase::Instant)).collect();
    let end = order.len();
    let mut last = vec![0; graph.tensors().len()];
    for (i, node) in order.iter().enumerate() {
        last[node.output.index()] = i;
        for view in node.op.views() {
            let kept = graph.tensor(view.tensor).phase == Phase::Pair
                && graph.tensor(node.output).phase == Phase::Instant;
            let until = &mut last[view.tensor.index()];
            *until = if kept { end } else { i.max(*until) };
        }
    }
    for id in graph.outputs() {
        last[id.index()] = end;
    }
    let size = |i: usize| bytes(&graph.tensors()[i], width, height);
    let mut live: u64 = graph.inputs().iter().map(|id| size(id.index())).sum();
    let mut peak = live;
    for (i, node) in order.iter().enumerate() {
        live += size(node.output.index());
        peak = peak.max(live);
        live -= (0..last.len()).filter(|&t| last[t] == i && exists(graph, t)).map(size).sum::<u64>();
    }
    peak
}

/// Inputs that nobody reads stay with the caller.
fn exists(graph: &Graph, tensor: usize) -> bool {
    graph
        .nodes()
        .iter()
        .any(|n| n.output.index() == tensor || n.op.views().iter().any(|v| v.tensor.index() == tensor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Builder, ConvSpec, Extent, Ratio, Window};
    use crate::ifrnet::IfrNet;

    fn at(net: IfrNet, width: usize, height: usize) -> Cost {
        Cost::of(&net.graph(Ratio::ONE).unwrap(), width, height).unwrap()
    }

    fn giga(macs: u64) -> String {
        format!("{:.2}", macs as f64 / 1e9)
    }

    #[test]
    fn the_published_figures() {
        for (net, parameters, small, large) in
            [(IfrNet::S, "2.80", "12.60", "98.97"), (IfrNet::B, "4.96", "22.18", "174.24")]
        {
            assert_eq!(format!("{:.2}", at(net, 448, 256).parameters() as f64 / 1e6), parameters, "{net}");
            assert_eq!(giga(at(net, 448, 256).macs()), small, "{net}");
            assert_eq!(giga(at(net, 1280, 704).macs()), large, "{net}");
        }
        assert_eq!(format!("{:.1}", at(IfrNet::L, 448, 256).parameters() as f64 / 1e6), "19.7");
    }

    #[test]
    fn the_peak_is_what_lives_at_once() {
        let mut b = Builder::new("chain");
        let x = b.input("x", 2, Extent::FULL);
        let y = b.conv("y", "y", vec![x.into()], ConvSpec::new(3, Window::THREE));
        let z = b.conv("z", "z", vec![y.into()], ConvSpec::new(5, Window::THREE));
        let last = b.conv("last", "last", vec![z.into()], ConvSpec::new(1, Window::THREE));
        b.output(last);
        let cost = Cost::of(&b.finish().unwrap(), 4, 4).unwrap();
        // y and z together, 8 channels of 16 pixels.
        assert_eq!(cost.peak, 8 * 16 * 4);
        assert_eq!(cost.macs(), 16 * 9 * (2 * 3 + 3 * 5 + 5));
        assert_eq!(cost.instant_macs(), 0);
    }

    #[test]
    fn the_table_names_every_stage() {
        let text = at(IfrNet::S, 448, 256).to_string();
        for word in
            ["ifrnet-s at 448x256", "encoder", "decoder1", "12.60", "2.80 M parameters", "MiB of activations"]
        {
            assert!(text.contains(word), "{word} in\n{text}");
        }
        assert!(Cost::of(&IfrNet::S.graph(Ratio::ONE).unwrap(), 450, 256).is_err());
    }
}
