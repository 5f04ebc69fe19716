//! `ifr interpolate`: the main job.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use ifr::Interpolator;
use ifr::frame::InterpolateError;
use ifr::job::{self, JobError, Plan, Request};
use serde_json::json;

use super::batch::{Entry, Tally, expand};
use super::job::JobArgs;
use super::progress::{Display, Style, plan_json, skipped, write_line};
use super::say::{print, say};
use super::{Failure, interrupt};

/// Turn a video into a smoother or slower one, or make the image between two images.
///
/// Sound, subtitles, attachments, chapters and metadata are taken along. Source frames stay as they are, at their own
/// times; no frame is made across a scene cut. Without --factor, --fps or --slow the number of frames is doubled.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Videos (any container and codec FFmpeg reads), folders of videos, folders or printf patterns of images, animated GIF
    /// or WebP, `-` for y4m on standard input; or two images, with -t.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,

    /// Where to write [default: a name beside the input]. The extension chooses the container; `NAME/` or a pattern
    /// (frame_%05d.png) takes images, an existing folder a file of the default name; `-` is y4m on standard output.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// A folder for the outputs, by their default names; made if need be.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    output_dir: Option<PathBuf>,

    /// Take the videos in a folder's subfolders, too; below --output-dir they keep their places.
    #[arg(short, long)]
    recursive: bool,

    /// Leave inputs alone whose output is there already, instead of failing.
    #[arg(long, conflicts_with = "force")]
    skip_existing: bool,

    /// Between two images: the timestep, above 0 and below 1 [default: 0.5].
    // Negative numbers are told what is wrong with them, not that they are no options.
    #[arg(short = 't', long, value_name = "T", allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["factor", "fps", "slow"])]
    timestep: Option<f32>,

    #[command(flatten)]
    job: JobArgs,

    /// Overwrite existing outputs.
    #[arg(short, long)]
    force: bool,

    /// Continue a run that was interrupted, whatever ended it: what is done is not done again, and the output is the
    /// same as without interruption.
    #[arg(long, conflicts_with = "force")]
    resume: bool,

    /// Print the plan and stop.
    #[arg(long)]
    dry_run: bool,

    /// Progress and summary as JSON, an object a line, on standard output.
    #[arg(long)]
    json: bool,

    /// Say nothing but errors.
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    quiet: bool,
}

