//! Convolutions: windows and sizes, epilogues, sources.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker, at};
use crate::graph::{Activation, ConvSpec, GraphError, Source, View, Window};

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    windows(&mut cases)?;
    channels(&mut cases)?;
    epilogues(&mut cases)?;
    slopes(&mut cases)?;
    sources(&mut cases)?;
    Ok(cases)
}

/// Every kind of window at sizes that leave remainders, down to one pixel.
fn windows(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let forward =
        [(3, 1, 1), (3, 2, 1), (7, 1, 3), (7, 2, 3), (1, 1, 0), (2, 2, 0), (4, 2, 1), (5, 1, 2), (4, 4, 0)];
    for (k, s, p) in forward {
        for [n, h, w] in [[1, 1, 1], [2, 1, 2], [1, 2, 1], [1, 3, 5], [1, 7, 17], [2, 16, 33]] {
            let mut m = Maker::new(format!("conv {k}/{s}/{p} on {h}x{w} output pixels, batch {n}"));
            let x = m.map("x", 5, Fill::Noise(1.0));
            let y = m.b.conv("y", "layer", vec![x.into()], ConvSpec::new(9, Window::new(k, s, p)));
            cases.push(m.output(y, [n, h * s, w * s])?);
        }
    }
    // Large enough for strips, threads and the main loops of wide vectors.
    for (k, s, p) in forward {
        let mut m = Maker::new(format!("conv {k}/{s}/{p}, large"));
        let x = m.map("x", 12, Fill::Noise(1.0));
        let y = m.b.conv("y", "layer", vec![x.into()], ConvSpec::new(20, Window::new(k, s, p)));
        cases.push(m.output(y, [1, 68, 132])?);
    }
    for (k, s, p) in [(4, 2, 1), (2, 2, 0), (3, 1, 1), (5, 3, 1), (6, 2, 2)] {
        for [n, h, w] in [[1, 1, 1], [2, 1, 2], [1, 2, 1], [1, 3, 5], [1, 7, 17], [2, 16, 33]] {
            let mut m = Maker::new(format!("transposed conv {k}/{s}/{p} on {h}x{w}, batch {n}"));
            let x = m.map("x", 5, Fill::Noise(1.0));
            let y = m.b.conv_transpose("y", "layer", vec![x.into()], ConvSpec::new(9, Window::new(k, s, p)));
            cases.push(m.output(y, [n, h, w])?);
        }
    }
    Ok(())
}

/// Channel counts around the widths of vectors, and groups.
fn channels(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let ordinary = [(1, 1), (3, 24), (8, 8), (16, 15), (17, 33), (24, 58), (36, 36), (64, 3), (40, 64)];
    let grouped = [(2, 4, 2), (6, 6, 6), (24, 24, 24), (33, 33, 33), (12, 18, 3), (8, 16, 8), (32, 16, 2)];
    let all = ordinary.into_iter().map(|(i, o)| (i, o, 1)).chain(grouped);
    for (inputs, outputs, groups) in all {
        for (window, transposed) in [
            (Window::THREE, false),
            (Window::HALVE, false),
            (Window::DOUBLE, true),
            (Window::new(7, 1, 3), false),
        ] {
            let kind = if transposed { "transposed conv" } else { "conv" };
            let Window { kernel, stride, padding } = window;
            let mut m = Maker::new(format!(
                "{kind} {kernel}/{stride}/{padding}, {inputs} to {outputs}, groups {groups}"
            ));
            let x = m.map("x", inputs, Fill::Noise(1.0));
            let spec = ConvSpec { groups, ..ConvSpec::new(outputs, window) };
            let y = if transposed {
                m.b.conv_transpose("y", "layer", vec![x.into()], spec)
            } else {
                m.b.conv("y", "layer", vec![x.into()], spec)
            };
            cases.push(m.output(y, [1, 6, 10])?);
        }
    }
    Ok(())
}

/// Bias, residual and activation in every combination.
fn epilogues(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for (window, factor, transposed) in [(Window::THREE, (1, 1), false), (Window::DOUBLE, (2, 1), true)] {
        for bias in [true, false] {
            for residual in [None, Some(0), Some(3)] {
                for kind in ["none", "prelu", "prelu of one slope", "relu", "gelu", "sigmoid", "clamp"] {
                    let of = if transposed { "transposed conv" } else { "conv" };
                    let mut m = Maker::new(format!("{of}, bias {bias}, residual {residual:?}, {kind}"));
                    let x = m.map("x", 7, Fill::Noise(1.5));
                    // The residual is a range of a wider tensor, at the output's size.
                    let residual = residual.map(|first| {
                        let extent = at(factor.0, factor.1)?;
                        let wide = m.b.resize("wide", x, extent, 1.0, None);
                        Ok(wide.range(first, 4))
                    });
                    let residual: Option<View> = residual.transpose()?;
                    let activation = match kind {
                        "prelu" => m.b.prelu("act.weight", 4),
                        "prelu of one slope" => m.b.prelu_non_negative("act.weight", 1),
                        "relu" => Activation::Relu,
                        "gelu" => Activation::Gelu,
                        "sigmoid" => Activation::Sigmoid,
                        "clamp" => Activation::Clamp { low: -0.25, high: 0.5 },
                        _ => Activation::None,
                    };
                    let spec = ConvSpec { bias, residual, activation, ..ConvSpec::new(4, window) };
                    let y = if transposed {
                        m.b.conv_transpose("y", "layer", vec![x.into()], spec)
                    } else {
                        m.b.conv("y", "layer", vec![x.into()], spec)
                    };
                    cases.push(m.output(y, [2, 5, 9])?);
                }
            }
        }
    }
    Ok(())
}

