//! Operations value by value, means and blends.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker};
use crate::graph::{Activation, Binary, GraphError, Source};

const SIZES: [[usize; 3]; 3] = [[1, 1, 1], [2, 3, 5], [1, 9, 34]];

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    binaries(&mut cases)?;
    activations(&mut cases)?;
    means(&mut cases)?;
    blends(&mut cases)?;
    Ok(cases)
}

fn binaries(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for op in [Binary::Add, Binary::Sub, Binary::Mul] {
        for operands in ["maps", "map and plane", "plane and map", "map and planes", "ranges", "warped"] {
            for size in SIZES {
                let mut m = Maker::new(format!("{op:?} of {operands}, {size:?}"));
                let x = m.map("x", 5, Fill::Noise(1.0));
                let y = m.map("y", 5, Fill::Noise(1.0));
                let flow = m.map("flow", 2, Fill::Noise(2.0));
                let p = m.point("p", 5, Fill::Noise(1.0));
                let warped = Source::Warped { image: y, flow };
                let (a, b): (Source, Source) = match operands {
                    "map and plane" => (x.into(), Source::Plane(p.range(2, 1))),
                    "plane and map" => (Source::Plane(p.range(2, 1)), x.into()),
                    "map and planes" => (x.into(), Source::Plane(p)),
                    "ranges" => (x.range(1, 3).into(), y.range(2, 3).into()),
                    "warped" => (x.into(), warped),
                    _ => (x.into(), y.into()),
                };
                let activation = m.b.prelu("act.weight", a.channels().max(b.channels()));
                let z = m.b.binary("z", op, a, b, activation);
                cases.push(m.output(z, size)?);
            }
        }
    }
    let mut m = Maker::new("x times itself, clamped");
    let x = m.map("x", 2, Fill::Noise(1.0));
    let z = m.b.binary("z", Binary::Mul, x, x, Activation::Clamp { low: 0.1, high: 0.5 });
    cases.push(m.output(z, [1, 4, 4])?);
    Ok(())
}

fn activations(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    let fills = [
        ("noise", Fill::Noise(3.0)),
        ("great values", Fill::Cycle(&[-1e4, -100.0, -30.0, -0.0, 0.0, 30.0, 100.0, 1e4, 0.7])),
    ];
    for (what, fill) in fills {
        for kind in
            ["none", "prelu", "prelu of one slope", "prelu from 0", "relu", "gelu", "sigmoid", "clamp"]
        {
            for size in SIZES {
                let mut m = Maker::new(format!("{kind} of {what}, {size:?}"));
                let x = m.map("x", 6, fill);
                let activation = match kind {
                    "prelu" => m.b.prelu("act.weight", 4),
                    "prelu of one slope" => m.b.prelu("act.weight", 1),
                    "prelu from 0" => m.b.prelu_non_negative("act.weight", 4),
                    "relu" => Activation::Relu,
                    "gelu" => Activation::Gelu,
                    "sigmoid" => Activation::Sigmoid,
                    "clamp" => Activation::Clamp { low: 0.0, high: 1.0 },
                    _ => Activation::None,
                };
                let y = m.b.activate("y", x.range(1, 4), activation);
                cases.push(m.output(y, size)?);
            }
        }
    }
    Ok(())
}

fn means(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for [n, h, w] in [[1, 1, 1], [3, 5, 7], [2, 96, 130]] {
        let mut m = Maker::new(format!("mean of two maps, {h}x{w}, batch {n}"));
        let x = m.map("x", 3, Fill::Unit);
        let y = m.map("y", 3, Fill::Unit);
        let mean = m.b.mean("mean", vec![x, y]);
        cases.push(m.output(mean, [n, h, w])?);
    }
    let mut m = Maker::new("mean of ranges, subtracted");
    let x = m.map("x", 5, Fill::Unit);
    let mean = m.b.mean("mean", vec![x.range(1, 2), x.range(4, 1)]);
    let y = m.b.binary("y", Binary::Sub, x, Source::Plane(mean), Activation::None);
    cases.push(m.output(y, [3, 6, 9])?);
    Ok(())
}

fn blends(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    for add in ["nothing", "a map", "a plane", "planes", "a plane and a map"] {
        for warped in [false, true] {
            for size in SIZES {
                let of = if warped { "warped maps" } else { "maps" };
                let mut m = Maker::new(format!("blend of {of}, adding {add}, {size:?}"));
                let mask = m.map("mask", 3, Fill::Unit);
                let x = m.map("x", 4, Fill::Noise(1.0));
                let y = m.map("y", 3, Fill::Noise(1.0));
                let flows = m.map("flows", 4, Fill::Noise(3.0));
                let p = m.point("p", 3, Fill::Noise(1.0));
                let (x, rest) = (x.range(1, 3), y);
                let source = |image, flow| {
                    if warped { Source::Warped { image, flow } } else { Source::Map(image) }
                };
                let adds = match add {
                    "a map" => vec![rest.into()],
                    "a plane" => vec![Source::Plane(p.range(1, 1))],
                    "planes" => vec![Source::Plane(p)],
                    "a plane and a map" => vec![Source::Plane(p.range(2, 1)), rest.into()],
                    _ => Vec::new(),
                };
                let activation = Activation::Clamp { low: 0.0, high: 1.0 };
                let (a, b) = (source(x, flows.range(0, 2)), source(y, flows.range(2, 2)));
                let z = m.b.blend("z", mask.range(1, 1), a, b, adds, activation);
                cases.push(m.output(z, size)?);
            }
        }
    }
    Ok(())
}
