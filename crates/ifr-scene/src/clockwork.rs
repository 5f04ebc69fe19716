//! The second shot: the works behind a tower clock's dial, with a slow move in.

mod dial;
mod gear;
mod pendulum;
mod wall;

use crate::canvas::Canvas;
use crate::color::{hex, smooth};
use crate::harbour::vignette;
use crate::noise::unit;
use crate::shape::Point;

/// The middle of the dial.
const DIAL: Point = [392.0, 158.0];

/// Paints the shot at `t` seconds after its start.
pub(crate) fn paint(canvas: &mut Canvas, t: f32) {
    let stage = canvas.view;
    let push = smooth(-0.8, 4.3, t);
    let layer = |nearness: f32| {
        stage
            .zoomed(1.0 + 0.22 * nearness * push, [360.0, 170.0])
            .moved([-26.0 * nearness * (push - 0.3), 0.0])
    };
    canvas.view = layer(0.6);
    wall::paint(canvas);
    dial::paint(canvas, t);
    canvas.view = layer(0.8);
    dial::beams(canvas);
    gear::train(canvas, t);
    canvas.view = layer(1.15);
    pendulum::paint(canvas, t);
    canvas.view = layer(1.4);
    dust(canvas, t);
    gear::near(canvas, t);
    canvas.view = stage;
    vignette(canvas, 0.5);
}

/// Motes that float in the light.
fn dust(canvas: &mut Canvas, t: f32) {
    for i in 0..70 {
        let random = |k: i32| unit(i, k, 4242);
        let x = -20.0 + 660.0 * random(0) + 14.0 * (t * (0.4 + random(3)) + 6.0 * random(4)).sin() + 9.0 * t;
        let y = 20.0 + 330.0 * random(1) - 8.0 * t * random(2) + 6.0 * (t * 0.9 + 5.0 * random(5)).sin();
        canvas.disc([x, y], 0.5 + 1.1 * random(6) * random(6), hex(0xffe9bf), 0.2 + 0.5 * random(7));
    }
}
