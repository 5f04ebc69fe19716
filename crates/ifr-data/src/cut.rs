//! Cutting crops out of whole frames and flows, at their own size or twice as large.

use ifr_flow::FlowField;
use ifr_frame::{ColorDescription, ColorModel, Frame, FrameError, Matrix, Samples};

/// A crop: where it lies, and whether the picture is enlarged before it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Left column, in pixels of the picture (enlarged, where it is).
    pub(crate) x: usize,
    /// Top row.
    pub(crate) y: usize,
    /// Width in pixels.
    pub(crate) width: usize,
    /// Height in pixels.
    pub(crate) height: usize,
    /// Whether the picture is enlarged to twice its size, bilinearly (half-pixel centres), and flows with it.
    pub(crate) double: bool,
}

/// Chroma pixels' neighbours that upsampling looks at, in luma pixels, with room for 4:1:0.
const MARGIN: usize = 8;

impl Cut {
    /// What is cut from a picture of `size` (width, height) at its own size: left, top, width, height.
    fn region(&self, size: (usize, usize)) -> [usize; 4] {
        if !self.double {
            return [self.x, self.y, self.width, self.height];
        }
        let axis = |start: usize, length: usize, side: usize| {
            let first = (start / 2).saturating_sub(1);
            let end = ((start + length).div_ceil(2) + 1).min(side);
            (first, end - first)
        };
        let ((x, w), (y, h)) = (axis(self.x, self.width, size.0), axis(self.y, self.height, size.1));
        [x, y, w, h]
    }

    /// How much two frames of one kind differ in the crop: the mean difference, in codes, of some of the samples of the plane
    /// that tells most (luma, or green).
    pub(crate) fn difference(&self, a: &Frame, b: &Frame) -> f64 {
        let plane = usize::from(a.format().model == ColorModel::Rgb);
        let [x, y, w, h] = self.region((a.width(), a.height()));
        let stride = a.planes()[plane].width;
        let places =
            || (y..y + h).step_by(3).flat_map(|row| (x..x + w).step_by(3).map(move |x| row * stride + x));
        let sum: u64 = match (&a.planes()[plane].samples, &b.planes()[plane].samples) {
            (Samples::U8(a), Samples::U8(b)) => places().map(|i| u64::from(a[i].abs_diff(b[i]))).sum(),
            (Samples::U16(a), Samples::U16(b)) => places().map(|i| u64::from(a[i].abs_diff(b[i]))).sum(),
            _ => 0,
        };
        sum as f64 / places().count().max(1) as f64
    }

    /// R, G, B planes of the crop: nominally in \[0, 1\], beyond where Y'CbCr codes lie outside the colours that screens
    /// show. Nothing is clamped, as nothing is where networks are used.
    ///
    /// # Errors
    /// None for a crop that lies inside the frame.
    pub(crate) fn rgb(&self, frame: &Frame) -> Result<Vec<f32>, FrameError> {
        let size = (frame.width(), frame.height());
        let region = self.region(size);
        let planes = region_rgb(frame, region)?;
        if !self.double {
            return Ok(planes);
        }
        let area = region[2] * region[3];
        let mut out = Vec::with_capacity(3 * self.width * self.height);
        for plane in planes.chunks_exact(area) {
            self.enlarge(plane, region, size, 1.0, &mut out);
        }
        Ok(out)
    }

    /// Both fields' planes in the crop: x, y of the first, x, y of the second.
    pub(crate) fn flows(&self, fields: [&FlowField; 2]) -> Vec<f32> {
        let mut out = Vec::with_capacity(4 * self.width * self.height);
        for field in fields {
            let size = (field.width(), field.height());
            let region = self.region(size);
            let [x, y, w, h] = region;
            for plane in [field.u(), field.v()] {
                let rows = (y..y + h).map(|row| &plane[row * size.0 + x..][..w]);
                if self.double {
                    let part: Vec<f32> = rows.flatten().copied().collect();
                    self.enlarge(&part, region, size, 2.0, &mut out);
                } else {
                    rows.for_each(|row| out.extend_from_slice(row));
                }
            }
        }
        out
    }

