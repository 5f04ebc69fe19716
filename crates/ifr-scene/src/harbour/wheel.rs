use std::f32::consts::TAU;

use super::HORIZON;
use crate::canvas::Canvas;
use crate::color::{Rgb, hex};
use crate::shape::{Point, arc, circle, polar};

const HUB: Point = [520.0, 118.0];
const RADIUS: f32 = 82.0;
const SPOKES: usize = 18;
const STEEL: Rgb = hex(0xf0dff0);
const CABINS: [Rgb; 6] =
    [hex(0xff5d5d), hex(0xffb347), hex(0xffe66d), hex(0x5fd6a4), hex(0x56b8ff), hex(0xd98cff)];

/// The big wheel: it turns at a walking pace, which at its rim is four pixels a frame.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    let turn = 1.15 * t + 0.16 * (t * 1.4).sin();
    canvas.glow(HUB, 125.0, [0.32, 0.15, 0.3]);
    for foot in [-44.0, 44.0] {
        canvas.stroke(&[HUB, [HUB[0] + foot, HORIZON]], 4.0, hex(0x3a2858), 1.0);
        canvas.stroke(&[[HUB[0] - 1.0, HUB[1]], [HUB[0] + foot - 1.0, HORIZON]], 1.2, hex(0x8a6a9c), 1.0);
    }
    let spokes: Vec<[Point; 2]> = (0..SPOKES)
        .map(|i| {
            let angle = turn + TAU * i as f32 / SPOKES as f32;
            // Spokes are laid crosswise, as a bicycle's are.
            let lean = if i % 2 == 0 { 0.9 } else { -0.9 };
            [polar(HUB, 6.0, angle + lean), polar(HUB, RADIUS, angle)]
        })
        .collect();
    let spokes: Vec<&[Point]> = spokes.iter().map(<[Point; 2]>::as_slice).collect();
    canvas.strokes(&spokes, 0.9, STEEL, 0.9);
    for (radius, width) in [(RADIUS, 2.2), (RADIUS - 9.0, 1.0), (RADIUS * 0.45, 0.9)] {
        let mut ring = circle(HUB, radius, 96);
        ring.push(ring[0]);
        canvas.stroke(&ring, width, STEEL, 0.92);
    }
    let braces: Vec<Point> = (0..=2 * SPOKES)
        .map(|i| {
            polar(
                HUB,
                if i % 2 == 0 { RADIUS } else { RADIUS - 9.0 },
                turn + TAU * i as f32 / (2 * SPOKES) as f32,
            )
        })
        .collect();
    canvas.stroke(&braces, 0.7, STEEL, 0.8);
    canvas.disc(HUB, 7.5, hex(0x3a2858), 1.0);
    canvas.disc(HUB, 4.5, hex(0xffd890), 1.0);
    for i in 0..SPOKES * 2 {
        let at = polar(HUB, RADIUS, turn + TAU * (i as f32 + 0.5) / (SPOKES * 2) as f32);
        canvas.disc(at, 1.2, hex(0xfff0c0), 1.0);
        canvas.glow(at, 6.0, [0.7, 0.5, 0.25]);
    }
    for i in 0..SPOKES / 3 * 2 {
        let angle = turn + TAU * 1.5 * i as f32 / SPOKES as f32;
        let sway = 0.12 * (t * 2.3 + i as f32).sin();
        cabin(canvas, polar(HUB, RADIUS + 1.0, angle), sway, CABINS[i % CABINS.len()]);
    }
}

/// A cabin hangs upright from `top`, swaying a little.
fn cabin(canvas: &mut Canvas, top: Point, sway: f32, color: Rgb) {
    let c = [top[0] + 10.0 * sway.sin(), top[1] + 9.0];
    canvas.stroke(&[top, c], 0.9, STEEL, 1.0);
    let mut body = arc([c[0], c[1] - 0.5], [6.2, 5.6], std::f32::consts::PI, TAU, 12);
    body.extend(arc([c[0], c[1] + 2.5], [6.2, 4.6], 0.0, std::f32::consts::PI, 12));
    canvas
        .fill_with(&[&body], |p| (crate::color::dim(color, 1.04 - 0.05 * (p[1] - c[1] + 6.0).max(0.0)), 1.0));
    canvas.rect([c[0] - 4.4, c[1] - 2.4], [c[0] + 4.4, c[1] + 1.4], hex(0xfff3cf), 1.0);
    canvas.rect([c[0] - 0.4, c[1] - 2.4], [c[0] + 0.4, c[1] + 1.4], color, 1.0);
    canvas.disc(top, 1.3, hex(0x3a2858), 1.0);
}
