//! Which convolutions are done by Winograd's algorithm, and how those are cut into units.

use super::kernel::{Kernel, Part};
use super::step::Unit;
use crate::layout::LANES;
use crate::winograd::Tiles;

/// Transformed inputs of a unit at most, about: with the products of a block, they should stay in the second-level cache.
const UNIT_BYTES: usize = 3 << 18;
/// Tiles of a unit at most; more would not make any part of it faster.
const MOST_TILES: usize = 128;
/// Tiles of a unit at least, where there are as many: two vectors, which all products are best at.
const LEAST_TILES: usize = 2 * LANES;
/// Units that every convolution is cut into where that is possible, so that threads finish together.
const UNITS: usize = 16;
/// Output channels of a unit at least: each unit transforms its inputs by itself.
const LEAST_OUTPUTS: usize = 64;

/// Input and output channels at least: with fewer, the transforms take longer than they save.
const LEAST_CHANNELS: usize = 8;
/// Pairs of input and output channels at least, for the same reason.
const LEAST_PAIRS: usize = 144;
/// Multiplications for each output at least that a direct summation takes, where this takes 2¼.
const LEAST_TAPS: usize = 4;
/// Tiles at least: fewer leave most of each vector idle.
const SMALLEST_MAP: usize = 8;

/// Whether a convolution is done by Winograd's algorithm: whether that is expected to take less time, by channels and size
/// alone.
///
/// What the limits stand on: how many times faster than direct summation it was on one core (`examples/conv_time`), with
/// AVX-512 and with AVX2.
///
/// | channels | 4→64 | 64→4 | 8→8 | 32→8 | 8→32 | 12→12 | 16→16 | 24→24 | 72→72 | 162→162 |
/// |---|---|---|---|---|---|---|---|---|---|---|
/// | AVX-512 | 0.90 | 0.67 | 0.93 | 1.06 | 1.47 | 1.25 | 1.41 | 1.75 | 2.6 | 3.0 |
/// | AVX2 | 1.00 | 0.99 | 1.52 | 1.76 | 1.90 | 1.66 | 2.02 | 2.4 | 3.0 | 3.4 |
///
/// These were maps of 224×128, the last of 160×88. And by size:
///
/// | tiles | 2 | 4 | 6 | 8 | 15 | 28 |
/// |---|---|---|---|---|---|---|
/// | AVX-512, 64→64 | 0.47 | 0.78 | 1.04 | 1.29 | 1.90 | |
/// | AVX-512, 144→144 | 0.34 | 0.72 | 0.93 | 1.03 | | 2.1 |
/// | AVX2, 64→64 | | 0.76 | 1.22 | 1.66 | 2.5 | |
/// | AVX2, 144→144 | 0.45 | 0.99 | 1.36 | 1.54 | | |
pub(super) fn suits(kernel: &Kernel, tiles: Tiles) -> bool {
    let nine = |part: &Part| {
        let at = part.taps.iter().map(|t| (t.phase, t.dy, t.dx));
        at.eq((0..9).map(|k: isize| (0, k / 3 - 1, k % 3 - 1)))
    };
    let wide = |part: &Part| {
        let (inputs, outputs) = (part.inputs.len(), part.outputs.len());
        part.work >= LEAST_TAPS && inputs.min(outputs) >= LEAST_CHANNELS && inputs * outputs >= LEAST_PAIRS
    };
    kernel.step == 1
        && tiles.count() >= SMALLEST_MAP
        && kernel.parts.iter().all(|part| nine(part) && wide(part))
}

/// Cuts it into units, by its shape alone.
pub(super) fn units(kernel: &Kernel, tiles: Tiles) -> Vec<Unit> {
    let mut units = Vec::new();
    let wanted = UNITS.div_ceil(kernel.parts.len());
    for (index, part) in kernel.parts.iter().enumerate() {
        let by_cache = UNIT_BYTES / (part.inputs.len() * 36 * size_of::<f32>()) / LEAST_TILES * LEAST_TILES;
        let run = tiles.count().div_ceil(wanted).next_multiple_of(LEAST_TILES);
        let run = run.min(by_cache).clamp(LEAST_TILES, MOST_TILES);
        let runs = tiles.count().div_ceil(run);
        // Of equal length, as far as vectors allow.
        let run = tiles.count().div_ceil(runs).next_multiple_of(LANES);
        let runs = tiles.count().div_ceil(run);
        let blocks = part.packed.blocks.len();
        let most = (part.outputs.len() / LEAST_OUTPUTS).clamp(1, blocks);
        let groups = wanted.div_ceil(runs).clamp(1, most);
        // Two threads have something to do, if that can be.
        let groups = if runs == 1 { groups.max(blocks.min(2)) } else { groups };
        for r in 0..runs {
            for group in 0..groups {
                units.push(Unit {
                    part: index,
                    blocks: group * blocks / groups..(group + 1) * blocks / groups,
                    range: r * run..((r + 1) * run).min(tiles.count()),
                });
            }
        }
    }
    // What is close together, one thread does.
    units.sort_by_key(|unit| unit.range.start);
    units
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, Parameters, Ratio};

    use super::*;
    use crate::layout::Layout;
    use crate::level::Level;

    #[test]
    fn units_cover_a_convolution_once() {
        let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
        let kernels = Kernel::of_graph(&graph, &Parameters::by_rule(&graph), Level::best());
        for (width, height) in [(28, 16), (29, 17), (224, 128), (640, 352), (5000, 5)] {
            let tiles = Tiles::new(Layout::new(width, height, 1));
            let mut suited = 0;
            for kernel in kernels.iter().flatten().filter(|k| suits(k, tiles)) {
                suited += 1;
                let blocks = kernel.parts[0].packed.blocks.len();
                let mut done = vec![0; blocks * tiles.count()];
                for unit in units(kernel, tiles) {
                    assert!(unit.range.len() <= MOST_TILES);
                    for block in unit.blocks {
                        for tile in unit.range.clone() {
                            done[block * tiles.count() + tile] += 1;
                        }
                    }
                }
                assert!(done.iter().all(|&n| n == 1), "{width}x{height}");
            }
            assert!(suited > 10, "{suited} convolutions");
        }
    }

    #[test]
    fn what_does_not_pay_is_left_alone() {
        let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
        let kernels = Kernel::of_graph(&graph, &Parameters::by_rule(&graph), Level::best());
        let large = Tiles::new(Layout::new(224, 128, 1));
        let small = Tiles::new(Layout::new(7, 4, 1));
        for kernel in kernels.iter().flatten() {
            assert!(!suits(kernel, small));
            // Strides and transposed convolutions are not of this form; the latter's joint form is.
            assert_eq!(suits(kernel, large), kernel.step == 1);
            let joint = kernel.joint(Level::best());
            assert_eq!(joint.is_some(), kernel.transposed);
            assert!(joint.is_none_or(|joint| suits(&joint, large)));
        }
    }
}
