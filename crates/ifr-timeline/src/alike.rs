use ifr_frame::{Frame, Samples};

/// Side of the squares that are compared, in samples.
const SQUARE: usize = 8;
/// The strongest noise that still lets a repeat be told, as the mean absolute difference of still squares, in 8-bit codes.
const MOST_NOISE: f64 = 3.0;
/// What a square of a repeat may differ by without any noise, in 8-bit codes: what a coder leaves.
const FLOOR: f64 = 0.75;
/// How many times the noise a square may differ by: the greatest of some ten thousand squares of 64 samples stays below.
const PER_NOISE: f64 = 2.0;
/// How much more, for each code by which neighbouring samples differ: coders leave more where there is more. A movement of
/// this share of a sample would pass, too.
const PER_GRADIENT: f64 = 0.14;
/// The greatest change of brightness of the whole plane, in 8-bit codes: a fade is no repeat.
const FADE: f64 = 0.25;

/// How much two frames differ, measured by what a repeat of the same picture may differ by: up to 1 they show the same
/// picture but for noise, from about 10 they do not; in between, what the pairs around them differ by tells. Infinite for frames of different sizes or formats.
///
/// The planes are compared in squares of 8 × 8 samples, and the worst square counts, so that a small thing that moves in a
/// still picture is seen. What may differ is set by the noise of the pair itself, as it shows where the picture is flat, and
/// by the detail of each square.
pub fn difference(a: &Frame, b: &Frame) -> f64 {
    if !a.is_like(b) {
        return f64::INFINITY;
    }
    let unit = f64::from(1_u32 << (a.format().depth - 8));
    let mut worst = 0.0_f64;
    for (p, q) in a.planes().iter().zip(b.planes()) {
        let plane = match (&p.samples, &q.samples) {
            (Samples::U8(v), Samples::U8(w)) => plane_difference(v, w, p.width, unit),
            (Samples::U16(v), Samples::U16(w)) => plane_difference(v, w, p.width, unit),
            _ => f64::INFINITY,
        };
        worst = worst.max(plane);
        if worst.is_infinite() {
            break;
        }
    }
    worst
}

/// One square: mean absolute difference of the two, and of neighbouring samples in the first.
struct Square {
    change: f64,
    gradient: f64,
}

fn plane_difference<T: Copy + PartialEq + Into<u32>>(a: &[T], b: &[T], width: usize, unit: f64) -> f64 {
    if a == b {
        return 0.0;
    }
    let columns = width.div_ceil(SQUARE);
    let mut squares = Vec::with_capacity(columns * (a.len() / width).div_ceil(SQUARE));
    let mut sum = 0_i64;
    let mut changes = vec![0_u32; columns];
    let mut gradients = vec![0_u32; columns];
    for (a, b) in a.chunks(width * SQUARE).zip(b.chunks(width * SQUARE)) {
        changes.fill(0);
        gradients.fill(0);
        let rows = a.len() / width;
        for (y, (row_a, row_b)) in a.chunks(width).zip(b.chunks(width)).enumerate() {
            let below = if y + 1 < rows { &a[(y + 1) * width..(y + 2) * width] } else { row_a };
            let parts = row_a.chunks(SQUARE).zip(row_b.chunks(SQUARE)).zip(below.chunks(SQUARE));
            for (((p, q), below), (change, gradient)) in
                parts.zip(changes.iter_mut().zip(gradients.iter_mut()))
            {
                for ((&p, &q), &r) in p.iter().zip(q).zip(below) {
                    let (p, q, r): (u32, u32, u32) = (p.into(), q.into(), r.into());
                    *change += p.abs_diff(q);
                    *gradient += p.abs_diff(r);
                    sum += i64::from(q) - i64::from(p);
                }
                for pair in p.windows(2) {
                    *gradient += pair[0].into().abs_diff(pair[1].into());
                }
            }
        }
        for (i, (&change, &gradient)) in changes.iter().zip(&gradients).enumerate() {
            let area = (SQUARE.min(width - i * SQUARE) * rows) as f64 * unit;
            // Neighbours below and to the right: two differences a sample.
            squares.push(Square {
                change: f64::from(change) / area,
                gradient: f64::from(gradient) / (2.0 * area),
            });
        }
    }
    let fade = (sum as f64 / (a.len() as f64 * unit)).abs() / FADE;
    let noise = noise(&squares);
    if noise > MOST_NOISE {
        return f64::INFINITY;
    }
    let share = |s: &Square| {
        // Noise makes differences between neighbours, too: only what is beyond them is detail.
        let detail = (s.gradient - noise).max(0.0);
        s.change / (FLOOR + PER_NOISE * noise + PER_GRADIENT * detail)
    };
    squares.iter().map(share).fold(fade, f64::max)
}

