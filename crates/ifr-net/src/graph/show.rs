use std::fmt;

use super::{Activation, Conv, Graph, Op, Source, View};

/// One line for each operation: what is written, its channels and extent, and from what.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.tensors.iter().map(|t| t.name.len()).max().unwrap_or(0);
        for &id in &self.inputs {
            let t = self.tensor(id);
            writeln!(f, "{:name_width$}  {:>4} @ {:<6} input", t.name, t.channels, t.extent.to_string())?;
        }
        for node in &self.nodes {
            let t = self.tensor(node.output);
            write!(f, "{:name_width$}  {:>4} @ {:<6} ", t.name, t.channels, t.extent.to_string())?;
            writeln!(f, "{}", self.describe(&node.op))?;
        }
        Ok(())
    }
}

impl Graph {
    fn describe(&self, op: &Op) -> String {
        let act = |activation: &Activation| match activation {
            Activation::None => String::new(),
            Activation::Prelu(id) => format!(" prelu {}", self.param(*id).name),
            Activation::PreluNonNegative(id) => format!(" prelu max(0, {})", self.param(*id).name),
            Activation::Relu => " relu".to_owned(),
            Activation::Gelu => " gelu".to_owned(),
            Activation::Sigmoid => " sigmoid".to_owned(),
            Activation::Clamp { low, high } => format!(" clamp {low}..{high}"),
        };
        let conv = |conv: &Conv| {
            let w = conv.window;
            let residual = conv.residual.map_or_else(String::new, |v| format!(" + {}", self.show(v)));
            let activation = act(&conv.activation);
            let weight = &self.param(conv.weight).name;
            let groups = if conv.groups == 1 { String::new() } else { format!(" groups {}", conv.groups) };
            format!(
                "{}/{}/{}{groups} {weight} of {}{residual}{activation}",
                w.kernel,
                w.stride,
                w.padding,
                self.list(&conv.inputs)
            )
        };
        let rest = match op {
            Op::Conv(c) | Op::ConvTranspose(c) => conv(c),
            Op::DeformConv(d) => {
                let flow = d.flow.map_or_else(String::new, |v| format!(" + {}", self.show(v)));
                let (offsets, masks) = (self.show(d.offsets), self.show(d.masks));
                format!("{} at {offsets}{flow} times {masks}", conv(&d.conv))
            }
            Op::Warp { image, flow } => format!("{} by {}", self.show(*image), self.show(*flow)),
            Op::Resize { input, gain, add, .. } => {
                let add = add.map_or_else(String::new, |v| format!(" + {}", self.show(v)));
                format!("{gain} x {}{add}", self.show(*input))
            }
            Op::Binary { a, b, activation, .. } => format!("{}{}", self.list(&[*a, *b]), act(activation)),
            Op::Activate { input, activation } => format!("{}{}", self.show(*input), act(activation)),
            Op::Affine { input, gain, offset, activation } => {
                format!("{gain:?} x {} + {offset:?}{}", self.show(*input), act(activation))
            }
            Op::Sum { inputs, gain } => {
                let terms: Vec<_> = inputs.iter().map(|v| self.show(*v)).collect();
                format!("{gain} x ({})", terms.join(" + "))
            }
            Op::LayerNorm(norm) | Op::ResponseNorm(norm) => {
                format!("{} by {}", self.show(norm.input), self.param(norm.weight).name)
            }
            Op::ChannelMean { input } => self.show(*input),
            Op::Mean { inputs } => inputs.iter().map(|v| self.show(*v)).collect::<Vec<_>>().join(", "),
            Op::Blend { mask, a, b, add, activation } => {
                let add = if add.is_empty() { String::new() } else { format!(" + {}", self.list(add)) };
                format!("{} ? {}{add}{}", self.show(*mask), self.list(&[*a, *b]), act(activation))
            }
        };
        format!("{} {rest}", op.kind())
    }

    fn show(&self, view: View) -> String {
        let t = self.tensor(view.tensor);
        if (view.first, view.channels) == (0, t.channels) {
            return t.name.clone();
        }
        format!("{}[{}..{}]", t.name, view.first, view.first + view.channels)
    }

    fn list(&self, sources: &[Source]) -> String {
        let one = |source: &Source| match source {
            Source::Map(view) => self.show(*view),
            Source::Warped { image, flow } => format!("warp({}, {})", self.show(*image), self.show(*flow)),
            Source::Plane(view) => format!("plane({})", self.show(*view)),
        };
        sources.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