/// Slopes that are negative, zero and above one: `max(x, slope · x)` is not PReLU. And negative ones taken as zero.
fn slopes(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for (what, from_0, slopes) in [
        ("prelu with slopes of all kinds", false, 18),
        ("prelu from 0 with slopes of all kinds", true, 18),
        ("prelu with one negative slope", false, 1),
        ("prelu from 0 with one negative slope", true, 1),
    ] {
        let mut m = Maker::new(format!("conv, {what}"));
        let x = m.map("x", 3, Fill::Noise(2.0));
        let name = "act.weight";
        let activation = if from_0 { m.b.prelu_non_negative(name, slopes) } else { m.b.prelu(name, slopes) };
        let spec = ConvSpec { activation, ..ConvSpec::new(18, Window::THREE) };
        let y = m.b.conv("y", "layer", vec![x.into()], spec);
        let mut case = m.output(y, [1, 6, 7])?;
        if let Some(id) = activation.slopes() {
            for (i, slope) in case.params.get_mut(id).iter_mut().enumerate() {
                *slope = [-0.5, 0.0, 1.0, 1.75, 0.25][i % 5];
            }
        }
        cases.push(case);
    }
    Ok(())
}

/// Lists of sources of every kind, in many orders.
fn sources(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    type List = fn(&Inputs) -> Vec<Source>;
    let lists: [(&str, List); 14] = [
        ("a range", |i| vec![i.x.range(5, 7).into()]),
        ("two ranges, the later first", |i| vec![i.x.range(9, 8).into(), i.x.range(1, 5).into()]),
        ("the same tensor twice", |i| vec![i.x.into(), i.x.into()]),
        ("overlapping ranges", |i| vec![i.x.range(0, 10).into(), i.x.range(5, 12).into()]),
        ("two tensors", |i| vec![i.x.into(), i.y.into()]),
        ("a tensor and a plane", |i| vec![i.x.into(), Source::Plane(i.t)]),
        ("a plane first", |i| vec![Source::Plane(i.t), i.y.into()]),
        ("planes between maps", |i| vec![i.x.range(0, 3).into(), Source::Plane(i.p), i.y.into()]),
        ("a range of planes", |i| vec![i.y.into(), Source::Plane(i.p.range(1, 2))]),
        ("a warped tensor alone", |i| vec![warped(i.x, i.flows.range(0, 2))]),
        ("a warped range", |i| vec![warped(i.x.range(3, 9), i.flows.range(2, 2))]),
        ("a warp along a range across both flows", |i| vec![i.y.into(), warped(i.y, i.flows.range(1, 2))]),
        ("a tensor warped twice and itself", |i| {
            vec![warped(i.y, i.flows.range(0, 2)), i.y.into(), warped(i.y, i.flows.range(2, 2))]
        }),
        ("as a decoder of IFRNet", |i| {
            let (to0, to1) = (i.flows.range(0, 2), i.flows.range(2, 2));
            vec![i.x.from(4).into(), warped(i.y, to0), warped(i.z, to1), i.flows.into()]
        }),
    ];
    for (name, list) in lists {
        for (kind, window) in
            [("conv", Window::THREE), ("conv", Window::HALVE), ("transposed conv", Window::DOUBLE)]
        {
            let stride = window.stride;
            let mut m = Maker::new(format!("{kind} with stride {stride} of {name}"));
            let inputs = Inputs {
                x: m.map("x", 17, Fill::Noise(1.0)),
                y: m.map("y", 8, Fill::Noise(1.0)),
                z: m.map("z", 8, Fill::Noise(1.0)),
                flows: m.map("flows", 4, Fill::Noise(4.0)),
                p: m.point("p", 3, Fill::Noise(1.0)),
                t: m.timestep("t"),
            };
            let activation = m.b.prelu("act.weight", 11);
            let spec = ConvSpec { activation, ..ConvSpec::new(11, window) };
            let list = list(&inputs);
            let y = if kind == "conv" {
                m.b.conv("out", "layer", list, spec)
            } else {
                m.b.conv_transpose("out", "layer", list, spec)
            };
            cases.push(m.output(y, [2, 6, 14])?);
        }
    }
    Ok(())
}

struct Inputs {
    x: View,
    y: View,
    z: View,
    flows: View,
    p: View,
    t: View,
}

fn warped(image: View, flow: View) -> Source {
    Source::Warped { image, flow }
}