    /// Appends the crop of the enlarged picture, of which `part` is the `region` at its own size, times `gain`.
    fn enlarge(&self, part: &[f32], region: [usize; 4], size: (usize, usize), gain: f32, out: &mut Vec<f32>) {
        let [x0, y0, w, _] = region;
        let taps = |start: usize, length: usize, first: usize, side: usize| -> Vec<(usize, usize, f32)> {
            let tap = |i: usize| {
                let at = ((i as f32 + 0.5) / 2.0 - 0.5).clamp(0.0, (side - 1) as f32);
                let low = at as usize;
                (low - first, (low + 1).min(side - 1) - first, at - low as f32)
            };
            (start..start + length).map(tap).collect()
        };
        let columns = taps(self.x, self.width, x0, size.0);
        let mut mixed = vec![0.0; w];
        for (a, b, f) in taps(self.y, self.height, y0, size.1) {
            let (a, b) = (&part[a * w..][..w], &part[b * w..][..w]);
            for ((m, a), b) in mixed.iter_mut().zip(a).zip(b) {
                *m = gain * (a + f * (b - a));
            }
            out.extend(columns.iter().map(|&(a, b, f)| mixed[a] + f * (mixed[b] - mixed[a])));
        }
    }
}

/// R, G, B of a part of a frame, exactly as [`Frame::to_rgb`] of the whole has them.
fn region_rgb(frame: &Frame, [x, y, w, h]: [usize; 4]) -> Result<Vec<f32>, FrameError> {
    // Cut as codes first, on chroma's grid and with the neighbours that its upsampling looks at.
    let format = frame.format();
    let (left, top) = (x.saturating_sub(MARGIN) & !3, y.saturating_sub(MARGIN) & !3);
    let (right, bottom) = ((x + w + MARGIN).min(frame.width()), (y + h + MARGIN).min(frame.height()));
    let (width, height) = (right - left, bottom - top);
    let mut planes = Vec::with_capacity(3);
    for (index, plane) in frame.planes().iter().enumerate() {
        let (log2_x, log2_y) = format.log2_step(index);
        let (px, py) = (left >> log2_x, top >> log2_y);
        let (pw, ph) = format.plane_size(index, width, height);
        planes.push(match &plane.samples {
            Samples::U8(v) => Samples::U8(cut(v, plane.width, [px, py, pw, ph])),
            Samples::U16(v) => Samples::U16(cut(v, plane.width, [px, py, pw, ph])),
        });
    }
    let color = resolved(frame.color(), frame.height(), height);
    let part = Frame::new(format, width, height, planes, color)?.to_rgb();
    let mut out = Vec::with_capacity(3 * w * h);
    for channel in 0..3 {
        out.extend(cut(part.channel(channel), width, [x - left, y - top, w, h]));
    }
    Ok(out)
}

fn cut<T: Copy>(from: &[T], stride: usize, [x, y, w, h]: [usize; 4]) -> Vec<T> {
    let mut out = Vec::with_capacity(w * h);
    for row in y..y + h {
        out.extend_from_slice(&from[row * stride + x..][..w]);
    }
    out
}

