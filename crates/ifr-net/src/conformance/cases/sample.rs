//! Warps and resizes.

use crate::conformance::Case;
use crate::conformance::make::{Fill, Maker, at};
use crate::graph::{Alignment, Extent, GraphError};

pub(super) fn cases() -> Result<Vec<Case>, GraphError> {
    let mut cases = Vec::new();
    let flows = [
        ("no flow", Fill::All(0.0)),
        ("small flow", Fill::Noise(1.5)),
        ("flow of the map's size", Fill::Noise(20.0)),
        ("whole pixels", Fill::Whole(3.0)),
        ("half pixels", Fill::Cycle(&[0.5, -0.5, 1.5, -2.5])),
        ("far outside", Fill::Noise(1e4)),
        ("farther than an integer can count", Fill::Cycle(&[1e30, -1e30, 3e9, -3e9, 0.25])),
        ("just outside", Fill::Cycle(&[-1e-3, 1e-3, -1e-6, 1e-6])),
    ];
    for (what, fill) in flows {
        for [n, h, w] in [[1, 1, 1], [1, 1, 7], [2, 7, 1], [1, 5, 8], [2, 19, 33]] {
            let mut m = Maker::new(format!("warp, {what}, {h}x{w}, batch {n}"));
            let image = m.map("image", 6, Fill::Noise(1.0));
            let flow = m.map("flow", 2, fill);
            let y = m.b.warp("y", image, flow);
            cases.push(m.output(y, [n, h, w])?);
        }
    }
    let mut m = Maker::new("warp of a range along a range");
    let image = m.map("image", 21, Fill::Noise(1.0));
    let flow = m.map("flow", 5, Fill::Noise(3.0));
    let y = m.b.warp("y", image.range(2, 17), flow.range(2, 2));
    cases.push(m.output(y, [2, 9, 12])?);

    resizes(&mut cases)?;
    Ok(cases)
}

fn resizes(cases: &mut Vec<Case>) -> Result<(), GraphError> {
    // Factor, then input sizes that it leaves whole.
    let factors: [(u32, u32, &[[usize; 2]]); 8] = [
        (2, 1, &[[1, 1], [1, 2], [3, 5], [8, 17]]),
        (1, 2, &[[2, 2], [2, 6], [10, 34]]),
        (4, 1, &[[1, 1], [3, 5]]),
        (1, 4, &[[4, 4], [12, 20]]),
        (4, 5, &[[5, 5], [10, 35]]),
        (5, 4, &[[4, 4], [8, 28]]),
        (3, 4, &[[4, 8], [12, 16]]),
        (1, 1, &[[1, 1], [3, 5]]),
    ];
    for (num, den, sizes) in factors {
        for alignment in [Alignment::HalfPixel, Alignment::Corners] {
            for &[h, w] in sizes {
                let mut m = Maker::new(format!("resize {alignment:?} by {num}/{den} of {h}x{w}"));
                let x = m.map("x", 5, Fill::Noise(1.0));
                let y = m.b.resize_aligned("y", x, at(num, den)?, alignment, 1.0, None);
                cases.push(m.output(y, [2, h, w])?);
            }
        }
    }
    let mut m = Maker::new("resize of a range with gain, added to a range");
    let x = m.map("x", 7, Fill::Noise(1.0));
    let small = m.b.resize("small", x, at(1, 2)?, 1.0, None);
    let y = m.b.resize("y", small.range(2, 4), Extent::FULL, 2.0, Some(x.range(3, 4)));
    cases.push(m.output(y, [2, 6, 22])?);

    let mut m = Maker::new("resize with a gain below one");
    let x = m.map("x", 2, Fill::Noise(9.0));
    let y = m.b.resize("y", x, at(3, 2)?, 0.3, None);
    cases.push(m.output(y, [1, 4, 10])?);
    Ok(())
}
