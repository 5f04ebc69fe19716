//! What stands still in a window of frames while its surroundings move.

use super::bars;
use super::luma::Luma;

/// Frames in a window: what does not change in so many is still.
pub(super) const WINDOW: usize = 8;

/// Central difference of the window's mean, in codes per two pixels, from which a pixel is an edge.
const EDGE: u16 = 24;
/// Range over the window, in codes, that coding leaves on still pixels.
const STILL: u8 = 6;
/// An edge is still while its range is at most this share of its gradient, i.e. while it has moved by less than a
/// quarter of a pixel.
const SHIFT: u16 = 8;
/// Range from which a pixel moves.
const MOVES: u8 = 12;

/// Side of the cells in which still and moving pixels are counted.
const CELL: usize = 8;
/// Moving pixels of a cell from which it moves.
const CELL_MOVES: u16 = 8;
/// Still edges of a cell from which it is a still one, unless it moves.
const CELL_STILL: u16 = 4;
/// Still edges in a cell and those around it without which one is chance.
const COMPANY: i64 = 16;
/// Share of moving cells among those that show anything, in the surroundings, from which a still edge is an overlay.
const SURROUNDED: f32 = 0.5;
/// The surroundings reach this share of the picture's height in each direction.
const AROUND: usize = 5;
/// Still edges this many cells around must not all be parallel …
const CORNER_REACH: usize = 2;
/// … which is measured by 4·det ÷ trace² of their structure tensor: 0 for parallel edges, 1 for edges of all directions.
const CORNERS: f32 = 0.15;
/// … and must not have moved by more than this many pixels from the window's first half to its second, four frames later.
const DRIFT: f32 = 0.08;
/// Cells this near to each other are one group.
const GAP: usize = 2;
/// A group's surroundings: cells so near to one of its own.
const RING: usize = 2;
/// The share of the surroundings that must move …
const RING_MOVES: f32 = 0.5;
/// … and the share that may be at rest, so that the group is the whole of what stands still there.
const RING_STILL: f32 = 0.2;
/// Moving pixels below which a cell is at rest.
const RING_DEAD: u16 = 2;
/// How far from a still edge flat pixels belong to it …
const INSIDE: usize = 8;
/// … while they do not range over more codes than this.
const FLAT: u8 = 3;

/// How far around what was found still pixels belong to it.
const RIM: usize = 2;

/// A pixel that is to be kept.
pub(super) const KEPT: u8 = 128;
/// A pixel that is to be kept, and to be taken out of the frame in which motion is looked for.
pub(super) const FILLED: u8 = 255;

/// Pixels ([`KEPT`], [`FILLED`], [`BAR`](bars::BAR) or 0) that belong to an overlay in all frames of a window; `None` where there are none.
pub(super) fn overlay(frames: &[&Luma; WINDOW]) -> Option<Vec<u8>> {
    let (w, h) = (frames[0].width, frames[0].height);
    if w < 4 * CELL || h < 4 * CELL {
        return None;
    }
    let Statistics { range, sum, drift } = &statistics(frames);
    let cells = Cells::count(range, sum, w, h);
    let chosen = cells.chosen(range, sum, drift, w, h);
    let mut mask = match &chosen {
        Some(chosen) => grow(&cells, chosen, range, sum, w, h),
        None => vec![0; w * h],
    };
    let barred = bars::mark(&mut mask, range, sum, w, h);
    (barred || chosen.is_some()).then_some(mask)
}

/// What is known of each pixel over a window.
struct Statistics {
    /// Largest less smallest code.
    range: Vec<u8>,
    sum: Vec<u16>,
    /// The sum over the window's second half less that over its first.
    drift: Vec<i16>,
}

