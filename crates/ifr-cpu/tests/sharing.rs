//! What one image alone makes serves the next pair that has the image.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_cpu::{CpuError, Engine, EngineOptions, Level, Shared, Was};
use ifr_net::{
    Activation, Builder, ConvSpec, Extent, Graph, IfrNet, IfrPlus, Parameters, Ratio, Source, Window,
};

const SIZE: (usize, usize) = (48, 32);

fn picture((width, height): (usize, usize), seed: usize) -> Vec<f32> {
    (0..3 * width * height).map(|i| ((i * 37 + seed * 911) % 509) as f32 / 508.0).collect()
}

fn plus() -> Graph {
    IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap()
}

fn engine(graph: &Graph) -> Engine {
    Engine::new(graph, &Parameters::by_rule(graph), EngineOptions::default()).unwrap()
}

fn shared(first: Was, second: Was) -> Shared {
    Shared { first, second }
}

/// The middle of a pair that an engine has been given.
fn middle(engine: &mut Engine, (width, height): (usize, usize)) -> Vec<f32> {
    let mut out = vec![0.0; 3 * width * height];
    engine.at(&[&[0.5]]).unwrap();
    engine.read_output(0, &mut out).unwrap();
    out
}

/// The middle of a pair of which nothing is known.
fn fresh(engine: &mut Engine, size: (usize, usize), images: [&[f32]; 2]) -> Vec<f32> {
    engine.pair(size.0, size.1, &images).unwrap();
    middle(engine, size)
}

/// Runs pairs of numbered pictures, in several sizes, and compares each with one of which nothing is known.
fn check(graph: &Graph, pairs: &[((usize, usize), [usize; 2], Shared)]) {
    let (mut sharing, mut plain) = (engine(graph), engine(graph));
    for (index, &(size, seeds, shared)) in pairs.iter().enumerate() {
        let images = seeds.map(|seed| picture(size, seed));
        let images = images.each_ref().map(|image| &image[..]);
        sharing.pair_sharing(size.0, size.1, images, shared).unwrap();
        let found = middle(&mut sharing, size);
        assert!(found == fresh(&mut plain, size, images), "{}: pair {index}", graph.name());
    }
}

#[test]
fn shared_pairs_are_those_computed_anew() {
    use Was::{First, New, Second};
    let small = (32, 16);
    for graph in [plus(), IfrNet::S.graph(Ratio::ONE).unwrap()] {
        check(
            &graph,
            &[
                (SIZE, [1, 2], shared(New, New)),
                (SIZE, [2, 3], shared(Second, New)), // a stream
                (SIZE, [3, 4], shared(Second, New)),
                (SIZE, [3, 5], shared(First, New)), // bisection: (A, B), (A, M), (M, B)
                (SIZE, [5, 4], shared(Second, New)),
                (SIZE, [6, 5], shared(New, First)),    // backwards
                (SIZE, [5, 6], shared(Second, First)), // exchanged
                (SIZE, [5, 6], shared(First, Second)), // again
                (SIZE, [6, 6], shared(Second, Second)),
                (SIZE, [7, 6], shared(New, Second)),
                (SIZE, [7, 7], shared(First, First)),
                (small, [7, 8], shared(Second, New)), // another size: what was known is not
                (small, [8, 9], shared(Second, New)),
                (SIZE, [8, 9], shared(First, Second)),
                (SIZE, [9, 1], shared(Second, New)),
            ],
        );
    }
}

/// Shared images are not looked at where the network takes what they made before: so that is not computed again.
#[test]
fn what_is_known_is_not_computed_again() {
    let mut engine = engine(&plus());
    let [a, b, other] = [1, 2, 3].map(|seed| picture(SIZE, seed));
    let wanted = fresh(&mut engine, SIZE, [&a, &b]);
    engine.pair_sharing(SIZE.0, SIZE.1, [&a, &b], Shared::default()).unwrap();
    assert!(middle(&mut engine, SIZE) == wanted);
    engine.pair_sharing(SIZE.0, SIZE.1, [&other, &other], shared(Was::First, Was::Second)).unwrap();
    assert!(middle(&mut engine, SIZE) == wanted, "both images were known");
    engine.pair_sharing(SIZE.0, SIZE.1, [&other, &other], shared(Was::First, Was::New)).unwrap();
    assert!(middle(&mut engine, SIZE) == fresh(&mut engine, SIZE, [&a, &other]), "one was");
}

