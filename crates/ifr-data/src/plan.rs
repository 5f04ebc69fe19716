//! The order in which windows come up: block by block, shuffled, every visit reached directly.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::random::{Draw, Purpose};
use crate::set::{Entry, Set};

/// Orders kept, so that the visits of one block share the work.
const KEPT: usize = 4;

/// Which window place each visit goes to. A pass goes through the blocks in random order, and through each block's places
/// in random order: those of weight 1 once, lesser ones in proportion.
#[derive(Debug)]
pub(crate) struct Plan {
    seed: u64,
    blocks: Vec<Block>,
    /// Visits a pass.
    pass: u64,
    orders: Mutex<VecDeque<Order>>,
}

/// The pass and the block, and the order of its entries.
type Order = ((u64, usize), Arc<[u32]>);

/// Sequences that are held at a time.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) sequences: Vec<u32>,
    pub(crate) entries: Vec<Entry>,
    /// Sums of the weights up to each entry.
    sums: Vec<f64>,
    visits: u64,
}

/// Where a visit goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Number of the block among all that are gone through, passes one after another.
    pub(crate) position: u64,
    pub(crate) block: usize,
    pub(crate) entry: Entry,
    /// The part of the next block's sequences that is due to be decoded at this visit and the `world` − 1 after it.
    pub(crate) ahead: Range<usize>,
}

impl Plan {
    /// A plan over the sequences of at least `crop`'s size; `None` when there are none.
    pub(crate) fn new(set: &Set, seed: u64, crop: (usize, usize)) -> Option<Self> {
        let large = |s: &crate::set::Sequence| s.size.0 >= crop.0 && s.size.1 >= crop.1;
        let mut chosen: Vec<u32> =
            (0..).zip(set.sequences()).filter(|(_, s)| large(s)).map(|(i, _)| i).collect();
        let bytes = |i: &u32| set.sequence(*i).bytes;
        let memory = set.options().memory;
        let limit = if chosen.iter().map(bytes).sum::<usize>() <= memory { usize::MAX } else { memory / 2 };
        if limit < usize::MAX {
            Draw::new(seed, Purpose::Blocks, 0).shuffle(&mut chosen);
        }
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut filled = usize::MAX;
        for sequence in chosen {
            let size = bytes(&sequence);
            match groups.last_mut() {
                Some(group) if filled.saturating_add(size) <= limit => {
                    group.push(sequence);
                    filled += size;
                }
                _ => {
                    groups.push(vec![sequence]);
                    filled = size;
                }
            }
        }
        let mut of = vec![usize::MAX; set.sequences().len()];
        for (block, group) in groups.iter().enumerate() {
            group.iter().for_each(|&s| of[s as usize] = block);
        }
        let mut entries: Vec<Vec<Entry>> = vec![Vec::new(); groups.len()];
        for entry in set.entries() {
            if let Some(list) = entries.get_mut(of[entry.sequence as usize]) {
                list.push(*entry);
            }
        }
        let blocks: Vec<Block> = groups.into_iter().zip(entries).map(|(s, e)| Block::new(s, e)).collect();
        let pass = blocks.iter().map(|b| b.visits).sum();
        (pass > 0).then(|| Self { seed, blocks, pass, orders: Mutex::default() })
    }

    /// Visits after which every place had its turn.
    pub(crate) fn pass(&self) -> u64 {
        self.pass
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where visit number `visit` of all processes goes.
    pub(crate) fn locate(&self, visit: u64, world: u64) -> Place {
        let (pass, mut index) = (visit / self.pass, visit % self.pass);
        let count = self.blocks.len() as u64;
        let order = self.order_of_blocks(pass);
        let mut nth = 0;
        while let Some(&block) = order.get(nth)
            && index >= self.blocks[block].visits
        {
            index -= self.blocks[block].visits;
            nth += 1;
        }
        let block = order.get(nth).copied().unwrap_or(0);
        let position = pass * count + nth as u64;
        let this = &self.blocks[block];
        let entry = this.entries[self.order(pass, block)[index as usize] as usize];
        let ahead = if count == 1 {
            0..0
        } else {
            let next = self.blocks[self.block_at(position + 1)].sequences.len() as u64;
            let due = |i: u64| (i.min(this.visits) * next / this.visits) as usize;
            due(index)..due(index + world)
        };
        Place { position, block, entry, ahead }
    }

    /// The block at a position.
    pub(crate) fn block_at(&self, position: u64) -> usize {
        let count = self.blocks.len() as u64;
        self.order_of_blocks(position / count)[(position % count) as usize]
    }

    fn order_of_blocks(&self, pass: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        Draw::new(self.seed, Purpose::Pass, pass).shuffle(&mut order);
        order
    }

    /// The order of a block's entries in a pass.
    fn order(&self, pass: u64, block: usize) -> Arc<[u32]> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = orders.iter().find(|(key, _)| *key == (pass, block)) {
            return Arc::clone(order);
        }
        let stream = pass.wrapping_mul(self.blocks.len() as u64).wrapping_add(block as u64);
        let order: Arc<[u32]> =
            self.blocks[block].order(&mut Draw::new(self.seed, Purpose::Windows, stream)).into();
        if orders.len() >= KEPT {
            orders.pop_front();
        }
        orders.push_back(((pass, block), Arc::clone(&order)));
        order
    }
}