fn statistics(frames: &[&Luma; WINDOW]) -> Statistics {
    let n = frames[0].codes.len();
    let (mut range, mut sum, mut drift) = (vec![0_u8; n], vec![0_u16; n], vec![0_i16; n]);
    const RUN: usize = 64;
    let runs = range.chunks_mut(RUN).zip(sum.chunks_mut(RUN)).zip(drift.chunks_mut(RUN));
    for (i, ((range, sum), drift)) in runs.enumerate() {
        let at = i * RUN..i * RUN + range.len();
        let first = &frames[0].codes[at.clone()];
        let (mut low, mut high) = ([0_u8; RUN], [0_u8; RUN]);
        low[..first.len()].copy_from_slice(first);
        high[..first.len()].copy_from_slice(first);
        for (s, &v) in sum.iter_mut().zip(first) {
            *s = u16::from(v);
        }
        let mut half = [0_u16; RUN];
        for (k, frame) in frames.iter().enumerate().skip(1) {
            if k == WINDOW / 2 {
                half[..sum.len()].copy_from_slice(sum);
            }
            let codes = &frame.codes[at.clone()];
            for (((l, h), s), &v) in low.iter_mut().zip(&mut high).zip(sum.iter_mut()).zip(codes) {
                *l = (*l).min(v);
                *h = (*h).max(v);
                *s += u16::from(v);
            }
        }
        for ((r, l), h) in range.iter_mut().zip(&low).zip(&high) {
            *r = h - l;
        }
        // Sums of 8 codes stay far below 2¹⁵.
        for ((d, s), first) in drift.iter_mut().zip(sum.iter()).zip(&half) {
            *d = (s - first) as i16 - *first as i16;
        }
    }
    Statistics { range, sum, drift }
}

/// Whether each pixel of row `y` is a still edge, 1 or 0.
fn still_edges(range: &[u8], sum: &[u16], w: usize, h: usize, y: usize, out: &mut [u8]) {
    still_pixels(range, sum, w, h, y, EDGE, out);
}

/// Whether each pixel of row `y` is still and has a gradient of at least `edge`, 1 or 0.
fn still_pixels(range: &[u8], sum: &[u16], w: usize, h: usize, y: usize, edge: u16, out: &mut [u8]) {
    let row = |y: usize| &sum[y * w..(y + 1) * w];
    let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(h - 1)));
    let range = &range[y * w..(y + 1) * w];
    out[0] = 0;
    out[w - 1] = 0;
    let inner =
        out[1..w - 1].iter_mut().zip(&range[1..]).zip(&above[1..]).zip(&below[1..]).zip(here.windows(3));
    for ((((o, &r), &a), &b), here) in inner {
        let gradient = here[0].abs_diff(here[2]).max(a.abs_diff(b));
        let still = r <= STILL || u16::from(r) * (SHIFT * WINDOW as u16) <= gradient;
        *o = u8::from((gradient >= edge * WINDOW as u16) & still);
    }
}

/// Still edges and moving pixels, counted in cells.
struct Cells {
    across: usize,
    down: usize,
    still: Vec<u16>,
    moving: Vec<u16>,
}

impl Cells {
    fn count(range: &[u8], sum: &[u16], w: usize, h: usize) -> Self {
        let (across, down) = (w.div_ceil(CELL), h.div_ceil(CELL));
        let [mut still, mut moving] = [(); 2].map(|()| vec![0_u16; across * down]);
        let mut edges = vec![0_u8; w];
        for y in 0..h {
            still_edges(range, sum, w, h, y, &mut edges);
            let row = y / CELL * across;
            let counts = still[row..].iter_mut().zip(&mut moving[row..]);
            let pixels = edges.chunks(CELL).zip(range[y * w..(y + 1) * w].chunks(CELL));
            for ((s, m), (edges, range)) in counts.zip(pixels) {
                *s += u16::from(edges.iter().sum::<u8>());
                *m += u16::from(range.iter().map(|&r| u8::from(r >= MOVES)).sum::<u8>());
            }
        }
        Self { across, down, still, moving }
    }

    /// What becomes of the still edges of each cell: [`KEPT`], [`FILLED`] or 0; `None` where all are 0.
    fn chosen(&self, range: &[u8], sum: &[u16], drift: &[i16], pw: usize, ph: usize) -> Option<Vec<u8>> {
        let (w, h) = (self.across, self.down);
        if self.still.iter().all(|&s| s == 0) {
            return None;
        }
        let moves = |i: usize| self.moving[i] >= CELL_MOVES;
        let moving = Sums::new(w, h, |i| i64::from(moves(i)));
        let shown = Sums::new(w, h, |i| i64::from(moves(i) || self.still[i] >= CELL_STILL));
        let company = Sums::new(w, h, |i| i64::from(self.still[i]));
        let reach = (h / AROUND).max(4);
        let surrounded = |i: usize| {
            let (x, y) = (i % w, i / w);
            let (m, s) = (moving.around(x, y, reach), shown.around(x, y, reach));
            self.still[i] > 0 && company.around(x, y, 1) >= COMPANY && m as f32 >= SURROUNDED * s as f32
        };
        let mut chosen: Vec<u8> = (0..w * h).map(|i| if surrounded(i) { KEPT } else { 0 }).collect();
        if !chosen.contains(&KEPT) {
            return None;
        }
        self.drop_moving(&mut chosen, range, sum, drift, pw, ph);
        if !chosen.contains(&KEPT) {
            return None;
        }
        self.find_filled(&mut chosen);
        Some(chosen)
    }

