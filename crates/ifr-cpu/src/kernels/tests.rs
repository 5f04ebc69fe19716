//! Every level does what the plain one does, to the bit, on any length; and that is right.

use ifr_net::{Alignment, Binary};

use super::arithmetic::{self, Act, Operand};
use super::resize::{Axis, resize_row};
use super::warp::{CHUNK, Samples, locate, sample};
use super::{deform, phase};
use crate::layout::Layout;
use crate::level::Level;

const LENGTHS: [usize; 14] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 100];

fn row(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + seed * 101 + 11) % 97) as f32 / 31.0 - 1.5).collect()
}

/// The same from every level.
fn same<T: PartialEq + std::fmt::Debug>(f: impl Fn(Level) -> T) -> T {
    let wanted = f(Level::SCALAR);
    for level in Level::available() {
        assert_eq!(f(level), wanted, "{level}");
    }
    wanted
}

#[test]
fn arithmetic_on_rows() {
    for n in LENGTHS {
        let (a, b, m) = (row(n, 1), row(n, 2), row(n, 3));
        let operands = [Operand::Row(&b), Operand::Value(0.75), Operand::Own];
        for second in operands {
            // What the output holds beforehand, which an operand may be.
            let held = 9.0;
            let b = |i: usize| match second {
                Operand::Row(b) => b[i],
                Operand::Value(b) => b,
                Operand::Own => held,
            };
            for (op, f) in [
                (Binary::Add, (|a, b| a + b) as fn(f32, f32) -> f32),
                (Binary::Sub, |a, b| a - b),
                (Binary::Mul, |a, b| a * b),
            ] {
                for (x, y, swapped) in [(Operand::Row(&a), second, false), (second, Operand::Row(&a), true)] {
                    let out = same(|level| {
                        let mut out = vec![held; n];
                        arithmetic::binary(level, op, x, y, &mut out);
                        out
                    });
                    let wanted = |i| if swapped { f(b(i), a[i]) } else { f(a[i], b(i)) };
                    assert!((0..n).all(|i| out[i] == wanted(i)));
                }
            }
            if matches!(second, Operand::Own) {
                continue; // The blend of something with itself is written over it: plans ask for none.
            }
            let out = same(|level| {
                let mut out = vec![9.0; n];
                arithmetic::blend(level, &m, Operand::Row(&a), second, &mut out);
                arithmetic::add(level, second, &mut out);
                out
            });
            assert!((0..n).all(|i| out[i] == m[i] * a[i] + (1.0 - m[i]) * b(i) + b(i)));
        }
        let twice = same(|level| {
            let mut out = a.clone();
            arithmetic::binary(level, Binary::Add, Operand::Own, Operand::Own, &mut out);
            arithmetic::add(level, Operand::Own, &mut out);
            out
        });
        assert!((0..n).all(|i| twice[i] == 4.0 * a[i]));
        let act = |act: Act| {
            same(|level| {
                let mut out = a.clone();
                arithmetic::activate(level, act, &mut out);
                out
            })
        };
        assert_eq!(act(Act::None), a);
        assert!(act(Act::Slope(0.25)).iter().zip(&a).all(|(o, &a)| *o == if a < 0.0 { 0.25 * a } else { a }));
        assert!(act(Act::Clamp(-0.5, 1.0)).iter().zip(&a).all(|(o, a)| *o == a.clamp(-0.5, 1.0)));
        assert!(act(Act::Sigmoid).iter().zip(&a).all(|(o, a)| (o - 1.0 / (1.0 + (-a).exp())).abs() < 1e-6));
        let wide: Vec<f32> = a.iter().map(|a| 4.0 * a).collect();
        let gelu = same(|level| {
            let mut out = wide.clone();
            arithmetic::activate(level, Act::Gelu, &mut out);
            out
        });
        // Between the tangent bounds that any such function has, and exact at a few places.
        assert!(gelu.iter().zip(&wide).all(|(o, &a)| *o <= a.max(0.0) + 1e-7 && *o >= a.max(0.0) - 0.17));
        assert!(act(Act::Gain(0.5)).iter().zip(&a).all(|(o, a)| *o == 0.5 * a));
        let masks: Vec<u16> = (0..n / 16).map(|i| [u16::MAX, 0x7FFF, 0x0F00, 0][i % 4]).collect();
        let masked = same(|level| {
            let mut out = a.clone();
            arithmetic::mask(level, &masks, &mut out);
            out
        });
        let kept = |i: usize| masks.get(i / 16).is_none_or(|mask| mask >> (i % 16) & 1 == 1);
        assert!((0..n).all(|i| masked[i] == if kept(i) { a[i] } else { 0.0 }));
        let squares = same(|level| arithmetic::squares(level, &a));
        assert!((squares - a.iter().map(|&x| f64::from(x * x)).sum::<f64>()).abs() < 1e-4);
        let sum = same(|level| arithmetic::sum(level, &a));
        assert!((sum - a.iter().map(|&x| f64::from(x)).sum::<f64>()).abs() < 1e-4);
    }
}

