//! Variational refinement of a whole field, tile by tile.

use std::cell::RefCell;

use rayon::prelude::*;

use crate::field::FlowField;
use crate::kernels::Level;
use crate::kernels::variational::{Scratch, Terms, Tile, refine};
use crate::plane::Plane;

/// Size of a tile without its halo: with it, a tile's dozen images stay within a level 2 cache of 1 MiB.
const TILE: [usize; 2] = [160, 64];
/// Samples by which a tile overlaps its neighbours; their values at its rim are those before the refinement.
const HALO: usize = 4;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Refines `field`, the motion from `first` (time 0) to `second` (time 1) seen at time `t`; `trust` weighs the data terms
/// of every pixel (empty: 1).
pub(crate) fn refine_field(
    level: Level,
    [first, second]: [&Plane; 2],
    t: f32,
    terms: &Terms,
    trust: &[f32],
    field: &mut FlowField,
) {
    if terms.warps == 0 {
        return;
    }
    let (w, h) = (field.width(), field.height());
    let mut out = FlowField::new(w, h);
    let (u, v) = out.channels_mut();
    let before = &*field;
    let band = w * TILE[1];
    u.par_chunks_mut(band).zip(v.par_chunks_mut(band)).enumerate().for_each(|(row, (u, v))| {
        SCRATCH.with_borrow_mut(|s| {
            let top = row * TILE[1];
            let mut local = Vec::new();
            for left in (0..w).step_by(TILE[0]) {
                let core = [left, top, TILE[0].min(w - left), u.len() / w];
                let [x, y] = [left.saturating_sub(HALO), top.saturating_sub(HALO)];
                let rect = [x, y, (left + core[2] + HALO).min(w) - x, (top + core[3] + HALO).min(h) - y];
                s.resize(rect[2], rect[3]);
                let stride = Scratch::stride(rect[2]);
                for i in 0..rect[3] {
                    let (to, from) = (i * stride + 2, (y + i) * w + x);
                    s.u[to..to + rect[2]].copy_from_slice(&before.u()[from..from + rect[2]]);
                    s.v[to..to + rect[2]].copy_from_slice(&before.v()[from..from + rect[2]]);
                }
                local.clear();
                if !trust.is_empty() {
                    for i in 0..rect[3] {
                        local.extend_from_slice(&trust[(y + i) * w + x..][..rect[2]]);
                    }
                }
                refine(level, &Tile { first, second, t, rect, trust: &local }, terms, s);
                for i in 0..core[3] {
                    let (to, from) = (i * w + left, (top - y + i) * stride + 2 + left - x);
                    u[to..to + core[2]].copy_from_slice(&s.u[from..from + core[2]]);
                    v[to..to + core[2]].copy_from_slice(&s.v[from..from + core[2]]);
                }
            }
        });
    });
    *field = out;
}
