//! Operations together: outputs that are read again, residual blocks, and IFRNet with tiny odd widths.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker, case};
use crate::graph::{ConvSpec, GraphError, Ratio, Source, Window};
use crate::ifrnet::IfrNet;
use crate::ifrplus::IfrPlus;
use crate::prior::Prior;

/// A member of the family that no vector width divides.
const TINY: IfrNet = IfrNet {
    name: "ifrnet-tiny",
    encoder: [5, 6, 7, 9],
    decoder: [11, 10, 9, 13],
    side: 3,
    first_kernel: 3,
    prior: None,
};

/// IFR+ as narrow as its groups allow.
const TINY_PLUS: IfrPlus = IfrPlus {
    name: "ifr-plus-tiny",
    encoder: [5, 6, 7, 9],
    depths: [1, 1, 2, 1],
    decoder: [6, 7, 9, 11],
    side: 8,
    refiner: [8, 16, 8],
    grid: [5, 6, 7],
};

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    outputs(&mut cases)?;
    replaced_channels(&mut cases)?;
    let seven = IfrNet { name: "ifrnet-tiny-7", first_kernel: 7, ..TINY };
    let flow = IfrNet { name: "ifrnet-tiny+flow", prior: Some(Prior::Flow), ..TINY };
    for (net, scale, size) in [
        (TINY, "1", [1, 16, 16]),
        (TINY, "1", [2, 32, 48]),
        (TINY, "1", [1, 144, 208]),
        (seven, "1", [1, 48, 64]),
        (TINY, "1/2", [2, 32, 64]),
        (TINY, "4/5", [1, 40, 60]),
        (TINY, "3/4", [1, 64, 64]),
        (TINY, "1/4", [1, 64, 128]),
        (flow, "1", [1, 16, 16]),
        (flow, "1", [2, 48, 32]),
        (flow, "1", [1, 96, 144]),
        (flow, "1/2", [2, 32, 64]),
        (flow, "4/5", [1, 40, 60]),
    ] {
        let graph = net.graph(scale.parse::<Ratio>()?)?;
        let mut outputs = vec!["pred", "decoder4", "decoder3", "decoder2", "decoder1", "flows1"];
        let mut fills = vec![Fill::Unit, Fill::Unit, Fill::Cycle(&[0.25, 0.5, 0.8])];
        if net.prior.is_some() {
            outputs.extend(["prior4", "residual_flows1", "gate", "merged"]);
            fills.extend([Fill::Noise(3.0), Fill::Unit]);
        }
        let graph = graph.with_outputs(&outputs)?;
        let name = format!("{net} at scale {scale}, {size:?}");
        cases.push(case(name, graph, size, &fills, 1e-4)?);
    }
    plus(&mut cases)?;
    Ok(cases)
}

/// IFR+ at several scales.
fn plus(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for (flow, refine, size) in [
        ("1", "1", [1, 16, 16]),
        ("1", "1", [2, 32, 48]),
        ("1", "1", [1, 80, 112]),
        ("1/4", "1", [1, 64, 128]),
        ("1/8", "1/2", [2, 128, 128]),
        ("4/5", "4/5", [1, 40, 60]),
    ] {
        let graph = TINY_PLUS.graph(flow.parse::<Ratio>()?, refine.parse::<Ratio>()?)?;
        let outputs = [
            "pred",
            "img0/level4",
            "decoder4",
            "flow0_3",
            "flow1_2",
            "flow0_1",
            "merged_normalised",
            "guide1_3",
            "pred_unclamped",
        ];
        let graph = graph.with_outputs(&outputs)?;
        let name = format!("{TINY_PLUS} at scales {flow} and {refine}, {size:?}");
        let fills = [Fill::Unit, Fill::Unit, Fill::Cycle(&[0.25, 0.5, 0.8])];
        cases.push(case(name, graph, size, &fills, 2e-4)?);
    }
    Ok(())
}

/// Several outputs, one of them read again, and a tensor that nobody reads.
fn outputs(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let mut m = Maker::new("outputs that are read again, and one tensor for nothing");
    let x = m.map("x", 4, Fill::Noise(1.0));
    let t = m.timestep("t");
    let spec = ConvSpec::new(6, Window::THREE);
    let a = m.b.conv("a", "a", vec![x.into()], spec);
    m.b.conv("unread", "unread", vec![a.into()], spec);
    let b = m.b.conv("b", "b", vec![a.into(), Source::Plane(t)], spec);
    let c = m.b.conv("c", "c", vec![b.into(), a.into()], spec);
    m.b.output(c);
    m.b.output(a);
    m.b.output(b);
    cases.push(m.finish([2, 7, 11])?);
    Ok(())
}

/// Parts of a map replaced again and again, as in the residual block.
fn replaced_channels(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for (all, side) in [(24, 8), (19, 5), (6, 6), (40, 16)] {
        let mut m = Maker::new(format!("the last {side} of {all} channels replaced twice"));
        let x = m.map("x", all, Fill::Noise(1.0));
        let mut inputs: Vec<Source> = vec![x.into()];
        for i in 0..2 {
            let spec = ConvSpec::new(all, Window::THREE);
            let y = m.b.conv(&format!("y{i}"), &format!("whole{i}"), inputs, spec);
            let kept = all - side;
            let activation = m.b.prelu(&format!("act{i}.weight"), side);
            let spec = ConvSpec { activation, ..ConvSpec::new(side, Window::THREE) };
            let z = m.b.conv(&format!("z{i}"), &format!("part{i}"), vec![y.from(kept).into()], spec);
            inputs = if kept == 0 { vec![z.into()] } else { vec![y.range(0, kept).into(), z.into()] };
        }
        let activation = m.b.prelu("last.weight", all);
        let spec = ConvSpec { residual: Some(x), activation, ..ConvSpec::new(all, Window::THREE) };
        let out = m.b.conv("out", "out", inputs, spec);
        cases.push(m.output(out, [1, 9, 13])?);
    }
    Ok(())
}
