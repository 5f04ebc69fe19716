//! `ifr train`: weights from footage.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant};

use clap::Parser;
use ifr_train::config::{Config, Override};
use ifr_train::parallel::World;
use ifr_train::{End, Event, TrainOptions, Trained};

use super::model::threads;
use super::say::say;
use super::train_progress::Display;
use super::{Failure, interrupt};

/// Train a network on a folder of clips, frames or triplets.
///
/// The configuration says what is trained, on what, how, and where the results go; see configs/ and docs/training.md. Stopped by
/// Ctrl-C, by --time-budget or by an error, the same command goes on where it stopped.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  ifr train configs/default.toml --data clips --output runs/mine\n  \
    ifr train configs/default-cpu.toml --data clips --output runs/mine --time-budget 9m\n  \
    ifr train configs/ifrnet-s-vimeo.toml --data vimeo_triplet --set train.learning_rate=2e-4")]
pub(crate) struct Args {
    /// The configuration, a TOML file.
    #[arg(value_name = "CONFIG.toml")]
    config: PathBuf,
    /// Go on from the folder's checkpoint even if the configuration has changed since; there must be one. Without it, training
    /// goes on by itself where the configuration is the same.
    #[arg(long)]
    resume: bool,
    /// Stop with a checkpoint before so much time has passed: 90s, 9m, 1h30m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time_budget: Option<Duration>,

    /// Folder of the data (data.path).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder for checkpoints, logs and weights (output.dir).
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Batches in all (train.steps).
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Windows in a batch (data.batch).
    #[arg(long, value_name = "N")]
    batch: Option<u32>,
    /// Size of the crops: N or WIDTHxHEIGHT (data.crop).
    #[arg(long, value_name = "SIZE", value_parser = crop)]
    crop: Option<(u32, u32)>,
    /// auto, cpu or cuda (train.device).
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Threads of computations on the processor (train.threads).
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
    /// Any other key of the configuration.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<Override>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let fault = || format!("found '{text}', expected a time such as 90s, 9m or 1h30m");
    let (mut total, mut digits) = (0_u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(fault()),
        };
        let number = std::mem::take(&mut digits).parse::<u64>().ok();
        total =
            number.and_then(|n| n.checked_mul(unit)).and_then(|n| n.checked_add(total)).ok_or_else(fault)?;
    }
    if digits.is_empty() && !text.is_empty() { Ok(Duration::from_secs(total)) } else { Err(fault()) }
}

fn crop(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once(['x', 'X']).unwrap_or((text, text));
    match (width.parse(), height.parse()) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(format!("found '{text}', expected a number or WIDTHxHEIGHT, as in 224 or 256x192")),
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let config = Config::read(&args.config, &overrides(args))?;
    if let Some(threads) = config.train.threads {
        // The metrics of the validation run on the global pool; it may have been started already.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }
    let stop = interrupt::flag();
    let options = TrainOptions { resume: args.resume, time_budget: args.time_budget, started };
    // Of several processes the first one speaks; errors are everybody's.
    let first = World::from_env().map_err(Failure::usage)?.is_first();
    let mut display = first.then(Display::new);
    let mut watch = |event: &Event<'_>| {
        if let Some(display) = &mut display {
            display.show(event);
        }
    };
    let done = ifr_train::train(&config, &options, &stop, &mut watch);
    if let Some(display) = &display {
        display.end();
    }
    let done = done?;
    if first { tell(done) } else { Ok(()) }
}

/// What the command line says instead of the file; single keys of `--set` come last.
fn overrides(args: &Args) -> Vec<Override> {
    let path =
        |path: &Path| absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned();
    let text = |key: &str, value: Option<String>| value.map(|value| Override::new(key, value));
    let number = |key: &str, value: Option<u32>| value.map(|value| Override::new(key, i64::from(value)));
    let crop = args
        .crop
        .map(|(width, height)| Override::new("data.crop", vec![i64::from(width), i64::from(height)]));
    let threads = args.threads.and_then(|n| u32::try_from(n.get()).ok());
    [
        text("data.path", args.data.as_deref().map(path)),
        text("output.dir", args.output.as_deref().map(path)),
        number("train.steps", args.steps),
        number("data.batch", args.batch),
        crop,
        text("train.device", args.device.clone()),
        number("train.threads", threads),
    ]
    .into_iter()
    .flatten()
    .chain(args.set.iter().cloned())
    .collect()
}

fn tell(trained: Trained) -> Result<(), Failure> {
    let Trained { end, step, steps, checkpoint, weights, .. } = trained;
    if let Some(weights) = weights {
        say!("weights: {}", weights.display());
    }
    if let Some(checkpoint) = checkpoint {
        say!("checkpoint: {}", checkpoint.display());
    }
    match end {
        End::Done => say!("done: {step} of {steps} steps"),
        End::OutOfTime => {
            say!("the time is up at step {step} of {steps}; the same command goes on from there")
        }
        End::Stopped => {
            let what = format!("stopped at step {step} of {steps}; the same command goes on from there");
            return Err(Failure::interrupted(what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "9", "m", "9d", "1h30", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_replace_keys_and_set_has_the_last_word() {
        let args = Args::parse_from([
            "train",
            "c.toml",
            "--crop",
            "64x32",
            "--steps",
            "7",
            "--device",
            "cpu",
            "--threads",
            "3",
            "--data",
            "/d",
            "--output",
            "/o",
            "--batch",
            "2",
            "--set",
            "train.steps=8",
        ]);
        let file = "[model]\nnetwork = 'ifrnet-s'\n[data]\nkind = 'clips'\npath = 'x'\ncrop = 16\nbatch = 1\n\
                    [output]\ndir = 'y'\n[train]\nsteps = 1\n";
        // As in the published configurations; the number of steps takes its place.
        let file = file.replace("steps = 1", "epochs = 300.0");
        let config = Config::parse(&file, "c.toml", Path::new("/"), &overrides(&args)).unwrap();
        assert_eq!(config.data.crop.size(), (64, 32));
        assert_eq!((config.train.steps, config.data.batch, config.train.threads), (Some(8), 2, Some(3)));
        assert_eq!((config.data.path, config.output.dir), ("/d".into(), "/o".into()));
    }
}
