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

/// All sitings there are.
const SITINGS: [ChromaSiting; 7] = [
    ChromaSiting::Unspecified,
    ChromaSiting::Left,
    ChromaSiting::Center,
    ChromaSiting::TopLeft,
    ChromaSiting::Top,
    ChromaSiting::BottomLeft,
    ChromaSiting::Bottom,
];

/// A chroma plane and the full-size one stand for the same slope when each sample has the slope's value where it lies. The
/// places are those of ITU-T H.273, figure 1, in luma samples from the first: written out here, not asked of the code.
#[test]
fn chroma_is_sampled_where_it_lies() {
    let place = |siting: ChromaSiting, (sx, sy): (usize, usize)| {
        let (mid_x, mid_y) = ((sx as f32 - 1.0) / 2.0, (sy as f32 - 1.0) / 2.0);
        let (end_y, zero) = (sy as f32 - 1.0, 0.0);
        match siting {
            ChromaSiting::Unspecified | ChromaSiting::Left => (zero, mid_y),
            ChromaSiting::Center => (mid_x, mid_y),
            ChromaSiting::TopLeft => (zero, zero),
            ChromaSiting::Top => (mid_x, zero),
            ChromaSiting::BottomLeft => (zero, end_y),
            ChromaSiting::Bottom => (mid_x, end_y),
        }
    };
    let (width, height) = (64, 48);
    // From 0.1 to 0.9 of the range of codes, so that nothing is cut off; one code is then 1/1500 of the whole slope.
    let slope = |x: f32, y: f32| 20_000.0 + 300.0 * x + 200.0 * y;
    let s411 = Subsampling { log2_x: 2, log2_y: 0 };
    for subsampling in [Subsampling::S420, Subsampling::S422, s411, Subsampling::S444] {
        for siting in SITINGS {
            let color = ColorDescription { siting, range: Range::Full, ..ColorDescription::BT709 };
            let format = PixelFormat::yuv(subsampling, 16);
            let step = (1_usize << subsampling.log2_x, 1_usize << subsampling.log2_y);
            let (ox, oy) = place(siting, step);
            let plane = |i: usize| {
                let (w, h) = format.plane_size(i, width, height);
                let value = |n: usize| match i {
                    0 => 32_768,
                    _ => slope((n % w * step.0) as f32 + ox, (n / w * step.1) as f32 + oy) as u16,
                };
                Samples::U16((0..w * h).map(value).collect())
            };
            let frame = Frame::new(format, width, height, (0..3).map(plane).collect(), color).unwrap();
            // Red is Y' + 1.5748 Cr in BT.709.
            let rgb = frame.to_rgb();
            let red = rgb.channel(0);
            for y in 4..height - 4 {
                for x in 4..width - 4 {
                    let cr = (slope(x as f32, y as f32) - 32_768.0) / 65_535.0;
                    let expected = 32_768.0 / 65_535.0 + 1.5748 * cr;
                    let off = (red[y * width + x] - expected).abs() * 65_535.0 / 1.5748;
                    // A shift by a quarter of a pixel would be 50 codes or more.
                    assert!(off < 2.0, "{subsampling:?} {siting:?} ({x}, {y}): {off} codes");
                }
            }
            // And back: a sample lies again where it lay.
            let back = rgb.to_frame(format, color).unwrap();
            for p in [1, 2] {
                let (w, h) = format.plane_size(p, width, height);
                let (a, b) = (frame.planes()[p].to_f32(), back.planes()[p].to_f32());
                for y in 3..h - 3 {
                    for x in 3..w - 3 {
                        let off = (a[y * w + x] - b[y * w + x]).abs();
                        assert!(off <= 2.0, "{subsampling:?} {siting:?} plane {p} ({x}, {y}): {off} codes");
                    }
                }
            }
        }
    }
}

#[test]
fn deep_subsampled_frames_come_back_within_one_code() {
    for depth in [10, 12, 16] {
        for range in [Range::Limited, Range::Full] {
            for matrix in [Matrix::BT601, Matrix::BT709, Matrix::BT2020, Matrix(10)] {
                let color = ColorDescription { matrix, range, ..ColorDescription::BT709 };
                let format = PixelFormat::yuv(Subsampling::S444, depth);
                let frame = smooth(format, 33, 21, color);
                let back = frame.to_rgb().to_frame(format, color).unwrap();
                assert!(largest_difference(&frame, &back) <= 1.0, "{format} {color:?}");
                // What lies between chroma samples is made up, and then averaged: on smooth pictures that is one code of 8 bits.
                let format = PixelFormat::yuv(Subsampling::S420, depth);
                let frame = smooth(format, 96, 64, color);
                let back = frame.to_rgb().to_frame(format, color).unwrap();
                let most = f32::from(1_u16 << (depth - 8));
                assert!(largest_difference(&frame, &back) <= most, "{format} {color:?}");
            }
        }
    }
}

#[test]
fn codes_beyond_black_and_white_come_back() {
    for depth in [8, 10, 12, 16] {
        for model in [ColorModel::Yuv(Subsampling::S444), ColorModel::Gray] {
            let format = PixelFormat { model, depth, alpha: false };
            // Every code of luma from the first to the last, without colour.
            let codes: Vec<u16> =
                (0..512_u32).map(|i| (i * u32::from(format.max_code()) / 511) as u16).collect();
            let plane = |p: usize| match (depth, p) {
                (8, 0) => Samples::U8(codes.iter().map(|&c| c as u8).collect()),
                (8, _) => Samples::U8(vec![128; 512]),
                (_, 0) => Samples::U16(codes.clone()),
                _ => Samples::U16(vec![1 << (depth - 1); 512]),
            };
            let planes = (0..format.planes()).map(plane).collect();
            let frame = Frame::new(format, 64, 8, planes, ColorDescription::BT709).unwrap();
            assert!(frame.is_limited());
            let rgb = frame.to_rgb();
            assert!(rgb.data().iter().any(|&v| v < -0.07) && rgb.data().iter().any(|&v| v > 1.08));
            let back = rgb.to_frame(format, frame.color()).unwrap();
            assert!(largest_difference(&frame, &back) <= 1.0, "{format}");
        }
    }
}