#[test]
fn phases_come_apart_and_together() {
    for n in LENGTHS {
        for step in [2, 3] {
            let whole = row(n * step, 4);
            let apart: Vec<Vec<f32>> = (0..step)
                .map(|q| {
                    same(|level| {
                        let mut out = vec![9.0; n];
                        phase::split(level, &whole, step, q, &mut out);
                        out
                    })
                })
                .collect();
            assert!((0..n * step).all(|i| apart[i % step][i / step] == whole[i]));
            let together = same(|level| {
                let mut out = vec![9.0; n * step];
                (0..step).for_each(|q| phase::join(level, &apart[q], step, q, &mut out));
                out
            });
            assert_eq!(together, whole);
            if step == 2 {
                let two = same(|level| {
                    let mut out = vec![9.0; n * 2];
                    phase::join_two(level, &apart[0], &apart[1], &mut out);
                    out
                });
                assert_eq!(two, whole);
            }
        }
    }
}

#[test]
fn resizing() {
    for alignment in [Alignment::HalfPixel, Alignment::Corners] {
        for (from, to) in [(1, 1), (1, 5), (4, 8), (9, 18), (10, 5), (8, 10), (33, 99), (64, 1)] {
            let axis = Axis::new(from, to, alignment);
            let (top, bottom) = (row(from, 5), row(from, 6));
            let out = same(|level| {
                let mut out = vec![9.0; to];
                resize_row(level, &top, &bottom, 0.25, &axis, 2.0, &mut out);
                out
            });
            for (i, &found) in out.iter().enumerate() {
                let at = match alignment {
                    Alignment::HalfPixel => ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0),
                    Alignment::Corners if to > 1 => i as f64 * (from - 1) as f64 / (to - 1) as f64,
                    Alignment::Corners => 0.0,
                };
                let low = (at as usize).min(from - 1);
                let (high, w) = ((low + 1).min(from - 1), (at - low as f64) as f32);
                let of = |r: &[f32]| (1.0 - w) * r[low] + w * r[high];
                let wanted = 2.0 * (0.75 * of(&top) + 0.25 * of(&bottom));
                assert!(
                    (found - wanted).abs() < 1e-4,
                    "{from} to {to}, {alignment:?}, {i}: {found}, {wanted}"
                );
            }
        }
    }
}

