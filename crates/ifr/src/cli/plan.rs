//! `ifr plan`: what shards are made by.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use ifr::Interpolator;
use ifr::job::{self, JobError, Plan, PlannedShards, Request, ShardPlan, Target};
use serde_json::{Value, json};

use super::job::JobArgs;
use super::progress::{JSON_EVERY, Style, plan_json, skipped, write_line};
use super::say::{print, say};
use super::{Failure, interrupt, plan_arguments};

/// The largest plan read, in bytes: two days of video make about half of it.
const LIMIT: u64 = 512 << 20;
/// How often a line tells how far it is.
const EVERY: Duration = Duration::from_secs(10);

/// Share a job out: read the video once, decide what depends on all of it, and write that as a plan (-o PLAN.json).
///
/// `ifr run PLAN.json --shard I` then makes the frames of one of N shards, on any machine that has plan and video, and
/// `ifr join PLAN.json` makes the output. It equals, frame by frame, what `ifr interpolate` makes with the same options.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The video: a file, or a folder or printf pattern of images.
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// Where to write the plan [default: IN.plan.json].
    #[arg(short, long, value_name = "PLAN")]
    output: Option<PathBuf>,

    /// Number of shards.
    #[arg(long, value_name = "N")]
    shards: u64,

    /// The output to be: its extension chooses the container; where it lies, `ifr join` may say too [default: a name beside
    /// the input].
    #[arg(long, value_name = "OUT")]
    to: Option<PathBuf>,

    #[command(flatten)]
    job: JobArgs,

    /// Overwrite an existing plan.
    #[arg(short, long)]
    force: bool,

    /// Do nothing if the plan is there already (whatever it plans), instead of failing.
    #[arg(long, conflicts_with = "force")]
    skip_existing: bool,

    /// Print what would be made and stop, before the video is read.
    #[arg(long)]
    dry_run: bool,

    /// Progress and summary as JSON, an object a line, on standard output.
    #[arg(long)]
    json: bool,

    /// Say nothing but errors.
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    quiet: bool,
}

impl Args {
    /// The request for the final output, at `path` if that is given. What is there already does not matter yet: the output is
    /// made by others, perhaps elsewhere.
    fn request(&self, input: &Path, path: Option<PathBuf>) -> Result<Request, Failure> {
        let output = path.or_else(|| self.to.clone());
        Ok(Request { input: input.to_owned(), output, force: true, ..self.job.request()? })
    }

    fn style(&self) -> Style {
        match () {
            () if self.json => Style::Json { to_stderr: false },
            () if self.quiet => Style::Quiet,
            () => Style::Bar,
        }
    }
}

pub(crate) fn run(args: &Args, line: Vec<OsString>) -> Result<(), Failure> {
    let done = plan(args, line);
    if let (Style::Json { .. }, Err(failure)) = (args.style(), &done) {
        let error = json!({ "event": "error", "message": failure.to_string(), "exit_code": failure.code });
        write_line(args.style(), &error);
    }
    done
}