    /// Takes cells out around which all still edges have one direction: a straight edge that moves along itself is
    /// indistinguishable from one that does not move. And those around which edges move after all, if slowly, by least squares
    /// over the edges (Lucas and Kanade).
    fn drop_moving(&self, chosen: &mut [u8], range: &[u8], sum: &[u16], drift: &[i16], pw: usize, ph: usize) {
        let (w, h) = (self.across, self.down);
        let mut tensor = vec![[0_i64; 5]; w * h];
        let mut edges = vec![0_u8; pw];
        for y in 1..ph - 1 {
            let cells = y / CELL * w;
            if chosen[cells..cells + w].iter().all(|&c| c == 0) {
                continue;
            }
            still_edges(range, sum, pw, ph, y, &mut edges);
            for x in (1..pw - 1).filter(|&x| edges[x] > 0) {
                let at = |x: usize, y: usize| i64::from(sum[y * pw + x]);
                let gx = (at(x + 1, y) - at(x - 1, y)) / WINDOW as i64;
                let gy = (at(x, y + 1) - at(x, y - 1)) / WINDOW as i64;
                let gt = i64::from(drift[y * pw + x]);
                let t = &mut tensor[cells + x / CELL];
                *t = [t[0] + gx * gx, t[1] + gx * gy, t[2] + gy * gy, t[3] + gx * gt, t[4] + gy * gt];
            }
        }
        let sums: [Sums; 5] = std::array::from_fn(|k| Sums::new(w, h, |i| tensor[i][k]));
        for (i, c) in chosen.iter_mut().enumerate().filter(|(_, c)| **c > 0) {
            let [xx, xy, yy, xt, yt] = sums.each_ref().map(|s| s.around(i % w, i / w, CORNER_REACH) as f32);
            // Both eigenvalues are of one order where their product is: 4·det / trace² is 1 for equal ones.
            let det = xx * yy - xy * xy;
            if 4.0 * det < CORNERS * (xx + yy) * (xx + yy) {
                *c = 0;
                continue;
            }
            // Gradients are codes per two pixels, and the drift is that of four frames' sum.
            let [u, v] = [yy * xt - xy * yt, xx * yt - xy * xt].map(|d| d * 2.0 / (WINDOW / 2) as f32);
            if u * u + v * v > DRIFT * DRIFT * det * det {
                *c = 0;
            }
        }
    }

    /// Marks the cells of groups that stand in the middle of strong motion.
    fn find_filled(&self, chosen: &mut [u8]) {
        let (w, h) = (self.across, self.down);
        let near = |i: usize, reach: usize| {
            let (x, y) = (i % w, i / w);
            let (rows, columns) = (
                y.saturating_sub(reach)..(y + reach + 1).min(h),
                x.saturating_sub(reach)..(x + reach + 1).min(w),
            );
            rows.flat_map(move |y| columns.clone().map(move |x| y * w + x))
        };
        let mut seen = vec![false; w * h];
        let mut ring = vec![usize::MAX; w * h];
        for start in 0..w * h {
            if seen[start] || chosen[start] == 0 {
                continue;
            }
            seen[start] = true;
            let mut group = vec![start];
            let mut next = 0;
            while let Some(&i) = group.get(next) {
                next += 1;
                for j in near(i, GAP).filter(|&j| chosen[j] > 0) {
                    if !std::mem::replace(&mut seen[j], true) {
                        group.push(j);
                    }
                }
            }
            // Cells between others of the group, along a row or a column, are inside.
            let mut spans = vec![(usize::MAX, 0); w + h];
            for &i in &group {
                for (span, at) in [(i % w, i / w), (w + i / w, i % w)] {
                    let (low, high) = &mut spans[span];
                    (*low, *high) = ((*low).min(at), (*high).max(at));
                }
            }
            let inside = |i: usize| {
                [(i % w, i / w), (w + i / w, i % w)]
                    .iter()
                    .any(|&(span, at)| (spans[span].0..spans[span].1).contains(&at))
            };
            let (mut around, mut moving, mut dead) = (0, 0, 0);
            for j in group.iter().flat_map(|&i| near(i, RING)) {
                if chosen[j] == 0 && std::mem::replace(&mut ring[j], start) != start && !inside(j) {
                    around += 1;
                    moving += usize::from(self.moving[j] >= CELL_MOVES);
                    dead += usize::from(self.moving[j] < RING_DEAD);
                }
            }
            let share = |n: usize| n as f32 / around as f32;
            if around > 0 && share(moving) >= RING_MOVES && share(dead) <= RING_STILL {
                group.iter().for_each(|&i| chosen[i] = FILLED);
            }
        }
    }
}