#[test]
fn nothing_is_shared_with_nothing() {
    let mut engine = engine(&plus());
    let [a, b] = [1, 2].map(|seed| picture(SIZE, seed));
    let all = shared(Was::First, Was::Second);
    engine.pair_sharing(SIZE.0, SIZE.1, [&a, &b], all).unwrap();
    let first = middle(&mut engine, SIZE);
    assert!(matches!(engine.pair_sharing(SIZE.0, SIZE.1, [&a, &b[1..]], all), Err(CpuError::Input(_))));
    engine.pair_sharing(SIZE.0, SIZE.1, [&b, &a], all).unwrap();
    let second = middle(&mut engine, SIZE);
    assert!(matches!(engine.pair_sharing(SIZE.0 + 1, SIZE.1, [&b, &a], all), Err(CpuError::Graph(_))));
    engine.pair_sharing(SIZE.0, SIZE.1, [&a, &b], all).unwrap();
    assert!(middle(&mut engine, SIZE) == first, "nor is anything shared with a size that was refused");
    assert!(first == fresh(&mut engine, SIZE, [&a, &b]));
    assert!(second == fresh(&mut engine, SIZE, [&b, &a]), "the pair before ended in an error");
}

#[test]
fn levels_and_threads_share_alike() {
    let graph = plus();
    for level in Level::available() {
        if level == Level::SCALAR {
            continue;
        }
        let frames = [1, 2, 4].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = EngineOptions { pool: Some(std::sync::Arc::new(pool)), level };
            let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
            let [a, b, c] = [1, 2, 3].map(|seed| picture(SIZE, seed));
            engine.pair_sharing(SIZE.0, SIZE.1, [&a, &b], Shared::default()).unwrap();
            let first = middle(&mut engine, SIZE);
            engine.pair_sharing(SIZE.0, SIZE.1, [&b, &c], shared(Was::Second, Was::New)).unwrap();
            (first, middle(&mut engine, SIZE))
        });
        assert!(frames[0] == frames[1] && frames[0] == frames[2], "{level}");
    }
}

/// Offsets and masks by one image alone, for a deformable convolution of both, large enough to be made band by band.
#[test]
fn what_bands_need_is_there_for_known_images() {
    let (width, height) = (131, 149);
    let mut builder = Builder::new("deformed");
    let images = [0, 1].map(|i| builder.input(&format!("img{i}"), 16, Extent::FULL));
    let t = builder.timestep("t");
    let mut made: Vec<Source> = Vec::new();
    for (i, [own, other]) in [images, [images[1], images[0]]].into_iter().enumerate() {
        let offsets = ConvSpec::new(2 * 8 * 9, Window::THREE);
        let offsets = builder.conv(&format!("offsets{i}"), "offsets", vec![own.into()], offsets);
        let masks = ConvSpec { activation: Activation::Sigmoid, ..ConvSpec::new(8 * 9, Window::THREE) };
        let masks = builder.conv(&format!("masks{i}"), "masks", vec![own.into()], masks);
        let (both, spec) = (vec![own.into(), other.into()], ConvSpec::new(16, Window::THREE));
        made.push(
            builder.deform_conv(&format!("made{i}"), "made", both, [offsets, masks], None, spec).into(),
        );
    }
    made.push(Source::Plane(t));
    let out = builder.conv("out", "out", made, ConvSpec::new(3, Window::THREE));
    builder.output(out);
    let graph = builder.finish().unwrap();

    let image = |seed: usize| -> Vec<f32> {
        (0..16 * width * height).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    };
    let [a, b, c] = [1, 2, 3].map(image);
    let mut sharing = engine(&graph);
    sharing.pair_sharing(width, height, [&a, &b], Shared::default()).unwrap();
    sharing.pair_sharing(width, height, [&b, &c], shared(Was::Second, Was::New)).unwrap();
    let found = middle(&mut sharing, (width, height));
    assert!(found == fresh(&mut engine(&graph), (width, height), [&b, &c]));
}
