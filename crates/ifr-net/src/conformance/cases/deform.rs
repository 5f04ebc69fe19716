//! Deformable convolutions: where samples fall, groups, flows, epilogues.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker};
use crate::graph::{Activation, ConvSpec, GraphError, Source, Window};

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    offsets(&mut cases)?;
    groups(&mut cases)?;
    epilogues(&mut cases)?;
    sources(&mut cases)?;
    Ok(cases)
}

/// Offsets of every kind, with and without a flow added to them.
fn offsets(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let fills = [
        ("no offsets", Fill::All(0.0)),
        ("small offsets", Fill::Noise(1.5)),
        ("offsets of the map's size", Fill::Noise(20.0)),
        ("whole pixels", Fill::Whole(3.0)),
        ("half pixels", Fill::Cycle(&[0.5, -0.5, 1.5, -2.5])),
        ("far outside", Fill::Noise(1e4)),
        ("farther than an integer can count", Fill::Cycle(&[1e30, -1e30, 3e9, -3e9, 0.25])),
        ("infinite offsets", Fill::Cycle(&[f32::INFINITY, 0.5, f32::NEG_INFINITY])),
    ];
    for (what, fill) in fills {
        for flow in [false, true] {
            for [n, h, w] in [[1, 1, 1], [1, 1, 7], [2, 7, 1], [1, 5, 8], [2, 19, 33]] {
                let with = if flow { "and a flow" } else { "without a flow" };
                let mut m = Maker::new(format!("deformable conv, {what} {with}, {h}x{w}, batch {n}"));
                let x = m.map("x", 8, Fill::Noise(1.0));
                let offsets = m.map("offsets", 36, fill);
                let masks = m.map("masks", 18, Fill::Unit);
                let flow = flow.then(|| m.map("flow", 3, Fill::Noise(3.0)).range(1, 2));
                let spec = ConvSpec::new(5, Window::THREE);
                let y = m.b.deform_conv("y", "layer", vec![x.into()], [offsets, masks], flow, spec);
                cases.push(m.output(y, [n, h, w])?);
            }
        }
    }
    Ok(())
}

/// Deformable groups, channel counts and windows.
fn groups(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for (kernel, inputs, outputs, groups) in
        [(3, 4, 4, 4), (3, 24, 24, 8), (3, 17, 33, 1), (3, 64, 64, 4), (1, 6, 3, 2), (5, 6, 4, 3)]
    {
        let mut m = Maker::new(format!("deformable conv {kernel}, {inputs} to {outputs}, groups {groups}"));
        let x = m.map("x", inputs, Fill::Noise(1.0));
        let taps = kernel * kernel;
        let steering = m.map("steering", 3 * groups * taps, Fill::Noise(2.0));
        let steering = [steering.range(0, 2 * groups * taps), steering.from(2 * groups * taps)];
        let spec = ConvSpec::new(outputs, Window::new(kernel, 1, kernel / 2));
        let y = m.b.deform_conv("y", "layer", vec![x.into()], steering, None, spec);
        cases.push(m.output(y, [1, 12, 18])?);
    }
    Ok(())
}

/// Bias, residual and activation.
fn epilogues(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for bias in [true, false] {
        for residual in [false, true] {
            for kind in ["none", "prelu", "sigmoid", "gelu"] {
                let mut m = Maker::new(format!("deformable conv, bias {bias}, residual {residual}, {kind}"));
                let x = m.map("x", 8, Fill::Noise(1.5));
                let steering = m.map("steering", 54, Fill::Noise(1.0));
                let steering = [steering.range(0, 36), steering.from(36)];
                let activation = match kind {
                    "prelu" => m.b.prelu_non_negative("act.weight", 4),
                    "sigmoid" => Activation::Sigmoid,
                    "gelu" => Activation::Gelu,
                    _ => Activation::None,
                };
                let residual = residual.then(|| x.range(3, 4));
                let spec = ConvSpec { bias, residual, activation, ..ConvSpec::new(4, Window::THREE) };
                let y = m.b.deform_conv("y", "layer", vec![x.into()], steering, None, spec);
                cases.push(m.output(y, [2, 5, 9])?);
            }
        }
    }
    Ok(())
}

/// Inputs side by side, one of them warped, and steering that comes from the input itself.
fn sources(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let mut m = Maker::new("deformable conv of ranges and a warped map, steered by itself");
    let x = m.map("x", 10, Fill::Noise(1.0));
    let flow = m.map("flow", 2, Fill::Noise(2.0));
    let t = m.timestep("t");
    let spec = ConvSpec::new(54, Window::THREE);
    let steering = m.b.conv("steering", "steering", vec![x.into(), Source::Plane(t)], spec);
    let masks = m.b.activate("masks", steering.from(36), Activation::Sigmoid);
    let inputs = vec![x.range(4, 3).into(), Source::Warped { image: x.range(1, 5), flow }];
    let spec = ConvSpec::new(7, Window::THREE);
    let steering = [steering.range(0, 36), masks];
    let y = m.b.deform_conv("y", "layer", inputs, steering, Some(flow), spec);
    cases.push(m.output(y, [2, 11, 21])?);
    Ok(())
}
