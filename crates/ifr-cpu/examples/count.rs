//! Small fixed work for counting instructions, one thread; see `scripts/count-instructions.sh`.
//!
//!     count CASE LEVEL RUNS
//!
//! Prints nothing. The instructions of one run are the difference between those of more and of fewer runs. On a machine
//! without that level it ends with code 77.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{Activation, Builder, ConvSpec, Extent, Graph, IfrNet, Parameters, Ratio, Window};

/// A network of one convolution, from as many channels as it has.
fn layer(channels: usize, window: Window) -> Result<Graph, Box<dyn Error>> {
    let mut b = Builder::new("layer");
    b.stage("all");
    let image = b.input("image", channels, Extent::FULL);
    let activation = b.prelu("act", channels);
    let out =
        b.conv("out", "conv", vec![image.into()], ConvSpec { activation, ..ConvSpec::new(channels, window) });
    b.output(out);
    Ok(b.finish()?)
}

/// A deformable convolution of 16 channels in 4 groups.
fn deform() -> Result<Graph, Box<dyn Error>> {
    let mut b = Builder::new("deform");
    b.stage("all");
    let [map, offsets, masks] =
        [("map", 16), ("offsets", 72), ("masks", 36)].map(|(name, n)| b.input(name, n, Extent::FULL));
    let spec = ConvSpec { activation: Activation::Relu, ..ConvSpec::new(16, Window::THREE) };
    let out = b.deform_conv("out", "conv", vec![map.into()], [offsets, masks], None, spec);
    b.output(out);
    Ok(b.finish()?)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, level, runs] = arguments.as_slice() else { return Err("expected CASE LEVEL RUNS".into()) };
    let (graph, width, height) = match case.as_str() {
        "ifrnet-s" => (IfrNet::S.graph(Ratio::ONE)?, 64, 64),
        "conv-3x3" => (layer(48, Window::THREE)?, 64, 64),
        "conv-stride-2" => (layer(32, Window::HALVE)?, 64, 64),
        "conv-1x1" => (layer(48, Window::ONE)?, 64, 64),
        "deform" => (deform()?, 32, 32),
        _ => return Err(format!("no case '{case}'").into()),
    };
    let Some(level) = Level::available().into_iter().find(|l| l.to_string() == *level) else {
        return Ok(ExitCode::from(77));
    };
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build()?);
    let mut engine = Engine::new(
        &graph,
        &Parameters::by_rule(&graph),
        EngineOptions { pool: Some(Arc::clone(&pool)), level },
    )?;
    let inputs: Vec<Vec<f32>> = (1..)
        .zip(graph.inputs().iter().filter(|id| graph.tensor(**id).phase == ifr_net::Phase::Pair))
        .map(|(k, id)| {
            let len = graph.tensor(*id).channels * width * height;
            (0..len).map(|i| ((i * 31 + k * 7919) % 1009) as f32 / 1008.0).collect()
        })
        .collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let instant: &[&[f32]] = if graph.inputs().len() > inputs.len() { &[&[0.5]] } else { &[] };
    let runs: usize = runs.parse()?;
    // From within the pool: a thread that came from outside would be woken and would look around for work each time, which is
    // not always the same number of instructions.
    pool.install(|| {
        (0..runs).try_for_each(|_| {
            engine.pair(width, height, &inputs)?;
            engine.at(instant)
        })
    })?;
    Ok(ExitCode::SUCCESS)
}
