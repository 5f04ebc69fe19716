//! A group of steps, and how its bands are cut.

use std::collections::HashMap;
use std::ops::Range;

use super::super::lower::{Slot, address};
use super::super::step::{Step, Work};
use super::Bands;
use super::cut::Cutter;
use super::need::{Need, reads, writes};
use crate::winograd::STEP;

/// Memory of the maps that roll, about: a part of a last-level cache.
const ROLLING_BYTES: usize = 1 << 25;

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
    /// By band and slot: the row that the slot's memory begins with, where that changes before its step.
    bases: HashMap<(usize, usize), usize>,
    /// By slot that rolls: rows there at a time, at most.
    rows: HashMap<usize, usize>,
}

impl Group {
    /// The steps of all bands, in order; slots that roll become as small as they can be.
    pub(super) fn cut(&self, steps: Vec<Step>, slots: &mut [Slot], bands: Bands) -> Vec<Step> {
        let height = |step: &Step| step.layout.height;
        let Some(coarse) = steps.iter().map(height).min() else { return steps };
        let band = match bands {
            Bands::Never => return steps,
            Bands::Rows(rows) => rows,
            Bands::BySize => {
                let row = |&slot: &usize| {
                    let Slot { layout, channels } = slots[slot];
                    channels * layout.stride() * size_of::<f32>() * layout.height / coarse
                };
                ROLLING_BYTES / self.rolling.iter().map(row).sum::<usize>().max(1)
            }
        };
        let band = band.next_multiple_of(STEP).max(STEP);
        // Of equal height, as far as tiles allow.
        let count = coarse.div_ceil(band);
        let band = coarse.div_ceil(count).next_multiple_of(STEP);
        let count = coarse.div_ceil(band);
        if count < 2 {
            return steps;
        }
        let target = |k: usize, height: usize| ((k + 1) * band * height).div_ceil(coarse);
        let schedule = self.schedule(&steps, slots, count, target);
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
                    let from = base - std::mem::replace(&mut cutter.bases[slot], base);
                    if from > 0 && rows.start > base {
                        cut.push(roll(slot, &slots[slot], from, rows.start - base, step.node));
                    }
                }
                cut.push(cutter.cut(step, rows));
            }
            start.clone_from(done);
        }
        cut
    }

    /// When which rows are made, in so many bands, where those maps that stay whole are made up to row `target` of each band, by
    /// their height.
    fn schedule(
        &self,
        steps: &[Step],
        slots: &[Slot],
        count: usize,
        target: impl Fn(usize, usize) -> usize,
    ) -> Schedule {
        let reads: Vec<Vec<(usize, Need)>> =
            steps.iter().map(|step| reads(step).unwrap_or_default()).collect();
        let writes: Vec<Vec<usize>> = steps.iter().map(writes).collect();
        let (mut done, mut bases) = (Vec::new(), HashMap::new());
        let mut rows: HashMap<usize, usize> = self.rolling.iter().map(|&slot| (slot, 0)).collect();
        let mut before = vec![0; steps.len()];
        for k in 0..count {
            let mut wanted: HashMap<usize, usize> = HashMap::new();
            let mut now = before.clone();
            for (index, step) in steps.iter().enumerate().rev() {
                let height = step.layout.height;
                let want = |slot: &usize| wanted.get(slot).copied().unwrap_or(0);
                let whole = writes[index].iter().any(|slot| !self.rolling.contains(slot));
                let own = if whole { target(k, height) } else { 0 };
                let most = writes[index].iter().map(want).max().unwrap_or(0).max(own);
                let end = if k + 1 == count { height } else { most.next_multiple_of(STEP).min(height) };
                now[index] = now[index].max(end);
                if now[index] > 0 {
                    for &(slot, need) in &reads[index] {
                        let end = need.end(step, now[index]).min(slots[slot].layout.height);
                        let want = wanted.entry(slot).or_insert(0);
                        *want = end.max(*want);
                    }
                }
            }
            for index in 0..steps.len() {
                if now[index] == before[index] {
                    continue;
                }
                for &slot in writes[index].iter().filter(|slot| self.rolling.contains(slot)) {
                    let readers = (0..steps.len()).filter(|&reader| before[reader] < steps[reader].layout.height);
                    let first = |reader: usize| {
                        let of = reads[reader].iter().filter(|(from, _)| *from == slot);
                        of.map(|(_, need)| need.first(&steps[reader], before[reader])).min()
                    };
                    let base = readers.filter_map(first).fold(before[index], usize::min);
                    bases.insert((k, slot), base);
                    let most = rows.entry(slot).or_insert(0);
                    *most = (*most).max(now[index] - base);
                }
            }
            done.push(now.clone());
            before = now;
        }
        Schedule { done, bases, rows }
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
