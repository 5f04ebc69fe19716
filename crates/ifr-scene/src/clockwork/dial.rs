use std::f32::consts::{PI, TAU};

use super::DIAL;
use crate::canvas::Canvas;
use crate::color::{Rgb, hex, mix, smooth};
use crate::noise::fractal;
use crate::shape::{Point, Pose, circle, polar};

const RADIUS: f32 = 132.0;
const IRON: Rgb = hex(0x2a2230);

/// The dial of milk glass with the evening behind it, its marks and hands seen from within.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    canvas.glow(DIAL, 250.0, [0.34, 0.2, 0.1]);
    canvas.disc(DIAL, RADIUS + 12.0, hex(0x3b2f38), 1.0);
    canvas.disc(DIAL, RADIUS + 7.0, hex(0x6d5348), 1.0);
    canvas.disc(DIAL, RADIUS + 2.0, IRON, 1.0);
    canvas.fill_with(&[&circle(DIAL, RADIUS, 120)], |p| {
        let (dx, dy) = (p[0] - DIAL[0], p[1] - DIAL[1]);
        let cloud = fractal(p[0] / 60.0 + t * 0.12, p[1] / 34.0, 3, 3) - 0.5;
        let glass = mix(hex(0xffe9bd), hex(0xff9f72), smooth(-0.7, 1.1, dy / RADIUS + cloud * 0.8));
        let rim = smooth(0.6, 1.05, (dx * dx + dy * dy).sqrt() / RADIUS);
        (mix(glass, hex(0xc8625a), rim * 0.5), 1.0)
    });
    for radius in [RADIUS - 8.0, RADIUS - 36.0, 40.0] {
        let mut ring = circle(DIAL, radius, 110);
        ring.push(ring[0]);
        canvas.stroke(&ring, 1.6, IRON, 1.0);
    }
    let bars: Vec<[Point; 2]> = (0..12)
        .map(|i| TAU * (i as f32 + 0.5) / 12.0)
        .map(|a| [polar(DIAL, 40.0, a), polar(DIAL, RADIUS - 36.0, a)])
        .collect();
    let bars: Vec<&[Point]> = bars.iter().map(<[Point; 2]>::as_slice).collect();
    canvas.strokes(&bars, 1.1, IRON, 0.75);
    for minute in 0..60 {
        let angle = TAU * minute as f32 / 60.0;
        canvas.stroke(&[polar(DIAL, RADIUS - 7.0, angle), polar(DIAL, RADIUS - 2.0, angle)], 1.2, IRON, 1.0);
    }
    for hour in 1..=12 {
        numeral(canvas, hour);
    }
    // Seen from behind, the hands run the other way round.
    let minute = -PI * 0.5 - 0.75 * t - 0.06 * (t * 6.0).sin() + 2.4;
    hand(canvas, minute, RADIUS - 14.0, 6.5);
    hand(canvas, minute / 12.0 - 1.1, RADIUS - 52.0, 9.0);
    canvas.disc(DIAL, 9.0, IRON, 1.0);
    canvas.disc(DIAL, 4.5, hex(0xc08a4a), 1.0);
}

/// A Roman numeral of strokes, mirrored as one sees it from within.
fn numeral(canvas: &mut Canvas, hour: usize) {
    let text = ["", "I", "II", "III", "IIII", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"][hour];
    let angle = -PI * 0.5 - TAU * hour as f32 / 12.0;
    let pose = Pose { at: polar(DIAL, RADIUS - 22.0, angle), angle: angle + PI * 0.5, scale: [-1.0, 1.0] };
    let width = |c: char| if c == 'I' { 4.4 } else { 9.0 };
    let mut x = -0.5 * text.chars().map(width).sum::<f32>();
    for letter in text.chars() {
        let w = width(letter);
        let (l, m, r) = (x + 1.2, x + w * 0.5, x + w - 1.2);
        let lines: Vec<Vec<Point>> = match letter {
            'I' => vec![vec![[m, -8.0], [m, 8.0]]],
            'V' => vec![vec![[l, -8.0], [m, 8.0], [r, -8.0]]],
            _ => vec![vec![[l, -8.0], [r, 8.0]], vec![[r, -8.0], [l, 8.0]]],
        };
        let lines: Vec<Vec<Point>> = lines.iter().map(|l| pose.points(l)).collect();
        let lines: Vec<&[Point]> = lines.iter().map(Vec::as_slice).collect();
        canvas.strokes(&lines, 2.1, IRON, 1.0);
        x += w;
    }
}

fn hand(canvas: &mut Canvas, angle: f32, length: f32, width: f32) {
    let pose = Pose::new(DIAL, angle);
    let outline = [
        [-22.0, -width * 0.5],
        [0.0, -width * 0.35],
        [length * 0.72, -width * 0.3],
        [length * 0.8, -width * 0.8],
        [length, 0.0],
        [length * 0.8, width * 0.8],
        [length * 0.72, width * 0.3],
        [0.0, width * 0.35],
        [-22.0, width * 0.5],
    ];
    canvas.fill(&[&pose.points(&outline)], hex(0x1d1622), 1.0);
}

/// Shafts of light from the dial down into the room.
pub(super) fn beams(canvas: &mut Canvas) {
    for i in 0..4 {
        let offset = -84.0 + 52.0 * i as f32;
        let beam = [
            [DIAL[0] + offset, DIAL[1] - 20.0],
            [DIAL[0] + offset + 30.0, DIAL[1] + 10.0],
            [DIAL[0] + offset - 200.0, 420.0],
            [DIAL[0] + offset - 320.0, 420.0],
        ];
        canvas.fill_with(&[&beam], |p| {
            let down = ((p[1] - DIAL[1]) / (420.0 - DIAL[1])).max(0.0);
            let middle = DIAL[0] + offset + 15.0 - 275.0 * down;
            let across = ((p[0] - middle) / (20.0 + 45.0 * down)).abs();
            let soft = (1.0 - across * across).max(0.0) * smooth(0.0, 0.12, down);
            (hex(0xffd79a), 0.3 * soft * soft * (1.0 - smooth(0.1, 1.0, down)))
        });
    }
}
