//! Time of single 3×3 convolutions, directly and by Winograd's algorithm, for the layers of the IFRNet family.
//!
//!     cargo run --release -p ifr-cpu --example conv_time -- [LEVEL] [INPUTSxOUTPUTS@WIDTHxHEIGHT …]
//!
//! On one thread, of several alternating runs: the least and the median processor time in milliseconds, and the direct
//! summation's multiplications and additions over the least, in GFLOP/s; and how many times faster the second way is.
#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::error::Error;
use std::sync::Arc;

use ifr_cpu::{Engine, EngineOptions, Level};
use ifr_net::{Builder, ConvSpec, Extent, Parameters, Source, Window};

/// The layers of IFRNet-S at 448×256 and at 1280×704; further ones of -B and -L; and narrow ones.
const LAYERS: &str = "24x24@224x128 36x36@112x64 54x54@56x32 72x72@28x16 73x72@224x128 108x108@112x64 162x162@56x32 \
    145x144@28x16 24x24@640x352 36x36@320x176 54x54@160x88 72x72@80x44 72x72@640x352 108x108@320x176 162x162@160x88 \
    144x144@80x44 32x32@224x128 96x96@224x128 144x144@112x64 216x216@56x32 192x192@28x16 192x192@224x128 \
    288x288@112x64 432x432@56x32 384x384@28x16 4x4@224x128 8x8@224x128 16x16@224x128 4x64@224x128 64x4@224x128 \
    64x64@14x8 64x64@7x4 64x64@3x2";

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let known = |name: &String| Level::available().into_iter().find(|l| l.to_string() == *name);
    let level = match args.first().and_then(known) {
        Some(level) => {
            args.remove(0);
            level
        }
        None => Level::best(),
    };
    let layers = match args.is_empty() {
        true => LAYERS.split_whitespace().map(str::to_owned).collect(),
        false => args,
    };
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(1).build()?);
    println!("{:<18} {:^29} {:^29}", level.to_string(), "direct", "Winograd");
    let columns = format!("{:>9} {:>9} {:>9}", "least", "median", "GFLOP/s");
    println!("{:<18} {columns} {columns} {:>6}", "layer", "ratio");
    for layer in layers {
        let (channels, size) = layer.split_once('@').ok_or("a layer such as 72x72@224x128")?;
        let ((inputs, outputs), (width, height)) = (pair(channels)?, pair(size)?);
        if inputs < 2 {
            return Err("a layer has 2 inputs or more".into());
        }
        // A plane of the timestep is an input, so that the layer runs without an upload of its others.
        let mut b = Builder::new("layer");
        let image = b.input("image", inputs - 1, Extent::FULL);
        let t = b.timestep("t");
        let activation = b.prelu("slope", outputs);
        let spec = ConvSpec { activation, ..ConvSpec::new(outputs, Window::THREE) };
        let conv = b.conv("conv", "conv", vec![Source::Map(image), Source::Plane(t)], spec);
        b.output(conv);
        let graph = b.finish()?;
        let parameters = Parameters::by_rule(&graph);
        let values: Vec<f32> =
            (0..(inputs - 1) * width * height).map(|i| (i % 1009) as f32 / 1009.0 - 0.5).collect();
        let mut engines = Vec::new();
        for winograd in [false, true] {
            let options = EngineOptions { pool: Some(pool.clone()), level };
            let mut engine = Engine::new(&graph, &parameters, options)?;
            engine.set_winograd(winograd);
            engine.pair(width, height, &[&values])?;
            engines.push(engine);
        }
        let flop = 18.0 * (inputs * outputs * width * height) as f64;
        let runs = (4e9 / flop).clamp(9.0, 201.0) as usize;
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..runs {
            for (engine, times) in engines.iter_mut().zip(&mut times) {
                engine.at(&[&[0.5]])?;
                let start = cpu_seconds();
                engine.at(&[&[0.5]])?;
                times.push(cpu_seconds() - start);
            }
        }
        print!("{layer:<18}");
        for times in &mut times {
            times.sort_by(f64::total_cmp);
            let (least, median) = (times[0], times[times.len() / 2]);
            print!(" {:9.3} {:9.3} {:9.1}", 1e3 * least, 1e3 * median, 1e-9 * flop / least);
        }
        println!(" {:6.2}", times[0][0] / times[1][0]);
    }
    Ok(())
}

/// Two numbers with an x between.
fn pair(text: &str) -> Result<(usize, usize), Box<dyn Error>> {
    let (a, b) = text.split_once('x').ok_or("two numbers with an x between")?;
    Ok((a.parse()?, b.parse()?))
}

/// Processor time of this process so far, in seconds.
#[allow(unsafe_code, reason = "a system call")]
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
