//! In-between frames travel frame → float RGB → frame. On smooth content that must not move any sample by more than
//! one code, whatever the matrix, range, subsampling, siting or depth, or new frames would flicker between old ones.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use ifr_frame::{
    ChromaSiting, ColorDescription, ColorModel, Frame, Matrix, PixelFormat, Range, Samples, Subsampling,
};

/// Smooth content inside the gamut: a slow wave of luma around the middle, slower and smaller waves of chroma.
fn smooth(format: PixelFormat, width: usize, height: usize, color: ColorDescription) -> Frame {
    let unit = f64::from(1_u32 << (format.depth - 8));
    let planes = (0..format.planes())
        .map(|i| {
            let (w, h) = format.plane_size(i, width, height);
            let (sx, sy) = format.log2_step(i);
            let value = |n: usize| {
                let (x, y) = (((n % w) << sx) as f64, ((n / w) << sy) as f64);
                let wave = (x / 23.0 + i as f64).sin() + (y / 17.0 - i as f64).cos();
                let amplitude = if format.is_chroma(i) { 11.0 } else { 20.0 };
                ((128.0 + amplitude * wave) * unit).round()
            };
            match format.depth {
                8 => Samples::U8((0..w * h).map(|n| value(n) as u8).collect()),
                _ => Samples::U16((0..w * h).map(|n| value(n) as u16).collect()),
            }
        })
        .collect();
    Frame::new(format, width, height, planes, color).unwrap()
}

fn largest_difference(a: &Frame, b: &Frame) -> f32 {
    let planes = a.planes().iter().zip(b.planes());
    planes
        .flat_map(|(a, b)| {
            a.to_f32().into_iter().zip(b.to_f32()).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()
        })
        .fold(0.0, f32::max)
}

#[test]
fn smooth_frames_come_back_within_one_code() {
    let mut checked = 0;
    for matrix in [Matrix::BT601, Matrix::BT709, Matrix::BT2020, Matrix::UNSPECIFIED] {
        for range in [Range::Limited, Range::Full] {
            for subsampling in [Subsampling::S420, Subsampling::S422, Subsampling::S444] {
                for siting in [ChromaSiting::Left, ChromaSiting::Center, ChromaSiting::TopLeft] {
                    for (width, height) in [(96, 64), (97, 63)] {
                        let color = ColorDescription { matrix, range, siting, ..ColorDescription::default() };
                        let frame = smooth(PixelFormat::yuv(subsampling, 8), width, height, color);
                        let back = frame.to_rgb().to_frame(frame.format(), color).unwrap();
                        let worst = largest_difference(&frame, &back);
                        assert!(worst <= 1.0, "{worst} codes: {color:?} {subsampling:?} {width}x{height}");
                        assert_eq!(back.color(), color);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 144);
}

#[test]
fn deep_rgb_and_grey_frames_come_back_within_one_code() {
    for model in [ColorModel::Rgb, ColorModel::Gray, ColorModel::Yuv(Subsampling::S444)] {
        for depth in [8, 10, 12, 16] {
            let format = PixelFormat { model, depth, alpha: false };
            let frame = smooth(format, 33, 21, ColorDescription::BT709);
            let back = frame.to_rgb().to_frame(format, ColorDescription::BT709).unwrap();
            assert!(largest_difference(&frame, &back) <= 1.0, "{format}");
        }
    }
}

#[test]
fn known_colours_have_their_textbook_codes() {
    // BT.709 limited 8-bit, from Kr 0.2126, Kb 0.0722: pure red is Y 63, Cb 102, Cr 240.
    let mut image = ifr_frame::RgbImage::black(2, 2).unwrap();
    image.channels_mut()[0].fill(1.0);
    let red = image.to_frame(PixelFormat::YUV444P8, ColorDescription::BT709).unwrap();
    let code = |i: usize| red.planes()[i].as_u8().unwrap()[0];
    assert_eq!((code(0), code(1), code(2)), (63, 102, 240));
    // BT.601 full (JPEG): Y 76, Cb 85, Cr 255.
    let jpeg = ColorDescription { matrix: Matrix::BT601, range: Range::Full, ..ColorDescription::BT709 };
    let red = image.to_frame(PixelFormat::YUV444P8, jpeg).unwrap();
    let code = |i: usize| red.planes()[i].as_u8().unwrap()[0];
    assert_eq!((code(0), code(1), code(2)), (76, 85, 255));
}

#[test]
fn one_pixel_frames_convert() {
    for format in [PixelFormat::YUV420P8, PixelFormat::RGB16, PixelFormat::GRAY8] {
        let frame = Frame::black(format, 1, 1, ColorDescription::default()).unwrap();
        assert_eq!(frame.to_rgb().to_frame(format, frame.color()).unwrap(), frame);
    }
}
