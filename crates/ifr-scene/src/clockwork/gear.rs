use std::f32::consts::{PI, TAU};

use crate::canvas::Canvas;
use crate::color::{Rgb, dim, hex, mix};
use crate::noise::value;
use crate::shape::{Point, arc, circle, polar};

/// A toothed wheel. The radius follows from the teeth, so that wheels of one module mesh.
#[derive(Clone, Copy)]
struct Gear {
    at: Point,
    teeth: u32,
    /// Pitch diameter a tooth.
    module: f32,
    phase: f32,
    arms: u32,
    metal: Rgb,
}

const BRASS: Rgb = hex(0xd9a14e);
const COPPER: Rgb = hex(0xc77a4c);
const STEEL: Rgb = hex(0x9aa0ae);

impl Gear {
    fn radius(&self) -> f32 {
        self.module * self.teeth as f32 * 0.5
    }

    /// A wheel driven by this one, placed in direction `angle`, its teeth in this one's gaps.
    fn drive(&self, angle: f32, teeth: u32, arms: u32, metal: Rgb) -> Self {
        let mut driven = Self { teeth, arms, metal, ..*self };
        driven.at = polar(self.at, self.radius() + driven.radius(), angle);
        let offset = (angle - self.phase) * self.teeth as f32 / TAU;
        driven.phase = angle + PI - (0.5 - offset) * TAU / teeth as f32;
        driven
    }

    fn outline(&self, scale: f32) -> Vec<Point> {
        let step = TAU / self.teeth as f32;
        let r = self.radius();
        // Root, flank, tip: trapezoid teeth with a slight shoulder.
        let profile = [
            (-0.5, -1.15),
            (-0.3, -1.15),
            (-0.21, -0.1),
            (-0.11, 0.95),
            (0.11, 0.95),
            (0.21, -0.1),
            (0.3, -1.15),
        ];
        (0..self.teeth)
            .flat_map(|i| {
                let centre = self.phase + step * i as f32;
                profile.map(|(a, h)| polar(self.at, (r + h * self.module) * scale, centre + a * step))
            })
            .collect()
    }

    /// The openings between the arms.
    fn openings(&self) -> Vec<Vec<Point>> {
        let (inner, outer) = (self.radius() * 0.3, self.radius() * 0.76);
        (0..self.arms)
            .map(|i| {
                let from = self.phase + TAU * i as f32 / self.arms as f32;
                let to = from + TAU / self.arms as f32;
                let (a, b) = (0.16, 0.07);
                let mut hole = arc(self.at, [outer, outer], from + b, to - b, 14);
                hole.extend(arc(self.at, [inner, inner], to - a, from + a, 6));
                hole
            })
            .collect()
    }

    fn paint(&self, canvas: &mut Canvas) {
        let radius = self.radius();
        let shadow = Self { at: [self.at[0] - 7.0, self.at[1] + 9.0], ..*self };
        for (gear, color, alpha) in [(&shadow, Some(hex(0x0d0a16)), 0.45), (self, None, 1.0)] {
            let outline = gear.outline(1.0);
            let holes = gear.openings();
            let mut contours: Vec<&[Point]> = vec![&outline];
            contours.extend(holes.iter().map(Vec::as_slice));
            // The openings turn the other way, so that their areas subtract.
            let reversed: Vec<Vec<Point>> =
                contours[1..].iter().map(|c| c.iter().rev().copied().collect()).collect();
            contours.truncate(1);
            contours.extend(reversed.iter().map(Vec::as_slice));
            match color {
                Some(color) => canvas.fill(&contours, color, alpha),
                None => canvas.fill_with(&contours, |p| (self.shade(p), alpha)),
            }
        }
        let ring = |canvas: &mut Canvas, share: f32, width: f32, color: Rgb, alpha: f32| {
            let mut line = circle(self.at, radius * share, 72);
            line.push(line[0]);
            canvas.stroke(&line, width, color, alpha);
        };
        ring(canvas, 0.885, 1.1, dim(self.metal, 0.5), 0.9);
        ring(canvas, 0.8, 1.0, mix(self.metal, [1.0; 3], 0.45), 0.7);
        ring(canvas, 0.24, 1.2, dim(self.metal, 0.45), 0.9);
        canvas.disc(self.at, radius * 0.13, dim(self.metal, 0.4), 1.0);
        canvas.disc(self.at, radius * 0.09, mix(self.metal, [1.0, 0.95, 0.8], 0.5), 1.0);
        for i in 0..self.arms {
            let angle = self.phase + TAU * (i as f32 + 0.5) / self.arms as f32;
            canvas.disc(
                polar(self.at, radius * 0.845, angle),
                radius * 0.024 + 0.6,
                dim(self.metal, 0.42),
                1.0,
            );
        }
    }

    /// Turned metal: a sheen in two opposite sectors that stays with the light, and fine rings.
    fn shade(&self, p: Point) -> Rgb {
        let (dx, dy) = (p[0] - self.at[0], p[1] - self.at[1]);
        let far = (dx * dx + dy * dy).sqrt();
        let angle = dy.atan2(dx);
        let sheen = ((angle + 0.75) * 2.0).cos() * 0.5 + 0.5;
        let rings = value(far * 1.3, self.teeth as f32, 6) - 0.5;
        let light = 0.42 + 0.5 * sheen * sheen + 0.16 * rings + 0.12 * (dx - dy) / (self.radius() * 1.4);
        let color = dim(self.metal, light);
        mix(color, hex(0xfff0c8), (sheen.powi(8) * 0.4).min(1.0))
    }
}

/// The train of wheels left of the dial: the largest drives, the others follow tooth by tooth.
pub(super) fn train(canvas: &mut Canvas, t: f32) {
    // It starts gently and then runs.
    let turn = 0.95 * (t + 0.25 * (-2.0 * t).exp());
    let large = Gear { at: [142.0, 226.0], teeth: 40, module: 5.6, phase: turn, arms: 6, metal: BRASS };
    let upper = large.drive(-1.02, 20, 5, COPPER);
    let right = large.drive(0.22, 16, 4, STEEL);
    let far = right.drive(-0.28, 24, 5, BRASS);
    let top = upper.drive(-2.75, 14, 4, STEEL);
    for gear in [top, far, upper, right, large] {
        gear.paint(canvas);
    }
}

/// Two wheels out of the light, close to the viewer.
pub(super) fn near(canvas: &mut Canvas, t: f32) {
    let dark =
        Gear { at: [586.0, 372.0], teeth: 30, module: 8.4, phase: -0.8 * t, arms: 6, metal: hex(0x54404a) };
    dark.paint(canvas);
}
