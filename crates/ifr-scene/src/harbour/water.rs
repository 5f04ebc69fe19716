use super::{HORIZON, SUN};
use crate::canvas::Canvas;
use crate::color::{Rgb, hex, mix, screen, smooth};
use crate::noise::value;

/// The water: what stands above the horizon mirrored, broken by waves that grow towards the viewer.
pub(super) fn paint(canvas: &mut Canvas, t: f32, pan: f32) {
    let (width, height) = (canvas.width, canvas.height);
    let view = canvas.view;
    let above = canvas.pixels.clone();
    let sample = |x: f32, y: f32| -> Rgb {
        let (x, y) = (x.clamp(0.0, width as f32 - 1.0), y.clamp(0.0, height as f32 - 1.0));
        let (i, j) = (x as usize, y as usize);
        let (i1, j1) = ((i + 1).min(width - 1), (j + 1).min(height - 1));
        let (u, v) = (x - i as f32, y - j as f32);
        let row = |j: usize| mix(above[j * width + i], above[j * width + i1], u);
        mix(row(j), row(j1), v)
    };
    let sun = SUN[0] - pan * 0.06;
    canvas.shade_rows(HORIZON, 1e4, |p, _| {
        let depth = (p[1] - HORIZON).max(0.0);
        let near = 14.0 + depth;
        // Perspective: waves are as much larger and faster as they are nearer.
        let across = (p[0] - 320.0 + pan * (0.5 + depth / 110.0)) / near;
        let away = 40.0 * near.ln();
        let swell = value(across * 6.0 + t * 0.5, away * 0.2 - t * 1.2, 40) - 0.5;
        let ripple = value(across * 15.0 - t * 0.8, away * 0.5 + t * 1.5, 41) - 0.5;
        let wave = swell * 0.65 + ripple * 0.5;
        let mirror = HORIZON - depth * 1.32 - 1.0 + wave * (1.5 + depth * 0.3);
        let at = view.apply([p[0] + wave * (0.5 + depth * 0.09), mirror]);
        let image = sample(at[0] - 0.5, at[1] - 0.5);
        let deep = mix(hex(0x4b3470), hex(0x12183c), smooth(0.0, 120.0, depth));
        let mut color =
            mix(image, deep, 0.2 + 0.34 * smooth(0.0, 110.0, depth) + 0.26 * smooth(84.0, 112.0, depth));
        // Crests catch the afterglow; the sun's path glitters.
        let crest = smooth(0.12, 0.4, wave);
        color = screen(color, crate::color::dim(hex(0xff9a86), crest * 0.22));
        let path = 1.0 - smooth(0.0, 10.0 + depth * 0.34, (p[0] - sun).abs());
        screen(color, crate::color::dim(hex(0xffc06a), path * (0.25 + 0.95 * smooth(0.02, 0.3, wave))))
    });
}
