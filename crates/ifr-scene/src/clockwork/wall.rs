use super::DIAL;
use crate::canvas::Canvas;
use crate::color::{dim, hex, mix, smooth};
use crate::noise::{unit, value};

/// Old brick, lit by the dial.
pub(super) fn paint(canvas: &mut Canvas) {
    canvas.shade_rows(-1e4, 1e4, |p, _| {
        let course = p[1] / 13.0;
        let row = course.floor();
        let along = p[0] / 31.0 + if row as i32 & 1 == 0 { 0.0 } else { 0.5 } + 0.06 * unit(row as i32, 0, 5);
        let column = along.floor();
        let (u, v) = (along - column, course - row);
        let tone = unit(column as i32, row as i32, 9);
        let clay = mix(hex(0x6e4f55), hex(0xa8705a), tone);
        let grain = value(p[0] / 2.3, p[1] / 2.1, 12) * 0.6 + value(p[0] / 6.0, p[1] / 5.0, 13) * 0.4;
        let edge = (u.min(1.0 - u) * 31.0).min(v.min(1.0 - v) * 13.0);
        let face = smooth(0.5, 1.7, edge);
        // A bevel: the upper side of each brick catches light, the lower lies in shade.
        let bevel = (0.5 - v) * 0.22;
        let color = mix(hex(0x2c2734), dim(clay, 0.82 + 0.36 * grain + bevel), face);
        let (dx, dy) = (p[0] - DIAL[0], p[1] - DIAL[1]);
        let light = 1.0 / (1.0 + (dx * dx + dy * dy) / 30000.0);
        mix(dim(color, 0.24 + 1.12 * light), dim(hex(0x24507a), 0.6), 0.42 * (1.0 - light))
    });
}
