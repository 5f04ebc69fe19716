use std::f32::consts::PI;

use crate::canvas::Canvas;
use crate::color::{hex, mix};
use crate::shape::{Pose, circle};

/// The pendulum before the dial, and the chain of the weight.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    weight(canvas, t);
    let swing = 0.3 * (t * 2.0 * PI / 2.1 - 0.9).sin();
    let pose = Pose::new([470.0, -40.0], swing);
    canvas.stroke(&pose.points(&[[3.0, 0.0], [3.0, 286.0]]), 3.6, hex(0x1a1420), 0.3);
    canvas.stroke(&pose.points(&[[0.0, 0.0], [0.0, 284.0]]), 3.4, hex(0x8a5a34), 1.0);
    canvas.stroke(&pose.points(&[[-0.8, 0.0], [-0.8, 284.0]]), 1.0, hex(0xffd99a), 1.0);
    let bob = pose.point([0.0, 288.0]);
    canvas.disc([bob[0] - 5.0, bob[1] + 7.0], 35.0, hex(0x0d0a16), 0.35);
    canvas.disc(bob, 35.0, hex(0x5e3a24), 1.0);
    canvas.fill_with(&[&circle(bob, 32.5, 80)], |p| {
        let (dx, dy) = ((p[0] - bob[0]) / 32.5, (p[1] - bob[1]) / 32.5);
        let light = (0.62 - 0.5 * dy - 0.25 * dx).clamp(0.0, 1.0);
        let shine = (1.0 - ((dx + 0.25).powi(2) + (dy + 0.42).powi(2)) * 3.2).max(0.0);
        let color = mix(hex(0x7a4a24), hex(0xf2bf62), light);
        (mix(color, hex(0xfff6d8), shine * shine * 0.85), 1.0)
    });
    let mut ring = circle(bob, 24.0, 64);
    ring.push(ring[0]);
    canvas.stroke(&ring, 1.0, hex(0x7a4a24), 0.8);
}

/// A weight on its chain, sinking.
fn weight(canvas: &mut Canvas, t: f32) {
    let x = 566.0;
    let low = 150.0 + 16.0 * t;
    let mut i = 0;
    loop {
        let y = low - 9.0 * i as f32;
        if y < -60.0 {
            break;
        }
        let width = if i % 2 == 0 { 2.6 } else { 1.0 };
        canvas.stroke(
            &[
                [x - width, y - 3.0],
                [x - width, y - 7.0],
                [x + width, y - 7.0],
                [x + width, y - 3.0],
                [x - width, y - 3.0],
            ],
            1.3,
            hex(0xa88a68),
            1.0,
        );
        i += 1;
    }
    canvas.disc([x, low - 2.0], 4.0, hex(0x5e4630), 1.0);
    let body = [
        [x - 13.0, low + 8.0],
        [x - 7.0, low],
        [x + 7.0, low],
        [x + 13.0, low + 8.0],
        [x + 13.0, low + 76.0],
        [x - 13.0, low + 76.0],
    ];
    canvas.fill_with(&[&body], |p| {
        let across = ((p[0] - x) / 13.0).clamp(-1.0, 1.0);
        let light = (1.0 - (across + 0.35).powi(2)).max(0.05);
        (mix(hex(0x3a2a24), hex(0xc99a5a), light), 1.0)
    });
    for y in [14.0, 70.0] {
        canvas.rect([x - 13.6, low + y], [x + 13.6, low + y + 2.4], hex(0x4a3426), 1.0);
    }
}
