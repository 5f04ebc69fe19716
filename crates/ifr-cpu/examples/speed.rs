//! Time a frame of a network takes, without any video around it.
//!
//!     cargo run --release -p ifr-cpu --example speed -- [s|b|l|s+flow|…|plus] [WIDTHxHEIGHT] [THREADS] [LEVEL] [RUNS] [stream] [direct] [whole]
//!
//! Prints the least wall time of several runs after a first one (of that first one with RUNS 0), and the processor time a run
//! takes on all threads together, for the part that a pair's instants share and for one instant; a prior's own time is not in
//! it. With `stream`, the first image of every pair but the first is known from the pair before; with `direct`, no convolution
//! is done by Winograd's algorithm; with `whole`, no step runs band by band. Then the memory of all maps, and the most that the process ever had resident: without
//! `stream`, images are written into the engine row by row, and its output is read likewise, so that there is no copy of either. Weights are
//! by rule, scales those published for the size.
#![allow(clippy::print_stdout, reason = "an example prints its result")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use ifr_cpu::{Bands, Engine, EngineOptions, Level, Shared, Was};
use ifr_net::{Network, Parameters};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |i: usize, default: &str| args.get(i).cloned().unwrap_or_else(|| default.to_owned());
    let name = match arg(0, "s").as_str() {
        "plus" => "ifr-plus".to_owned(),
        other => format!("ifrnet-{other}"),
    };
    let known = Network::all().find(|net| net.name() == name);
    let net =
        known.ok_or_else(|| format!("no network '{name}': s, b or l, s+flow, b+flow or l+flow, or plus"))?;
    let size = arg(1, "448x256");
    let (width, height) = size.split_once('x').ok_or("a size such as 448x256")?;
    let (width, height): (usize, usize) = (width.parse()?, height.parse()?);
    let threads = arg(2, "2").parse()?;
    let level = match args.get(3) {
        None => Level::best(),
        Some(name) => *Level::available()
            .iter()
            .find(|l| l.to_string() == *name)
            .ok_or_else(|| format!("this machine has no level '{name}'"))?,
    };

    let runs: usize = arg(4, "7").parse()?;
    let [stream, direct, whole] =
        ["stream", "direct", "whole"].map(|word| args.iter().skip(5).any(|a| a == word));
    let shared = Shared { first: Was::Second, second: Was::New };
    let graph = net.graph_at(net.scales_for(width, height))?;
    let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?);
    let options = EngineOptions { pool: Some(pool), level };
    let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options)?;
    engine.set_winograd(!direct);
    if whole {
        engine.set_bands(Bands::Never);
    }
    engine.set_row_output(true);
    let value = |i: usize, k: usize| ((i * 31 + k * 7919) % 1009) as f32 / 1008.0;
    let image = |k: usize| -> Vec<f32> { (0..3 * width * height).map(|i| value(i, k)).collect() };
    // They repeat after 1009.
    let patterns = [1, 2].map(|k| (0..1009 + width).map(|i| value(i, k)).collect::<Vec<f32>>());
    let prior = graph.inputs().len() > 3;
    let images = if stream || prior { [image(1), image(2)] } else { [Vec::new(), Vec::new()] };
    // Nonsense for a prior, but the time does not depend on what it says.
    let flows: Vec<f32> =
        (0..if prior { 4 * width * height } else { 0 }).map(|i| (i % 17) as f32 - 8.0).collect();
    let instant: [&[f32]; 3] = [&[0.5], &flows, &images[0]];
    let instant = &instant[..graph.inputs().len() - 2];

    let (mut pair, mut at) = ([f64::MAX; 2], [f64::MAX; 2]);
    for run in 0..=runs {
        let timed = |best: &mut [f64; 2], work: &mut dyn FnMut() -> Result<(), ifr_cpu::CpuError>| {
            let (wall, cpu) = (Instant::now(), cpu_seconds());
            work()?;
            best[0] = best[0].min(wall.elapsed().as_secs_f64());
            best[1] = best[1].min(cpu_seconds() - cpu);
            Ok::<(), ifr_cpu::CpuError>(())
        };
        if run == 1 {
            (pair, at) = ([f64::MAX; 2], [f64::MAX; 2]);
        }
        let pictures = [&images[run % 2], &images[(run + 1) % 2]].map(|image| &image[..]);
        timed(&mut pair, &mut || match stream {
            true => engine.pair_sharing(width, height, pictures, shared),
            false => engine.pair_with(width, height, |mut rows| {
                let (pattern, range) = (&patterns[(rows.input() + run) % 2], rows.rows());
                for channel in 0..3 {
                    for (y, row) in range.clone().zip(rows.channel(channel)) {
                        let first = (channel * height + y) * width % 1009;
                        row.copy_from_slice(&pattern[first..first + width]);
                    }
                }
            }),
        })?;
        let mut rows = 0;
        timed(&mut at, &mut || engine.at_rows(instant, |part, _| rows += part.rows().len()))?;
        assert_eq!(rows, height, "all rows of the output");
    }
    println!(
        "{net} {width}x{height}, {threads} threads, {level}: pair {:.1} ms + instant {:.1} ms = {:.1} ms \
         (processor {:.1} ms); maps {:.1} MiB, resident {:.1} MiB at most",
        1e3 * pair[0],
        1e3 * at[0],
        1e3 * (pair[0] + at[0]),
        1e3 * (pair[1] + at[1]),
        engine.maps() as f64 / f64::from(1 << 20),
        peak_bytes() / f64::from(1 << 20),
    );
    Ok(())
}

/// Processor time of this process so far, in seconds.
#[allow(unsafe_code, reason = "a system call")]
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// The most memory this process ever had resident, in bytes.
#[allow(unsafe_code, reason = "a system call")]
fn peak_bytes() -> f64 {
    // SAFETY: all zeros is such a structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live structure.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    // Kilobytes, but on macOS.
    usage.ru_maxrss as f64 * if cfg!(target_os = "macos") { 1.0 } else { 1024.0 }
}
