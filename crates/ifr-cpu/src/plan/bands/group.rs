//! A group of steps, and how its bands are cut.

use std::collections::HashMap;
use std::ops::Range;

use super::super::lower::{Slot, address};
use super::super::step::{Step, Work};
use super::Bands;
use super::cut::Cutter;
use super::need::{Need, reads, writes};
use crate::winograd::STEP;

/// Rows of a band on the largest maps of a group. Of 1920×1088 pixels IFRNet-S took 339 MiB with these, and 687 map by map; moves
/// take about a twentieth of the time, so that fewer rows, which would save some 20 MiB, cost more than they are worth.
const BAND_ROWS: usize = 32;

/// Values of a band's rows, on the largest maps: wider ones have fewer rows, which give threads as much to do. 24 rows of 1920 values,
/// 12 of 3840.
const BAND_VALUES: usize = 24 * 1920;

/// Steps that run band by band.
pub(super) struct Group {
    pub(super) range: Range<usize>,
    /// The slots that need not be whole.
    pub(super) rolling: Vec<usize>,
}

/// What is done in each band.
struct Schedule {
    /// By band and step: rows that are done by its end.
    done: Vec<Vec<usize>>,
    /// By band and slot: the first row that is needed from the step on that makes more rows in that band.
    bases: HashMap<(usize, usize), usize>,
    /// By slot that rolls: rows there at a time, at most.
    rows: HashMap<usize, usize>,
}

impl Group {
    /// The steps of all bands, in order; slots that roll become as small as they can be.
    pub(super) fn cut(&self, steps: Vec<Step>, slots: &mut [Slot], bands: Bands) -> Vec<Step> {
        let Some(fine) = steps.iter().map(|step| step.layout.height).max() else { return steps };
        let band = match bands {
            Bands::Never => return steps,
            Bands::Rows(rows) => rows,
            Bands::BySize | Bands::Low(_) => {
                let widest = steps.iter().map(|step| step.layout.width).max().unwrap_or(1);
                let most = if let Bands::Low(rows) = bands { rows } else { BAND_ROWS };
                most.min(BAND_VALUES / widest)
            }
        };
        let band = band.next_multiple_of(STEP).max(STEP);
        if band >= fine {
            return steps;
        }
        let schedule = self.schedule(&steps, slots, band, fine);
        let mut rolling = self.rolling.clone();
        // One row more, for the last vectors of a convolution that begins anywhere; not worth it for what is nearly whole.
        rolling.retain(|slot| schedule.rows[slot] + 1 < slots[*slot].layout.height);
        for slot in &rolling {
            slots[*slot].layout.height = schedule.rows[slot] + 1;
        }
        let mut cutter = Cutter { slots, bases: vec![0; slots.len()], masks: HashMap::new() };
        let mut cut = Vec::new();
        let mut start = vec![0; steps.len()];
        for (k, done) in schedule.done.iter().enumerate() {
            for (index, step) in steps.iter().enumerate() {
                let rows = start[index]..done[index];
                if rows.is_empty() {
                    continue;
                }
                for slot in writes(step).into_iter().filter(|slot| rolling.contains(slot)) {
                    let base = schedule.bases.get(&(k, slot)).copied().unwrap_or(0);
                    let from = base - cutter.bases[slot];
                    // As long as there is room, nothing is moved.
                    if from == 0 || rows.end - cutter.bases[slot] <= schedule.rows[&slot] {
                        continue;
                    }
                    cutter.bases[slot] = base;
                    if rows.start > base {
                        cut.push(roll(slot, &slots[slot], from, rows.start - base, step.node));
                    }
                }
                cut.push(cutter.cut(step, rows));
            }
            start.clone_from(done);
        }
        cut
    }

