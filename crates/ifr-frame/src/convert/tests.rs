//! Conversions as they are, beside the plainest form of them: value by value, on one thread. They agree to the bit.

use super::reader::row as read_row;
use super::*;
use crate::frame::check_size;
use crate::resample::up_row;
use crate::{ChromaSiting, ColorModel, Range, Samples, Subsampling};

const SITINGS: [ChromaSiting; 3] = [ChromaSiting::Left, ChromaSiting::Center, ChromaSiting::TopLeft];

#[test]
fn blocks_change_nothing() {
    let formats = [
        PixelFormat::YUV420P8,
        PixelFormat::yuv(Subsampling::S420, 10),
        PixelFormat::yuv(Subsampling { log2_x: 2, log2_y: 0 }, 8),
        PixelFormat::YUV422P8,
        PixelFormat::YUV444P8,
        PixelFormat::GRAY8,
        PixelFormat::RGB8,
        PixelFormat::RGB16,
    ];
    for (width, height) in [(1, 1), (2, 3), (7, 5), (64, 33), (131, 67)] {
        let n = 3 * width * height;
        // Values beyond black and white among them.
        let values = (0..n).map(|i| ((i * 7919 + i / 7) % 1009) as f32 / 900.0 - 0.06).collect();
        let image = RgbImage::new(width, height, values).unwrap();
        for format in formats {
            for siting in SITINGS {
                for range in [Range::Limited, Range::Full] {
                    let color = ColorDescription { siting, range, ..ColorDescription::BT709 };
                    let frame = image.to_frame(format, color).unwrap();
                    assert_eq!(
                        frame,
                        plain_frame(&image, format, color).unwrap(),
                        "{format:?} {width}x{height}"
                    );
                    for count in [1, 5, 24] {
                        assert_eq!(
                            by_rows(&image, format, color, count),
                            frame,
                            "{format:?} {width}x{height}"
                        );
                    }
                    let (found, plain) = (frame.to_rgb(), plain_rgb(&frame));
                    let bits =
                        |image: &RgbImage| image.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    assert!(bits(&found) == bits(&plain), "{format:?} {width}x{height} back");
                }
            }
        }
    }
}

/// By a writer that is given so many rows at a time, parts in turn from behind.
fn by_rows(image: &RgbImage, format: PixelFormat, color: ColorDescription, count: usize) -> Frame {
    let (w, h) = (image.width(), image.height());
    let mut writer = FrameWriter::new(format, color, w, h).unwrap();
    for first in (0..h).step_by(count) {
        let rows = first..(first + count).min(h);
        let row = |channel: usize, y: usize| {
            // Nothing else is there any more, or yet.
            assert!(rows.contains(&y), "row {y} of {rows:?}");
            &image.channel(channel)[y * w..(y + 1) * w]
        };
        writer.write(rows.len(), &row, &|parts, part| (0..parts).rev().for_each(part));
    }
    writer.finish().unwrap()
}

#[test]
fn a_writer_wants_every_row() {
    let mut writer = FrameWriter::new(PixelFormat::YUV420P8, ColorDescription::BT709, 4, 6).unwrap();
    let row = [0.5; 4];
    writer.write(5, &|_, _| &row, &|parts, part| (0..parts).for_each(part));
    let error = writer.finish().unwrap_err();
    assert!(matches!(&error, FrameError::Plane { found, .. } if found == "5 rows"), "{error}");
}

