//! Normalisations, means by channel, points through convolutions, and arithmetic with constants.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker, at};
use crate::graph::{Activation, Binary, ConvSpec, GraphError, Source, Window};

const SIZES: [[usize; 3]; 4] = [[1, 1, 1], [2, 3, 5], [1, 9, 34], [2, 40, 67]];

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    norms(&mut cases)?;
    means(&mut cases)?;
    constants(&mut cases)?;
    block(&mut cases)?;
    Ok(cases)
}

fn norms(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let fills = [
        ("noise", Fill::Noise(2.0)),
        ("a constant", Fill::All(3.0)),
        ("zeros", Fill::All(0.0)),
        ("small noise", Fill::Noise(1e-4)),
    ];
    for (what, fill) in fills {
        for size in SIZES {
            for (channels, first, count) in [(1, 0, 1), (7, 0, 7), (24, 0, 24), (13, 2, 9)] {
                let of = format!("{count} of {channels} channels of {what}, {size:?}");
                let mut m = Maker::new(format!("layer norm of {of}"));
                let x = m.map("x", channels, fill);
                let y = m.b.layer_norm("y", "norm", x.range(first, count), 1e-6);
                cases.push(m.output(y, size)?);
                let mut m = Maker::new(format!("response norm of {of}"));
                let x = m.map("x", channels, fill);
                let y = m.b.response_norm("y", "norm", x.range(first, count), 1e-6);
                cases.push(m.output(y, size)?);
            }
        }
    }
    Ok(())
}

/// Means by channel, and what squeeze and excitation makes of them.
fn means(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for size in SIZES {
        let mut m = Maker::new(format!("mean of each channel, {size:?}"));
        let x = m.map("x", 9, Fill::Noise(1.0));
        let y = m.b.channel_mean("y", x.range(2, 6));
        cases.push(m.output(y, size)?);

        let mut m = Maker::new(format!("squeeze and excitation, {size:?}"));
        let x = m.map("x", 35, Fill::Noise(1.0));
        let means = m.b.channel_mean("means", x.range(1, 34));
        let spec = ConvSpec { activation: Activation::Relu, ..ConvSpec::new(3, Window::ONE) };
        let hidden = m.b.conv("hidden", "squeeze", vec![means.into()], spec);
        let spec = ConvSpec { activation: Activation::Sigmoid, ..ConvSpec::new(34, Window::ONE) };
        let weights = m.b.conv("weights", "excite", vec![hidden.into()], spec);
        let plane = Source::Plane(weights);
        let y = m.b.binary("y", Binary::Mul, x.range(1, 34), plane, Activation::None);
        cases.push(m.output(y, size)?);
    }
    let mut m = Maker::new("a convolution of points with residual and PReLU, spread again");
    let (p, t) = (m.point("p", 6, Fill::Noise(1.0)), m.timestep("t"));
    let x = m.map("x", 5, Fill::Noise(1.0));
    let activation = m.b.prelu("act.weight", 5);
    let spec = ConvSpec { residual: Some(p.range(1, 5)), activation, ..ConvSpec::new(5, Window::ONE) };
    let q = m.b.conv("q", "layer", vec![p.range(0, 4).into(), t.into()], spec);
    let y = m.b.binary("y", Binary::Add, x, Source::Plane(q), Activation::None);
    cases.push(m.output(y, [3, 4, 5])?);
    Ok(())
}

fn constants(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for size in SIZES {
        let mut m = Maker::new(format!("constants by channel, {size:?}"));
        let x = m.map("x", 4, Fill::Unit);
        let (gain, offset) = ([4.25, -0.5, 0.0], [-2.0, 0.125, 0.75]);
        let activation = Activation::Clamp { low: -1.5, high: 1.5 };
        let y = m.b.affine("y", x.range(1, 3), &gain, &offset, activation);
        cases.push(m.output(y, size)?);

        for count in [1, 2, 5] {
            let mut m = Maker::new(format!("sum of {count}, {size:?}"));
            let x = m.map("x", 10, Fill::Noise(1.0));
            let small = m.b.resize("small", x, at(1, 1)?, 1.0, None);
            let inputs = (0..count).map(|i| if i % 2 == 0 { x } else { small }.range(i, 3)).collect();
            let y = m.b.sum("y", inputs, 0.2);
            cases.push(m.output(y, size)?);
        }
    }
    Ok(())
}

/// A block of ConvNeXt-V2, whole.
fn block(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for size in SIZES {
        let mut m = Maker::new(format!("a block of ConvNeXt-V2, {size:?}"));
        let x = m.map("x", 6, Fill::Noise(1.0));
        let spec = ConvSpec { groups: 6, ..ConvSpec::new(6, Window::SEVEN) };
        let y = m.b.conv("depthwise", "depthwise", vec![x.into()], spec);
        let y = m.b.layer_norm("norm", "norm", y, 1e-6);
        let spec = ConvSpec { activation: Activation::Gelu, ..ConvSpec::new(24, Window::ONE) };
        let y = m.b.conv("wide", "wide", vec![y.into()], spec);
        let y = m.b.response_norm("response", "response", y, 1e-6);
        let spec = ConvSpec { residual: Some(x), ..ConvSpec::new(6, Window::ONE) };
        let y = m.b.conv("out", "out", vec![y.into()], spec);
        cases.push(m.output(y, size)?);
    }
    Ok(())
}
