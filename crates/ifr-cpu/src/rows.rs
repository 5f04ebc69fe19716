//! Outputs as they are made, a few rows at a time.
#![allow(unsafe_code, reason = "rows of the plan's buffer")]

use std::ops::Range;

use crate::layout::Layout;
use crate::memory::Memory;
use crate::plan::step::Address;

/// Some rows of an output of a graph: see [`Engine::at_rows`](crate::Engine::at_rows).
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    output: usize,
    first: usize,
    layout: Layout,
    planes: &'a [Address],
    memory: Memory,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("output", &self.output)
            .field("rows", &self.rows())
            .finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    /// Rows from `first` on of an output, which lie at `planes` in a layout of as many rows.
    ///
    /// # Safety
    /// The buffer lives for `'a`, and nobody writes these planes meanwhile.
    pub(crate) unsafe fn new(
        output: usize,
        first: usize,
        layout: Layout,
        planes: &'a [Address],
        memory: Memory,
    ) -> Self {
        Self { output, first, layout, planes, memory }
    }

    /// Which of the graph's outputs, by its index in [`Graph::outputs`](ifr_net::Graph::outputs).
    #[must_use]
    pub fn output(&self) -> usize {
        self.output
    }

    /// Which rows of it, from the top.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.first..self.first + self.layout.height
    }

    /// How many channels there are.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.planes.len()
    }

    /// One of these rows of a channel: as many values as the output is wide.
    ///
    /// # Panics
    /// When there is no such channel, or the row is none of these.
    #[must_use]
    pub fn row(&self, channel: usize, row: usize) -> &'a [f32] {
        assert!(self.rows().contains(&row), "row {row} of {:?}", self.rows());
        let at = self.planes[channel] + (row - self.first) * self.layout.stride();
        // SAFETY: see `new`.
        unsafe { self.memory.read(at, self.layout.width) }
    }
}