    /// When which rows are made, for bands of so many rows of the largest maps, which have `fine`.
    fn schedule(&self, steps: &[Step], slots: &[Slot], band: usize, fine: usize) -> Schedule {
        let reads: Vec<Vec<(usize, Need)>> =
            steps.iter().map(|step| reads(step).unwrap_or_default()).collect();
        let writes: Vec<Vec<usize>> = steps.iter().map(writes).collect();
        let rolls = |slot: &&usize| self.rolling.contains(slot);
        // Rows that each step has to have made by the end of a band; before the first band, too, where that is fewer than none.
        let rows = |band: isize| {
            let mut wanted: HashMap<usize, isize> = HashMap::new();
            let mut ends = vec![0; steps.len()];
            for (index, step) in steps.iter().enumerate().rev() {
                let height = step.layout.height.cast_signed();
                // What nobody else in the group waits for sets the pace.
                let own = writes[index].is_empty() || writes[index].iter().any(|slot| !rolls(&slot));
                let own = own.then(|| -(-band * height).div_euclid(fine.cast_signed()));
                let most = writes[index].iter().filter_map(|slot| wanted.get(slot).copied()).chain(own).max();
                let tiles = -(-most.unwrap_or(height)).div_euclid(STEP.cast_signed());
                let end = (tiles * STEP.cast_signed()).min(height);
                for &(slot, need) in &reads[index] {
                    let end = need.end(step, end).min(slots[slot].layout.height.cast_signed());
                    wanted.entry(slot).and_modify(|most| *most = end.max(*most)).or_insert(end);
                }
                ends[index] = end.max(0).cast_unsigned();
            }
            ends
        };
        let (size, mut first) = (band.cast_signed(), 0);
        while rows(first).iter().any(|&rows| rows > 0) {
            first -= size;
        }
        let heights: Vec<usize> = steps.iter().map(|step| step.layout.height).collect();
        let mut schedule = Schedule {
            done: Vec::new(),
            bases: HashMap::new(),
            rows: self.rolling.iter().map(|&slot| (slot, 0)).collect(),
        };
        // Of each slot, the rows that are kept from one band to the next, and those made in one, at most.
        let mut most: HashMap<usize, [usize; 2]> = HashMap::new();
        let mut before = vec![0; steps.len()];
        while before != heights {
            first += size;
            let mut now = if first >= fine.cast_signed() { heights.clone() } else { rows(first) };
            now.iter_mut().zip(&before).for_each(|(now, before)| *now = (*now).max(*before));
            for index in 0..steps.len() {
                for &slot in writes[index].iter().filter(|slot| rolls(slot) && now[index] > before[index]) {
                    let first = |reader: usize| {
                        let of = reads[reader].iter().filter(|(from, _)| *from == slot);
                        of.map(|(_, need)| need.first(&steps[reader], before[reader])).min()
                    };
                    let readers = (0..steps.len()).filter(|&reader| before[reader] < heights[reader]);
                    let base = readers.filter_map(first).fold(before[index], usize::min);
                    schedule.bases.insert((schedule.done.len(), slot), base);
                    let [kept, made] = most.entry(slot).or_default();
                    *kept = (*kept).max(before[index] - base);
                    *made = (*made).max(now[index] - before[index]);
                    let rows = schedule.rows.entry(slot).or_insert(0);
                    *rows = (*rows).max(now[index] - base);
                }
            }
            before.clone_from(&now);
            schedule.done.push(now);
        }
        // Where more is kept than made, moving it in every band would take long.
        for (slot, [kept, made]) in most {
            schedule.rows.entry(slot).and_modify(|rows| *rows += if kept > made { kept } else { 0 });
        }
        schedule
    }
}

/// Moves `rows` rows of a slot, from row `from` of its memory on, to the front.
fn roll(index: usize, slot: &Slot, from: usize, rows: usize, node: usize) -> Step {
    let stride = slot.layout.stride();
    Step {
        work: Work::Roll { at: from * stride, len: rows * stride },
        outputs: (0..slot.channels).map(|channel| address(index, channel)).collect(),
        layout: slot.layout,
        node,
        edges: [false; 2],
    }
}
