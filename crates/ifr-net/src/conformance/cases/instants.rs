//! Inputs that come anew with each instant: points and maps, alone and beside those of the pair.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker, at};
use crate::graph::{Activation, Binary, ConvSpec, GraphError, Source, View, Window};

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    for size in [[1, 2, 2], [2, 6, 10], [1, 20, 34]] {
        for (what, describe) in KINDS {
            let mut m = Maker::new(format!("{what}, {size:?}"));
            let inputs = Inputs {
                image: m.map("image", 5, Fill::Noise(1.0)),
                t: m.timestep("t"),
                map: m.instant("map", 5, Fill::Noise(1.0)),
                flows: m.instant("flows", 4, Fill::Noise(3.0)),
            };
            let y = describe(&mut m, &inputs)?;
            cases.push(m.output(y, size)?);
        }
    }
    Ok(cases)
}

/// Not every kind reads every input.
struct Inputs {
    image: View,
    t: View,
    map: View,
    flows: View,
}

type Describe = fn(&mut Maker, &Inputs) -> Result<View, GraphError>;

const KINDS: [(&str, Describe); 8] = [
    ("conv of maps of the pair and of the instant", |m, i| {
        let inputs = vec![i.image.into(), i.map.range(1, 3).into(), Source::Plane(i.t), i.flows.into()];
        Ok(m.b.conv("y", "layer", inputs, ConvSpec::new(7, Window::THREE)))
    }),
    ("halving conv of an instant's map alone, with a wide window", |m, i| {
        Ok(m.b.conv("y", "layer", vec![i.map.into()], ConvSpec::new(7, Window::new(7, 2, 3))))
    }),
    ("what the pair has, warped along an instant's flows", |m, i| {
        let features = m.b.conv("features", "layer", vec![i.image.into()], ConvSpec::new(6, Window::THREE));
        let warped = |first| Source::Warped { image: features, flow: i.flows.range(first, 2) };
        Ok(m.b.conv("y", "last", vec![warped(0), warped(2)], ConvSpec::new(3, Window::THREE)))
    }),
    ("an instant's map warped along its own flow", |m, i| Ok(m.b.warp("y", i.map, i.flows.range(1, 2)))),
    ("an instant's flows halved twice and added to", |m, i| {
        let half = m.b.resize("half", i.flows, at(1, 2)?, 0.5, None);
        Ok(m.b.resize("y", half, at(1, 1)?, 2.0, Some(i.map.range(0, 4))))
    }),
    ("an instant's map less the pair's mean", |m, i| {
        let mean = m.b.mean("mean", vec![i.image]);
        Ok(m.b.binary("y", Binary::Sub, i.map, Source::Plane(mean), Activation::None))
    }),
    ("the mean of the pair and an instant", |m, i| Ok(m.b.mean("y", vec![i.image, i.map]))),
    ("an instant's map gated with the pair's warped", |m, i| {
        let gate = m.b.activate("gate", i.flows.range(3, 1), Activation::Sigmoid);
        let warped = Source::Warped { image: i.image, flow: i.flows.range(0, 2) };
        let activation = Activation::Clamp { low: -0.5, high: 0.5 };
        Ok(m.b.blend("y", gate, i.map.into(), warped, vec![Source::Plane(i.t)], activation))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Phase;

    #[test]
    fn every_case_hears_an_instants_map() {
        for case in cases().unwrap() {
            let graph = &case.graph;
            let output = graph.tensor(graph.outputs()[0]);
            let maps = graph.inputs().iter().enumerate().filter(|(_, id)| {
                let info = graph.tensor(**id);
                info.phase == Phase::Instant && info.channels > 1
            });
            let heard = maps.filter(|(bit, _)| output.depends & 1 << bit != 0).count();
            assert!(output.phase == Phase::Instant && heard > 0, "{}", case.name);
        }
    }
}
