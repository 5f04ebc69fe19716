//! Exact area coverage of polygons, by accumulating each edge's signed area row by row.

use crate::canvas::Area;
use crate::shape::Point;

/// Coverage (0 to 1) of each pixel of `area` by closed contours given in pixels.
pub(crate) fn coverage(contours: &[Vec<Point>], area: Area, cover: &mut Vec<f32>) {
    let (columns, rows) = (area.x1 - area.x0, area.y1 - area.y0);
    cover.clear();
    cover.resize(columns * rows, 0.0);
    let stride = columns + 2;
    let mut sums = vec![0.0; stride * rows];
    let local = |p: Point| [p[0] - area.x0 as f32, p[1] - area.y0 as f32];
    for contour in contours {
        let Some(&last) = contour.last() else { continue };
        let mut from = local(last);
        for &point in contour {
            let to = local(point);
            edge(&mut sums, stride, rows, from, to);
            from = to;
        }
    }
    for (row, out) in sums.chunks_exact(stride).zip(cover.chunks_exact_mut(columns)) {
        let mut sum = 0.0f32;
        for (delta, out) in row.iter().zip(out) {
            sum += delta;
            let whole = sum.abs().min(1.0);
            *out = if whole < 1e-3 { 0.0 } else { whole };
        }
    }
}

/// Adds one edge: every pixel to its right gains the height it spans, the pixels it crosses the share right of it.
fn edge(sums: &mut [f32], stride: usize, rows: usize, from: Point, to: Point) {
    if from[1] == to[1] {
        return;
    }
    let (sign, top, bottom) = if from[1] < to[1] { (1.0, from, to) } else { (-1.0, to, from) };
    if bottom[1] <= 0.0 || top[1] >= rows as f32 {
        return;
    }
    let slope = (bottom[0] - top[0]) / (bottom[1] - top[1]);
    let limit = (stride - 2) as f32;
    let first = top[1].max(0.0) as usize;
    let last = (bottom[1].ceil() as usize).min(rows);
    for y in first..last {
        let y0 = top[1].max(y as f32);
        let y1 = bottom[1].min(y as f32 + 1.0);
        let height = (y1 - y0) * sign;
        let a = (top[0] + (y0 - top[1]) * slope).clamp(0.0, limit);
        let b = (top[0] + (y1 - top[1]) * slope).clamp(0.0, limit);
        let (x0, x1) = if a < b { (a, b) } else { (b, a) };
        span(&mut sums[y * stride..(y + 1) * stride], x0, x1, height);
    }
}

/// Within one row, an edge from column `x0` to `x1` that spans `height` (signed).
fn span(row: &mut [f32], x0: f32, x1: f32, height: f32) {
    let first = x0 as usize;
    let last = x1 as usize;
    if first == last {
        let right = first as f32 + 1.0 - (x0 + x1) * 0.5;
        row[first] += height * right;
        row[first + 1] += height * (1.0 - right);
        return;
    }
    // The covered share of column i is the integral of the edge's progress; deposit its differences.
    let per = 1.0 / (x1 - x0);
    let mut before = 0.0;
    for i in first..=last.min(row.len() - 2) {
        let left = x0.max(i as f32);
        let right = x1.min(i as f32 + 1.0);
        let entered = (left - x0) * per;
        let done = (right - x0) * per;
        let share = (right - left) * (entered + done) * 0.5 + (i as f32 + 1.0 - right) * done;
        row[i] += height * (share - before);
        before = share;
    }
    row[last.min(row.len() - 2) + 1] += height * (1.0 - before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_is_exact() {
        let area = Area { x0: 0, y0: 0, x1: 12, y1: 9 };
        let mut cover = Vec::new();
        let triangle = vec![[1.25, 0.5], [10.75, 3.0], [4.5, 8.25]];
        coverage(&[triangle], area, &mut cover);
        let exact = 0.5f32 * (9.5 * 7.75 - 3.25 * 2.5);
        let sum: f32 = cover.iter().sum();
        assert!((sum - exact).abs() < 0.01, "{sum} against {exact}");
    }

    #[test]
    fn a_shape_cut_by_the_border_stays_solid() {
        let area = Area { x0: 0, y0: 0, x1: 4, y1: 4 };
        let mut cover = Vec::new();
        coverage(&[vec![[-9.0, -7.0], [20.0, -7.0], [20.0, 30.0], [-9.0, 30.0]]], area, &mut cover);
        assert!(cover.iter().all(|&c| (c - 1.0).abs() < 1e-5));
    }
}
