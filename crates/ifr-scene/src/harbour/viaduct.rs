use std::f32::consts::PI;

use crate::canvas::Canvas;
use crate::color::{Rgb, dim, hex, mix, smooth};
use crate::noise::{unit, value};
use crate::shape::{Point, arc, curve};

/// The top of the rails.
pub(super) const RAIL: f32 = 296.0;
const BAY: f32 = 168.0;
const FROM: f32 = -190.0;
const BAYS: usize = 9;

/// Masts and wires, behind the train.
pub(super) fn back(canvas: &mut Canvas) {
    let steel = hex(0x2a1d40);
    for i in 0..=BAYS {
        let x = FROM + BAY * i as f32 + 40.0;
        canvas.stroke(&[[x, RAIL + 4.0], [x, RAIL - 60.0]], 2.2, steel, 1.0);
        let arm: [&[Point]; 2] =
            [&[[x, RAIL - 54.0], [x + 15.0, RAIL - 47.0]], &[[x, RAIL - 40.0], [x + 15.0, RAIL - 47.0]]];
        canvas.strokes(&arm, 1.1, steel, 1.0);
        let wire = |drop: f32, sag: f32| {
            curve(
                [x + 12.0, RAIL - drop],
                [x + 12.0 + BAY * 0.5, RAIL - drop + sag],
                [x + 12.0 + BAY, RAIL - drop],
                20,
            )
        };
        let (high, low) = (wire(58.0, 18.0), wire(46.0, 2.0));
        let droppers: Vec<[Point; 2]> = (1..6).map(|k| [high[k * 20 / 6], low[k * 20 / 6]]).collect();
        let mut lines: Vec<&[Point]> = vec![&high, &low];
        lines.extend(droppers.iter().map(<[Point; 2]>::as_slice));
        canvas.strokes(&lines, 0.75, steel, 0.95);
    }
}

/// The brick viaduct with its arches and parapet, in front of the wheels.
pub(super) fn front(canvas: &mut Canvas) {
    let (left, right) = (FROM - 10.0, FROM + BAY * BAYS as f32);
    let deck = RAIL + 1.0;
    let mut outline: Vec<Point> = vec![[left, 380.0], [left, deck], [right, deck], [right, 380.0]];
    for i in (0..BAYS).rev() {
        let centre = FROM + BAY * (i as f32 + 0.5);
        let half = BAY * 0.5 - 13.0;
        outline.push([centre + half, 380.0]);
        outline.extend(arc([centre, 368.0], [half, 52.0], 0.0, -PI, 32));
        outline.push([centre - half, 380.0]);
    }
    canvas.fill_with(&[&outline], |p| (brick(p), 1.0));
    for i in 0..BAYS {
        let centre = FROM + BAY * (i as f32 + 0.5);
        let ring = arc([centre, 368.0], [BAY * 0.5 - 11.0, 54.0], 0.0, -PI, 40);
        canvas.stroke(&ring, 3.4, hex(0x8a5a66), 1.0);
        canvas.stroke(&arc([centre, 368.0], [BAY * 0.5 - 13.0, 52.0], 0.0, -PI, 40), 1.0, hex(0x2b1a34), 1.0);
    }
    canvas.rect([left, deck - 1.0], [right, deck + 4.0], hex(0xa06a70), 1.0);
    canvas.rect([left, deck - 1.0], [right, deck + 0.4], hex(0xe7a58a), 1.0);
    canvas.rect([left, deck + 4.0], [right, deck + 5.4], hex(0x2b1a34), 0.8);
    // An iron railing along the deck.
    let top = RAIL - 9.0;
    let mut lines: Vec<[Point; 2]> =
        vec![[[left, top], [right, top]], [[left, top + 4.5], [right, top + 4.5]]];
    let posts = ((right - left) / 21.0) as usize;
    lines.extend((0..posts).map(|i| left + i as f32 * 21.0).map(|x| [[x, top], [x, deck]]));
    let lines: Vec<&[Point]> = lines.iter().map(<[Point; 2]>::as_slice).collect();
    canvas.strokes(&lines, 1.0, hex(0x1e1432), 1.0);
}

fn brick(p: Point) -> Rgb {
    let course = p[1] / 4.2;
    let row = course.floor();
    let along = p[0] / 9.0 + if row as i32 % 2 == 0 { 0.0 } else { 0.5 };
    let tone = unit(along.floor() as i32, row as i32, 77);
    let clay = mix(hex(0x5c3448), hex(0x84505a), tone);
    let edge =
        |x: f32, soft: f32| smooth(0.0, soft, x.fract().rem_euclid(1.0).min(1.0 - x.fract().rem_euclid(1.0)));
    let joint = edge(course, 0.24).min(edge(along, 0.12));
    let stain = value(p[0] / 30.0, p[1] / 14.0, 78);
    let shade = 1.0 - 0.62 * smooth(300.0, 372.0, p[1]);
    dim(mix(hex(0x3b2438), clay, 0.45 + 0.55 * joint), shade * (0.78 + 0.34 * stain))
}
