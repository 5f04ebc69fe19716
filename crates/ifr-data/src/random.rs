//! Random numbers that are the same on every machine, with every part of a run reached directly.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What numbers are drawn for. Each purpose has streams of its own, so that a change of one moves no other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Grouping of sequences into blocks; stream 0.
    Blocks = 1,
    /// The order of one pass's blocks; stream: the pass.
    Pass = 2,
    /// The order of one block's windows; stream: the pass and the block.
    Windows = 3,
    /// Which window a visit sees; stream: the visit.
    Visit = 4,
    /// Crop and augmentation; stream: the crop.
    Crop = 5,
    /// The order of the crops of one round of visits; stream: the round.
    Round = 6,
    /// The places tried in place of one that gives no window; stream: the visit.
    Instead = 7,
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The numbers for `purpose`'s stream `stream` of a run with that seed.
    pub(crate) fn new(seed: u64, purpose: Purpose, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Uniform in \[0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in 0 … `n` − 1; zero for an `n` of zero.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// An index, each with a probability in proportion to its weight; `None` where all are zero.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let sum: f64 = weights.iter().sum();
        let mut at = self.unit() * sum;
        let mut last = None;
        for (i, &weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            last = Some(i);
            if at < weight {
                break;
            }
            at -= weight;
        }
        last
    }

    /// Brings `items` into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// `count` fixed mutations of `seed`: bytes that are changed, put in (from `letters` or any), left out or cut off.
#[cfg(test)]
pub(crate) fn mutations(seed: &[u8], letters: &[u8], count: u64) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |number| {
        let mut draw = Draw::new(1, Purpose::Visit, number);
        let mut bytes = seed.to_vec();
        for _ in 0..1 + draw.below(3) {
            let at = draw.below(bytes.len());
            match draw.below(9) {
                0 => bytes[at] = draw.below(256) as u8,
                1..=3 => bytes[at] = letters[draw.below(letters.len())],
                4..=6 => bytes.insert(at, letters[draw.below(letters.len())]),
                7 => drop(bytes.remove(at)),
                _ if draw.chance(0.2) => bytes.truncate(at.max(1)),
                _ => {}
            }
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pinned() {
        // Resuming a run on another machine or with a later version depends on these.
        let mut draw = Draw::new(7, Purpose::Visit, 3);
        let first: Vec<usize> = (0..6).map(|_| draw.below(1000)).collect();
        assert_eq!(first, PINNED);
        let mut other = Draw::new(7, Purpose::Crop, 3);
        assert_ne!((0..6).map(|_| other.below(1000)).collect::<Vec<_>>(), PINNED);
    }

    const PINNED: [usize; 6] = [970, 205, 245, 640, 706, 977];

    #[test]
    fn draws_are_fair_enough() {
        let mut draw = Draw::new(1, Purpose::Crop, 0);
        let mut counts = [0; 3];
        for _ in 0..6000 {
            counts[draw.weighted(&[1.0, 0.0, 2.0]).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((1850..2150).contains(&counts[0]), "{counts:?}");
        assert_eq!(draw.weighted(&[0.0, 0.0]), None);
        let mut items: Vec<usize> = (0..50).collect();
        draw.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
