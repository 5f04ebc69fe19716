//! The losses of IFR+: against the reference implementation's values, against definitions written out, and their gradients.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed unwrap is a failed test; -- --nocapture shows the errors"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ifr_net::{Dtype, Graph, IfrNet, IfrPlus, Network, ParameterStore, write_safetensors};
use ifr_torch::upload_values;
use ifr_train::{IfrPlusLoss, Perceptual, PlusLosses, PlusWeights};
use tch::{Device, Kind, Tensor};

const ALL: PlusWeights = PlusWeights { hard: 0.1, frequency: 1.0, perceptual: 0.1, flow: 0.00178 };

fn graph() -> Graph {
    // Threads that wait for one another are slow where others compute too.
    tch::set_num_threads(1);
    Network::IfrPlus(IfrPlus::PUBLISHED).training_graph().unwrap()
}

/// The golden vectors that only IFR+ needs are large; they are found beside a checkout that has them.
fn golden() -> Option<ParameterStore> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/golden/ifr_plus_losses_128x256.safetensors");
    path.is_file().then(|| ParameterStore::open(path).unwrap())
}

fn numbers(losses: &PlusLosses) -> Vec<f64> {
    let stacked = losses.stacked().unwrap();
    (0..4).map(|i| stacked.double_value(&[i])).collect()
}

