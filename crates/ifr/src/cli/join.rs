//! `ifr join`: the output of a plan whose shards are done.

use std::path::PathBuf;

use clap::Parser;
use ifr::job::{self, JoinOptions};

use super::plan::{PlanArgs, Planned, say_notices};
use super::say::say;
use super::{Failure, interrupt};

/// Join what the shards of a plan made to the output, with the input's sound, subtitles and the rest.
///
/// Nothing is decoded or encoded but sound that is stretched.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    plan: PlanArgs,

    /// Where to write [default: what `ifr plan` was told with --to, or a name beside the input].
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Overwrite an existing output.
    #[arg(short, long)]
    force: bool,

    /// Keep the segments.
    #[arg(long)]
    keep: bool,

    /// Do not check for free space beforehand.
    #[arg(long)]
    no_space_check: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Planned { shards, plan, folder, check_space, .. } =
        args.plan.open(args.output.clone(), true, args.force)?;
    let options = JoinOptions { keep: args.keep, check_space: check_space && !args.no_space_check };
    let stop = interrupt::flag();
    let (summary, notices) = job::join_shards(&plan, &shards, &folder, options, &stop)?;
    say!("{}: {} frames, {:.1} MB", plan.target.path().display(), summary.frames, summary.bytes as f64 / 1e6);
    say_notices(plan.notices.iter().chain(&notices), 0);
    Ok(())
}