/// Runs the command: all inputs, one after the other. The first failure's exit code is the command's.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    let style = match () {
        () if args.json => Style::Json { to_stderr: to_stdout },
        () if args.quiet => Style::Quiet,
        () => Style::Bar,
    };
    if let [first, second] = args.inputs.as_slice()
        && job::is_still(first)
        && job::is_still(second)
    {
        return still(args, first, second, style);
    }
    if args.timestep.is_some() {
        return Err(Failure::usage(
            "-t takes two images (ifr interpolate a.png b.png -t 0.5); for videos use --factor, --fps or --slow",
        ));
    }
    let requests = requests(args)?;
    let stop = interrupt::flag();
    let mut engine = args.job.model.interpolator()?;
    let mut tally = Tally::new(style, requests.len());
    let mut outputs = HashSet::new();
    for request in &requests {
        match one(args, request, &mut engine, style, &stop, &mut outputs) {
            Ok(Outcome::Done) => tally.done(),
            Ok(Outcome::Skipped) => tally.skipped(),
            Err(failure) => tally.failed(&request.input, failure),
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    tally.finish()
}

/// What came of an input that did not fail.
enum Outcome {
    Done,
    Skipped,
}

fn one(
    args: &Args,
    request: &Request,
    engine: &mut Interpolator,
    style: Style,
    stop: &AtomicBool,
    outputs: &mut HashSet<PathBuf>,
) -> Result<Outcome, Failure> {
    let planned = job::open(request).and_then(|source| Ok((Plan::new(request, source.info())?, source)));
    let (plan, source) = match planned {
        Err(JobError::Exists(path)) if args.skip_existing => {
            skipped(style, &request.input, &path);
            return Ok(Outcome::Skipped);
        }
        planned => planned.map_err(|e| failed(style, e))?,
    };
    let video = &plan.source.video;
    args.job.fit(engine, &plan)?;
    let method = engine.method(video.width, video.height).map_err(Failure::usage)?;
    let plan = plan.with_method(method);
    if !outputs.insert(plan.target.path().to_owned()) {
        return Err(Failure::usage(format!(
            "{}: its output {} would be that of two inputs; interpolate it by itself, with -o",
            request.input.display(),
            plan.target.path().display()
        )));
    }
    if args.dry_run {
        match style {
            Style::Json { .. } => write_line(style, &plan_json(&plan)),
            _ => print(&plan),
        }
        return Ok(Outcome::Done);
    }
    let display = Display::new(style, &plan);
    match job::run(&plan, source, engine, &|p| display.update(p), stop) {
        Ok(report) => {
            display.done(&report);
            Ok(Outcome::Done)
        }
        Err(e) => {
            display.failed(&e);
            Err(e.into())
        }
    }
}

fn failed(style: Style, error: JobError) -> Failure {
    if let Style::Json { .. } = style {
        let value = json!({ "event": "error", "message": error.to_string(), "exit_code": error.exit_code() });
        write_line(style, &value);
    }
    error.into()
}

fn requests(args: &Args) -> Result<Vec<Request>, Failure> {
    let common = args.job.request()?;
    let speed = common.speed;
    let entries = expand(&args.inputs, args.recursive, speed)?;
    if entries.len() > 1 && args.output.as_ref().is_some_and(|o| !o.is_dir()) {
        return Err(Failure::usage(format!(
            "-o names one file, and there are {} inputs; leave it out, or name a folder with --output-dir",
            entries.len()
        )));
    }
    let folder = |entry: &Entry| {
        // Joined with nothing, a name would end in a slash, and mean images.
        let below = Some(&entry.below).filter(|below| !below.as_os_str().is_empty());
        args.output_dir
            .as_ref()
            .map(|folder| below.map_or_else(|| folder.clone(), |below| folder.join(below)))
    };
    for folder in entries.iter().filter_map(folder).collect::<HashSet<_>>() {
        make_folder(&folder)?;
    }
    let output = |entry: &Entry| match folder(entry) {
        // A folder of images becomes one in there; a video is named by what it is.
        Some(folder) if entry.input.is_dir() => {
            let input = entry.input.canonicalize().unwrap_or_else(|_| entry.input.clone());
            let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Some(folder.join(format!("{name}.{}/", speed.tag())))
        }
        Some(folder) => Some(folder),
        None => args.output.clone(),
    };
    let request = |entry: &Entry| Request {
        input: entry.input.clone(),
        output: output(entry),
        force: args.force,
        resume: args.resume,
        ..common.clone()
    };
    Ok(entries.iter().map(request).collect())
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |e| Failure::output(format!("create the folder {}: {e}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)
}

fn still(args: &Args, first: &Path, second: &Path, style: Style) -> Result<(), Failure> {
    if args.job.has_speed() {
        return Err(Failure::usage(
            "two images make one image between them: use -t T; for a sequence give its directory or pattern",
        ));
    }
    let t = args.timestep.unwrap_or(0.5);
    InterpolateError::check_timestep(t).map_err(|e| failed(style, e.into()))?;
    let name = job::still_name(first, second, t);
    let output = match &args.output_dir {
        Some(folder) => {
            make_folder(folder)?;
            folder.join(name.file_name().unwrap_or_default())
        }
        None => args.output.clone().unwrap_or(name),
    };
    let mut engine = args.job.model.interpolator()?;
    let made = engine.times().made_for(t);
    let notice = (made != t).then(|| {
        format!(
            "{} makes middles alone: the image is made for t = {made} instead of {t}",
            args.job.model.model
        )
    });
    if args.dry_run {
        if let Style::Json { .. } = style {
            let inputs = [first, second].map(Path::to_string_lossy);
            let notices: Vec<String> = notice.into_iter().collect();
            let output = output.to_string_lossy();
            let value =
                json!({ "event": "plan", "inputs": inputs, "output": output, "t": made, "notices": notices });
            write_line(style, &value);
        } else {
            let (a, b, out) = (first.display(), second.display(), output.display());
            let notice = notice.map_or_else(String::new, |notice| format!("\nnotice    {notice}"));
            print(format_args!("input     {a} and {b}\noutput    {out}: the image at t = {made}{notice}"));
        }
        return Ok(());
    }
    job::still(&mut engine, first, second, t, &output, args.force).map_err(|e| failed(style, e))?;
    match style {
        Style::Bar => {
            if let Some(notice) = notice {
                say!("notice: {notice}");
            }
            say!("{}", output.display());
        }
        Style::Json { .. } => {
            let notices: Vec<String> = notice.into_iter().collect();
            let value = json!({ "event": "summary", "output": output.to_string_lossy(), "t": made, "notices": notices });
            write_line(style, &value);
        }
        Style::Quiet => {}
    }
    Ok(())
}