/// The median change among the flatter half of the squares: there, what moves shows least and noise shows alone.
fn noise(squares: &[Square]) -> f64 {
    let mut gradients: Vec<f64> = squares.iter().map(|s| s.gradient).collect();
    let middle = gradients.len() / 2;
    let (_, &mut flat, _) = gradients.select_nth_unstable_by(middle, f64::total_cmp);
    let mut changes: Vec<f64> = squares.iter().filter(|s| s.gradient <= flat).map(|s| s.change).collect();
    let middle = changes.len() / 2;
    let (_, &mut median, _) = changes.select_nth_unstable_by(middle, f64::total_cmp);
    median
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat};

    const W: usize = 160;
    const H: usize = 90;

    /// Uniform noise of mean absolute value `amount` / 2, told by a seed.
    fn noise(seed: u32, amount: f32) -> impl Fn(usize, usize) -> f32 {
        move |x, y| {
            let mut v = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ seed;
            v = (v ^ (v >> 15)).wrapping_mul(0x2C1B_3C6D);
            v = (v ^ (v >> 12)).wrapping_mul(0x297A_2D39);
            ((v ^ (v >> 15)) as f32 / u32::MAX as f32 * 2.0 - 1.0) * amount
        }
    }

    fn frame(depth: u8, light: impl Fn(usize, usize) -> f32) -> Frame {
        let format = PixelFormat { depth, ..PixelFormat::GRAY8 };
        let value = |i: usize| light(i % W, i / W).round().max(0.0);
        let samples = if depth == 8 {
            Samples::U8((0..W * H).map(|i| value(i) as u8).collect())
        } else {
            let scale = f32::from(1_u16 << (depth - 8));
            Samples::U16((0..W * H).map(|i| (light(i % W, i / W) * scale).round().max(0.0) as u16).collect())
        };
        Frame::new(format, W, H, vec![samples], ColorDescription::default()).unwrap()
    }

    /// A picture with smooth and with busy parts, moved to the right.
    fn scene(moved: f32) -> impl Fn(usize, usize) -> f32 {
        move |x, y| {
            let (x, y) = (x as f32 - moved, y as f32);
            let busy = if y > 60.0 { 40.0 * (x * 0.9).sin() * (y * 0.7).cos() } else { 0.0 };
            110.0 + 40.0 * (x * 0.03).sin() + busy
        }
    }

    fn pair(depth: u8, noisy: f32, a: impl Fn(usize, usize) -> f32, b: impl Fn(usize, usize) -> f32) -> f64 {
        let (n, m) = (noise(1, noisy), noise(2, noisy));
        difference(&frame(depth, |x, y| a(x, y) + n(x, y)), &frame(depth, |x, y| b(x, y) + m(x, y)))
    }

    #[test]
    fn noise_up_to_a_few_codes_is_no_movement() {
        for depth in [8, 10] {
            assert_eq!(pair(depth, 0.0, scene(0.0), scene(0.0)), 0.0);
            for noisy in [0.6, 1.0, 2.0, 4.0] {
                let score = pair(depth, noisy, scene(0.0), scene(0.0));
                assert!(score <= 1.0, "noise of {noisy} at {depth} bits: {score}");
            }
        }
    }

    #[test]
    fn movement_is_seen_through_noise() {
        for noisy in [0.0, 1.0, 2.0] {
            let score = pair(8, noisy, scene(0.0), scene(1.0));
            assert!(score > 1.0, "noise of {noisy}: {score}");
            let bird =
                |x: usize, y: usize| if (97..100).contains(&x) && (34..37).contains(&y) { 40.0 } else { 0.0 };
            let score = pair(8, noisy, scene(0.0), |x, y| scene(0.0)(x, y) + bird(x, y));
            assert!(score > 1.0, "a bird, noise of {noisy}: {score}");
        }
        let fade = pair(8, 1.0, scene(0.0), |x, y| scene(0.0)(x, y) - 1.0);
        assert!(fade > 1.0, "a slow fade: {fade}");
        assert!(pair(8, 20.0, scene(0.0), scene(0.0)).is_infinite(), "too noisy to tell");
        let other = Frame::black(PixelFormat::GRAY8, H, W, ColorDescription::default()).unwrap();
        assert!(difference(&frame(8, scene(0.0)), &other).is_infinite());
    }
}