impl Block {
    fn new(sequences: Vec<u32>, entries: Vec<Entry>) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = entries
            .iter()
            .map(|e| {
                sum += e.weight;
                sum
            })
            .collect();
        let visits = if entries.is_empty() { 0 } else { (sum.round() as u64).max(1) };
        Self { sequences, entries, sums, visits }
    }

    /// Which entries a pass visits, in which order: systematic sampling, then a shuffle.
    fn order(&self, draw: &mut Draw) -> Vec<u32> {
        let total = self.sums.last().copied().unwrap_or(0.0);
        let step = total / self.visits as f64;
        // Few enough bits that adding whole numbers is exact: entries of weight 1 come up exactly once.
        let start = draw.below(1 << 16) as f64 / 65536.0;
        let last = self.entries.len().saturating_sub(1);
        let at = |i: u64| self.sums.partition_point(|&s| s <= (i as f64 + start) * step).min(last) as u32;
        let mut order: Vec<u32> = (0..self.visits).map(at).collect();
        draw.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(blocks: &[&[f64]]) -> Plan {
        let block = |(b, weights): (usize, &&[f64])| {
            let entry =
                |(frame, &weight): (usize, &f64)| Entry { sequence: b as u32, frame: frame as u32, weight };
            Block::new(vec![b as u32; 3], weights.iter().enumerate().map(entry).collect())
        };
        let blocks: Vec<Block> = blocks.iter().enumerate().map(block).collect();
        let pass = blocks.iter().map(|b| b.visits).sum();
        Plan { seed: 9, blocks, pass, orders: Mutex::default() }
    }

    #[test]
    fn a_pass_visits_every_place_once() {
        let plan = plan(&[&[1.0; 70], &[1.0; 50], &[1.0; 5]]);
        assert_eq!(plan.pass(), 125);
        for pass in 0..3 {
            let places: Vec<Place> = (0..125).map(|i| plan.locate(pass * 125 + i, 1)).collect();
            let mut seen: Vec<_> = places.iter().map(|p| (p.entry.sequence, p.entry.frame)).collect();
            let unsorted = seen.clone();
            seen.sort_unstable();
            assert_ne!(seen, unsorted);
            seen.dedup();
            assert_eq!(seen.len(), 125);
            assert!(places.is_sorted_by_key(|p| p.position), "block after block");
            for position in pass * 3..pass * 3 + 3 {
                let ahead: Vec<_> =
                    places.iter().filter(|p| p.position == position).map(|p| p.ahead.clone()).collect();
                assert_eq!(
                    ahead.into_iter().flatten().collect::<Vec<_>>(),
                    [0, 1, 2],
                    "the next block is decoded once"
                );
            }
        }
        assert_ne!(plan.locate(0, 1).entry, plan.locate(125, 1).entry);
    }

    #[test]
    fn what_weighs_less_comes_up_less() {
        let weights: Vec<f64> = (0..100).map(|i| if i < 50 { 1.0 } else { 0.1 }).collect();
        let plan = plan(&[&weights]);
        assert_eq!(plan.pass(), 55);
        let mut counts = [0; 100];
        for visit in 0..55 * 20 {
            counts[plan.locate(visit, 1).entry.frame as usize] += 1;
        }
        assert!(counts[..50].iter().all(|&n| n == 20), "{counts:?}");
        assert_eq!(counts[50..].iter().sum::<i32>(), 100);
    }

    #[test]
    fn ranks_decode_the_next_block_together() {
        let plan = plan(&[&[1.0; 70], &[1.0; 50]]);
        for rank in 0..4 {
            let ahead = (rank..70).step_by(4).map(|visit| plan.locate(visit, 4)).filter(|p| p.position == 0);
            let all: std::collections::BTreeSet<usize> = ahead.flat_map(|p| p.ahead).collect();
            assert!(all.len() >= 2, "rank {rank}: {all:?}");
        }
    }
}
