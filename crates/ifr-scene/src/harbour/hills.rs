use super::HORIZON;
use crate::canvas::Canvas;
use crate::color::{dim, hex, mix, smooth};
use crate::noise::fractal;
use crate::shape::Point;

/// The outline of a range: from the left to the right of the stage and more, closed below.
fn ridge(height: impl Fn(f32) -> f32) -> Vec<Point> {
    let mut line: Vec<Point> =
        (0..=260).map(|i| i as f32 * 3.5 - 60.0).map(|x| [x, HORIZON - height(x)]).collect();
    line.extend([[850.0, HORIZON + 2.0], [-60.0, HORIZON + 2.0]]);
    line
}

/// Mountains in the haze.
pub(super) fn far(canvas: &mut Canvas) {
    let line = ridge(|x| 16.0 + 78.0 * fractal(x / 150.0 + 4.3, 0.5, 5, 21).powf(1.35));
    canvas.fill_with(&[&line], |p| {
        let rise = (HORIZON - p[1]) / 70.0;
        let haze = mix(hex(0xf08d78), hex(0x84508c), smooth(0.0, 0.85, rise));
        let fold = fractal(p[0] / 13.0 + p[1] / 18.0, p[1] / 15.0, 3, 5) - 0.5;
        (dim(haze, 1.0 + 0.22 * fold), 1.0)
    });
}

/// Wooded hills before them.
pub(super) fn near(canvas: &mut Canvas) {
    let line = ridge(|x| {
        5.0 + 58.0 * fractal(x / 120.0 + 9.0, 0.5, 3, 33).powf(1.6) + 2.0 * fractal(x / 4.0, 0.0, 2, 8)
    });
    canvas.fill_with(&[&line], |p| {
        let rise = (HORIZON - p[1]) / 48.0;
        let wood = mix(hex(0xa7566f), hex(0x4c3068), smooth(0.0, 0.8, rise));
        let trees = fractal(p[0] / 3.6, p[1] / 2.6, 2, 71) - 0.5;
        (dim(wood, 1.0 + 0.35 * trees), 1.0)
    });
}
