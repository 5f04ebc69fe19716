use crate::canvas::Canvas;
use crate::color::{Rgb, hex, mix};
use crate::noise::unit;
use crate::shape::{Point, curve};

const DARK: Rgb = hex(0x150e26);
const RIM: Rgb = hex(0xb8606c);

/// The near quay: bollards with chains, a lamp now and then, grass that sways.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    for i in -1..17 {
        let x = 40.0 + 104.0 * i as f32;
        let chain = curve([x, 330.0], [x + 52.0, 358.0], [x + 104.0, 330.0], 18);
        canvas.stroke(&chain, 2.6, DARK, 1.0);
        canvas.stroke(&chain.iter().map(|p| [p[0], p[1] - 0.9]).collect::<Vec<_>>(), 0.7, RIM, 0.7);
        let post = [[x - 5.0, 372.0], [x - 4.0, 328.0], [x + 4.0, 328.0], [x + 5.0, 372.0]];
        canvas.fill_with(&[&post], |p| (mix(RIM, DARK, ((p[0] - x + 4.5) / 3.0).clamp(0.0, 1.0)), 1.0));
        canvas.disc([x, 325.0], 5.2, DARK, 1.0);
        canvas.disc([x - 1.6, 323.6], 2.0, RIM, 0.6);
        if i == 5 || i == 10 {
            lamp(canvas, x + 52.0);
        }
    }
    grass(canvas, t);
}

fn lamp(canvas: &mut Canvas, x: f32) {
    let mut line = vec![[x, 372.0], [x, 172.0]];
    line.extend(curve([x, 172.0], [x, 150.0], [x - 24.0, 152.0], 10));
    canvas.stroke(&line, 4.6, DARK, 1.0);
    canvas.stroke(&line.iter().map(|p| [p[0] - 1.6, p[1]]).collect::<Vec<_>>(), 0.8, RIM, 0.8);
    canvas.disc([x, 300.0], 4.6, DARK, 1.0);
    let head = [x - 26.0, 154.0];
    let shade = [
        [head[0] - 3.0, head[1] - 3.0],
        [head[0] + 3.0, head[1] - 3.0],
        [head[0] + 11.0, head[1] + 7.0],
        [head[0] - 11.0, head[1] + 7.0],
    ];
    canvas.disc([head[0], head[1] + 7.0], 5.6, hex(0xfff4d2), 1.0);
    canvas.fill(&[&shade], DARK, 1.0);
    canvas.glow([head[0], head[1] + 9.0], 58.0, [0.7, 0.5, 0.24]);
}

fn grass(canvas: &mut Canvas, t: f32) {
    for i in -4..370 {
        let random = |k: i32| unit(i, k, 300);
        let clump = unit(i / 9, 7, 301);
        let height = (6.0 + 20.0 * random(0)) * (0.25 + clump);
        let x = (i as f32 + random(1)) * 4.6;
        let sway = (t * 2.2 + x * 0.02 + random(2)).sin() * 0.22 + 0.15;
        let tip: Point = [x + sway * height + 5.0 * (random(3) - 0.5), 364.0 - height];
        let blade =
            [[x - 1.5, 366.0], [x + sway * height * 0.3 - 0.4, 364.0 - height * 0.55], tip, [x + 1.5, 366.0]];
        canvas.fill(&[&blade], mix(DARK, hex(0x3d2a4c), random(4)), 1.0);
    }
}
