//! Every instruction set gives the bits of the reference; the reference gives what it should.

use super::blend::{Candidates, blend_rows, codes_u8, codes_u16, compare_row, difference_row};
use super::judge::judge_row;
use super::patch::{Search, reconsider, search, spread};
use super::sample::{Columns, resample_row};
use super::variational::{Scratch, Terms, Tile, refine};
use super::{Level, Set};
use crate::estimate::View;
use crate::field::FlowField;
use crate::plane::Plane;

/// Runs `work` on every instruction set and compares with the reference, which is returned.
fn same<T: PartialEq + std::fmt::Debug>(work: impl Fn(Level) -> T) -> T {
    let all = Level::all();
    assert_eq!(all[0], Level(Set::Reference));
    let reference = work(all[0]);
    for level in &all[1..] {
        assert_eq!(work(*level), reference, "{level:?}");
    }
    reference
}

fn noise(seed: usize, i: usize) -> f32 {
    let mut n = (i as u32).wrapping_mul(0x9E37_79B9) ^ (seed as u32).wrapping_mul(0x85EB_CA6B);
    n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
    ((n >> 8) & 0xFFFF) as f32 / 65_536.0
}

fn cloud(w: usize, h: usize, shift: f32) -> Plane {
    Plane::from_fn(w, h, |x, y| {
        let (x, y) = (x as f32 + shift, y as f32);
        128.0 + 60.0 * (0.2 * x + 0.1 * y).sin() + 40.0 * (0.15 * y - 0.23 * x).cos()
    })
}

#[test]
fn patches() {
    let (from, to) = (cloud(40, 30, 0.0), cloud(40, 30, -1.6));
    let job = Search { from: &from, to: &to, steps: 12 };
    let poor = same(|l| search(l, job, 12, 9, [6.0, -4.0]));
    let found = same(|l| reconsider(l, job, 12, 9, poor, &[[7.0, -4.0], [0.0, 0.0]]));
    assert!((found.u - 1.6).abs() < 0.1 && found.v.abs() < 0.1, "{found:?}");
    assert_eq!(same(|l| reconsider(l, job, 12, 9, found, &[[3.0, -2.0]])), found);
    for (x, y, start) in [(0, 0, [-60.0, -60.0]), (32, 22, [60.0, 1e9]), (32, 0, [f32::NAN, 0.0])] {
        same(|l| search(l, job, x, y, start).cost.to_bits());
    }
    let sums = same(|l| {
        let mut s = [vec![0.0; 40 * 6], vec![0.0; 40 * 6], vec![0.0; 40 * 6]];
        let [u, v, w] = &mut s;
        spread(l, job, 12, 9, 1.6, 0.25, (10, 16), 40, u, v, w);
        s
    });
    assert!((sums[0][12] / sums[2][12] - 1.6).abs() < 1e-5 && sums[2][11] == 0.0 && sums[2][20] == 0.0);
}

#[test]
fn refinement() {
    for (w, h, rect) in
        [(40, 30, [0, 0, 40, 30]), (61, 47, [8, 5, 37, 33]), (1, 1, [0, 0, 1, 1]), (2, 9, [0, 3, 2, 3])]
    {
        let (first, second) = (cloud(w, h, 0.0), cloud(w, h, -0.7));
        let trust: Vec<f32> = (0..rect[2] * rect[3]).map(|i| noise(3, i)).collect();
        for (t, trust) in [(0.0, &[][..]), (0.4, &trust[..])] {
            let terms = Terms { alpha: 0.01, delta: 5.0, gamma: 10.0, warps: 3, sweeps: 10 };
            let u = same(|l| {
                let mut s = Scratch::default();
                s.resize(rect[2], rect[3]);
                refine(l, &Tile { first: &first, second: &second, t, rect, trust }, &terms, &mut s);
                (s.u, s.v)
            })
            .0;
            if w == 40 && t == 0.0 {
                let middle = u[15 * Scratch::stride(40) + 2 + 20];
                assert!((middle - 0.7).abs() < 0.1, "{middle}");
            }
        }
    }
}

