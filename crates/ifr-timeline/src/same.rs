use ifr_frame::{Frame, Samples};

/// Side of the squares that are compared, in samples.
const SQUARE: usize = 8;
/// Largest mean absolute difference of any square of two pictures that count as the same, in halves of an 8-bit code:
/// what a coder leaves on a still picture.
const MEAN_HALVES: u64 = 1;
/// Largest difference of any sample, in 8-bit codes: a thin line or a small dot that moves exceeds it.
const MOST: u32 = 8;

/// Whether two frames show the same picture but for coding noise: no 8 × 8 square of any plane differs by more than half
/// an 8-bit code on average, and no sample by more than 8. Frames of different sizes or formats never do.
pub fn is_same_picture(a: &Frame, b: &Frame) -> bool {
    if !a.is_like(b) {
        return false;
    }
    let unit = 1_u64 << (a.format().depth - 8);
    a.planes().iter().zip(b.planes()).all(|(p, q)| match (&p.samples, &q.samples) {
        (Samples::U8(v), Samples::U8(w)) => same_plane(v, w, p.width, unit),
        (Samples::U16(v), Samples::U16(w)) => same_plane(v, w, p.width, unit),
        _ => false,
    })
}

fn same_plane<T: Copy + PartialEq + Into<u32>>(a: &[T], b: &[T], width: usize, unit: u64) -> bool {
    let mut sums = vec![0_u64; width.div_ceil(SQUARE)];
    let bands = a.chunks(width * SQUARE).zip(b.chunks(width * SQUARE));
    for (a, b) in bands {
        if a == b {
            continue;
        }
        sums.fill(0);
        let mut most = 0;
        for (row_a, row_b) in a.chunks(width).zip(b.chunks(width)) {
            let squares = row_a.chunks(SQUARE).zip(row_b.chunks(SQUARE));
            for (sum, (p, q)) in sums.iter_mut().zip(squares) {
                for (&p, &q) in p.iter().zip(q) {
                    let difference = p.into().abs_diff(q.into());
                    *sum += u64::from(difference);
                    most = most.max(difference);
                }
            }
        }
        let rows = a.len() / width;
        let fits = |(i, &sum): (usize, &u64)| {
            let columns = SQUARE.min(width - i * SQUARE);
            2 * sum <= MEAN_HALVES * unit * (columns * rows) as u64
        };
        if u64::from(most) > u64::from(MOST) * unit || !sums.iter().enumerate().all(fits) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat};

    fn frame(change: impl Fn(usize, usize) -> i32) -> Frame {
        let (w, h) = (100, 37);
        let luma = (0..w * h).map(|i| (100 + change(i % w, i / w)) as u8).collect();
        Frame::new(PixelFormat::GRAY8, w, h, vec![Samples::U8(luma)], ColorDescription::default()).unwrap()
    }

    #[test]
    fn noise_is_the_same_and_a_small_moving_thing_is_not() {
        let still = frame(|_, _| 0);
        assert!(is_same_picture(&still, &still));
        assert!(is_same_picture(&still, &frame(|x, y| ((x + y) % 2) as i32)));
        assert!(!is_same_picture(&still, &frame(|x, _| (x % 4 != 0) as i32)), "a slow fade");
        assert!(!is_same_picture(&still, &frame(|x, y| if (x, y) == (50, 20) { 16 } else { 0 })), "a dot");
        let bird = |x: usize, y: usize| if (97..100).contains(&x) && (34..37).contains(&y) { 30 } else { 0 };
        assert!(!is_same_picture(&still, &frame(bird)), "in the last, smaller square");
        let other = Frame::black(PixelFormat::GRAY8, 37, 100, ColorDescription::default()).unwrap();
        assert!(!is_same_picture(&still, &other));
    }
}
