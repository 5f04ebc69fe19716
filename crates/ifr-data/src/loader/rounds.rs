//! Which crops of which visits make up each batch.

use std::ops::Range;

use crate::LoaderOptions;
use crate::random::{Draw, Purpose};

/// The fewest visits whose crops are mixed where several are taken of each.
const MIXED: usize = 32;

/// Crop `k` of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) visit: u64,
    pub(crate) crop: usize,
}

/// Deals the crops of visits out to batches.
///
/// Visits come in chunks. With c crops a window, a chunk is gone through c times: in round k every visit gives its k-th
/// crop, each round in an order of its own, so that no batch holds two crops of one window. With one crop, batches are
/// just visits in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    seed: u64,
    rank: u64,
    world: u64,
    windows: u64,
    crops: u64,
    /// Visits a chunk: a multiple of the windows of a batch.
    chunk: u64,
}

impl Rounds {
    pub(crate) fn new(options: &LoaderOptions) -> Self {
        let (windows, crops) = (options.windows as u64, options.crops_per_window as u64);
        let batches = if crops == 1 { 1 } else { (MIXED as u64).div_ceil(windows).max(2) };
        let (rank, world) = (options.rank as u64, options.world as u64);
        Self { seed: options.seed, rank, world, windows, crops, chunk: batches * windows }
    }

    /// Batches a chunk.
    fn batches(&self) -> u64 {
        self.chunk / self.windows * self.crops
    }

    /// The visits of the chunk that a batch belongs to.
    pub(crate) fn chunk_of(&self, batch: u64) -> Range<u64> {
        let start = batch / self.batches() * self.chunk;
        start..start + self.chunk
    }

    /// The first visit that must be made for a run that starts with that batch.
    pub(crate) fn start(&self, batch: u64) -> u64 {
        self.chunk_of(batch).start
    }

    /// The end of the visits that may be made while `batch` is waited for, and `queue` are kept ready: visits go on at the
    /// pace at which batches are taken, so that crops pile up to little more than one chunk.
    pub(crate) fn end(&self, batch: u64, queue: u64) -> u64 {
        let done = batch % self.batches();
        self.chunk_of(batch).end + done * self.chunk / self.batches() + queue * self.windows
    }

    /// What a batch is made of.
    pub(crate) fn parts(&self, batch: u64) -> Vec<Part> {
        let start = self.chunk_of(batch).start;
        let within = batch % self.batches();
        let a_round = self.chunk / self.windows;
        let (round, part) = (within / a_round, within % a_round);
        let mut order: Vec<u64> = (start..start + self.chunk).collect();
        // The first round goes in the order in which visits are made: batches are ready early.
        if round > 0 {
            let chunk = start / self.chunk;
            let stream = (chunk * self.crops + round) * self.world + self.rank;
            Draw::new(self.seed, Purpose::Round, stream).shuffle(&mut order);
        }
        let first = (part * self.windows) as usize;
        let visits = &order[first..first + self.windows as usize];
        visits.iter().map(|&visit| Part { visit, crop: round as usize }).collect()
    }

    /// Whether a batch is the last of its chunk.
    pub(crate) fn is_last(&self, batch: u64) -> bool {
        (batch + 1).is_multiple_of(self.batches())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(windows: usize, crops_per_window: usize) -> Rounds {
        Rounds::new(&LoaderOptions { windows, crops_per_window, ..LoaderOptions::default() })
    }

    #[test]
    fn one_crop_goes_in_order() {
        let r = rounds(6, 1);
        let visits: Vec<u64> = r.parts(7).iter().map(|p| p.visit).collect();
        assert_eq!(visits, (42..48).collect::<Vec<_>>());
        assert_eq!((r.start(7), r.end(7, 4)), (42, 48 + 24));
        assert!(r.is_last(7));
    }

    #[test]
    fn every_crop_comes_up_once_and_never_beside_its_like() {
        for (windows, crops) in [(8, 4), (12, 3), (40, 2), (1, 2)] {
            let r = rounds(windows, crops);
            let batches = r.batches();
            let mut seen = std::collections::BTreeSet::new();
            for batch in batches..2 * batches {
                let parts = r.parts(batch);
                assert_eq!(parts.len(), windows);
                let visits: std::collections::BTreeSet<u64> = parts.iter().map(|p| p.visit).collect();
                assert_eq!(visits.len(), windows);
                assert!(visits.iter().all(|v| r.chunk_of(batch).contains(v) && *v < r.end(batch, 1)));
                seen.extend(parts.iter().map(|p| (p.visit, p.crop)));
                assert_eq!(r.is_last(batch), batch == 2 * batches - 1);
            }
            assert_eq!(seen.len() as u64, r.chunk * crops as u64);
        }
    }
}
