use crate::canvas::Canvas;
use crate::color::{Rgb, dim, hex, mix};
use crate::shape::{Point, Pose, curve};

const WATERLINE: f32 = 266.0;

/// A schooner that sails to the right, rocking.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    let x = 118.0 + 82.0 * t + 5.0 * t * t;
    let y = WATERLINE + 1.6 * (t * 2.1).sin();
    let angle = 0.035 * (t * 1.7 + 0.6).sin() + 0.02;
    let pose = Pose { at: [x, y], angle, scale: [1.12, 1.12] };
    let mirror = Pose { at: [x, y + 6.0], angle: -angle, scale: [1.12, -0.8] };
    draw(canvas, &mirror, 0.3);
    wake(canvas, x, t);
    draw(canvas, &pose, 1.0);
    for i in 0..4 {
        let at = pose.point([-36.0 + 18.0 * i as f32, -7.0]);
        canvas.disc(at, 1.5, hex(0xffe09a), 1.0);
        canvas.glow(at, 6.0, [0.5, 0.3, 0.1]);
    }
    let lamp = pose.point([-50.0, -22.0]);
    canvas.disc(lamp, 1.7, hex(0xfff0c4), 1.0);
    canvas.glow(lamp, 14.0, [0.8, 0.5, 0.2]);
}

fn draw(canvas: &mut Canvas, pose: &Pose, alpha: f32) {
    let masts = [(-18.0, 104.0), (22.0, 94.0)];
    for (x, height) in masts {
        canvas.stroke(&pose.points(&[[x, -8.0], [x, -height]]), 2.2, hex(0x4a2a30), alpha);
    }
    canvas.stroke(&pose.points(&[[44.0, -15.0], [78.0, -24.0]]), 1.8, hex(0x4a2a30), alpha);
    // Gaff sails, topsails and two jibs; bellies of curves between their corners.
    sail(canvas, pose, [[-16.5, -18.0], [-16.0, -74.0], [-44.0, -86.0], [-56.0, -20.0]], alpha);
    sail(canvas, pose, [[23.5, -18.0], [24.0, -68.0], [2.0, -79.0], [-10.0, -20.0]], alpha);
    sail(canvas, pose, [[-17.0, -77.0], [-17.0, -101.0], [-17.5, -101.0], [-40.0, -87.0]], alpha);
    sail(canvas, pose, [[23.0, -71.0], [23.0, -92.0], [22.5, -92.0], [5.0, -80.0]], alpha);
    sail(canvas, pose, [[56.0, -19.0], [24.5, -80.0], [25.0, -80.0], [29.0, -22.0]], alpha);
    sail(canvas, pose, [[76.0, -25.0], [26.0, -89.0], [26.5, -88.0], [50.0, -28.0]], alpha);
    let lines: [[Point; 2]; 9] = [
        [[22.0, -94.0], [78.0, -24.0]],
        [[22.0, -84.0], [60.0, -19.5]],
        [[-18.0, -104.0], [22.0, -94.0]],
        [[-18.0, -104.0], [-58.0, -16.0]],
        [[-18.0, -76.0], [-30.0, -12.0]],
        [[-18.0, -76.0], [-8.0, -12.0]],
        [[22.0, -70.0], [10.0, -12.0]],
        [[22.0, -70.0], [34.0, -13.0]],
        [[-18.0, -98.0], [6.0, -12.0]],
    ];
    let lines: Vec<Vec<Point>> = lines.iter().map(|l| pose.points(l)).collect();
    let lines: Vec<&[Point]> = lines.iter().map(Vec::as_slice).collect();
    canvas.strokes(&lines, 0.7, hex(0x2c1a2c), alpha);

    let mut hull = vec![[-58.0, -17.0], [-54.0, -4.0], [-44.0, 7.0], [34.0, 7.0]];
    hull.extend(curve([34.0, 7.0], [48.0, 2.0], [58.0, -19.0], 8));
    hull.extend(curve([58.0, -19.0], [0.0, -7.0], [-58.0, -17.0], 14));
    canvas.fill_with(&[&pose.points(&hull)], |p| {
        let down = (p[1] - pose.at[1]) / pose.scale[1];
        (mix(hex(0x6a2f38), hex(0x241228), ((down + 16.0) / 20.0).clamp(0.0, 1.0)), alpha)
    });
    let mut rim = curve([58.0, -18.0], [0.0, -6.0], [-58.0, -16.0], 14);
    canvas.stroke(&pose.points(&rim), 1.6, hex(0xf3c98b), alpha);
    rim.iter_mut().for_each(|p| p[1] -= 4.0);
    canvas.stroke(&pose.points(&rim), 0.8, hex(0x5a3038), alpha);
}

fn sail(canvas: &mut Canvas, pose: &Pose, corners: [Point; 4], alpha: f32) {
    let [tack, throat, peak, clew] = corners;
    let belly = |a: Point, b: Point, x: f32, y: f32| {
        curve(a, [(a[0] + b[0]) * 0.5 + x, (a[1] + b[1]) * 0.5 + y], b, 8)
    };
    let mut outline = vec![tack];
    outline.extend([throat, peak]);
    outline.extend(belly(peak, clew, 5.0, 0.0));
    outline.extend(belly(clew, tack, 0.0, 3.0));
    let outline = pose.points(&outline);
    let Some((low, high)) = crate::shape::bounds(outline.iter().copied()) else { return };
    let (warm, cool): (Rgb, Rgb) = (hex(0xffe3b8), hex(0xc98a92));
    canvas.fill_with(&[&outline], |p| {
        let u = (p[0] - low[0]) / (high[0] - low[0]).max(1.0);
        let v = (p[1] - low[1]) / (high[1] - low[1]).max(1.0);
        let color = mix(warm, cool, (u * u * 0.85 + 0.15 * v).clamp(0.0, 1.0));
        // Seams of the cloth.
        let seam = ((v * (high[1] - low[1]) / 9.0).fract() - 0.5).abs();
        (dim(color, if seam < 0.06 { 0.9 } else { 1.0 }), alpha * 0.97)
    });
}

/// Foam along the hull and behind it.
fn wake(canvas: &mut Canvas, x: f32, t: f32) {
    for i in 0..7 {
        let back = i as f32 * 17.0;
        let y = WATERLINE + 8.0 + (i % 3) as f32 * 1.8 + (t * 3.0 + i as f32).sin() * 0.5;
        let from = x + 62.0 - back - 6.0 * (i % 2) as f32;
        canvas.stroke(&[[from - 15.0, y + 0.8], [from, y]], 1.1, hex(0xffd9c8), 0.55 - 0.06 * i as f32);
    }
}
