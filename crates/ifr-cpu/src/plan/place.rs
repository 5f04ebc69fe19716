//! Where each map lies in the buffer: maps that do not live at the same time share memory.

use std::ops::RangeInclusive;

/// A piece of memory that some steps use.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// Length in floats.
    pub(crate) len: usize,
    /// From the step that writes it to the last that reads it; `None` when nobody does.
    pub(crate) steps: Option<RangeInclusive<usize>>,
}

/// Places pieces so that those alive together do not overlap; returns the start of each and the length of it all.
///
/// The largest come first, each at the lowest place that is free for as long as it lives.
pub(crate) fn place(pieces: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..pieces.len()).filter(|&i| pieces[i].steps.is_some()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(pieces[i].len));
    let (mut starts, mut total) = (vec![0; pieces.len()], 0);
    let mut placed: Vec<usize> = Vec::new();
    for i in order {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&j| meet(&pieces[i], &pieces[j]))
            .map(|&j| (starts[j], starts[j] + pieces[j].len))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (start, end) in taken {
            if at + pieces[i].len <= start {
                break;
            }
            at = at.max(end);
        }
        starts[i] = at;
        total = total.max(at + pieces[i].len);
        placed.push(i);
    }
    (starts, total)
}

fn meet(a: &Life, b: &Life) -> bool {
    match (&a.steps, &b.steps) {
        (Some(a), Some(b)) => a.start() <= b.end() && b.start() <= a.end(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reused_once_free() {
        let life = |len, steps| Life { len, steps: Some(steps) };
        let pieces = [
            life(16, 0..=1),
            life(32, 1..=2),
            life(16, 2..=3),
            Life { len: 64, steps: None },
            life(48, 4..=9),
        ];
        let (starts, total) = place(&pieces);
        assert_eq!(total, 48);
        assert_eq!((starts[4], starts[1], starts[0], starts[2]), (0, 0, 32, 32));
    }
}
