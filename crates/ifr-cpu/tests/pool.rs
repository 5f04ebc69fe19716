//! An engine with threads of its own starts no others: alone in its process, since rayon's global pool is the process's.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, NetInterpolator};
use ifr_frame::{ColorDescription, Frame, Interpolate, PixelFormat, Samples};
use ifr_net::{IfrNet, Parameters, Ratio};

#[test]
fn the_global_pool_is_left_to_the_application() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());
    let options = EngineOptions { pool: Some(pool), ..EngineOptions::default() };
    let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options.clone()).unwrap();
    let (width, height) = (64, 64);
    let image = vec![0.5; 3 * width * height];
    engine.pair(width, height, &[&image, &image]).unwrap();
    engine.at(&[&[0.5]]).unwrap();

    let mut net = NetInterpolator::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
    let plane = Samples::U8(vec![128; width * height]);
    let frame = Frame::new(PixelFormat::GRAY8, width, height, vec![plane], ColorDescription::default());
    let frame = Arc::new(frame.unwrap());
    net.pair(&frame, &frame).unwrap().at(0.5).unwrap();
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
}
