//! Letterbox and pillarbox bars: flat, still rows or columns at the border of a moving picture.

use std::ops::Range;

use super::evidence::WINDOW;

/// Range over the window, in codes, that coding leaves in bars.
const STILL: u8 = 5;
/// Largest difference from the bar's first line, in codes.
const FLAT: u32 = 4;
/// One pixel in so many may be neither: what coding spreads over the end of a bar.
const SPREAD: usize = 20;
/// Range from which a pixel moves …
const MOVES: u8 = 12;
/// … one in how many must …
const SHARE: usize = 25;
/// … in one of so many lines beyond a bar.
const BEYOND: usize = 8;
/// The narrowest bar, in pixels.
const LEAST: usize = 4;

/// A pixel of a bar.
pub(super) const BAR: u8 = 64;

/// Writes [`BAR`] into `mask` where there are bars; whether there are any. `range` and `sum` are those of a window of
/// pictures of `w` × `h`.
pub(super) fn mark(mask: &mut [u8], range: &[u8], sum: &[u16], w: usize, h: usize) -> bool {
    let row = |y: usize| (y * w..(y + 1) * w).step_by(1);
    let column = |x: usize| (x..w * h).step_by(w);
    let (top, bottom) = ends(h, row, range, sum);
    let (left, right) = ends(w, column, range, sum);
    for y in (0..top).chain(h - bottom..h) {
        mask[y * w..(y + 1) * w].fill(BAR);
    }
    for line in mask.chunks_exact_mut(w) {
        line[..left].fill(BAR);
        line[w - right..].fill(BAR);
    }
    top + bottom + left + right > 0
}

/// How many of `count` lines at the beginning and at the end are bars.
fn ends(
    count: usize,
    line: impl Fn(usize) -> std::iter::StepBy<Range<usize>>,
    range: &[u8],
    sum: &[u16],
) -> (usize, usize) {
    let mean = |i: usize| {
        let (n, total) = line(i).fold((0, 0), |(n, total), p| (n + 1, total + u32::from(sum[p])));
        total / (n * WINDOW as u32)
    };
    let is_bar = |i: usize, code: u32| {
        let flat = |p: usize| (u32::from(sum[p]) / WINDOW as u32).abs_diff(code) <= FLAT;
        let (n, other) =
            line(i).fold((0, 0), |(n, m), p| (n + 1, m + usize::from(range[p] > STILL || !flat(p))));
        other * SPREAD <= n
    };
    let moves = |i: usize| {
        let (n, moving) = line(i).fold((0, 0), |(n, m), p| (n + 1, m + usize::from(range[p] >= MOVES)));
        moving * SHARE >= n
    };
    let bar = |at: &dyn Fn(usize) -> usize| {
        let code = mean(at(0));
        let lines = (0..count / 2).take_while(|&i| is_bar(at(i), code)).count();
        let beyond = lines..(lines + BEYOND).min(count / 2);
        let ends = (LEAST..count / 2).contains(&lines) && beyond.into_iter().any(|i| moves(at(i)));
        if ends { lines } else { 0 }
    };
    (bar(&|i| i), bar(&|i| count - 1 - i))
}
