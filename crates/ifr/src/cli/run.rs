//! `ifr run`: one shard of a plan.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use ifr::job::{self, Progress};

use super::plan::{PlanArgs, Planned, say_notices};
use super::say::say;
use super::{Failure, interrupt};

/// How often a line tells how far it is: these run where nobody looks at a bar.
const EVERY: Duration = Duration::from_secs(10);

/// Make the frames of one shard of a plan.
///
/// Whatever is there already is not made again; a shard may be ended at any moment and run again, also twice at a time.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    plan: PlanArgs,

    /// Which shard, from 0.
    #[arg(long, value_name = "I")]
    shard: u64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Planned { shards, plan, mut engine, folder, .. } = args.plan.open(None, false, true)?;
    let stop = interrupt::flag();
    let begin = Instant::now();
    let told = Mutex::new(begin);
    let progress = |p: &Progress| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() >= EVERY {
            *told = Instant::now();
            say!("shard {}: at {:.1} s of the video", args.shard, p.position.as_secs_f64());
        }
    };
    let report = job::run_shard(&plan, &shards, args.shard, &folder, &mut engine, &progress, &stop)?;
    let all = report.segments.end - report.segments.start;
    say!(
        "shard {} of {}: {all} segments ({} were there), {} frames written in {:.1} s",
        args.shard,
        shards.shards,
        report.found,
        report.written,
        report.elapsed.as_secs_f64()
    );
    say_notices(report.notices.iter(), report.skipped);
    Ok(())
}