#[test]
fn blending() {
    for w in [1, 5, 32, 45, 100] {
        let (a, b) = (cloud(w, 9, 0.0), cloud(w, 9, -2.0));
        let seen = Plane::from_fn(w, 9, |x, y| noise(7, 9 * x + y));
        let views = [View { plane: &a, seen: None }, View { plane: &b, seen: Some(&seen) }];
        let wild =
            |seed: usize, k: f32| -> Vec<f32> { (0..3 * w).map(|i| k * (noise(seed, i) - 0.3)).collect() };
        let (u, v) = (wild(1, 300.0), wild(2, 40.0));
        let weight: Vec<f32> = (0..3 * w).map(|i| 0.01 + noise(4, i)).collect();
        let share: Vec<f32> = (0..w).map(|i| noise(5, i)).collect();
        let out = same(|l| {
            let mut out = vec![0.0; 2 * w];
            let rows = Candidates { u: &u, v: &v, weight: &weight, share: &share };
            blend_rows(l, &[[&a, &b], [&b, &a]], [None, Some(&seen)], 4, 0.3, rows, &mut out);
            out
        });
        assert!(out.iter().all(|v| (0.0..=255.0).contains(v)));
        let difference = same(|l| {
            let mut out = vec![0.0; w];
            difference_row(l, views, 4, 0.3, &u[..w], &v[..w], &mut out);
            out
        });
        let [mean, square] = same(|l| {
            let mut out = [vec![0.0; w], vec![0.0; w]];
            let [mean, square] = &mut out;
            compare_row(l, views, 4, 0.3, &u[..w], &v[..w], mean, square);
            out
        });
        assert_eq!(square, difference);
        assert!(mean.iter().all(|v| (0.0..=255.0).contains(v)));
    }
    // Motion that is not a number neither panics nor leaves the planes.
    let a = cloud(33, 9, 0.0);
    let (bad, one) = (vec![f32::NAN; 33], vec![1.0; 33]);
    let mut out = vec![0.0; 33];
    let rows = Candidates { u: &bad, v: &bad, weight: &one, share: &one };
    blend_rows(Level::best(), &[[&a, &a]], [None; 2], 4, 0.3, rows, &mut out);
}

#[test]
fn still_candidates_copy_the_planes() {
    let a = cloud(70, 5, 0.0);
    let (zero, one) = (vec![0.0; 140], vec![1.0; 140]);
    let out = same(|l| {
        let mut out = vec![0.0; 70];
        let rows = Candidates { u: &zero, v: &zero, weight: &one, share: &one[..70] };
        blend_rows(l, &[[&a, &a]], [None; 2], 2, 0.5, rows, &mut out);
        out
    });
    assert_eq!(out, a.row(2));
}

#[test]
fn rows_and_codes() {
    let from: Vec<f32> = (0..41).map(|i| i as f32).collect();
    let columns = Columns::new((0..77).map(|i| (i / 2, 0.5 * (i % 2) as f32)));
    let out = same(|l| {
        let mut out = vec![0.0; 77];
        resample_row(l, &from, &columns, &mut out);
        out
    });
    assert!(out.iter().enumerate().all(|(i, &v)| v == 0.5 * i as f32));

    let values = [-3.0, 0.4, 0.5, 254.6, 300.0, f32::NAN, 17.0, 99.5, 12.25];
    let eight = same(|l| {
        let mut out = [0u8; 9];
        codes_u8(l, &values, &mut out);
        out
    });
    assert_eq!(eight, [0, 0, 1, 255, 255, 0, 17, 100, 12]);
    let ten = same(|l| {
        let mut out = [0u16; 9];
        codes_u16(l, &values, 4.0, 1023, &mut out);
        out
    });
    assert_eq!(ten, [0, 2, 2, 1018, 1023, 0, 68, 398, 49]);
}

#[test]
fn judgement() {
    for (w, h) in [(70, 9), (33, 2), (1, 1)] {
        let (a, b) = (cloud(w, h, 0.0), cloud(w, h, -2.0));
        let there = FlowField::from_fn(w, h, |x, y| {
            let wild = if x % 7 == 0 { 200.0 * noise(1, x + y) - 100.0 } else { 2.0 };
            [if x == 5 { f32::NAN } else { wild }, 0.5]
        });
        let back = FlowField::from_fn(w, h, |_, _| [-2.0, -0.5]);
        let judge = |planes: [&Plane; 2]| {
            same(|l| {
                let [mut seen, mut weight] = [vec![0.0; w], vec![0.0; w]];
                judge_row(l, &there, &back, planes, h / 2, &mut seen, &mut weight);
                [seen, weight].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            })
            .map(|v| v.into_iter().map(f32::from_bits).collect::<Vec<_>>())
        };
        let [seen, weight] = judge([&a, &b]);
        assert!(weight.iter().all(|w| (0.0..=1.0).contains(w)));
        if w == 70 {
            assert!(seen[20] == 1.0 && seen[21] < 0.1 && seen[5].is_nan() && weight[20] > 0.9);
        }
    }
}
