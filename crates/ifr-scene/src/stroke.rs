//! Coverage of lines with round ends, by the distance to each segment.

use crate::canvas::Area;
use crate::shape::Point;

/// Coverage (0 to 1) of each pixel of `area` by polylines in pixels, `half` the width.
pub(crate) fn coverage(lines: &[Vec<Point>], half: f32, area: Area, cover: &mut Vec<f32>) {
    cover.clear();
    cover.resize((area.x1 - area.x0) * (area.y1 - area.y0), 0.0);
    // A line thinner than a pixel is drawn a pixel wide and as much fainter.
    let (half, weight) = if half < 0.5 { (0.5, half * 2.0) } else { (half, 1.0) };
    for line in lines {
        for pair in line.windows(2) {
            segment(pair[0], pair[1], half, weight, area, cover);
        }
    }
}

fn segment(a: Point, b: Point, half: f32, weight: f32, area: Area, cover: &mut [f32]) {
    let reach = half + 0.5;
    let columns = area.x1 - area.x0;
    let d = [b[0] - a[0], b[1] - a[1]];
    let length2 = d[0] * d[0] + d[1] * d[1];
    let inverse = if length2 > 0.0 { 1.0 / length2 } else { 0.0 };
    let first = (a[1].min(b[1]) - reach).floor().clamp(area.y0 as f32, area.y1 as f32) as usize;
    let last = (a[1].max(b[1]) + reach).ceil().clamp(area.y0 as f32, area.y1 as f32) as usize;
    for y in first..last {
        let py = y as f32 + 0.5;
        // The part of the segment near this row bounds the columns to visit.
        let (mut low, mut high) = (a[0].min(b[0]), a[0].max(b[0]));
        if d[1].abs() > 1e-3 {
            let at = |row: f32| a[0] + d[0] * ((row - a[1]) / d[1]).clamp(0.0, 1.0);
            let (p, q) = (at(py - reach), at(py + reach));
            (low, high) = (p.min(q), p.max(q));
        }
        let x0 = (low - reach).floor().clamp(area.x0 as f32, area.x1 as f32) as usize;
        let x1 = (high + reach).ceil().clamp(area.x0 as f32, area.x1 as f32) as usize;
        for x in x0..x1 {
            let p = [x as f32 + 0.5 - a[0], py - a[1]];
            let along = ((p[0] * d[0] + p[1] * d[1]) * inverse).clamp(0.0, 1.0);
            let (ox, oy) = (p[0] - d[0] * along, p[1] - d[1] * along);
            let covered = (reach - (ox * ox + oy * oy).sqrt()).clamp(0.0, 1.0) * weight;
            let out = &mut cover[(y - area.y0) * columns + x - area.x0];
            *out = out.max(covered);
        }
    }
}
