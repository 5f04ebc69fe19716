use crate::canvas::Canvas;
use crate::color::{Rgb, dim, hex, mix};
use crate::shape::{Point, Pose, curve};

const STRIPES: [Rgb; 4] = [hex(0xf6e7c8), hex(0xe8503f), hex(0xf6e7c8), hex(0x2f7f93)];

/// A hot-air balloon that drifts to the left and climbs.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    let at = [486.0 - 44.0 * t - 3.5 * t * t, 118.0 - 9.0 * t - 2.2 * t * t];
    let pose = Pose::new(at, 0.06 * (t * 1.8).sin());
    // The envelope: a round crown that tapers to the mouth.
    let mut half = curve([0.0, -36.0], [34.0, -37.0], [33.0, -6.0], 14);
    half.extend(curve([33.0, -6.0], [32.0, 12.0], [6.0, 36.0], 12));
    let mut outline: Vec<Point> = half.clone();
    outline.extend(half.iter().rev().map(|p| [-p[0], p[1]]));
    let widest = |y: f32| {
        half.windows(2)
            .find(|w| y <= w[1][1])
            .map_or(6.0, |w| w[0][0] + (w[1][0] - w[0][0]) * ((y - w[0][1]) / (w[1][1] - w[0][1]).max(1e-3)))
            .max(0.5)
    };
    let (s, c) = pose.angle.sin_cos();
    let turn = 0.35 * t;
    canvas.fill_with(&[&pose.points(&outline)], |p| {
        let (dx, dy) = (p[0] - at[0], p[1] - at[1]);
        let (x, y) = (dx * c + dy * s, dy * c - dx * s);
        // The gores run along meridians of a turning body.
        let across = (x / widest(y)).clamp(-1.0, 1.0);
        let gore = (across.asin() + turn) * 12.0 / std::f32::consts::PI;
        let index = gore.floor();
        let color = STRIPES[(index as i32).rem_euclid(4) as usize];
        let next = STRIPES[(index as i32 + 1).rem_euclid(4) as usize];
        let width = (0.12 / (1.0 - across * across).max(0.02).sqrt()).min(0.5);
        let color = mix(color, next, ((gore - index - 1.0 + width) / width).clamp(0.0, 1.0));
        let band = if (y - 2.0).abs() < 4.5 { 0.55 } else { 0.0 };
        let color = mix(color, hex(0xffc14d), band);
        let light = 0.82 - 0.34 * across - 0.004 * y;
        (mix(dim(color, light), hex(0xff9b60), 0.12), 1.0)
    });
    let ropes: Vec<[Point; 2]> = [-6.0, -2.0, 2.0, 6.0]
        .iter()
        .map(|&x| [pose.point([x, 35.0]), pose.point([x * 0.8, 49.0])])
        .collect();
    let ropes: Vec<&[Point]> = ropes.iter().map(<[Point; 2]>::as_slice).collect();
    canvas.strokes(&ropes, 0.7, hex(0x3a2440), 1.0);
    let flame = 0.5 + 0.5 * (t * 5.0).sin();
    canvas.glow(pose.point([0.0, 36.0]), 16.0 + 6.0 * flame, [0.9, 0.55 * flame + 0.1, 0.15]);
    let basket = [[-5.5, 48.0], [5.5, 48.0], [4.6, 56.5], [-4.6, 56.5]];
    canvas.fill(&[&pose.points(&basket)], hex(0x6b3d2c), 1.0);
    canvas.stroke(&pose.points(&[[-5.8, 48.0], [5.8, 48.0]]), 1.6, hex(0xb07a4a), 1.0);
}
