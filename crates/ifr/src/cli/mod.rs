//! One file a subcommand; each turns its arguments into a plan and runs it.

#![cfg_attr(not(feature = "video"), allow(dead_code, reason = "commands that need FFmpeg are left out"))]

mod batch;
mod bench;
mod compare;
mod convert;
mod defaults;
#[cfg(feature = "video")]
mod demo;
mod doctor;
mod eval;
mod eval_progress;
mod failure;
mod flow;
mod info;
mod interpolate;
mod interrupt;
mod job;
#[cfg(feature = "video")]
mod join;
mod manual;
mod model;
#[cfg(feature = "video")]
mod plan;
mod preview;
mod progress;
#[cfg(feature = "video")]
mod run;
mod say;
mod sheet;
mod timing;
#[cfg(feature = "train")]
mod train;
#[cfg(feature = "train")]
mod train_progress;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

pub(crate) use failure::Failure;

/// Video frame interpolation: make the frames a camera never took.
#[derive(Debug, Parser)]
#[command(name = "ifr", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  ifr interpolate holiday.mp4 --fps 60\n  ifr interpolate clip.mkv --slow 4\n  \
    ifr interpolate a.png b.png -t 0.5\n\nExit codes: 0 done, 1 internal error, 2 wrong usage, 3 the input cannot be \
    read, 4 the output cannot be written, 5 a training broke off, 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say more (-v what is decided, -vv details, -vvv everything).
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,

    /// A file of defaults: its keys are long names of options, in tables for single subcommands [default: ifr.toml in
    /// $XDG_CONFIG_HOME or ~/.config]. The command line wins.
    #[arg(id = defaults::FILE, long = "config", value_name = "FILE", global = true)]
    config_file: Option<PathBuf>,

    /// Read no file of defaults.
    #[arg(id = defaults::NONE, long = "no-config", global = true, conflicts_with = defaults::FILE)]
    no_config: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Interpolate(Box<interpolate::Args>),
    #[cfg(feature = "video")]
    Plan(Box<plan::Args>),
    #[cfg(feature = "video")]
    Run(run::Args),
    #[cfg(feature = "video")]
    Join(join::Args),
    Flow(flow::Args),
    Info(info::Args),
    Convert(convert::Args),
    Compare(compare::Args),
    Preview(preview::Args),
    Eval(Box<eval::Args>),
    Bench(bench::Args),
    #[cfg(feature = "train")]
    Train(Box<train::Args>),
    #[cfg(feature = "video")]
    Demo(demo::Args),
    Doctor(doctor::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// The arguments of `ifr plan` in a whole command line.
#[cfg(feature = "video")]
fn plan_arguments(line: &[String]) -> Result<plan::Args, String> {
    let cli = Cli::try_parse_from(line).map_err(|e| e.to_string())?;
    match cli.command {
        Command::Plan(args) => Ok(*args),
        _ => Err("another command".to_owned()),
    }
}

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let read = defaults::matches(&Cli::command(), &args);
    let done = read
        .and_then(|(matches, line)| run(Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit()), line));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            ExitCode::from(failure.code)
        }
    }
}

/// Runs a command; `line` is the whole of the command line.
#[cfg_attr(not(feature = "video"), allow(unused_variables, reason = "only plans keep it"))]
fn run(cli: Cli, line: Vec<std::ffi::OsString>) -> Result<(), Failure> {
    log_to_stderr(cli.verbose);
    match cli.command {
        Command::Interpolate(args) => interpolate::run(&args),
        #[cfg(feature = "video")]
        Command::Plan(args) => plan::run(&args, line),
        #[cfg(feature = "video")]
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "video")]
        Command::Join(args) => join::run(&args),
        Command::Flow(args) => flow::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Preview(args) => preview::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(&args),
        #[cfg(feature = "video")]
        Command::Demo(args) => demo::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => manual::completions(Cli::command(), &args),
        Command::Man(args) => manual::man(Cli::command(), &args),
    }
}

/// `RUST_LOG` decides where it is set; otherwise warnings, and more with each `-v`.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter =
        tracing_subscriber::EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    // FFmpeg's own warnings are mostly about things that are handled here.
    let filter = match "ffmpeg=error".parse() {
        Ok(directive) if verbose == 0 && std::env::var_os("RUST_LOG").is_none() => {
            filter.add_directive(directive)
        }
        _ => filter,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(verbose > 1)
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
