//! LPIPS against a plain implementation of its own, on made weights.
#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::BTreeMap;
use std::path::Path;

use ifr_eval::{Backbone, Lpips};
use ifr_frame::RgbImage;
use ifr_net::{Dtype, write_safetensors};

/// Layer, slice, from, to, kernel, stride, padding, side of the pool before (0: none), whether features are taken after.
type Layer = (usize, usize, usize, usize, usize, usize, usize, usize, bool);
const VGG: [Layer; 13] = [
    (0, 1, 3, 64, 3, 1, 1, 0, false),
    (2, 1, 64, 64, 3, 1, 1, 0, true),
    (5, 2, 64, 128, 3, 1, 1, 2, false),
    (7, 2, 128, 128, 3, 1, 1, 0, true),
    (10, 3, 128, 256, 3, 1, 1, 2, false),
    (12, 3, 256, 256, 3, 1, 1, 0, false),
    (14, 3, 256, 256, 3, 1, 1, 0, true),
    (17, 4, 256, 512, 3, 1, 1, 2, false),
    (19, 4, 512, 512, 3, 1, 1, 0, false),
    (21, 4, 512, 512, 3, 1, 1, 0, true),
    (24, 5, 512, 512, 3, 1, 1, 2, false),
    (26, 5, 512, 512, 3, 1, 1, 0, false),
    (28, 5, 512, 512, 3, 1, 1, 0, true),
];
const ALEX: [Layer; 5] = [
    (0, 1, 3, 64, 11, 4, 2, 0, true),
    (3, 2, 64, 192, 5, 1, 2, 3, true),
    (6, 3, 192, 384, 3, 1, 1, 3, true),
    (8, 4, 384, 256, 3, 1, 1, 0, true),
    (10, 5, 256, 256, 3, 1, 1, 0, true),
];

/// Values in (−1, 1) that depend on `seed` alone.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

type Weights = Vec<(Vec<f32>, Vec<f32>)>;

/// Weights by rule, and weights of the features.
fn made(layers: &[Layer]) -> (Weights, Vec<Vec<f32>>) {
    let conv = |&(index, _, from, to, k, ..): &Layer| {
        let fan = (from * k * k) as f32;
        let weight =
            noise(index as u64 + 1, to * from * k * k).iter().map(|v| v * (6.0 / fan).sqrt()).collect();
        (weight, noise(index as u64 + 101, to).iter().map(|v| 0.1 * v).collect())
    };
    let linear = layers.iter().filter(|l| l.8).enumerate();
    let linear = linear.map(|(k, l)| noise(k as u64 + 201, l.3).iter().map(|v| v.abs()).collect()).collect();
    (layers.iter().map(conv).collect(), linear)
}

fn save(path: &Path, layers: &[Layer], (convs, linear): &(Weights, Vec<Vec<f32>>), torchvision: bool) {
    let mut all: Vec<(String, Vec<usize>, &[f32])> = Vec::new();
    for (&(index, slice, from, to, k, ..), (weight, bias)) in layers.iter().zip(convs) {
        let name =
            if torchvision { format!("features.{index}") } else { format!("net.slice{slice}.{index}") };
        all.push((format!("{name}.weight"), vec![to, from, k, k], weight));
        all.push((format!("{name}.bias"), vec![to], bias));
    }
    for (k, values) in linear.iter().enumerate() {
        all.push((format!("lin{k}.model.1.weight"), vec![1, values.len(), 1, 1], values));
    }
    let tensors = all.iter().map(|(name, shape, values)| (name.as_str(), shape.as_slice(), *values));
    write_safetensors(path, Dtype::F32, tensors, &BTreeMap::new()).unwrap();
}

/// A map: width, height, values.
type Map = (usize, usize, Vec<f64>);

fn plain_conv(
    (w, h, data): &Map,
    &(_, _, from, to, k, stride, pad, ..): &Layer,
    (weight, bias): &(Vec<f32>, Vec<f32>),
) -> Map {
    let (ow, oh) = ((w + 2 * pad - k) / stride + 1, (h + 2 * pad - k) / stride + 1);
    let mut out = Vec::new();
    for o in 0..to {
        for (y, x) in (0..ow * oh).map(|i| (i / ow, i % ow)) {
            let mut sum = f64::from(bias[o]);
            for i in 0..from {
                for (ky, kx) in (0..k * k).map(|t| (t / k, t % k)) {
                    let (sy, sx) = (
                        (y * stride + ky) as isize - pad as isize,
                        (x * stride + kx) as isize - pad as isize,
                    );
                    if (0..*h as isize).contains(&sy) && (0..*w as isize).contains(&sx) {
                        let value = data[(i * h + sy as usize) * w + sx as usize];
                        sum += value * f64::from(weight[((o * from + i) * k + ky) * k + kx]);
                    }
                }
            }
            out.push(sum.max(0.0));
        }
    }
    (ow, oh, out)
}