fn plain_rgb(frame: &Frame) -> RgbImage {
    let (w, h) = (frame.width(), frame.height());
    let mut data = vec![0.0_f32; 3 * w * h];
    let (luma, chroma) = codes(frame.format(), frame.color());
    let planes = frame.planes();
    {
        let (r, rest) = data.split_at_mut(w * h);
        let (g, b) = rest.split_at_mut(w * h);
        match frame.format().model {
            ColorModel::Rgb => {
                for (plane, out) in planes.iter().zip([r, g, b]) {
                    out.chunks_exact_mut(w).enumerate().for_each(|(y, row)| read_row(plane, y, luma, row));
                }
            }
            ColorModel::Gray => {
                for (y, row) in r.chunks_exact_mut(w).enumerate() {
                    read_row(&planes[0], y, luma, row);
                }
                g.copy_from_slice(r);
                b.copy_from_slice(r);
            }
            ColorModel::Yuv(_) => {
                let (ax, ay) = axes(frame.format(), frame.color(), w, h);
                let (kr, kb) = frame.color().matrix.weights(h);
                let kg = 1.0 - kr - kb;
                let (to_r, to_b) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
                let (g_cb, g_cr) = (to_b * kb / kg, to_r * kr / kg);
                let mut coarse = [vec![0.0_f32; ax.coarse], vec![0.0; ax.coarse]];
                let mut second = vec![0.0_f32; ax.coarse];
                let mut fine = [vec![0.0_f32; w], vec![0.0; w]];
                for y in 0..h {
                    let (top, bottom, weight) = ay.up(y);
                    for c in 0..2 {
                        read_row(&planes[c + 1], top, chroma, &mut coarse[c]);
                        if weight > 0.0 {
                            read_row(&planes[c + 1], bottom, chroma, &mut second);
                            for (a, &s) in coarse[c].iter_mut().zip(&second) {
                                *a += weight * (s - *a);
                            }
                        }
                        up_row(ax, &coarse[c], &mut fine[c]);
                    }
                    let row = y * w..(y + 1) * w;
                    let (r, g, b) = (&mut r[row.clone()], &mut g[row.clone()], &mut b[row]);
                    read_row(&planes[0], y, luma, g);
                    let (cb, cr) = (&fine[0][..w], &fine[1][..w]);
                    for x in 0..w {
                        let luma = g[x];
                        r[x] = luma + to_r * cr[x];
                        b[x] = luma + to_b * cb[x];
                        g[x] = luma - g_cb * cb[x] - g_cr * cr[x];
                    }
                }
            }
        }
    }
    RgbImage::new(w, h, data).expect("a frame's size is possible")
}

fn plain_frame(image: &RgbImage, format: PixelFormat, color: ColorDescription) -> Result<Frame, FrameError> {
    let (w, h) = (image.width(), image.height());
    check_size(w, h)?;
    format.check()?;
    let (luma, chroma) = codes(format, color);
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let (kr, kb) = color.matrix.weights(h);
    let kg = 1.0 - kr - kb;
    let luma_plane =
        || -> Vec<f32> { r.iter().zip(g).zip(b).map(|((&r, &g), &b)| kr * r + kg * g + kb * b).collect() };
    let mut planes = match format.model {
        ColorModel::Rgb => {
            vec![
                plain_quantise(r, luma, format),
                plain_quantise(g, luma, format),
                plain_quantise(b, luma, format),
            ]
        }
        ColorModel::Gray => vec![plain_quantise(&luma_plane(), luma, format)],
        ColorModel::Yuv(_) => {
            let y = luma_plane();
            let (ax, ay) = axes(format, color, w, h);
            let difference = |channel: &[f32], k: f32| {
                let scale = 0.5 / (1.0 - k);
                let fine: Vec<f32> = channel.iter().zip(&y).map(|(&c, &y)| (c - y) * scale).collect();
                let coarse = if ax.step == 1 && ay.step == 1 { fine } else { plain_down(ax, ay, &fine) };
                plain_quantise(&coarse, chroma, format)
            };
            let (cb, cr) = (difference(b, kb), difference(r, kr));
            vec![plain_quantise(&y, luma, format), cb, cr]
        }
    };
    if format.alpha {
        planes.push(match format.depth {
            8 => Samples::U8(vec![255; w * h]),
            _ => Samples::U16(vec![format.max_code(); w * h]),
        });
    }
    Frame::new(format, w, h, planes, color)
}

fn plain_quantise(values: &[f32], codes: Codes, format: PixelFormat) -> Samples {
    let max = f32::from(format.max_code());
    let code = |v: f32| (v * codes.span + codes.offset + 0.5).clamp(0.0, max);
    match format.depth {
        8 => Samples::U8(values.iter().map(|&v| code(v) as u8).collect()),
        _ => Samples::U16(values.iter().map(|&v| code(v) as u16).collect()),
    }
}

fn plain_down(x: Axis, y: Axis, fine: &[f32]) -> Vec<f32> {
    let taps: Vec<_> = (0..x.coarse).map(|i| x.down(i)).collect();
    let clamp = |i: isize, n: usize| i.clamp(0, n as isize - 1) as usize;
    let mut column = vec![0.0_f32; x.fine];
    let mut out = Vec::with_capacity(x.coarse * y.coarse);
    for row in 0..y.coarse {
        let (first, weights) = y.down(row);
        column.fill(0.0);
        for (k, &w) in weights.iter().enumerate() {
            let start = clamp(first + k as isize, y.fine) * x.fine;
            for (acc, &v) in column.iter_mut().zip(&fine[start..start + x.fine]) {
                *acc += w * v;
            }
        }
        out.extend(taps.iter().map(|(first, weights)| {
            let tap = |(k, &w): (usize, &f32)| w * column[clamp(first + k as isize, x.fine)];
            weights.iter().enumerate().map(tap).sum::<f32>()
        }));
    }
    out
}
