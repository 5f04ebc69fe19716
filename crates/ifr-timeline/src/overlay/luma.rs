//! Luma at the size on which overlays are looked for.

use ifr_frame::{ColorModel, Frame, Plane, Samples};

/// Pixels up to which a picture is looked at as it is; larger ones are reduced. It is also the size from which the flow
/// leaves the finest level out.
const LARGE: usize = 1280 * 720;

/// Box means of squares of a frame's luma, in 8-bit codes whatever the depth.
#[derive(Debug, Clone)]
pub(super) struct Luma {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) codes: Vec<u8>,
}

/// Side of the squares that become one pixel, for frames of `width` × `height`.
pub(super) fn group(width: usize, height: usize) -> usize {
    let mut side = 1;
    while width.div_ceil(side) * height.div_ceil(side) > LARGE {
        side += 1;
    }
    side
}

impl Luma {
    pub(super) fn of(frame: &Frame) -> Self {
        let side = group(frame.width(), frame.height());
        let (width, height) = (frame.width().div_ceil(side), frame.height().div_ceil(side));
        let shift = frame.format().depth - 8;
        let planes = frame.planes();
        if let (1, 0, Some(codes)) = (side, shift, planes[0].as_u8())
            && frame.format().model != ColorModel::Rgb
        {
            return Self { width, height, codes: codes.to_vec() };
        }
        // BT.601-like weights in eighths for RGB; luma itself otherwise.
        let sources: &[(usize, u32)] =
            if frame.format().model == ColorModel::Rgb { &[(0, 2), (1, 5), (2, 1)] } else { &[(0, 8)] };
        let mut codes = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; width];
        // Columns that fill no whole square, and how many squares are whole.
        let (whole, rest) = (frame.width() / side, frame.width() % side);
        for y in 0..height {
            sums.fill(0);
            let rows = y * side..((y + 1) * side).min(frame.height());
            let down = rows.len() as u32;
            for row in rows {
                for &(plane, weight) in sources {
                    add_row(&planes[plane], row, side, weight, &mut sums);
                }
            }
            let code = |sum: u32, unit: u32| (((sum + unit / 2) / unit) >> shift).min(255) as u8;
            let unit = 8 * side as u32 * down;
            codes.extend(sums[..whole].iter().map(|&s| code(s, unit)));
            if rest > 0 {
                codes.push(code(sums[whole], 8 * rest as u32 * down));
            }
        }
        Self { width, height, codes }
    }
}

fn add_row(plane: &Plane, y: usize, side: usize, weight: u32, sums: &mut [u32]) {
    fn add<T: Copy + Into<u32>>(row: &[T], side: usize, weight: u32, sums: &mut [u32]) {
        if side == 2 {
            // Written out: the compiler makes vectors of it.
            for (sum, p) in sums.iter_mut().zip(row.chunks_exact(2)) {
                *sum += weight * (p[0].into() + p[1].into());
            }
            if let (1, Some(&last), Some(sum)) = (row.len() % 2, row.last(), sums.last_mut()) {
                *sum += weight * last.into();
            }
            return;
        }
        for (sum, pixels) in sums.iter_mut().zip(row.chunks(side)) {
            *sum += weight * pixels.iter().map(|&p| p.into()).sum::<u32>();
        }
    }
    let row = y * plane.width..(y + 1) * plane.width;
    match &plane.samples {
        Samples::U8(v) => add(&v[row], side, weight, sums),
        Samples::U16(v) => add(&v[row], side, weight, sums),
    }
}
