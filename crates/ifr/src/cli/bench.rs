//! `ifr bench`: how fast this machine makes frames.

mod figures;
mod subject;

use std::fs;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use ifr::Device;
use ifr_cpu::{Level, peak_flops};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::model::{ScaleArgs, threads};
use super::{Failure, interrupt};
use figures::Figures;
use subject::Subject;

/// How long the peak of the machine is looked for.
const PEAK_TIME: Duration = Duration::from_millis(200);

/// Measure how long a model takes for one frame between two: time, share of what the machine can do, memory, time by layer.
///
/// Two made-up frames are read from memory, and the frame in the middle is made again and again; nothing is decoded or encoded. A
/// network given by its name alone has made-up weights, whose time is that of real ones.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ifr bench\n  ifr bench --model ifrnet-b --size 1280x704 --threads 1\n  \
    ifr bench --model weights.safetensors --layers\n\nExit codes: 0 done, 1 internal error, 2 wrong usage, 3 the model cannot \
    be read, 4 the output cannot be written, 130 interrupted."
)]
pub(crate) struct Args {
    /// A network's name (ifrnet-s, ifrnet-b, ifrnet-l, each also with +flow at the end; ifr-plus), an embedded model (flow,
    /// flow-fast), or a network's weights (a safetensors file).
    #[arg(long, visible_alias = "network", value_name = "MODEL", default_value = "ifrnet-s")]
    model: String,
    /// Size of the frames, padded to what the network asks for.
    #[arg(long, value_name = "WxH", default_value = "448x256", value_parser = super::info::size)]
    size: (usize, usize),
    #[command(flatten)]
    scales: ScaleArgs,
    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
    /// How often the frame is made, after once that does not count.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Instruction set of a network's kernels: scalar, avx2 or avx512 [default: the best of this machine].
    #[arg(long, value_name = "NAME", value_parser = level)]
    level: Option<Level>,
    /// Time by layer, too (networks alone).
    #[arg(long)]
    layers: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Write the frame made (networks alone): 3 x height x width values of RGB, 32-bit floats of little endian, nothing else.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing output.
    #[arg(short, long)]
    force: bool,
}

fn level(text: &str) -> Result<Level, String> {
    let all = Level::available();
    let names = || all.iter().map(Level::to_string).collect::<Vec<_>>().join(", ");
    let found = all.iter().copied().find(|l| l.to_string() == text);
    found.ok_or_else(|| format!("found '{text}', expected a level of this machine: {}", names()))
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(path) = args.output.as_ref().filter(|path| path.exists() && !args.force) {
        let what = path.display();
        return Err(Failure::output(format!(
            "{what} exists already; choose another name, or overwrite it with --force"
        )));
    }
    let device = args.threads.map_or_else(Device::cpu, Device::cpu_with_threads);
    let level = args.level.unwrap_or_else(Level::best);
    let mut subject = Subject::new(&args.model, args.size, args.scales, &device, level)?;
    if let (true, None) = (args.layers || args.output.is_some(), subject.cost()) {
        let what = if args.layers { "--layers" } else { "--output" };
        return Err(Failure::usage(format!(
            "{what} is for networks; {} is classical optical flow",
            args.model
        )));
    }
    let stop = interrupt::flag();
    let peak = peak_flops(level, PEAK_TIME);

    let bar = progress(args.runs);
    bar.set_message("warming up");
    subject.run()?;
    if args.layers {
        subject.measure_layers();
    }
    bar.set_message("measuring");
    let mut runs = Vec::new();
    let processor = figures::processor_seconds();
    while runs.len() < args.runs as usize && !stop.load(Ordering::Relaxed) {
        runs.push(subject.run()?);
        bar.inc(1);
    }
    let processor = figures::processor_seconds().zip(processor).map(|(end, start)| end - start);
    bar.finish_and_clear();
    if runs.is_empty() {
        return Err(Failure::interrupted("stopped before anything was measured"));
    }

    let complete = runs.len() == args.runs as usize;
    let figures = Figures::new(&subject, &runs, processor, peak, device.threads(), level);
    let mut out = std::io::stdout().lock();
    let written = match args.json {
        true => writeln!(out, "{}", figures.json(complete)),
        false => write!(out, "{}", figures.text()),
    };
    written.map_err(Failure::output)?;
    if let Some(path) = &args.output {
        let failed = |e| Failure::output(format!("write {}: {e}", path.display()));
        fs::write(path, subject.frame()?).map_err(failed)?;
    }
    if !complete {
        return Err(Failure::interrupted("stopped: the figures are those of the runs until then"));
    }
    Ok(())
}

fn progress(runs: u32) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(runs.into()), ProgressDrawTarget::stderr_with_hz(4));
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} frames  {eta} left") {
        bar.set_style(style);
    }
    bar
}