fn plan(args: &Args, line: Vec<OsString>) -> Result<(), Failure> {
    let style = args.style();
    let input = args.input.canonicalize().unwrap_or_else(|_| args.input.clone());
    let path = args.output.clone().unwrap_or_else(|| default_name(&input));
    if path == Path::new("-") {
        return Err(Failure::usage(
            "a plan is a file that all shards read: found -o -, expected a file's name",
        ));
    }
    match Target::file(path.clone()).check(&input, args.force) {
        Err(JobError::Exists(path)) if args.skip_existing => {
            skipped(style, &input, &path);
            return Ok(());
        }
        checked => checked?,
    }
    let arguments = line.into_iter().map(OsString::into_string).collect::<Result<Vec<_>, _>>();
    let utf8 =
        || Failure::usage("a plan holds its arguments and the input's path as UTF-8, which these are not");
    let arguments = arguments.map_err(|_| utf8())?;
    let stop = interrupt::flag();
    let mut engine = args.job.model.interpolator()?;
    let (plan, source) = open(&args.job, &args.request(&input, None)?, &mut engine)?;
    job::check_shards(&plan, args.shards)?;
    let announced = || {
        let mut value = plan_json(&plan);
        value["plan"] = json!(path.to_string_lossy());
        value["shards"] = json!(args.shards);
        value
    };
    if let Style::Json { .. } = style {
        write_line(style, &announced());
    }
    if args.dry_run {
        if !args.json {
            print(format_args!("{plan}\nplan      {}: {} shards", path.display(), args.shards));
        }
        return Ok(());
    }
    let begin = Instant::now();
    let read = Reading { style, expected: plan.source_frames, begin, told: Cell::new(begin) };
    let PlannedShards { plan: mut shards, skipped, notices } =
        job::plan_shards(&plan, source, args.shards, &|frames| read.tell(frames), &stop)?;
    shards.arguments = arguments;
    shards.input = input.to_str().ok_or_else(utf8)?.to_owned();
    shards.container = plan.target.path().extension().unwrap_or_default().to_string_lossy().into_owned();
    write(&path, &shards)
        .map_err(|e| Failure::output(format!("cannot write the plan {}: {e}", path.display())))?;
    let notices = plan.notices.iter().chain(&notices);
    match style {
        Style::Bar => {
            say!(
                "{}: {} frames, {} cuts, {} segments for {} shards ({:.1} s)",
                path.display(),
                shards.frames.count(),
                shards.frames.cuts().len(),
                shards.segments(),
                shards.shards,
                begin.elapsed().as_secs_f64()
            );
            say_notices(notices, skipped);
        }
        Style::Json { .. } => {
            let output = plan.target.path();
            write_line(style, &summary(&path, output, &shards, &once(notices), skipped, begin));
        }
        Style::Quiet => {}
    }
    Ok(())
}

/// Writes a plan so that it appears whole or not at all, whoever else plans to the same name.
fn write(path: &Path, plan: &ShardPlan) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}.tmp", std::process::id()));
    let partial = path.with_file_name(name);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(plan.to_json().as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    });
    written.inspect_err(|_| {
        // Half a plan is of no use; where none could be made there is nothing to remove.
        let _ = fs::remove_file(&partial);
    })
}

/// Tells now and then how far the video is read.
struct Reading {
    style: Style,
    expected: Option<u64>,
    begin: Instant,
    told: Cell<Instant>,
}

impl Reading {
    fn tell(&self, frames: u64) {
        let every = if self.style == Style::Bar { EVERY } else { JSON_EVERY };
        if self.told.get().elapsed() < every {
            return;
        }
        self.told.set(Instant::now());
        let rate = frames as f64 / self.begin.elapsed().as_secs_f64();
        match self.style {
            Style::Bar => say!("{frames} frames read, {rate:.1} fps"),
            Style::Json { .. } => write_line(
                self.style,
                &json!({ "event": "progress", "read": frames, "expected": self.expected, "fps": rate }),
            ),
            Style::Quiet => {}
        }
    }
}

/// The summary, machine-readable.
fn summary(
    path: &Path,
    output: &Path,
    shards: &ShardPlan,
    notices: &[&String],
    skipped: u64,
    begin: Instant,
) -> Value {
    json!({
        "event": "summary",
        "plan": path.to_string_lossy(),
        "output": output.to_string_lossy(),
        "read": shards.frames.count(),
        "cuts": shards.frames.cuts(),
        "segments": shards.segments(),
        "shards": shards.shards,
        "skipped": skipped,
        "notices": notices,
        "seconds": begin.elapsed().as_secs_f64(),
    })
}

/// Each notice once.
fn once<'a>(notices: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut told = HashSet::new();
    notices.filter(|&notice| told.insert(notice)).collect()
}

/// Tells, each once, what there is to know of reading and writing.
pub(super) fn say_notices<'a>(notices: impl Iterator<Item = &'a String>, skipped: u64) {
    for notice in once(notices) {
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
    args: &JobArgs,
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
    /// Whether free space is to be checked.
    pub(super) check_space: bool,
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
        let mut engine = args.job.model.interpolator()?;
        // A join knows what it writes, to the byte.
        let wanted = args.request(&input, output)?;
        let check_space = wanted.check_space;
        let request = Request { force, check_space: false, ..wanted };
        let (plan, _) = open(&args.job, &request, &mut engine)?;
        Ok(Planned { shards, plan, engine, folder, check_space })
    }
}
