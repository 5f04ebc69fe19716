//! Time by operation: `cargo bench -p ifr-cpu`, or `cargo bench -p ifr-cpu -- winograd` for some.
//!
//! Each is a graph of that one operation (some come with what prepares their input), at a size and with channels that networks
//! have, on one thread and at the best level of this machine.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be made shall end")]
#![allow(missing_docs, reason = "macros make the entry point")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{Activation, Binary, Builder, ConvSpec, Extent, Parameters, Ratio, View, Window};

const WIDTH: usize = 224;
const HEIGHT: usize = 128;

/// Measures a graph of inputs of so many channels each, made by `describe` from their views.
fn operation(
    c: &mut Criterion,
    name: &str,
    channels: &[usize],
    winograd: bool,
    describe: impl FnOnce(&mut Builder, &[View]) -> View,
) {
    let mut b = Builder::new(name);
    b.stage("all");
    let views: Vec<View> =
        channels.iter().enumerate().map(|(i, &n)| b.input(&format!("in{i}"), n, Extent::FULL)).collect();
    let out = describe(&mut b, &views);
    b.output(out);
    let graph = b.finish().unwrap();
    let pool = Some(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()));
    let options = EngineOptions { pool, level: Level::best() };
    let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
    engine.set_winograd(winograd);
    let inputs: Vec<Vec<f32>> = channels
        .iter()
        .map(|n| (0..n * WIDTH * HEIGHT).map(|i| (i * 31 % 1009) as f32 / 504.0 - 1.0).collect())
        .collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    engine.pair(WIDTH, HEIGHT, &inputs).unwrap();

    let flop = 2 * ifr_net::Cost::of(&graph, WIDTH, HEIGHT).unwrap().macs();
    let mut group = c.benchmark_group("operations");
    // Operations without multiply-adds of convolutions are told by their pixels.
    group.throughput(Throughput::Elements(if flop > 0 { flop } else { (WIDTH * HEIGHT) as u64 }));
    group.bench_function(name, |bencher| bencher.iter(|| engine.pair(WIDTH, HEIGHT, &inputs).unwrap()));
    group.finish();
}

fn convolutions(c: &mut Criterion) {
    let conv = |window: Window, channels: usize| {
        move |b: &mut Builder, views: &[View]| {
            let activation = b.prelu("act", channels);
            let spec = ConvSpec { activation, ..ConvSpec::new(channels, window) };
            b.conv("out", "conv", vec![views[0].into()], spec)
        }
    };
    operation(c, "conv 3x3 direct", &[48], false, conv(Window::THREE, 48));
    operation(c, "conv 3x3 winograd", &[48], true, conv(Window::THREE, 48));
    operation(c, "conv 3x3 direct, few channels", &[3], false, conv(Window::THREE, 24));
    operation(c, "conv 3x3 stride 2", &[24], false, conv(Window::HALVE, 36));
    operation(c, "conv 1x1", &[48], false, conv(Window::ONE, 48));
    operation(c, "conv 4x4 transposed", &[48], false, |b, views| {
        b.conv_transpose("out", "conv", vec![views[0].into()], ConvSpec::new(24, Window::DOUBLE))
    });
    operation(c, "conv 3x3 deformable", &[48, 144, 72], false, |b, views| {
        let spec = ConvSpec::new(48, Window::THREE);
        b.deform_conv("out", "conv", vec![views[0].into()], [views[1], views[2]], None, spec)
    });
}

fn others(c: &mut Criterion) {
    operation(c, "warp", &[24, 2], false, |b, views| b.warp("out", views[0], views[1]));
    operation(c, "resize to double", &[24], false, |b, views| {
        b.resize("out", views[0], Extent::Map(Ratio::new(2, 1).unwrap()), 1.0, None)
    });
    operation(c, "gelu", &[24], false, |b, views| b.activate("out", views[0], Activation::Gelu));
    operation(c, "multiply", &[24, 24], false, |b, views| {
        b.binary("out", Binary::Mul, views[0], views[1], Activation::None)
    });
    operation(c, "mean", &[24], false, |b, views| b.mean("out", vec![views[0]]));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = convolutions, others
}
criterion_main!(benches);
