//! The tiles of a map.

use std::ops::Range;

use super::STEP;
use crate::layout::Layout;

/// A map cut into tiles of 4×4, row by row from its origin; those at the right and lower edge may reach beyond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    layout: Layout,
}

/// Neighbouring tiles of one row of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The row of tiles.
    pub(super) row: usize,
    /// The first tile's place in it.
    pub(super) column: usize,
    pub(super) len: usize,
    /// The first tile's place in the range it was taken from.
    pub(super) lane: usize,
}

impl Tiles {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout }
    }

    pub(crate) fn layout(self) -> Layout {
        self.layout
    }

    /// Tiles of a row.
    pub(crate) fn across(self) -> usize {
        self.layout.width.div_ceil(STEP)
    }

    pub(crate) fn count(self) -> usize {
        self.across() * self.layout.height.div_ceil(STEP)
    }

    /// The values of a range of tiles, each row of theirs: positions in a plane, from its first value.
    pub(crate) fn rows(self, tiles: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let Layout { width, height, .. } = self.layout;
        self.runs(tiles).flat_map(move |run| {
            let rows = run.row * STEP..((run.row + 1) * STEP).min(height);
            let (start, end) = (run.column * STEP, ((run.column + run.len) * STEP).min(width));
            rows.map(move |y| y * self.layout.stride() + start..y * self.layout.stride() + end)
        })
    }

    /// A range of tiles, row by row.
    pub(super) fn runs(self, tiles: Range<usize>) -> impl Iterator<Item = Run> {
        let (across, start) = (self.across(), tiles.start);
        let mut at = start;
        std::iter::from_fn(move || {
            let (row, column) = (at / across, at % across);
            let run = Run { row, column, len: (across - column).min(tiles.end - at), lane: at - start };
            at += run.len;
            (run.len > 0).then_some(run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_with_rows_and_ranges() {
        let tiles = Tiles::new(Layout::new(9, 5, 1));
        assert_eq!((tiles.across(), tiles.count()), (3, 6));
        let runs: Vec<_> = tiles.runs(1..6).map(|run| (run.row, run.column, run.len, run.lane)).collect();
        assert_eq!(runs, [(0, 1, 2, 0), (1, 0, 3, 2)]);
    }

    #[test]
    fn rows_of_tiles_hold_every_value_once() {
        let layout = Layout::new(9, 6, 1);
        let tiles = Tiles::new(layout);
        let mut seen = vec![0; layout.height * layout.stride()];
        for range in [0..2, 2..3, 3..6] {
            tiles.rows(range).flatten().for_each(|at| seen[at] += 1);
        }
        let value = |at: usize| usize::from(at % layout.stride() < layout.width);
        assert!(seen.iter().enumerate().all(|(at, &n)| n == value(at)), "{seen:?}");
    }
}