fn plain_pool((w, h, data): &Map, side: usize) -> Map {
    let (ow, oh) = ((w - side) / 2 + 1, (h - side) / 2 + 1);
    let mut out = Vec::new();
    for c in 0..data.len() / (w * h) {
        for (y, x) in (0..ow * oh).map(|i| (i / ow, i % ow)) {
            let at = |d: usize| data[(c * h + 2 * y + d / side) * w + 2 * x + d % side];
            out.push((0..side * side).map(at).fold(f64::MIN, f64::max));
        }
    }
    (ow, oh, out)
}

fn plain(a: &RgbImage, b: &RgbImage, layers: &[Layer], (convs, linear): &(Weights, Vec<Vec<f32>>)) -> f64 {
    let (shift, scale) = ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]);
    let n = a.width() * a.height();
    let mut maps = [a, b].map(|image| {
        let values = image.data().iter().enumerate();
        let values = values.map(|(i, &v)| (2.0 * f64::from(v) - 1.0 - shift[i / n]) / scale[i / n]);
        (image.width(), image.height(), values.collect::<Vec<f64>>())
    });
    let (mut sum, mut taken) = (0.0, 0);
    for (layer, weights) in layers.iter().zip(convs) {
        if layer.7 > 0 {
            maps = maps.map(|map| plain_pool(&map, layer.7));
        }
        maps = maps.map(|map| plain_conv(&map, layer, weights));
        if layer.8 {
            let n = maps[0].0 * maps[0].1;
            for p in 0..n {
                let unit = |map: &Map| {
                    let values: Vec<f64> = map.2.iter().skip(p).step_by(n).copied().collect();
                    let norm = values.iter().map(|v| v * v).sum::<f64>().sqrt() + 1e-10;
                    values.into_iter().map(|v| v / norm).collect::<Vec<f64>>()
                };
                let (ua, ub) = (unit(&maps[0]), unit(&maps[1]));
                let terms = ua.iter().zip(&ub).zip(&linear[taken]);
                sum += terms.map(|((a, b), w)| f64::from(*w) * (a - b).powi(2)).sum::<f64>() / n as f64;
            }
            taken += 1;
        }
    }
    sum
}

fn images(w: usize, h: usize) -> [RgbImage; 2] {
    [1, 2].map(|seed| {
        let values = noise(seed, 3 * w * h).iter().map(|v| 0.5 + 0.5 * v).collect();
        RgbImage::new(w, h, values).unwrap()
    })
}

fn check(layers: &[Layer], backbone: Backbone, (w, h): (usize, usize), torchvision: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpips.safetensors");
    let weights = made(layers);
    save(&path, layers, &weights, torchvision);
    let lpips = Lpips::open(&path).unwrap();
    assert_eq!(lpips.backbone(), backbone);
    let [a, b] = images(w, h);
    let (found, expected) = (lpips.distance(&a, &b).unwrap(), plain(&a, &b, layers, &weights));
    assert!(expected > 0.01, "the made weights tell pictures apart: {expected}");
    assert!((found - expected).abs() < 1e-4 * expected, "found {found}, expected {expected}");
    assert_eq!(lpips.distance(&a, &a).unwrap(), 0.0);
    let (least, _) = (lpips.min_side(), ());
    let [a, b] = images(least, least);
    assert!(lpips.distance(&a, &b).unwrap() > 0.0);
    let [a, b] = images(least - 1, 40);
    assert!(lpips.distance(&a, &b).is_err());
}

#[test]
fn vgg() {
    check(&VGG, Backbone::Vgg16, (18, 17), false);
}

#[test]
fn alexnet() {
    check(&ALEX, Backbone::AlexNet, (45, 36), true);
}

#[test]
fn other_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lpips.safetensors");
    let (convs, linear) = made(&ALEX);
    save(&path, &ALEX, &(convs, linear[..4].to_vec()), false);
    let e = Lpips::open(&path).unwrap_err().to_string();
    assert!(e.ends_with("lin4.model.1.weight: found nothing, expected 1x256x1x1"), "{e}");
    save(&path, &ALEX[1..], &(Vec::new(), Vec::new()), false);
    let e = Lpips::open(&path).unwrap_err().to_string();
    assert!(e.contains("no LPIPS weights") && e.ends_with("found neither"), "{e}");
    std::fs::write(&path, "text").unwrap();
    assert!(Lpips::open(&path).is_err());
}
