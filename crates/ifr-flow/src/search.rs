//! Dense inverse search on one level of the pyramid.

use rayon::prelude::*;

use crate::field::FlowField;
use crate::kernels::Level;
use crate::kernels::patch::{Found, SIDE, Search, reconsider, search, spread};
use crate::plane::BLOCK;

/// Counts of the patch search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SearchParams {
    /// Distance between patches in samples, 1 to 8.
    pub(crate) step: usize,
    /// Most Gauss-Newton steps per patch.
    pub(crate) steps: usize,
    /// Rounds in which every patch also tries what its neighbours found.
    pub(crate) rounds: usize,
}

/// Distance (of both coordinates together) in samples within which displacements are as good as one: from less than half a
/// sample away Gauss-Newton gets there by itself.
const NEAR: f32 = 0.5;

/// Positions of patches along a side of `size` samples: every `step`, the last one flush with the end.
fn positions(size: usize, step: usize) -> Vec<usize> {
    let last = size.saturating_sub(SIDE);
    (0..last.div_ceil(step) + 1).map(|i| (i * step).min(last)).collect()
}

/// Replaces `field` by the result of a patch search that starts from it. Levels smaller than a patch are left alone.
pub(crate) fn improve(level: Level, job: Search<'_>, params: SearchParams, field: &mut FlowField) {
    let (w, h) = (job.from.width(), job.from.height());
    if w < SIDE || h < SIDE {
        return;
    }
    let (xs, ys) = (positions(w, params.step), positions(h, params.step));
    let n = xs.len();
    let mut found = vec![Found { u: 0.0, v: 0.0, cost: 0.0 }; n * ys.len()];
    let start = &*field;
    found.par_chunks_mut(n).zip(&ys).for_each(|(row, &y)| {
        for (f, &x) in row.iter_mut().zip(&xs) {
            *f = search(level, job, x, y, start.at(x + SIDE / 2, y + SIDE / 2));
        }
    });
    // Neighbours' results of the round before, not of this one: no patch waits for another.
    let mut earlier: Option<Vec<Found>> = None;
    for _ in 0..params.rounds {
        let before = found.clone();
        found.par_chunks_mut(n).enumerate().for_each(|(j, row)| {
            for (i, f) in row.iter_mut().enumerate() {
                let k = j * n + i;
                let mut others = [[0.0; 2]; 4];
                let mut count = 0;
                let mut offer = |at: usize| {
                    // What has been tried in an earlier round cannot be better now.
                    if earlier.as_ref().is_some_and(|e| e[at] == before[at]) {
                        return;
                    }
                    let other = [before[at].u, before[at].v];
                    let near = |a: [f32; 2]| (other[0] - a[0]).abs() + (other[1] - a[1]).abs() <= NEAR;
                    if !near([f.u, f.v]) && !others[..count].iter().any(|o| near(*o)) {
                        others[count] = other;
                        count += 1;
                    }
                };
                if i > 0 {
                    offer(k - 1);
                }
                if i + 1 < n {
                    offer(k + 1);
                }
                if j > 0 {
                    offer(k - n);
                }
                if j + 1 < ys.len() {
                    offer(k + n);
                }
                if count > 0 {
                    *f = reconsider(level, job, xs[i], ys[j], *f, &others[..count]);
                }
            }
        });
        earlier = Some(before);
    }
    let (u, v) = field.channels_mut();
    u.par_chunks_mut(w * BLOCK).zip(v.par_chunks_mut(w * BLOCK)).enumerate().for_each(|(block, (u, v))| {
        let rows = (block * BLOCK, block * BLOCK + u.len() / w);
        let mut weight = vec![0.0; u.len()];
        u.fill(0.0);
        v.fill(0.0);
        for (j, &y) in ys.iter().enumerate() {
            if y + SIDE <= rows.0 || y >= rows.1 {
                continue;
            }
            for (f, &x) in found[j * n..(j + 1) * n].iter().zip(&xs) {
                spread(level, job, x, y, f.u, f.v, rows, w, u, v, &mut weight);
            }
        }
        for ((u, v), w) in u.iter_mut().zip(v).zip(&weight) {
            // Every sample lies in a patch, so that no weight is zero.
            *u /= w;
            *v /= w;
        }
    });
}
