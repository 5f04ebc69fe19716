//! Convolutions by Winograd's algorithm against direct summation, as plans do them: several sources, groups, residuals,
//! activations of every kind, transposed ones, and sizes that tiles do not divide.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{
    Activation, Builder, ConvSpec, Extent, Graph, IfrNet, Parameters, Ratio, Source, Tensor, Window,
};

fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// Everything a convolution may read and be followed by, wide enough for Winograd's algorithm.
fn graph() -> Graph {
    let mut b = Builder::new("layers");
    let image = b.input("image", 16, Extent::FULL);
    let t = b.timestep("t");
    let flow = b.conv("flow", "flow", vec![Source::Map(image)], ConvSpec::new(2, Window::THREE));
    let activation = b.prelu("slope", 25);
    let sources =
        vec![Source::Map(image), Source::Plane(t), Source::Warped { image, flow }, Source::Map(flow)];
    let first =
        b.conv("first", "first", sources, ConvSpec { activation, ..ConvSpec::new(25, Window::THREE) });
    let residual = Some(first);
    let spec = ConvSpec { residual, activation: Activation::Relu, ..ConvSpec::new(25, Window::THREE) };
    let second = b.conv("second", "second", vec![Source::Map(first)], spec);
    let spec = ConvSpec { activation: Activation::Gelu, ..ConvSpec::new(32, Window::THREE) };
    let third = b.conv("third", "third", vec![Source::Map(second), Source::Map(first)], spec);
    let spec = ConvSpec { groups: 2, bias: false, ..ConvSpec::new(24, Window::THREE) };
    let fourth = b.conv("fourth", "fourth", vec![Source::Map(third)], spec);
    let activation = b.prelu("slopes", 10);
    let spec = ConvSpec { activation, ..ConvSpec::new(10, Window::DOUBLE) };
    let fifth = b.conv_transpose("fifth", "fifth", vec![Source::Map(fourth)], spec);
    let spec = ConvSpec { groups: 2, ..ConvSpec::new(8, Window::DOUBLE) };
    let sixth = b.conv_transpose("sixth", "sixth", vec![Source::Map(third)], spec);
    for view in [first, second, third, fourth, fifth, sixth] {
        b.output(view);
    }
    b.finish().unwrap()
}

fn outputs(graph: &Graph, level: Level, threads: usize, winograd: bool, size: (usize, usize)) -> Vec<Tensor> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let options = EngineOptions { pool: Some(Arc::new(pool)), level };
    let mut engine = Engine::new(graph, &Parameters::by_rule(graph), options).unwrap();
    engine.set_winograd(winograd);
    let (width, height) = size;
    let image = Tensor::new([1, 16, height, width], noise(16 * width * height, 3)).unwrap();
    engine.run_tensors(&[image, Tensor::point(&[0.25])]).unwrap()
}

#[test]
fn agrees_with_direct_summation() {
    let graph = graph();
    for level in Level::available() {
        for size in [(16, 12), (17, 13), (35, 10), (67, 21), (130, 9)] {
            let [direct, found, again] =
                [(1, false), (1, true), (3, true)].map(|(n, w)| outputs(&graph, level, n, w, size));
            assert!(found == again, "{level}, {size:?}: threads change nothing");
            assert!(found != direct, "{level}, {size:?}: nothing was done differently");
            for (i, (found, direct)) in found.iter().zip(&direct).enumerate() {
                let size_of_values = direct.data().iter().fold(1.0_f32, |m, v| m.max(v.abs()));
                for (a, b) in found.data().iter().zip(direct.data()) {
                    let error = (a - b).abs() / size_of_values;
                    assert!(error < 1e-5, "{level}, {size:?}, output {i}: {a}, not {b}");
                }
            }
        }
    }
}

/// What the network makes of it all.
#[test]
fn a_frame_hardly_differs() {
    let (width, height) = (128, 96);
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let images = [1, 2].map(|seed| noise(3 * width * height, seed).iter().map(|v| 0.5 * v + 0.5).collect());
    let images: [Vec<f32>; 2] = images;
    let frames = [false, true].map(|winograd| {
        let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap();
        engine.set_winograd(winograd);
        engine.pair(width, height, &[&images[0], &images[1]]).unwrap();
        engine.at(&[&[0.5]]).unwrap();
        let mut frame = vec![0.0; 3 * width * height];
        engine.read_output(0, &mut frame).unwrap();
        frame
    });
    let worst = frames[0].iter().zip(&frames[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst > 0.0 && worst < 1e-4, "{worst}");
}
