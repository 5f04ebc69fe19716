//! What is done to single pictures.

use super::Gray;
use super::draw::Draw;

/// A window of a picture: its centre and size in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
}

/// What a window shows, `width` × `height` pixels, bilinear.
pub(crate) fn crop(picture: &Gray, window: Window, width: usize, height: usize) -> Gray {
    let step = window.width / width as f32;
    let (left, top) =
        (window.x - window.width / 2.0, window.y - window.width * height as f32 / width as f32 / 2.0);
    let mut luma = Vec::with_capacity(width * height);
    for row in 0..height {
        let y = top + (row as f32 + 0.5) * step - 0.5;
        for column in 0..width {
            let x = left + (column as f32 + 0.5) * step - 0.5;
            let (fx, fy) = (x - x.floor(), y - y.floor());
            let (x, y) = (x.floor() as isize, y.floor() as isize);
            let v = |dx, dy| f32::from(picture.at(x + dx, y + dy));
            let upper = v(0, 0) * (1.0 - fx) + v(1, 0) * fx;
            let lower = v(0, 1) * (1.0 - fx) + v(1, 1) * fx;
            luma.push((upper * (1.0 - fy) + lower * fy + 0.5) as u8);
        }
    }
    Gray { width, height, luma }
}

/// A window that moves from `from` to `to` while the shutter is open.
pub(crate) fn swept(picture: &Gray, from: Window, to: Window, width: usize, height: usize) -> Gray {
    const STEPS: usize = 5;
    let mut sums = vec![0_u32; width * height];
    for step in 0..STEPS {
        let s = step as f32 / (STEPS - 1) as f32;
        let mix = |a: f32, b: f32| a + (b - a) * s;
        let window = Window { x: mix(from.x, to.x), y: mix(from.y, to.y), width: mix(from.width, to.width) };
        for (sum, v) in sums.iter_mut().zip(crop(picture, window, width, height).luma) {
            *sum += u32::from(v);
        }
    }
    Gray { width, height, luma: sums.iter().map(|&s| (s / STEPS as u32) as u8).collect() }
}

/// Each value by a function of itself.
pub(crate) fn tone(picture: &Gray, f: impl Fn(f32) -> f32) -> Gray {
    let map: Vec<u8> = (0..256).map(|v| f(v as f32).round().clamp(0.0, 255.0) as u8).collect();
    Gray { luma: picture.luma.iter().map(|&v| map[usize::from(v)]).collect(), ..*picture }
}

/// Grain.
pub(crate) fn noisy(picture: &Gray, deviation: f32, draw: &mut Draw) -> Gray {
    let add = |&v: &u8| (f32::from(v) + draw.normal() * deviation).round().clamp(0.0, 255.0) as u8;
    Gray { luma: picture.luma.iter().map(add).collect(), ..*picture }
}

/// A share `s` of `b` over `a`.
pub(crate) fn mix(a: &Gray, b: &Gray, s: f32) -> Gray {
    let luma = a
        .luma
        .iter()
        .zip(&b.luma)
        .map(|(&a, &b)| (f32::from(a) * (1.0 - s) + f32::from(b) * s).round() as u8);
    Gray { luma: luma.collect(), ..*a }
}

/// Light that falls from (x, y) in shares of the picture and reaches as far as `radius` of its width.
pub(crate) fn lit(picture: &Gray, x: f32, y: f32, radius: f32) -> Gray {
    let (w, h) = (picture.width as f32, picture.height as f32);
    let mut out = picture.clone();
    for (i, v) in out.luma.iter_mut().enumerate() {
        let (dx, dy) = ((i % picture.width) as f32 / w - x, ((i / picture.width) as f32 - y * h) / w);
        let light = (1.0 - (dx * dx + dy * dy) / (radius * radius)).max(0.0);
        *v = (f32::from(*v) * (1.0 + 2.0 * light) + 120.0 * light).min(255.0) as u8;
    }
    out
}

/// A box with lines of "text" in it, as a window on a desktop or a pop-up: (left, top, right, bottom) in shares.
pub(crate) fn boxed(picture: &Gray, place: [f32; 4], ground: u8, ink: u8) -> Gray {
    let mut out = picture.clone();
    let (w, h) = (picture.width as f32, picture.height as f32);
    let (left, top) = ((place[0] * w) as usize, (place[1] * h) as usize);
    let (right, bottom) = ((place[2] * w) as usize, (place[3] * h) as usize);
    for y in top..bottom.min(picture.height) {
        for x in left..right.min(picture.width) {
            let text = (y - top) % 8 > 3
                && ((x - left) / 3 * 7 + (y - top) / 8 * 5) % 11 < 6
                && x > left + 5
                && x + 5 < right;
            out.luma[y * picture.width + x] = if text { ink } else { ground };
        }
    }
    out
}