/// Numbers between 0 and 1.
fn noise(shape: &[i64], seed: u64) -> Tensor {
    let count: i64 = shape.iter().product();
    let value = |i: i64| {
        let z = (i as u64 + 1 + seed * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((z ^ (z >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / 16_777_216.0
    };
    Tensor::from_slice(&(0..count).map(value).collect::<Vec<f64>>()).view(shape)
}

/// Flows of all levels of a batch of frames of that size.
fn flows(batch: i64, height: i64, width: i64, seed: u64) -> Vec<Tensor> {
    let side = |i: i64| {
        let (level, side) = (i / 2, i % 2);
        let shape = [batch, 2, height >> level, width >> level];
        (noise(&shape, seed + (2 * level + side) as u64) - 0.5) * (6.0 / (1 << level) as f64)
    };
    (0..8).map(side).collect()
}

#[test]
fn golden_values() {
    let Some(golden) = golden() else {
        println!("skipped: there are no golden vectors beside the checkout");
        return;
    };
    let tensor = |name: &str| {
        upload_values(&golden.read(name).unwrap(), &golden.entry(name).unwrap().shape, Device::Cpu).unwrap()
    };
    let value = |name: &str| f64::from(golden.read(name).unwrap()[0]);
    let loss = IfrPlusLoss::new(&graph(), ALL, None).unwrap();
    let mut tensors = vec![tensor("pred")];
    for level in 1..=4 {
        tensors.extend([0, 1].map(|side| tensor(&format!("flow{side}_{level}"))));
    }
    let labels = Tensor::cat(&[tensor("flow0_gt"), tensor("flow1_gt")], 1);
    let found = numbers(&loss.losses(&tensors, &tensor("target"), Some(&labels)).unwrap());
    for (part, name) in [(0, "charbonnier_filtered"), (1, "frequency"), (3, "flow_loss")] {
        let (found, expected) = (found[part], value(name));
        let error = (found / expected - 1.0).abs();
        println!("{name}: {found} ({error:.1e})");
        assert!(error < 1e-4, "{name}: {found}, expected {expected}");
    }
    assert_eq!(found[2], 0.0);
}

#[test]
fn parts_are_what_their_definitions_say() {
    let loss = IfrPlusLoss::new(&graph(), PlusWeights { frequency: 0.0, ..ALL }, None).unwrap();
    let (n, height, width) = (2_i64, 16_i64, 24_i64);
    let (pred, target) = (noise(&[n, 3, height, width], 1), noise(&[n, 3, height, width], 2));
    let flows = flows(n, height, width, 3);
    let labels = (noise(&[n, 4, height, width], 20) - 0.5) * 6.0;
    let tensors: Vec<Tensor> = [&pred].into_iter().chain(&flows).map(Tensor::shallow_clone).collect();
    let found = numbers(&loss.losses(&tensors, &target, Some(&labels)).unwrap());

    // Of each frame of 384 pixels, the 76 hardest.
    let (mut all, mut hardest) = (0.0, 0.0);
    for s in 0..n {
        let mut pixels: Vec<f64> = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let at = |t: &Tensor, c: i64| t.double_value(&[s, c, y, x]);
            let root = |c: i64| ((at(&pred, c) - at(&target, c)).powi(2) + 1e-6).sqrt();
            pixels.push((root(0) + root(1) + root(2)) / 3.0);
        }
        all += pixels.iter().sum::<f64>() / 384.0 / n as f64;
        pixels.sort_by(f64::total_cmp);
        hardest += pixels[384 - 76..].iter().sum::<f64>() / 76.0 / n as f64;
    }
    assert!((found[0] - (all + 0.1 * hardest)).abs() < 1e-12, "{} {all} {hardest}", found[0]);
    assert!(hardest > 1.5 * all && found[1..3] == [0.0, 0.0]);

    // The mean of a block of pixels is what repeated halving by a bilinear resize makes.
    let block = |level: i64, y: i64, x: i64, of: &dyn Fn(i64, i64) -> f64| {
        let side = 1 << level;
        let pixels = (0..side * side).map(|i| of(y * side + i / side, x * side + i % side));
        pixels.sum::<f64>() / (side * side) as f64
    };
    let mut expected = 0.0;
    for (level, weight) in [(0, 0.729), (1, 0.81), (2, 0.9), (3, 1.0)] {
        let (mut sum, mut count) = (0.0, 0.0);
        for (s, side) in (0..n).flat_map(|s| [(s, 0), (s, 1)]) {
            let label = |c: i64, y: i64, x: i64| labels.double_value(&[s, 2 * side + c, y, x]);
            let trust = |y: i64, x: i64| {
                let d = |c: i64| flows[side as usize].double_value(&[s, c, y, x]) - label(c, y, x);
                (-0.3 * d(0).hypot(d(1))).exp()
            };
            let flow = &flows[(2 * level + side) as usize];
            let (h, w) = (height >> level, width >> level);
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                let w = block(level, y, x, &trust);
                let epsilon = 10.0_f64.powf(-(10.0 * w - 1.0) / 3.0);
                for c in 0..2 {
                    let label = block(level, y, x, &|y, x| label(c, y, x)) / (1 << level) as f64;
                    let d = flow.double_value(&[s, c, y, x]) - label;
                    (sum, count) = (sum + (d * d + epsilon * epsilon).powf(w / 2.0), count + 1.0);
                }
            }
        }
        expected += weight * sum / count;
    }
    let expected = 0.00178 * expected;
    assert!((found[3] / expected - 1.0).abs() < 1e-10, "{} {expected}", found[3]);
}

#[test]
fn what_counts_nothing_or_has_no_labels_is_not_computed() {
    let graph = graph();
    let bare = PlusWeights { hard: 0.0, frequency: 0.0, perceptual: 0.0, flow: 0.0 };
    let loss = IfrPlusLoss::new(&graph, bare, None).unwrap();
    assert_eq!(loss.wanted().len(), 1);
    let (pred, target) = (noise(&[1, 3, 16, 16], 1), noise(&[1, 3, 16, 16], 2));
    let losses = loss.losses(&[pred.shallow_clone()], &target, Some(&noise(&[1, 4, 16, 16], 3))).unwrap();
    assert!(losses.frequency.is_none() && losses.perceptual.is_none() && losses.flow.is_none());
    let root = ((&pred - &target).square() + 1e-6).sqrt().mean(Kind::Double).double_value(&[]);
    assert!((numbers(&losses)[0] - root).abs() < 1e-12);

    let loss = IfrPlusLoss::new(&graph, ALL, None).unwrap();
    assert_eq!(loss.wanted().len(), 9);
    let tensors: Vec<Tensor> = std::iter::once(pred).chain(flows(1, 16, 16, 5)).collect();
    let losses = loss.losses(&tensors, &target, None).unwrap();
    assert!(losses.frequency.is_some() && losses.perceptual.is_none() && losses.flow.is_none());
    assert!(loss.losses(&tensors[..8], &target, None).is_err());
    let error = IfrPlusLoss::new(&IfrNet::S.training_graph().unwrap(), ALL, None).unwrap_err();
    assert!(error.to_string().contains("pred_unclamped"), "{error}");
}

/// VGG-16's convolutions: torchvision's number, inputs, outputs, whether a pool comes before and whether features are taken after.
const VGG: [(usize, usize, usize, bool, bool); 13] = [
    (0, 3, 64, false, false),
    (2, 64, 64, false, true),
    (5, 64, 128, true, false),
    (7, 128, 128, false, true),
    (10, 128, 256, true, false),
    (12, 256, 256, false, false),
    (14, 256, 256, false, true),
    (17, 256, 512, true, false),
    (19, 512, 512, false, false),
    (21, 512, 512, false, true),
    (24, 512, 512, true, false),
    (26, 512, 512, false, false),
    (28, 512, 512, false, true),
];

/// Weights of the network and of the features.
struct Made {
    convs: Vec<[Vec<f32>; 2]>,
    linear: Vec<Vec<f32>>,
}

fn made() -> Made {
    let values = |count: usize, seed: u64| -> Vec<f32> {
        let noise: Vec<f64> = noise(&[count as i64], seed).try_into().unwrap();
        noise.into_iter().map(|v| v as f32).collect()
    };
    let conv = |&(index, from, to, ..): &(usize, usize, usize, bool, bool)| {
        let gain = (24.0 / (from * 9) as f32).sqrt();
        let weight = values(to * from * 9, index as u64 + 1).iter().map(|v| (v - 0.5) * gain).collect();
        [weight, values(to, index as u64 + 101).iter().map(|v| 0.2 * (v - 0.5)).collect()]
    };
    let features = VGG.iter().filter(|layer| layer.4).enumerate();
    Made {
        convs: VGG.iter().map(conv).collect(),
        linear: features.map(|(k, layer)| values(layer.2, k as u64 + 201)).collect(),
    }
}

fn save(made: &Made, folder: &Path, lpips: bool) -> PathBuf {
    let mut all: Vec<(String, Vec<usize>, &[f32])> = Vec::new();
    let mut slice = 1;
    for (&(index, from, to, _, feature), [weight, bias]) in VGG.iter().zip(&made.convs) {
        let layer = if lpips { format!("net.slice{slice}.{index}") } else { format!("features.{index}") };
        all.push((format!("{layer}.weight"), vec![to, from, 3, 3], weight));
        all.push((format!("{layer}.bias"), vec![to], bias));
        slice += usize::from(feature);
    }
    for (k, values) in made.linear.iter().enumerate() {
        all.push((format!("lin{k}.model.1.weight"), vec![1, values.len(), 1, 1], values));
    }
    let path = folder.join(if lpips { "lpips.safetensors" } else { "vgg.safetensors" });
    let tensors = all.iter().map(|(name, shape, values)| (name.as_str(), shape.as_slice(), *values));
    write_safetensors(&path, Dtype::F32, tensors, &BTreeMap::new()).unwrap();
    path
}

/// Channels, height and width, and a pixel's value by channel, row and column.
struct Map(usize, usize, usize, Vec<f64>);

impl Map {
    fn at(&self, c: usize, y: isize, x: isize) -> f64 {
        let inside = y >= 0 && x >= 0 && y < self.1 as isize && x < self.2 as isize;
        if inside { self.3[(c * self.1 + y as usize) * self.2 + x as usize] } else { 0.0 }
    }

    fn made(channels: usize, height: usize, width: usize, of: impl Fn(usize, isize, isize) -> f64) -> Self {
        let places =
            (0..channels * height * width).map(|i| (i / width / height, i / width % height, i % width));
        let values = places.map(|(c, y, x)| of(c, y as isize, x as isize)).collect();
        Self(channels, height, width, values)
    }
}

/// The distance by its definition, without any library.
fn by_hand(images: [&Tensor; 2], made: &Made) -> f64 {
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut maps = images.map(|image| {
        let (_, _, h, w) = image.size4().unwrap();
        Map::made(3, h as usize, w as usize, |c, y, x| {
            (image.double_value(&[0, c as i64, y as i64, x as i64]) - mean[c]) / deviation[c]
        })
    });
    let (mut sum, mut linear) = (0.0, made.linear.iter());
    for (&(_, from, to, pool, feature), [weight, bias]) in VGG.iter().zip(&made.convs) {
        maps = maps.map(|map| {
            let map = if pool {
                Map::made(map.0, map.1.div_ceil(2), map.2.div_ceil(2), |c, y, x| {
                    let tap = |i: isize| [0.25, 0.5, 0.25][i as usize];
                    let square = |i: isize| {
                        let (dy, dx) = (i / 3, i % 3);
                        tap(dy) * tap(dx) * map.at(c, 2 * y + dy - 1, 2 * x + dx - 1).powi(2)
                    };
                    ((0..9).map(square).sum::<f64>() + 1e-12).sqrt()
                })
            } else {
                map
            };
            Map::made(to, map.1, map.2, |o, y, x| {
                let mut sum = f64::from(bias[o]);
                for i in 0..from {
                    for tap in 0..9 {
                        let weight = weight[(o * from + i) * 9 + tap];
                        sum +=
                            map.at(i, y + tap as isize / 3 - 1, x + tap as isize % 3 - 1) * f64::from(weight);
                    }
                }
                sum.max(0.0)
            })
        });
        if feature {
            let linear = linear.next().unwrap();
            let [a, b] = &maps;
            for (y, x) in (0..a.1 as isize).flat_map(|y| (0..a.2 as isize).map(move |x| (y, x))) {
                let norm = |m: &Map| (0..to).map(|c| m.at(c, y, x).powi(2)).sum::<f64>().max(1e-4).sqrt();
                let (na, nb) = (norm(a), norm(b));
                let square = |c: usize| (a.at(c, y, x) / na - b.at(c, y, x) / nb).powi(2);
                let part: f64 = (0..to).map(|c| f64::from(linear[c]) * square(c)).sum();
                sum += part / (a.1 * a.2) as f64;
            }
        }
    }
    sum
}

#[test]
fn features_are_compared_as_defined_and_gradients_follow() {
    tch::set_num_threads(1);
    let dir = tempfile::tempdir().unwrap();
    let made = made();
    let perceptual = Perceptual::open(save(&made, dir.path(), false), Device::Cpu).unwrap();
    let (a, b) = (noise(&[1, 3, 10, 13], 1) * 1.2 - 0.1, noise(&[1, 3, 10, 13], 2));
    let expected = by_hand([&a, &b], &made);
    let distance = |a: &Tensor, b: &Tensor| {
        perceptual.distance(&a.to_kind(Kind::Float), &b.to_kind(Kind::Float)).unwrap().double_value(&[])
    };
    let found = distance(&a, &b);
    assert!(expected > 0.05 && (found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    assert_eq!(distance(&a, &a), 0.0);
    // The mean over a batch; the other names are read as well.
    let both = distance(&Tensor::cat(&[&a, &b], 0), &Tensor::cat(&[&b, &b], 0));
    assert!((both / (0.5 * expected) - 1.0).abs() < 1e-5, "{both} {expected}");
    let other = Perceptual::open(save(&made, dir.path(), true), Device::Cpu).unwrap();
    let same = other.distance(&a.to_kind(Kind::Float), &b.to_kind(Kind::Float)).unwrap();
    assert_eq!(same.double_value(&[]), found);

    let double = perceptual.to_kind(Kind::Double).unwrap();
    gradients(&[&a], &|tensors| double.distance(&tensors[0], &b).unwrap());
}

/// Checks derivatives by these tensors, which are moved a little, one value at a time.
fn gradients(of: &[&Tensor], loss: &dyn Fn(&[Tensor]) -> Tensor) {
    const STEP: f64 = 1e-6;
    let leaves: Vec<Tensor> = of.iter().map(|t| t.copy().set_requires_grad(true)).collect();
    loss(&leaves).backward();
    for leaf in &leaves {
        let (flat, gradient) = (leaf.detach().view([-1]), leaf.grad().view([-1]));
        let scale = gradient.abs().max().double_value(&[]);
        assert!(scale > 0.0, "no gradient");
        let count = flat.size()[0];
        for i in (0..count).step_by((count / 9).max(1) as usize) {
            let mut entry = flat.narrow(0, i, 1);
            let mut moved = |by: f64| {
                tch::no_grad(|| {
                    let _ = entry.g_add_scalar_(by);
                    loss(&leaves).double_value(&[])
                })
            };
            let (above, below) = (moved(STEP), moved(-2.0 * STEP));
            moved(STEP);
            let (found, expected) = (gradient.double_value(&[i]), (above - below) / (2.0 * STEP));
            assert!((found - expected).abs() < 1e-4 * scale, "{found}, {expected} by differences");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let graph = graph();
    let none = PlusWeights { hard: 0.0, frequency: 0.0, perceptual: 0.0, flow: 0.0 };
    let (pred, target) = (noise(&[2, 3, 16, 16], 1), noise(&[2, 3, 16, 16], 2));
    for (part, weights) in
        [(0, PlusWeights { hard: 0.1, ..none }), (1, PlusWeights { frequency: 1.0, ..none })]
    {
        let loss = IfrPlusLoss::new(&graph, weights, None).unwrap();
        gradients(&[&pred], &|t| {
            loss.losses(&[t[0].shallow_clone()], &target, None).unwrap().stacked().unwrap().get(part)
        });
    }
    // Not by the full-size flows: they decide on the trust, through which no gradient goes.
    let loss = IfrPlusLoss::new(&graph, PlusWeights { flow: 1.0, ..none }, None).unwrap();
    let flows = flows(2, 16, 16, 5);
    let labels = (noise(&[2, 4, 16, 16], 20) - 0.5) * 6.0;
    let coarse: Vec<&Tensor> = flows[2..].iter().collect();
    gradients(&coarse, &|t| {
        let tensors: Vec<&Tensor> = [&pred, &flows[0], &flows[1]].into_iter().chain(t).collect();
        let tensors: Vec<Tensor> = tensors.into_iter().map(Tensor::shallow_clone).collect();
        loss.losses(&tensors, &target, Some(&labels)).unwrap().stacked().unwrap().get(3)
    });
}

#[test]
fn weights_of_something_else_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = made();
    made.linear.pop();
    let words = Perceptual::open(save(&made, dir.path(), false), Device::Cpu).unwrap_err().to_string();
    assert!(words.contains("lin4.model.1.weight: found nothing, expected 1x512x1x1"), "{words}");
    let path = dir.path().join("none.safetensors");
    write_safetensors(&path, Dtype::F32, std::iter::empty(), &BTreeMap::new()).unwrap();
    let words = Perceptual::open(&path, Device::Cpu).unwrap_err().to_string();
    assert!(
        words.contains("features.0.weight: found nothing") && words.contains("docs/training.md"),
        "{words}"
    );
}