#[test]
fn warping() {
    for (width, height) in [(1, 1), (2, 3), (17, 5), (64, 2), (70, 9)] {
        let layout = Layout::new(width, height, 1);
        let mut plane = vec![0.0; Samples::reach(layout)];
        for y in 0..height {
            plane[y * layout.stride()..][..width].copy_from_slice(&row(width, y));
        }
        let value = |y: usize, x: usize| plane[y.min(height - 1) * layout.stride() + x.min(width - 1)];
        for x0 in (0..width).step_by(CHUNK) {
            let n = CHUNK.min(width - x0);
            let mut u: Vec<f32> = row(n, 7).iter().map(|x| x * 5.0).collect();
            let v: Vec<f32> = row(n, 8).iter().map(|x| x * 3.0).collect();
            // Whole pixels, far away, and no number at all.
            for (i, odd) in [0.0, 1e30, -1e30, f32::INFINITY, f32::NAN, -1.0].into_iter().enumerate() {
                if 3 * i < n {
                    u[3 * i] = odd;
                }
            }
            let y = height / 2;
            let out = same(|level| {
                let mut samples = Samples::new(layout);
                locate(level, &mut samples, x0, y, &u, &v);
                let mut out = vec![9.0; n];
                sample(level, &samples, &plane, &mut out);
                out
            });
            for i in 0..n {
                let px = ((x0 + i) as f32 + u[i]).max(0.0).min((width - 1) as f32);
                let py = (y as f32 + v[i]).clamp(0.0, (height - 1) as f32);
                let (ix, iy) = (px as usize, py as usize);
                let (fx, fy) = (px - ix as f32, py - iy as f32);
                let top = value(iy, ix) * (1.0 - fx) + value(iy, ix + 1) * fx;
                let bottom = value(iy + 1, ix) * (1.0 - fx) + value(iy + 1, ix + 1) * fx;
                let wanted = top * (1.0 - fy) + bottom * fy;
                assert!((out[i] - wanted).abs() < 1e-4, "{width}x{height} at {i}: {}, {wanted}", out[i]);
            }
        }
    }
}

#[test]
fn deformed_samples() {
    for channels in [1, 3, 4, 5, 8, 12, 16, 20] {
        for (width, height) in [(1, 1), (2, 3), (17, 5), (70, 9)] {
            deformed(channels, width, height);
        }
    }
}

fn deformed(channels: usize, width: usize, height: usize) {
    let layout = Layout::new(width, height, 1);
    let side_by_side = deform::interleaved(channels);
    let maps: Vec<Vec<Vec<f32>>> =
        (0..channels).map(|c| (0..height).map(|y| row(width, 5 * c + y)).collect()).collect();
    let mut block = vec![0.0; layout.plane() * side_by_side];
    for (c, map) in maps.iter().enumerate() {
        let mut plane = vec![0.0; layout.plane()];
        for (y, values) in map.iter().enumerate() {
            plane[layout.front() + y * layout.stride()..][..width].copy_from_slice(values);
        }
        deform::interleave(Level::best(), &plane, side_by_side, c, &mut block);
    }
    let n = CHUNK.min(width);
    let (mut u, v) = (row(n, 7), row(n, 8));
    for (i, odd) in [0.0, 1e30, -1e30, f32::INFINITY, f32::NAN, -1.0].into_iter().enumerate() {
        if 2 * i < n {
            u[2 * i] = odd;
        }
    }
    let (mask, flow) = (row(n, 9), [row(n, 10), row(n, 11)]);
    let place = [height as isize / 2 - 1, -1];
    let step = n + 3;
    let out = same(|level| {
        let mut samples = deform::Samples::new(layout);
        deform::locate(level, &mut samples, place, [&v, &u], Some([&flow[0], &flow[1]]), &mask);
        let mut out = vec![9.0; channels * step];
        deform::sample(level, &samples, &block, channels, n, &mut out, step);
        out
    });
    for (c, map) in maps.iter().enumerate() {
        let value = |y: isize, x: isize| -> f32 {
            let there = y >= 0 && x >= 0 && y < height as isize && x < width as isize;
            if there { map[y as usize][x as usize] } else { 0.0 }
        };
        let out = &out[c * step..][..step];
        assert_eq!(out[n..], [9.0; 3], "what is beyond is left alone");
        for i in 0..n {
            let px = (place[1] + i as isize) as f32 + (u[i] + flow[0][i]);
            let py = place[0] as f32 + (v[i] + flow[1][i]);
            let (ix, iy) = (px.floor() as isize, py.floor() as isize);
            let (fx, fy) = (px - px.floor(), py - py.floor());
            let along = |y| value(y, ix) * (1.0 - fx) + value(y, ix.saturating_add(1)) * fx;
            let wanted = mask[i] * (along(iy) * (1.0 - fy) + along(iy.saturating_add(1)) * fy);
            let wanted = if px.is_finite() { wanted } else { 0.0 };
            assert!((out[i] - wanted).abs() < 1e-4, "{width}x{height} at {i}: {}, {wanted}", out[i]);
        }
    }
}
