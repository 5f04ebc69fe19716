//! Mistakes in a description are found by the builder, not by an engine.

use ifr_net::{Activation, Binary, Builder, ConvSpec, Extent, GraphError, Ratio, Source, View, Window};

/// Builds on three inputs: x and y (4 channels; y at half size) and t.
fn mistake(describe: impl FnOnce(&mut Builder, [View; 3]) -> View) -> String {
    let mut b = Builder::new("test");
    let x = b.input("x", 4, Extent::FULL);
    let half = Ratio::ONE.times(1, 2).map(Extent::Map).unwrap_or(Extent::FULL);
    let y = b.input("y", 4, half);
    let t = b.timestep("t");
    let out = describe(&mut b, [x, y, t]);
    b.output(out);
    match b.finish() {
        Err(GraphError::Malformed { tensor, problem, .. }) => format!("{tensor}: {problem}"),
        Err(other) => format!("other: {other}"),
        Ok(graph) => format!("accepted:\n{graph}"),
    }
}

fn three(channels: usize) -> ConvSpec {
    ConvSpec::new(channels, Window::THREE)
}

#[test]
fn each_mistake_has_its_message() {
    let out = |b: &mut Builder, sources: Vec<Source>| b.conv("out", "layer", sources, three(4));
    let found = [
        mistake(|b, [x, y, _]| out(b, vec![x.into(), y.into()])),
        mistake(|b, [x, _, _]| out(b, vec![x.range(2, 3).into()])),
        mistake(|b, [x, _, _]| out(b, vec![x.range(usize::MAX, 2).into()])),
        mistake(|b, [x, _, _]| out(b, vec![x.range(1, 0).into()])),
        mistake(|b, [_, _, t]| out(b, vec![Source::Plane(t)])),
        mistake(|b, [x, y, _]| out(b, vec![x.into(), Source::Plane(y)])),
        mistake(|b, [x, _, t]| out(b, vec![x.into(), t.into()])),
        mistake(|b, _| out(b, vec![])),
        mistake(|b, [x, _, _]| out(b, vec![Source::Warped { image: x, flow: x.range(0, 3) }])),
        mistake(|b, [x, _, _]| {
            b.conv("out", "layer", vec![x.into()], ConvSpec::new(4, Window::new(3, 1, 0)))
        }),
        mistake(|b, [x, _, _]| {
            b.conv("out", "layer", vec![x.into()], ConvSpec::new(4, Window::new(3, 0, 1)))
        }),
        mistake(|b, [x, _, _]| {
            b.conv_transpose("out", "layer", vec![x.into()], ConvSpec::new(4, Window::HALVE))
        }),
        mistake(|b, [x, _, _]| b.conv("out", "layer", vec![x.into()], ConvSpec { groups: 3, ..three(6) })),
        mistake(|b, [x, _, _]| {
            b.conv("out", "layer", vec![x.into()], ConvSpec { residual: Some(x), ..three(5) })
        }),
        mistake(|b, [x, y, _]| {
            b.conv("out", "layer", vec![x.into()], ConvSpec { residual: Some(y), ..three(4) })
        }),
        mistake(|b, [x, _, _]| {
            let activation = b.prelu("slopes", 3);
            b.conv("out", "layer", vec![x.into()], ConvSpec { activation, ..three(4) })
        }),
        mistake(|b, [x, _, _]| {
            let first = b.conv("first", "layer", vec![x.into()], three(4));
            b.conv("out", "layer", vec![first.range(0, 2).into()], three(4))
        }),
        mistake(|b, [x, _, _]| b.conv("x", "layer", vec![x.into()], three(4))),
        mistake(|b, [x, _, _]| b.binary("out", Binary::Add, x, x.range(0, 2), Activation::None)),
        mistake(|b, [x, _, _]| b.blend("out", x, x.into(), x.into(), vec![], Activation::None)),
        mistake(|b, [x, y, _]| {
            b.blend("out", x.range(0, 1), x.into(), x.into(), vec![y.into()], Activation::None)
        }),
        mistake(|b, [_, _, t]| b.resize("out", t, Extent::FULL, 1.0, None)),
        mistake(|b, [x, _, _]| out(b, vec![x.into()]).range(0, 2)),
        mistake(|_, [x, _, _]| x),
        mistake(|b, [x, _, _]| b.conv("out", "layer", vec![x.into()], three(0))),
    ];
    let more = [
        mistake(|b, [x, _, t]| out(b, vec![t.into()]).range(0, x.channels)),
        mistake(|b, [x, _, _]| {
            let activation = b.prelu("slopes", 2);
            b.activate("out", x, activation)
        }),
        mistake(|b, [x, _, _]| b.deform_conv("out", "layer", vec![x.into()], [x, x], None, three(4))),
        mistake(|b, [x, y, _]| {
            let one = ConvSpec::new(4, Window::ONE);
            b.deform_conv("out", "layer", vec![x.into()], [x.range(0, 2), y.range(0, 1)], None, one)
        }),
        mistake(|b, [x, _, _]| {
            let one = ConvSpec::new(4, Window::ONE);
            b.deform_conv("out", "layer", vec![x.into()], [x.range(0, 2), x.range(0, 1)], Some(x), one)
        }),
        mistake(|b, [x, _, _]| {
            let one = ConvSpec::new(4, Window::ONE);
            b.deform_conv("out", "layer", vec![x.range(0, 3).into()], [x, x.range(0, 2)], None, one)
        }),
        mistake(|b, [x, _, _]| {
            let halve = ConvSpec::new(4, Window::HALVE);
            b.deform_conv("out", "layer", vec![x.into()], [x.range(0, 2), x.range(0, 1)], None, halve)
        }),
        mistake(|b, [x, _, _]| b.affine("out", x, &[1.0; 4], &[0.0; 3], Activation::None)),
        mistake(|b, [x, y, _]| b.sum("out", vec![x, y], 0.5)),
        mistake(|b, [x, _, _]| b.sum("out", vec![x, x.range(1, 2)], 0.5)),
        mistake(|b, _| b.sum("out", vec![], 0.5)),
        mistake(|b, [x, _, _]| b.layer_norm("out", "norm", x.range(3, 2), 1e-6)),
    ];
    let messages = [
        "out: a convolution takes maps",
        "out: a bias or slope that is not one value for each output channel",
        "out: 4 offsets and 4 masks for a window of 9 taps",
        "out: its inputs differ in extent",
        "out: a flow has 2 channels",
        "out: 3 channels in 2 deformable groups",
        "out: a deformable convolution has a window that keeps the size",
        "out: a gain or offset that is not one value for each channel",
        "out: its inputs differ in extent",
        "out: an operand of 2 channels for a result of 4",
        "out: it has no map among its inputs",
        "out: reads channels that are not there",
    ];
    for (found, expected) in more.iter().zip(messages) {
        assert!(found.starts_with(expected), "found '{found}', expected '{expected}'");
    }
    let expected = [
        "out: its inputs differ in extent",
        "out: reads channels that are not there",
        "out: reads channels that are not there",
        "out: reads channels that are not there",
        "out: it has no map among its inputs",
        "out: only a point tensor can be spread as a plane",
        "out: its inputs differ in extent",
        "out: it has no map among its inputs",
        "out: a flow has 2 channels",
        "out: a window of Window",
        "out: a window of Window",
        "out: a transposed window of Window",
        "out: 4 to 6 channels in 3 groups",
        "out: what is added has another shape",
        "out: what is added has another shape",
        "out: a bias or slope that is not one value for each output channel",
        "layer.weight: the parameter is used as [4, 4, 3, 3] and as [4, 2, 3, 3]",
        "x: the name is taken",
        "out: an operand of 2 channels for a result of 4",
        "out: a blend takes a mask of 1 channel",
        "out: its inputs differ in extent",
        "out: only maps are resized",
        "output: an output is a whole tensor",
        "output: an input is no output",
        "out: it has no channels",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "found '{found}', expected '{expected}'");
    }
}

#[test]
fn a_graph_needs_an_output() {
    let error = Builder::new("empty").finish().unwrap_err().to_string();
    assert_eq!(error, "empty: output: the graph has none");
}
