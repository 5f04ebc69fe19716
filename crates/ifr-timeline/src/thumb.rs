use ifr_frame::{ColorModel, Frame, Plane, Samples};

/// The widest (or highest) thumbnail, in pixels.
const SIDE: usize = 128;

/// A small luma picture: box means of square groups of pixels, in 8-bit codes, whatever the frame's depth. Cuts and
/// repeated pictures are found on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumb {
    /// Columns, at most 128.
    pub width: usize,
    /// Rows, at most 128.
    pub height: usize,
    /// `height` × `width` means.
    pub luma: Vec<u8>,
}

impl Thumb {
    /// The thumbnail of a frame. Columns and rows that fill no whole group are left out.
    pub fn of(frame: &Frame) -> Self {
        let group = frame.width().max(frame.height()).div_ceil(SIDE);
        // A frame narrower than one group still has one column.
        let (gx, gy) = (group.min(frame.width()), group.min(frame.height()));
        let (width, height) = (frame.width() / gx, frame.height() / gy);
        let planes = frame.planes();
        let shift = frame.format().depth - 8;
        // BT.601-like weights in eighths for RGB; luma itself otherwise.
        let sources: &[(usize, u32)] =
            if frame.format().model == ColorModel::Rgb { &[(0, 2), (1, 5), (2, 1)] } else { &[(0, 8)] };
        let mut sums = vec![0_u64; width];
        let mut luma = Vec::with_capacity(width * height);
        for ty in 0..height {
            sums.fill(0);
            for y in ty * gy..(ty + 1) * gy {
                for &(plane, weight) in sources {
                    add_row(&planes[plane], y, gx, weight, &mut sums);
                }
            }
            let unit = (gx * gy * 8) as u64;
            luma.extend(sums.iter().map(|&s| (((s >> shift) + unit / 2) / unit).min(255) as u8));
        }
        Self { width, height, luma }
    }

    /// One row.
    pub(crate) fn row(&self, y: usize) -> &[u8] {
        &self.luma[y * self.width..(y + 1) * self.width]
    }
}

fn add_row(plane: &Plane, y: usize, group: usize, weight: u32, sums: &mut [u64]) {
    fn add<T: Copy + Into<u32>>(row: &[T], group: usize, weight: u32, sums: &mut [u64]) {
        for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(group)) {
            let total: u32 = pixels.iter().map(|&p| p.into()).sum();
            *sum += u64::from(total) * u64::from(weight);
        }
    }
    let row = y * plane.width..(y + 1) * plane.width;
    match &plane.samples {
        Samples::U8(v) => add(&v[row], group, weight, sums),
        Samples::U16(v) => add(&v[row], group, weight, sums),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat, Subsampling};

    #[test]
    fn means_whatever_the_depth() {
        for depth in [8_u8, 10, 16] {
            let format = PixelFormat::yuv(Subsampling::S444, depth);
            let code = |x: usize| ((x % 3) as u16 * 30) << (depth - 8);
            let plane = |f: &dyn Fn(usize) -> u16| -> Samples {
                let codes = (0..384 * 9).map(|i| f(i % 384));
                if depth == 8 {
                    Samples::U8(codes.map(|c| c as u8).collect())
                } else {
                    Samples::U16(codes.collect())
                }
            };
            let planes = vec![plane(&code), plane(&|_| 0), plane(&|_| 0)];
            let frame = Frame::new(format, 384, 9, planes, ColorDescription::default()).unwrap();
            let thumb = Thumb::of(&frame);
            assert_eq!((thumb.width, thumb.height), (128, 3));
            assert!(thumb.luma.iter().all(|&v| v == 30));
        }
    }

    #[test]
    fn extreme_shapes_have_thumbs() {
        for (w, h) in [(1, 1), (2, 2), (1, 4000), (4000, 1), (129, 127)] {
            let frame = Frame::black(PixelFormat::RGB8, w, h, ColorDescription::SRGB).unwrap();
            let thumb = Thumb::of(&frame);
            assert!(thumb.width >= 1 && thumb.height >= 1 && thumb.width <= 128 && thumb.height <= 128);
            assert_eq!(thumb.luma.len(), thumb.width * thumb.height);
        }
    }
}
