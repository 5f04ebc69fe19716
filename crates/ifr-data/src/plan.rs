//! The order in which windows come up: block by block, shuffled, every visit reached directly.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::random::{Draw, Purpose};
use crate::set::{Entry, Set};

/// Orders kept, so that the visits of one block share the work.
const KEPT: usize = 4;

/// Places tried instead of one in its own block, before others' are.
const OWN: usize = 24;
/// Places tried in each of the blocks after it.
const NEXT: usize = 8;

/// Which window place each visit goes to. A pass goes through the blocks in random order, and through each block's places
/// in random order: those of weight 1 once, lesser ones at most once, in proportion to their weights.
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
    /// Entries that every pass visits.
    always: Vec<u32>,
    /// The others, with the sums of how often each is visited: a whole number in the end.
    sometimes: Vec<(u32, f64)>,
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
    /// A plan over the sequences of at least `crop`'s size, or of a size that is not known; `None` when there are none.
    pub(crate) fn new(set: &Set, seed: u64, crop: (usize, usize)) -> Option<Self> {
        let large = |s: &crate::set::Sequence| !s.is_smaller(crop);
        let mut chosen: Vec<u32> =
            (0..).zip(set.sequences()).filter(|(_, s)| large(s)).map(|(i, _)| i).collect();
        let bytes = |i: &u32| set.sequence(*i).bytes;
        let memory = set.options().memory;
        let total = chosen.iter().map(bytes).fold(0, usize::saturating_add);
        let limit = if total <= memory { usize::MAX } else { memory / 2 };
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
                    filled = filled.saturating_add(size);
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

    /// Where to look instead after `attempt` (from 1) places in vain for a visit to the block at `position`: in that block
    /// for some time, then in one after another of those that follow. With it comes whether its frames are worth holding:
    /// not those of blocks whose turn is still far off. Places come up in proportion to their weights.
    pub(crate) fn instead(&self, position: u64, attempt: usize, draw: &mut Draw) -> (Entry, bool) {
        let further = if attempt < OWN { 0 } else { 1 + (attempt - OWN) / NEXT } as u64;
        let block = &self.blocks[self.block_at(position + further)];
        (block.any(draw), further < 2 || self.blocks.len() == 1)
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

    /// Makes every visit go to a sequence that is not there.
    #[cfg(test)]
    pub(crate) fn lead_astray(&mut self) {
        self.blocks.iter_mut().flat_map(|b| &mut b.entries).for_each(|entry| entry.sequence = u32::MAX);
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
        let mut total = 0.0;
        let mut sum = |e: &Entry| {
            total += e.weight;
            total
        };
        let sums: Vec<f64> = entries.iter().map(&mut sum).collect();
        let visits = (total - ROUNDING).ceil().max(if entries.is_empty() { 0.0 } else { 1.0 });
        let (always, sometimes) = shares(&entries, visits);
        Self { sequences, entries, sums, always, sometimes, visits: visits as u64 }
    }

    /// An entry, each with a probability in proportion to its weight.
    fn any(&self, draw: &mut Draw) -> Entry {
        let at = draw.unit() * self.sums.last().copied().unwrap_or(0.0);
        let last = self.entries.len().saturating_sub(1);
        self.entries[self.sums.partition_point(|&s| s <= at).min(last)]
    }

    /// Which entries a pass visits, in which order: systematic sampling, then a shuffle.
    fn order(&self, draw: &mut Draw) -> Vec<u32> {
        // Few enough bits that it stays clear of the last sum, which rounding may have moved.
        let start = draw.below(1 << 16) as f64 / 65536.0;
        let rest = self.visits - self.always.len() as u64;
        let last = self.sometimes.len().saturating_sub(1);
        let at = |i: u64| self.sometimes.partition_point(|&(_, s)| s <= i as f64 + start).min(last);
        let chosen = (0..rest).map(|i| self.sometimes[at(i)].0);
        let mut order: Vec<u32> = self.always.iter().copied().chain(chosen).collect();
        draw.shuffle(&mut order);
        order
    }
}

/// What sums of weights may be off by.
const ROUNDING: f64 = 1e-6;

/// Entries that each of many passes of `visits` visits sees, and how often the others are seen, summed up: in proportion
/// to the weights, raised a little for the sum to be whole, but never above once.
fn shares(entries: &[Entry], visits: f64) -> (Vec<u32>, Vec<(u32, f64)>) {
    let (mut always, mut others): (Vec<u32>, Vec<u32>) = (Vec::new(), (0..entries.len() as u32).collect());
    loop {
        let weight = |&i: &u32| entries[i as usize].weight;
        let scale = (visits - always.len() as f64) / others.iter().map(weight).sum::<f64>();
        let known = always.len();
        let certain = |i: &u32| weight(i) >= 1.0 || weight(i) * scale >= 1.0 - ROUNDING;
        let (more, fewer): (Vec<u32>, Vec<u32>) = others.into_iter().partition(certain);
        always.extend(more);
        others = fewer;
        if always.len() == known {
            let mut sum = 0.0;
            let summed = |i: u32| {
                sum += weight(&i) * scale;
                (i, sum)
            };
            return (always, others.into_iter().map(summed).collect());
        }
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
    fn no_place_comes_up_twice_in_a_pass() {
        // Sums that are not whole, one below 1, weights that reach 1 when raised.
        let cases: [&[f64]; 6] = [
            &[1.0, 1.0, 0.6],
            &[0.95, 0.6],
            &[0.3],
            &[0.99, 0.99, 0.2, 0.1],
            &[1.0, 0.05, 1.0, 0.3, 0.7, 1.0, 0.333, 0.6],
            &[0.05; 7],
        ];
        for weights in cases {
            let plan = plan(&[weights]);
            let pass = plan.pass();
            let mut counts = vec![0; weights.len()];
            for n in 0..400 {
                let mut seen = vec![0; weights.len()];
                for visit in n * pass..(n + 1) * pass {
                    seen[plan.locate(visit, 1).entry.frame as usize] += 1;
                }
                for (i, &times) in seen.iter().enumerate() {
                    assert!(times <= 1 && (times == 1 || weights[i] < 1.0), "{weights:?}: {seen:?}");
                    counts[i] += times;
                }
            }
            for (i, &count) in counts.iter().enumerate() {
                let least = weights[i] * 400.0;
                assert!(f64::from(count) > 0.8 * least - 4.0, "{weights:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn what_is_tried_instead_goes_by_weight_and_then_elsewhere() {
        let weights: Vec<f64> = (0..10).map(|i| if i == 3 { 1.0 } else { 0.05 }).collect();
        let plan = plan(&[&weights, &weights, &weights]);
        let mut draw = Draw::new(1, Purpose::Instead, 0);
        let mut lively = 0;
        for _ in 0..1000 {
            let (entry, hold) = plan.instead(4, 1, &mut draw);
            assert_eq!((entry.sequence as usize, hold), (plan.block_at(4), true));
            lively += i32::from(entry.frame == 3);
        }
        assert!((640..740).contains(&lively), "{lively}: 1 of 1.45");
        for (attempt, further, hold) in
            [(23, 0, true), (24, 1, true), (31, 1, true), (32, 2, false), (199, 22, false)]
        {
            let found = plan.instead(4, attempt, &mut draw);
            assert_eq!((found.0.sequence as usize, found.1), (plan.block_at(4 + further), hold), "{attempt}");
        }
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
