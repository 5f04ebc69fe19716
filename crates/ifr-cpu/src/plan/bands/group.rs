//! A group of steps, and how its bands are cut.
//!
//! Planes of a slot that rolls lie as far apart as there are rows of each alive at a time. New rows always follow the last: those of
//! one plane *slide* into the memory of the next one's first rows, which are dead by then, since all planes advance together. Only
//! after the last plane there must be room beyond, some rows of one plane. When that is used up, the living rows of every plane
//! move back to where it began.
//!
//! ```text
//! plane         0        1        2
//! band 1     [ a b c ][ a b c ][ a b c ] .  .  .  .
//! band 2        [ b c d ][ b c d ][ b c d ] .  .  .       d of plane 0 where a of plane 1 was
//! band 3           [ c d e ][ c d e ][ c d e ] .  .
//! ```

use std::collections::HashMap;
use std::ops::Range;

use super::super::lower::{Slot, address};
use super::super::step::{Step, Work};
use super::Bands;
use super::cut::Cutter;
use super::need::{Need, reads, writes};
use crate::winograd::STEP;

/// Rows of a band on the largest maps of a group. Of 1920×1088 pixels IFRNet-S took 339 MiB with these, and 687 map by map.
const BAND_ROWS: usize = 32;

/// Values of a band's rows, on the largest maps: wider ones have fewer rows, which give threads as much to do. 24 rows of 1920 values,
/// 12 of 3840.
const BAND_VALUES: usize = 24 * 1920;

/// Of a slot's rows of all channels, one in so many is added as room to slide into.
const SLACK: usize = 8;

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
        for &index in &rolling {
            let slot = &mut slots[index];
            let rows = slot.channels * schedule.rows[&index] / SLACK;
            let rows = rows.min(slot.layout.height - schedule.rows[&index]);
            slot.layout.height = schedule.rows[&index] + 1;
            slot.slack = rows * slot.layout.stride();
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
                    let (kept, room) = (rows.start - base, schedule.rows[&slot] + slots[slot].slack_rows());
                    // As long as there is room, nothing is moved.
                    if from == 0 || kept > 0 && rows.end - cutter.bases[slot] <= room {
                        continue;
                    }
                    cutter.bases[slot] = base;
                    if kept > 0 {
                        cut.extend(roll(slot, &slots[slot], from, kept, step.node));
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
                    let rows = schedule.rows.entry(slot).or_insert(0);
                    *rows = (*rows).max(now[index] - base);
                }
            }
            before.clone_from(&now);
            schedule.done.push(now);
        }
        schedule
    }
}

/// Moves `rows` rows of a slot, from row `from` of its memory on, to the front. Rows of one plane may come from the memory of a
/// later one: planes in one step are so few that none of them goes where another's rows still are.
fn roll(index: usize, slot: &Slot, from: usize, rows: usize, node: usize) -> Vec<Step> {
    let (stride, plane, pad) = (slot.layout.stride(), slot.layout.plane(), slot.layout.pad);
    let (at, len) = (from * stride, rows * stride);
    // So many planes further lies the first whose place overlaps what another has to move.
    let meets = |&planes: &usize| (planes * plane).abs_diff(at) < len + pad;
    let some = (1..=slot.channels).find(meets).unwrap_or(slot.channels);
    let part = |first: usize| Step {
        work: Work::Roll { at, len },
        outputs: (first..(first + some).min(slot.channels)).map(|channel| address(index, channel)).collect(),
        layout: slot.layout,
        node,
        edges: [false; 2],
    };
    (0..slot.channels).step_by(some).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::step::Address;
    use super::*;
    use crate::layout::Layout;

    /// No plane goes where rows still are that another plane of the same step, or of a later one, has to move.
    #[test]
    fn moving_back_loses_nothing() {
        for (width, height, channels, rows) in
            [(24, 9, 13, 3), (70, 6, 40, 4), (33, 20, 7, 2), (16, 4, 64, 1)]
        {
            let slot = Slot { layout: Layout::new(width, height, 1), channels, slack: 0 };
            let (stride, plane, pad) = (slot.layout.stride(), slot.layout.plane(), slot.layout.pad);
            for from in 1..4 * height {
                // Rows and the zeros before the first.
                let at = |channel: usize, row: usize| {
                    let start = channel * plane + slot.layout.front() + row * stride;
                    start - pad..start + rows * stride
                };
                // Which plane's rows each place holds.
                let mut memory = vec![None; channels * plane + 5 * height * stride];
                (0..channels).for_each(|channel| memory[at(channel, from)].fill(Some(channel)));
                let mut moved = 0;
                for step in roll(3, &slot, from, rows, 0) {
                    let Work::Roll { at: offset, len } = step.work else { panic!("{:?}", step.work) };
                    assert_eq!((offset, len), (from * stride, rows * stride));
                    let together = moved..moved + step.outputs.len();
                    let outputs: Vec<Address> = together.clone().map(|channel| address(3, channel)).collect();
                    assert_eq!(step.outputs, outputs);
                    for channel in together.clone() {
                        assert!(memory[at(channel, from)].iter().all(|&held| held == Some(channel)));
                        let (source, others) =
                            (at(channel, from), together.clone().filter(|&c| c != channel));
                        for place in others.map(|other| at(other, 0)) {
                            assert!(
                                place.end <= source.start || source.end <= place.start,
                                "{from}: {channel}"
                            );
                        }
                    }
                    together.clone().for_each(|channel| memory[at(channel, 0)].fill(None));
                    moved = together.end;
                }
                assert_eq!(moved, channels);
            }
        }
    }
}
