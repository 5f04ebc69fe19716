use std::f32::consts::{FRAC_PI_2, PI};

use super::viaduct::RAIL;
use crate::canvas::Canvas;
use crate::color::{Rgb, dim, hex, mix, smooth};
use crate::noise::unit;
use crate::shape::{Point, arc};

const CAR: f32 = 132.0;
const CARS: usize = 5;
const BODY: Rgb = hex(0x1f6b78);
const CREAM: Rgb = hex(0xf5e3c4);

/// The evening express, to the left and gathering speed.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    let head = 668.0 - 128.0 * t - 15.0 * t * t;
    for i in 0..CARS {
        car(canvas, head + CAR * i as f32, i);
    }
    let lamp = [head + 3.0, RAIL - 10.0];
    canvas.disc(lamp, 2.6, hex(0xfffbe6), 1.0);
    canvas.glow(lamp, 60.0, [0.75, 0.6, 0.35]);
    let beam = [
        [head + 2.0, RAIL - 13.0],
        [head - 120.0, RAIL - 34.0],
        [head - 120.0, RAIL + 1.0],
        [head + 2.0, RAIL - 7.0],
    ];
    canvas.fill_with(&[&beam], |p| (hex(0xfff0c0), 0.4 * smooth(-120.0, 0.0, p[0] - head)));
}

fn car(canvas: &mut Canvas, x: f32, index: usize) {
    let (top, floor) = (RAIL - 34.0, RAIL - 5.0);
    let (left, right) = (x + 1.5, x + CAR - 1.5);
    for axle in [0.12, 0.2, 0.8, 0.88] {
        let at = [x + CAR * axle, RAIL - 4.0];
        canvas.disc(at, 4.2, hex(0x15101f), 1.0);
        canvas.disc(at, 1.8, hex(0x6d5a70), 1.0);
    }
    // The engine's nose slopes.
    let nose = if index == 0 { 26.0 } else { 4.0 };
    let mut outline: Vec<Point> =
        arc([left + nose, floor - 1.0], [nose, floor - top - 1.0], -PI, -FRAC_PI_2, 12);
    outline.extend(arc([right - 4.0, top + 4.0], [4.0, 4.0], -FRAC_PI_2, 0.0, 6));
    outline.extend([[right, floor], [left, floor]]);
    canvas.fill_with(&[&outline], |p| {
        let v = (p[1] - top) / (floor - top);
        let base = if v < 0.62 { CREAM } else { BODY };
        let base = if v < 0.12 { hex(0x8b97a8) } else { base };
        let base = if (v - 0.62).abs() < 0.045 { hex(0xe0a040) } else { base };
        (mix(dim(base, 0.86 - 0.3 * v), hex(0xff9a70), 0.14 * (1.0 - v)), 1.0)
    });
    let first = if index == 0 { 2 } else { 0 };
    for i in first..8 {
        let wx = x + 9.0 + i as f32 * 14.8;
        window(canvas, [wx, top + 6.0], index as i32 * 8 + i);
    }
    if index == 0 {
        let glass = [
            [left + 8.0, top + 16.0],
            [left + 16.0, top + 7.0],
            [left + 25.0, top + 6.0],
            [left + 25.0, top + 16.0],
        ];
        canvas.fill(&[&glass], hex(0xbfe4ee), 1.0);
    }
    for door in [x + CAR * 0.5 - 1.0, right - 6.0] {
        canvas.stroke(&[[door, top + 5.0], [door, floor - 1.0]], 0.6, hex(0x402c40), 0.7);
    }
    if index == 1 || index == 3 {
        pantograph(canvas, x + CAR * 0.5, top);
    }
}

fn window(canvas: &mut Canvas, at: Point, index: i32) {
    let (w, h) = (11.0, 9.5);
    canvas.rect([at[0] - 0.7, at[1] - 0.7], [at[0] + w + 0.7, at[1] + h + 0.7], hex(0x3a2a3a), 1.0);
    let warm = mix(hex(0xffcf6e), hex(0xfff2c6), unit(index, 0, 61));
    canvas.rect(at, [at[0] + w, at[1] + h], warm, 1.0);
    if unit(index, 1, 61) < 0.6 {
        let cx = at[0] + 3.0 + 5.0 * unit(index, 2, 61);
        let color = mix(hex(0x5a3040), hex(0x2c3a5a), unit(index, 3, 61));
        canvas.disc([cx, at[1] + 4.6], 1.7, color, 1.0);
        canvas.rect([cx - 2.4, at[1] + 6.6], [cx + 2.4, at[1] + h], color, 1.0);
    }
    canvas.glow([at[0] + w * 0.5, at[1] + h * 0.5], 13.0, [0.24, 0.15, 0.05]);
}

fn pantograph(canvas: &mut Canvas, x: f32, top: f32) {
    let lines: [&[Point]; 2] = [
        &[[x - 5.0, top], [x + 4.0, top - 6.0], [x - 3.0, top - 11.6]],
        &[[x - 8.0, top - 11.8], [x + 2.0, top - 11.8]],
    ];
    canvas.strokes(&lines, 0.9, hex(0x221830), 1.0);
}
