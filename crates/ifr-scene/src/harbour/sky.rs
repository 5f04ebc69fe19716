use super::{HORIZON, SUN};
use crate::canvas::Canvas;
use crate::color::{Rgb, gradient, hex, mix, screen, smooth};
use crate::noise::{fractal, unit};

const STOPS: [(f32, Rgb); 6] = [
    (0.0, hex(0x131a42)),
    (0.3, hex(0x2f2f70)),
    (0.55, hex(0x7a4688)),
    (0.76, hex(0xdb6a78)),
    (0.91, hex(0xff9d6c)),
    (1.0, hex(0xffcf8c)),
];

/// The evening sky with clouds, stars and the sun.
pub(super) fn paint(canvas: &mut Canvas, t: f32) {
    let drift = t * 0.05;
    canvas.shade_rows(-1e4, HORIZON + 1.0, |p, _| {
        let height = p[1] / HORIZON;
        let mut sky = gradient(&STOPS, height);
        let (dx, dy) = (p[0] - SUN[0], (p[1] - SUN[1]) * 1.25);
        let far = (dx * dx + dy * dy).sqrt();
        sky = screen(sky, crate::color::dim(hex(0xff9448), 0.62 / (1.0 + far * far / 3600.0)));
        if height > 0.06 {
            // Streaks of cloud, finer towards the horizon as they recede, lit from below where the sun is near.
            let flat = 26.0 - 17.0 * height;
            let n = fractal(p[0] / 92.0 + drift + 3.0, p[1] / flat, 4, 11);
            let density =
                smooth(0.47, 0.78, n) * smooth(0.06, 0.34, height) * (1.0 - smooth(0.86, 1.0, height));
            let lit = 1.0 / (1.0 + far * far / 22000.0);
            let cloud = mix(hex(0x5a3c7c), mix(hex(0xff8f7e), hex(0xffdc9e), lit * lit), lit);
            sky = mix(sky, cloud, density * 0.85);
        }
        sky
    });
    stars(canvas);
    canvas.glow(SUN, 120.0, [0.55, 0.3, 0.1]);
    canvas.disc(SUN, 21.0, hex(0xffe9b4), 1.0);
    canvas.glow(SUN, 40.0, [0.5, 0.42, 0.3]);
}

fn stars(canvas: &mut Canvas) {
    for j in 0..6 {
        for i in -2..30 {
            let random = |k: u32| unit(i, j, 500 + k);
            let (x, y) = ((i as f32 + random(0)) * 24.0, (j as f32 + random(1)) * 18.0);
            let bright = random(2) * random(2) * (1.0 - y / 116.0);
            canvas.disc([x, y], 0.45 + 0.7 * random(3) * random(3), hex(0xfff3dc), bright.max(0.0));
        }
    }
}
