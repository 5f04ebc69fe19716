//! `ifr plan`: what shards are made by.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use ifr::Interpolator;
use ifr::job::{self, JobError, Plan, PlannedShards, Request, ShardPlan, Target};

use super::say::say;
use super::{Failure, interpolate, interrupt, plan_arguments};

/// The largest plan read, in bytes: two days of video make about half of it.
const LIMIT: u64 = 512 << 20;
/// How often a line tells how far it is.
const EVERY: Duration = Duration::from_secs(10);

/// Share a job out: read the video once, decide what depends on all of it, and write that as a plan (-o PLAN.json).
///
/// `ifr run PLAN.json --shard I` then makes the frames of one of N shards, on any machine that has plan and video, and
/// `ifr join PLAN.json` makes the output. It equals, frame by frame, what `ifr interpolate` makes with the same options.
#[derive(Debug, Parser)]
#[group(skip)]
#[command(mut_arg("output", |a| a.value_name("PLAN").help("Where to write the plan [default: IN.plan.json]")))]
pub(crate) struct Args {
    #[command(flatten)]
    job: interpolate::Args,

    /// Number of shards.
    #[arg(long, value_name = "N")]
    shards: u64,

    /// The output to be: its extension chooses the container; where it lies, `ifr join` may say too [default: a name beside
    /// the input].
    #[arg(long, value_name = "OUT")]
    to: Option<PathBuf>,
}

impl Args {
    /// The request for the final output, at `path` if that is given.
    pub(super) fn request(&self, input: &Path, path: Option<PathBuf>) -> Result<Request, Failure> {
        self.job.request_for(input, path.or_else(|| self.to.clone()))
    }

    pub(super) fn interpolator(&self) -> Result<Interpolator, Failure> {
        self.job.interpolator()
    }
}

pub(crate) fn run(args: &Args, line: Vec<OsString>) -> Result<(), Failure> {
    let given = args.job.only_input()?;
    let input = given.canonicalize().unwrap_or_else(|_| given.to_owned());
    let path = args.job.output().map_or_else(|| default_name(&input), Path::to_owned);
    Target::file(path.clone()).check(&input, args.request(&input, None)?.force)?;
    let arguments = line.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>();
    let utf8 =
        || Failure::usage("a plan holds its arguments and the input's path as UTF-8, which these are not");
    let arguments = arguments.map_err(|_| utf8())?;
    let stop = interrupt::flag();
    let mut engine = args.interpolator()?;
    // The output itself is made by others, perhaps elsewhere; what is there already does not matter yet.
    let request = Request { force: true, resume: false, ..args.request(&input, None)? };
    let (plan, source) = open(&args.job, &request, &mut engine)?;
    let begin = Instant::now();
    let told = std::cell::Cell::new(begin);
    let progress = |frames| {
        if told.get().elapsed() >= EVERY {
            told.set(Instant::now());
            say!("{frames} frames read, {:.1} fps", frames as f64 / begin.elapsed().as_secs_f64());
        }
    };
    let PlannedShards { plan: mut shards, skipped, notices } =
        job::plan_shards(&plan, source, args.shards, &progress, &stop)?;
    shards.arguments = arguments;
    shards.input = input.to_str().ok_or_else(utf8)?.to_owned();
    shards.container = plan.target.path().extension().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |e: std::io::Error| Failure::output(format!("cannot write {}: {e}", path.display()));
    let partial = path.with_extension("json.tmp");
    fs::write(&partial, shards.to_json()).and_then(|()| fs::rename(&partial, &path)).map_err(failed)?;
    say!(
        "{}: {} frames, {} cuts, {} segments for {} shards ({:.1} s)",
        path.display(),
        shards.frames.count(),
        shards.frames.cuts().len(),
        shards.segments(),
        shards.shards,
        begin.elapsed().as_secs_f64()
    );
    say_notices(plan.notices.iter().chain(&notices), skipped);
    Ok(())
}

/// Tells, each once, what there is to know of reading and writing.
pub(super) fn say_notices<'a>(notices: impl Iterator<Item = &'a String>, skipped: u64) {
    let mut told = HashSet::new();
    for notice in notices.filter(|&notice| told.insert(notice)) {
        say!("notice: {notice}");
    }
    if skipped > 0 {
        say!("warning: {skipped} damaged packets or frames were skipped");
    }
}

fn default_name(input: &Path) -> PathBuf {
    let mut name = input.file_name().map(OsString::from).unwrap_or_default();
    name.push(".plan.json");
    input.with_file_name(name)
}

/// Opens a request's input and plans for it.
fn open(
    args: &interpolate::Args,
    request: &Request,
    engine: &mut Interpolator,
) -> Result<(Plan, Box<dyn ifr::video::Source>), Failure> {
    let source = job::open(request)?;
    let plan = Plan::new(request, source.info()).map_err(|e| match e {
        // What a run of `ifr interpolate` left is not for a join to continue.
        JobError::Resumable(path) => JobError::Unfinished(path),
        e => e,
    })?;
    // Before the method is asked for: a smaller flow scale may be part of it.
    args.fit(engine, &plan)?;
    let video = &plan.source.video;
    let method = engine.method(video.width, video.height).map_err(Failure::usage)?;
    Ok((plan.with_method(method), source))
}

/// A plan that was read, and what it takes to carry it out.
pub(super) struct Planned {
    pub(super) shards: ShardPlan,
    pub(super) plan: Plan,
    pub(super) engine: Interpolator,
    pub(super) folder: PathBuf,
}

/// How a plan is found and used.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// The plan.
    #[arg(value_name = "PLAN.json")]
    plan: PathBuf,

    /// Where the segments are [default: PLAN.segments beside the plan].
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,

    /// Where the input is, if not where it was planned.
    #[arg(long, value_name = "IN")]
    input: Option<PathBuf>,
}

impl PlanArgs {
    /// Reads the plan. The output is `output`, or with `final_output` the one that was planned, or else it is not to be
    /// written.
    pub(super) fn open(
        &self,
        output: Option<PathBuf>,
        final_output: bool,
        force: bool,
    ) -> Result<Planned, Failure> {
        let path = &self.plan;
        let bad = |e: &dyn std::fmt::Display| Failure::input(format!("{}: {e}", path.display()));
        let size = fs::metadata(path).map_err(|e| bad(&e))?.len();
        if size > LIMIT {
            return Err(bad(&format!("{size} bytes, where a plan has at most {LIMIT}")));
        }
        let shards = ShardPlan::parse(&fs::read(path).map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
        let args = plan_arguments(&shards.arguments)
            .map_err(|e| bad(&format!("its arguments make no sense: {e}")))?;
        let folder = self.work_dir.clone().unwrap_or_else(|| path.with_extension("segments"));
        let input = self.input.clone().unwrap_or_else(|| PathBuf::from(&shards.input));
        let unused = || folder.join(format!("output.{}", shards.container));
        let output = if final_output { output } else { Some(unused()) };
        if !final_output {
            let io = |source| JobError::Io { action: "create", path: folder.clone(), source };
            fs::create_dir_all(&folder).map_err(io)?;
        }
        let mut engine = args.interpolator()?;
        let request =
            Request { force, resume: false, check_space: final_output, ..args.request(&input, output)? };
        let (plan, _) = open(&args.job, &request, &mut engine)?;
        Ok(Planned { shards, plan, engine, folder })
    }
}
