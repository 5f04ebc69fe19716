//! Inputs as they are written and outputs as they are made, a few rows at a time.
#![allow(unsafe_code, reason = "rows of the plan's buffer")]

use std::ops::Range;

use crate::crew::Lead;
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

/// Some rows of an input of a graph, to be written: see [`Engine::pair_with`](crate::Engine::pair_with).
pub struct RowsMut<'a> {
    input: usize,
    rows: Range<usize>,
    layout: Layout,
    planes: &'a [Address],
    memory: Memory,
}

impl std::fmt::Debug for RowsMut<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowsMut")
            .field("input", &self.input)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl<'a> RowsMut<'a> {
    /// Some rows of an input that lies at `planes`.
    ///
    /// # Safety
    /// The buffer lives for `'a`, and nobody else reads or writes these rows meanwhile.
    pub(crate) unsafe fn new(
        input: usize,
        rows: Range<usize>,
        layout: Layout,
        planes: &'a [Address],
        memory: Memory,
    ) -> Self {
        Self { input, rows, layout, planes, memory }
    }

    /// Which of the inputs of [`Phase::Pair`](ifr_net::Phase::Pair).
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Which rows of it, from the top.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// One of these rows, channel by channel: as many values as the input is wide.
    ///
    /// # Panics
    /// When the row is none of these, or there are not so many channels.
    pub fn row<const CHANNELS: usize>(&mut self, row: usize) -> [&mut [f32]; CHANNELS] {
        assert_eq!(self.planes.len(), CHANNELS, "channels of the input");
        // SAFETY: channels do not overlap, and this borrows all rows.
        std::array::from_fn(|channel| unsafe { self.at(channel, row) })
    }

    /// These rows of a channel, in order: as many values each as the input is wide.
    ///
    /// # Panics
    /// When there is no such channel.
    pub fn channel(&mut self, channel: usize) -> impl Iterator<Item = &mut [f32]> {
        let (width, stride) = (self.layout.width, self.layout.stride());
        let at = self.planes[channel] + self.rows.start * stride;
        // SAFETY: this borrows all rows, and nobody else has what is between them.
        let lines = unsafe { self.memory.write(at, self.rows.len() * stride) };
        lines.chunks_exact_mut(stride).map(move |line| &mut line[..width])
    }

    /// # Safety
    /// There is no other slice of this row of this channel for as long as this one is.
    unsafe fn at(&self, channel: usize, row: usize) -> &'a mut [f32] {
        assert!(self.rows.contains(&row), "row {row} of {:?}", self.rows);
        let at = self.planes[channel] + row * self.layout.stride();
        // SAFETY: see `new`, and the caller's promise.
        unsafe { self.memory.write(at, self.layout.width) }
    }
}

/// The engine's threads, for what is done with rows: see [`Engine::at_rows`](crate::Engine::at_rows).
#[derive(Clone, Copy)]
pub struct Team<'a> {
    lead: &'a Lead<'a>,
}

impl std::fmt::Debug for Team<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team").finish_non_exhaustive()
    }
}

impl<'a> Team<'a> {
    pub(crate) fn new(lead: &'a Lead<'a>) -> Self {
        Self { lead }
    }

    /// Does so many parts of some work on these threads, each once, in any order; returns when all are done.
    ///
    /// # Panics
    /// When a part does.
    pub fn each(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        self.lead.share(parts, &|_| 1, &|index, _| part(index));
    }
}
