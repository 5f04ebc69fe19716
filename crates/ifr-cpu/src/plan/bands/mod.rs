//! Steps that follow each other run band by band: a few rows of each in turn, so that what they leave to one another is never
//! there as whole maps and stays in a cache.
//!
//! A *group* is a run of steps each of which needs, for some rows of its outputs, but some rows of what the group makes (a
//! warp's image must be whole: it is made before the group). What no step outside the group wants *rolls*: there is memory for
//! some rows only, and new ones are made where rows were that nobody will read again; so nothing is computed twice. How that goes
//! without moving what is still read says [`group`].
//!
//! ```text
//! rows of x, 3×3 → y, 3×3 → z             band 1     band 2     band 3
//!    x  0 1 2 3 4 5 6 7 8 9 a b …         0 … b      c … f      10 …
//!    y  0 1 2 3 4 5 6 7 …                 0 … 7      8 … b      c …        one row less than there are of x, in whole tiles
//!    z  0 1 2 3 …                         0 … 3      4 … 7      8 …
//! ```
//!
//! Rows are asked for from the end: the last step makes the rows of the band, every other what the later ones need for that.
//! Bands begin at multiples of 4 rows on every map. There the tiles of Winograd's algorithm begin on whole maps, too, and no
//! other kernel cares where it begins: results are the same to the bit.

mod cut;
mod group;
mod need;

use std::ops::Range;

use super::lower::{Slot, parts};
use super::step::{Step, Work};
use crate::layout::LANES;
use crate::winograd::STEP;
use group::Group;
use need::{Need, reads, writes};

/// Which steps run band by band, a few rows of each in turn. Results are the same to the bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bands {
    /// Those that make large maps, in bands that suit caches.
    #[default]
    BySize,
    /// The same in bands of at most so many rows of the largest maps they make: slower, in a little less memory.
    Low(usize),
    /// None: every step makes whole maps.
    Never,
    /// All that can, in bands of about as many rows of the smallest maps they make. For tests and comparisons.
    Rows(usize),
}

/// Values of a channel at least: smaller maps fit into caches, and their bands would give threads too little to do.
const LEAST_VALUES: usize = 1 << 16;

/// Cuts what can be cut of each phase's steps into bands. `pinned`: slots that must be whole. Returns all steps, and how many of
/// them are the first phase's, as `first` are now.
pub(super) fn divide(
    mut steps: Vec<Step>,
    first: usize,
    slots: &mut [Slot],
    pinned: &[usize],
    bands: Bands,
) -> (Vec<Step>, usize) {
    if bands == Bands::Never {
        return (steps, first);
    }
    let users = Users::new(&mut steps, slots.len(), pinned);
    let of = |range| groups(&steps, slots, range, &users, bands);
    let groups = [of(0..first), of(first..steps.len())];
    let (mut divided, mut done, mut counts) = (Vec::new(), 0, [0; 2]);
    let mut steps = steps.into_iter();
    let ends = [first, steps.len()];
    for ((groups, end), count) in groups.into_iter().zip(ends).zip(&mut counts) {
        for group in groups {
            divided.extend(steps.by_ref().take(group.range.start - done));
            done = group.range.end;
            let whole: Vec<Step> = steps.by_ref().take(group.range.len()).collect();
            divided.extend(group.cut(whole, slots, bands));
        }
        divided.extend(steps.by_ref().take(end - done));
        (done, *count) = (end, divided.len());
    }
    (divided, counts[0])
}

/// Who uses each slot.
struct Users {
    /// How many steps write it.
    writers: Vec<usize>,
    /// The first and the last step that use it; `None` too when it must be whole.
    steps: Vec<Option<(usize, usize)>>,
    /// For each step, whether it is of whole maps.
    whole: Vec<bool>,
}

impl Users {
    fn new(steps: &mut [Step], slots: usize, pinned: &[usize]) -> Self {
        let mut new = Self { writers: vec![0; slots], steps: vec![None; slots], whole: Vec::new() };
        for (index, step) in steps.iter_mut().enumerate() {
            let mut whole = true;
            step.visit(&mut |_, address| {
                let (slot, _, offset) = parts(*address);
                let (_, last) = new.steps[slot].get_or_insert((index, index));
                *last = index;
                whole &= offset == 0;
            });
            new.whole.push(whole);
            writes(step).into_iter().for_each(|slot| new.writers[slot] += 1);
        }
        pinned.iter().for_each(|&slot| new.steps[slot] = None);
        new
    }

    /// The slots that only one step of these writes, and only these read.
    fn within(&self, range: &Range<usize>) -> Vec<(usize, Range<usize>)> {
        let one = |slot: usize| {
            let (first, last) = self.steps[slot]?;
            let inside = self.writers[slot] == 1 && range.contains(&first) && range.contains(&last);
            inside.then_some((slot, first..last))
        };
        (0..self.steps.len()).filter_map(one).collect()
    }
}

/// Whether some rows of a step can be done alone.
fn divisible(step: &Step, slots: &[Slot], bands: Bands) -> bool {
    let (layout, large) = (step.layout, matches!(bands, Bands::Rows(_)));
    let even = match step.work {
        Work::Split { step, .. } | Work::Join { step, .. } => STEP.is_multiple_of(step),
        _ => true,
    };
    let alike = |slot: usize| slots[slot].layout == layout;
    let near = |(slot, need): (usize, Need)| !matches!(need, Need::Near { .. }) || alike(slot);
    even && (large || layout.width * layout.height >= LEAST_VALUES)
        // Vectors across the end of a band stay within the next row.
        && layout.stride() >= LANES
        && writes(step).into_iter().all(alike)
        && reads(step).is_some_and(|all| all.into_iter().all(near))
}

/// The groups among some steps, as small as can be: steps that leave each other nothing but whole maps are not in one.
fn groups(steps: &[Step], slots: &[Slot], range: Range<usize>, users: &Users, bands: Bands) -> Vec<Group> {
    let mut found = Vec::new();
    let mut close = |range: Range<usize>| {
        let rolling = users.within(&range);
        let mut start = range.start;
        for end in range.start + 1..=range.end {
            if rolling.iter().any(|(_, life)| life.start < end && life.end >= end) {
                continue;
            }
            let part = start..end;
            let of = rolling.iter().filter(|(_, life)| part.contains(&life.start));
            let rolling: Vec<usize> = of.map(|(slot, _)| *slot).collect();
            if !rolling.is_empty() {
                found.push(Group { range: part, rolling });
            }
            start = end;
        }
    };
    let (mut start, mut written) = (range.start, Vec::new());
    for index in range.clone() {
        let step = &steps[index];
        let can = users.whole[index] && divisible(step, slots, bands);
        let waits = |(slot, need): (usize, Need)| need == Need::Whole && written.contains(&slot);
        if !can || reads(step).is_none_or(|all| all.into_iter().any(waits)) {
            close(start..index);
            start = if can { index } else { index + 1 };
            written.clear();
        }
        if can {
            written.extend(writes(step));
        }
    }
    close(start..range.end);
    found
}
