//! Which convolutions are done by Winograd's algorithm, and how those are cut into units.

use super::kernel::{Kernel, Part};
use super::step::Unit;
use crate::layout::LANES;
use crate::winograd::Tiles;

/// Transformed inputs of a unit at most, about: with the products of a block, they should stay in the second-level cache.
const UNIT_BYTES: usize = 1 << 20;
/// Tiles of a unit at most; more would not make any part of it faster.
const MOST_TILES: usize = 128;
/// Tiles of a unit at least, where there are as many: two vectors, which all products are best at.
const LEAST_TILES: usize = 2 * LANES;
/// Units that every convolution is cut into where that is possible, so that threads finish together.
const UNITS: usize = 16;
/// Output channels of a unit at least: each unit transforms its inputs by itself.
const LEAST_OUTPUTS: usize = 48;

/// Whether a convolution is done by Winograd's algorithm.
pub(super) fn suits(kernel: &Kernel) -> bool {
    let nine = |part: &Part| {
        let at = part.taps.iter().map(|t| (t.phase, t.dy, t.dx));
        at.eq((0..9).map(|k: isize| (0, k / 3 - 1, k % 3 - 1)))
    };
    kernel.step == 1 && kernel.parts.iter().all(nine)
}

/// Cuts it into units, by its shape alone.
pub(super) fn units(kernel: &Kernel, tiles: Tiles) -> Vec<Unit> {
    let mut units = Vec::new();
    let wanted = UNITS.div_ceil(kernel.parts.len());
    for (index, part) in kernel.parts.iter().enumerate() {
        let by_cache =
            env("UB", UNIT_BYTES) / (part.inputs.len() * 36 * size_of::<f32>()) / LEAST_TILES * LEAST_TILES;
        let run = tiles.count().div_ceil(wanted).next_multiple_of(LEAST_TILES);
        let run = run.min(by_cache).clamp(LEAST_TILES, env("MT", MOST_TILES));
        let runs = tiles.count().div_ceil(run);
        // Of equal length, as far as vectors allow.
        let run = tiles.count().div_ceil(runs).next_multiple_of(LANES);
        let runs = tiles.count().div_ceil(run);
        let blocks = part.packed.blocks.len();
        let most = (part.outputs.len() / LEAST_OUTPUTS).clamp(1, blocks);
        let groups = wanted.div_ceil(runs).clamp(1, most);
        for group in 0..groups {
            for r in 0..runs {
                units.push(Unit {
                    part: index,
                    blocks: group * blocks / groups..(group + 1) * blocks / groups,
                    range: r * run..((r + 1) * run).min(tiles.count()),
                });
            }
        }
    }
    units
}

fn env(n: &str, d: usize) -> usize {
    std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d)
}