/// Sums over rectangles.
struct Sums {
    w: usize,
    h: usize,
    table: Vec<i64>,
}

impl Sums {
    fn new(w: usize, h: usize, value: impl Fn(usize) -> i64) -> Self {
        let mut table = vec![0; (w + 1) * (h + 1)];
        for y in 0..h {
            let mut row = 0;
            for x in 0..w {
                row += value(y * w + x);
                table[(y + 1) * (w + 1) + x + 1] = table[y * (w + 1) + x + 1] + row;
            }
        }
        Self { w, h, table }
    }

    /// The sum over what is at most `reach` away in each direction.
    fn around(&self, x: usize, y: usize, reach: usize) -> i64 {
        let (x0, x1) = (x.saturating_sub(reach), (x + reach + 1).min(self.w));
        let (y0, y1) = (y.saturating_sub(reach), (y + reach + 1).min(self.h));
        let at = |x: usize, y: usize| self.table[y * (self.w + 1) + x];
        at(x1, y1) + at(x0, y0) - at(x0, y1) - at(x1, y0)
    }
}

/// From still edges in the cells chosen to whole letters: still pixels close to one belong to it.
fn grow(cells: &Cells, chosen: &[u8], range: &[u8], sum: &[u16], w: usize, h: usize) -> Vec<u8> {
    let mut seeds = vec![0_u8; w * h];
    let mut edges = vec![0_u8; w];
    for (y, row) in seeds.chunks_exact_mut(w).enumerate() {
        let chosen = &chosen[y / CELL * cells.across..][..cells.across];
        if chosen.iter().all(|&c| c == 0) {
            continue;
        }
        still_edges(range, sum, w, h, y, &mut edges);
        for ((row, edges), &chosen) in row.chunks_mut(CELL).zip(edges.chunks(CELL)).zip(chosen) {
            row.iter_mut().zip(edges).for_each(|(s, &e)| *s = e * chosen);
        }
    }
    // Only where all around moves: flat pixels beside letters may as well be a still background that something passes before.
    let mut grown: Vec<u8> = seeds.iter().map(|&s| if s == FILLED { s } else { 0 }).collect();
    dilate(&mut grown, w, h, INSIDE);
    for ((s, g), r) in seeds.iter_mut().zip(&grown).zip(range) {
        *s = (*s).max(if *r <= FLAT { *g } else { 0 });
    }
    // Soft edges of letters, as far as nothing moves behind them.
    let mut rim = seeds.clone();
    dilate(&mut rim, w, h, RIM);
    let mut still = vec![0_u8; w];
    for (y, (seeds, rim)) in seeds.chunks_exact_mut(w).zip(rim.chunks_exact(w)).enumerate() {
        if rim.iter().all(|&v| v == 0) {
            continue;
        }
        still_pixels(range, sum, w, h, y, 0, &mut still);
        seeds.iter_mut().zip(rim).zip(&still).for_each(|((s, r), still)| *s = (*s).max(r * still));
    }
    seeds
}

/// The largest value within `reach` in each direction.
pub(super) fn dilate(mask: &mut [u8], w: usize, h: usize, reach: usize) {
    // Along rows and then along columns, each by steps that double what has been covered.
    let mut row = vec![0_u8; w];
    for line in mask.chunks_exact_mut(w) {
        if line.iter().all(|&v| v == 0) {
            continue;
        }
        let mut left = reach;
        let mut step = 1;
        while left > 0 {
            let by = step.min(left);
            row.copy_from_slice(line);
            for (o, &v) in line[by.min(w)..].iter_mut().zip(&row) {
                *o = (*o).max(v);
            }
            for (o, &v) in line.iter_mut().zip(&row[by.min(w)..]) {
                *o = (*o).max(v);
            }
            left -= by;
            step += by;
        }
    }
    let from = mask.to_vec();
    for y in 0..h {
        let line = &mut mask[y * w..(y + 1) * w];
        for other in from[y.saturating_sub(reach) * w..(y + reach + 1).min(h) * w].chunks_exact(w) {
            for (o, &v) in line.iter_mut().zip(other) {
                *o = (*o).max(v);
            }
        }
    }
}