/// What an unspecified matrix means depends on the picture's height: a part means what the whole does.
fn resolved(color: ColorDescription, whole: usize, part: usize) -> ColorDescription {
    if color.matrix.weights(whole) == color.matrix.weights(part) {
        return color;
    }
    ColorDescription { matrix: if whole >= 720 { Matrix::BT709 } else { Matrix::BT601 }, ..color }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ChromaSiting, PixelFormat, RgbImage, Subsampling};

    fn picture(width: usize, height: usize) -> RgbImage {
        let value = |i: usize| {
            let (x, y, c) = (i % width, (i / width) % height, i / (width * height));
            0.5 + 0.3 * ((x * (c + 2)) as f32 * 0.13).sin() + 0.2 * ((y * (4 - c)) as f32 * 0.21).cos()
        };
        RgbImage::new(width, height, (0..3 * width * height).map(value).collect()).unwrap()
    }

    fn inside(image: &RgbImage, [x, y, w, h]: [usize; 4]) -> Vec<f32> {
        let rows = |c| cut(image.channel(c), image.width(), [x, y, w, h]);
        (0..3).flat_map(rows).collect()
    }

    #[test]
    fn a_crop_is_the_whole_frames_pixels() {
        let formats = [
            PixelFormat::YUV420P8,
            PixelFormat::yuv(Subsampling { log2_x: 2, log2_y: 2 }, 10),
            PixelFormat::YUV422P8,
            PixelFormat::RGB8,
            PixelFormat::GRAY8,
        ];
        for (format, (w, h)) in formats.into_iter().zip([(61, 47), (64, 48), (61, 48), (33, 20), (31, 31)]) {
            for siting in [ChromaSiting::Left, ChromaSiting::Center] {
                let color = ColorDescription { siting, ..ColorDescription::default() };
                let frame = picture(w, h).to_frame(format, color).unwrap();
                let whole = frame.to_rgb();
                for (x, y) in [(0, 0), (w - 16, h - 12), (7, 5), (10, 8)] {
                    let crop = Cut { x, y, width: 16, height: 12, double: false };
                    assert_eq!(
                        crop.rgb(&frame).unwrap(),
                        inside(&whole, [x, y, 16, 12]),
                        "{format} {siting:?} {x},{y}"
                    );
                }
            }
        }
    }

    #[test]
    fn colours_beyond_the_gamut_stay() {
        let plane = |code: u8| Samples::U8(vec![code; 24 * 20]);
        let planes = vec![plane(235), plane(128), plane(240)];
        let frame = Frame::new(PixelFormat::YUV444P8, 24, 20, planes, ColorDescription::default()).unwrap();
        for double in [false, true] {
            let rgb = Cut { x: 4, y: 4, width: 16, height: 12, double }.rgb(&frame).unwrap();
            assert!((rgb[0] - frame.to_rgb().channel(0)[0]).abs() < 1e-6 && rgb[0] > 1.5, "{}", rgb[0]);
        }
    }

    #[test]
    fn the_matrix_is_the_whole_frames() {
        let frame = picture(20, 720).to_frame(PixelFormat::YUV444P8, ColorDescription::default()).unwrap();
        let crop = Cut { x: 2, y: 300, width: 16, height: 16, double: false };
        assert_eq!(crop.rgb(&frame).unwrap(), inside(&frame.to_rgb(), [2, 300, 16, 16]));
    }

    #[test]
    fn enlarging_samples_between_pixels() {
        let (w, h) = (24, 20);
        // Values that are linear in x and y are the same on the finer grid, away from the edges.
        let ramp = |i: usize| {
            let (x, y) = ((i % w) as f32, ((i / w) % h) as f32);
            (x * 2.0 + y) / 255.0
        };
        let frame = RgbImage::new(w, h, (0..3 * w * h).map(ramp).collect())
            .unwrap()
            .to_frame(PixelFormat::RGB8, ColorDescription::SRGB)
            .unwrap();
        let field = FlowField::from_fn(w, h, |x, y| [x as f32, -(y as f32)]);
        for (x, y) in [(0, 0), (5, 9), (2 * w - 16, 2 * h - 12)] {
            let crop = Cut { x, y, width: 16, height: 12, double: true };
            let (rgb, flows) = (crop.rgb(&frame).unwrap(), crop.flows([&field, &field]));
            for (i, &value) in rgb[..16 * 12].iter().enumerate() {
                let place =
                    |at: usize, side: usize| ((at as f32 + 0.5) / 2.0 - 0.5).clamp(0.0, (side - 1) as f32);
                let (px, py) = (place(x + i % 16, w), place(y + i / 16, h));
                assert!((value - (2.0 * px + py) / 255.0).abs() < 1e-5);
                assert!((flows[i] - 2.0 * px).abs() < 1e-4);
                assert!((flows[3 * 16 * 12 + i] + 2.0 * py).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn differences_are_those_of_the_crop() {
        let flat = |code: u8, at: usize| {
            let plane = (0..48 * 40).map(|i| if i % 48 >= at { code } else { 50 }).collect();
            Frame::new(PixelFormat::GRAY8, 48, 40, vec![Samples::U8(plane)], ColorDescription::default())
                .unwrap()
        };
        let (a, b) = (flat(50, 0), flat(80, 24));
        let cut = |x: usize, double| Cut { x, y: 3, width: 18, height: 12, double };
        assert_eq!(cut(0, false).difference(&a, &b), 0.0);
        assert_eq!(cut(15, false).difference(&a, &b), 15.0);
        assert_eq!(cut(30, false).difference(&a, &b), 30.0);
        assert_eq!((cut(28, true).difference(&a, &b), cut(60, true).difference(&a, &b)), (0.0, 30.0));
    }
}
