//! Colours as R'G'B' in \[0, 1\].

/// Red, green, blue.
pub(crate) type Rgb = [f32; 3];

/// A colour from its usual hexadecimal notation.
pub(crate) const fn hex(code: u32) -> Rgb {
    [(code >> 16 & 255) as f32 / 255.0, (code >> 8 & 255) as f32 / 255.0, (code & 255) as f32 / 255.0]
}

/// From `a` (t = 0) to `b` (t = 1).
pub(crate) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/// `a` as bright by `factor`.
pub(crate) fn dim(a: Rgb, factor: f32) -> Rgb {
    [a[0] * factor, a[1] * factor, a[2] * factor]
}

/// `a` with light `b` laid over it.
pub(crate) fn screen(a: Rgb, b: Rgb) -> Rgb {
    [0, 1, 2].map(|c| a[c] + (1.0 - a[c]).max(0.0) * b[c])
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(crate) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// The colour at `x` of a gradient through `stops`, sorted by place.
pub(crate) fn gradient(stops: &[(f32, Rgb)], x: f32) -> Rgb {
    let mut before = stops[0];
    for &stop in stops {
        if x < stop.0 {
            let t = ((x - before.0) / (stop.0 - before.0).max(1e-6)).clamp(0.0, 1.0);
            return mix(before.1, stop.1, t * t * (3.0 - 2.0 * t) * 0.5 + t * 0.5);
        }
        before = stop;
    }
    before.1
}
