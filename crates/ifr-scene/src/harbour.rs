//! The first shot: a harbour at dusk, seen in a pan to the right.

mod balloon;
mod city;
mod hills;
mod quay;
mod ship;
mod sky;
mod train;
mod viaduct;
mod water;
mod wheel;

use crate::canvas::Canvas;
use crate::color::{hex, smooth};
use crate::shape::Point;

/// The line between sky and water.
pub(crate) const HORIZON: f32 = 212.0;
/// Where the sun stands in the sky's layer.
pub(crate) const SUN: Point = [258.0, 163.0];

/// How far the camera has panned at `t` seconds: eased over the shot.
fn pan(t: f32) -> f32 {
    210.0 * smooth(-0.6, 4.6, t)
}

/// Paints the shot at `t` seconds after its start.
pub(crate) fn paint(canvas: &mut Canvas, t: f32) {
    let stage = canvas.view;
    let pan = pan(t);
    let layer = |nearness: f32| stage.moved([-pan * nearness, 0.0]);

    canvas.view = layer(0.06);
    sky::paint(canvas, t);
    canvas.view = layer(0.12);
    hills::far(canvas);
    canvas.view = layer(0.22);
    hills::near(canvas);
    canvas.view = layer(0.4);
    city::back(canvas);
    canvas.view = layer(0.52);
    wheel::paint(canvas, t);
    city::front(canvas);
    canvas.view = layer(0.3);
    balloon::paint(canvas, t);

    canvas.view = stage;
    water::paint(canvas, t, pan);
    canvas.view = layer(0.9);
    ship::paint(canvas, t);
    canvas.view = layer(1.5);
    viaduct::back(canvas);
    train::paint(canvas, t);
    viaduct::front(canvas);
    canvas.view = layer(0.8);
    gulls(canvas, t);
    canvas.view = layer(4.6);
    quay::paint(canvas, t);
    canvas.view = stage;
    vignette(canvas, 0.35);
}

/// Three gulls on their way, wings beating.
fn gulls(canvas: &mut Canvas, t: f32) {
    for (i, &(x, y, size)) in [(330.0, 96.0, 9.0), (362.0, 84.0, 7.5), (300.0, 78.0, 6.5)].iter().enumerate()
    {
        let phase = t * 9.0 + i as f32 * 1.7;
        let lift = phase.sin() * 0.55 + 0.15;
        let x = x + 62.0 * t;
        let y = y + 5.0 * (t * 1.3 + i as f32).sin() - phase.sin();
        let wing = |side: f32| {
            let tip = [x + side * size * 1.25, y - size * lift];
            crate::shape::curve([x, y], [x + side * size * 0.6, y - size * (0.35 + lift * 0.8)], tip, 8)
        };
        let (left, right) = (wing(-1.0), wing(1.0));
        canvas.strokes(&[&left, &right], 1.7, hex(0x2a1c3c), 0.95);
        canvas.stroke(&[[x - size * 0.2, y + 0.6], [x + size * 0.35, y]], 2.2, hex(0x2a1c3c), 0.95);
    }
}

/// Darkens the picture towards its corners.
pub(crate) fn vignette(canvas: &mut Canvas, strength: f32) {
    canvas.shade_rows(-1e4, 1e4, |p, c| {
        let (x, y) = ((p[0] - 320.0) / 320.0, (p[1] - 180.0) / 180.0);
        let far = (x * x + y * y) * 0.5;
        crate::color::dim(c, 1.0 - strength * far * far)
    });
}
