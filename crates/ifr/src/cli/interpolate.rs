//! `ifr interpolate`: the main job.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, ValueEnum};
use ifr::frame::{InterpolateError, Rate};
use ifr::job::{self, EncoderChoice, JobError, Overlays, Plan, Request, Speed, Stretch};
use ifr::timeline::{AtCut, CutList, CutSource};
use ifr::{Interpolator, InterpolatorError, MemoryLimit};
use serde_json::json;

use super::batch::{Entry, Tally, expand};
use super::model::ModelArgs;
use super::progress::{Display, Style, plan_json, write_line};
use super::say::say;
use super::timing::{Fps, TimingArgs};
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

    /// N times as many frames, 2 to 16.
    #[arg(long, value_name = "N", conflicts_with_all = ["fps", "slow"])]
    factor: Option<u32>,

    /// A constant frame rate: 60, 59.94, 60000/1001, or a multiple of the input's: 2.5x (2x is --factor 2).
    #[arg(long, value_name = "R")]
    fps: Option<Fps>,

    /// Slow motion: N times longer at the same rate (or at --fps), sound stretched.
    #[arg(long, value_name = "N")]
    slow: Option<Stretch>,

    #[command(flatten)]
    timing: TimingArgs,

    /// Between two images: the timestep, above 0 and below 1 [default: 0.5].
    // Negative numbers are told what is wrong with them, not that they are no options.
    #[arg(short = 't', long, value_name = "T", allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["factor", "fps", "slow"])]
    timestep: Option<f32>,

    #[command(flatten)]
    model: ModelArgs,

    /// Whether scene cuts are looked for.
    #[arg(long, value_enum, default_value_t = Cuts::Detect, value_name = "WHICH")]
    cuts: Cuts,

    /// Scene cuts from a file: a frame number (260) or time (10.4, 1:02:03.5) a line, the first of each new shot.
    #[arg(long, value_name = "FILE", conflicts_with = "cuts")]
    cut_list: Option<PathBuf>,

    /// What stands between two shots: the last frame held, or the nearer one in time.
    #[arg(long, value_enum, default_value_t = CutFill::Hold, value_name = "WHAT")]
    at_cut: CutFill,

    /// What becomes of captions, logos, displays and letterbox bars that stand still over a moving picture: kept as they
    /// are, or treated as any other part of it.
    #[arg(long, value_enum, default_value_t = OverlayUse::Keep, value_name = "WHAT")]
    overlays: OverlayUse,

    /// Compute in-between frames of near-identical neighbours too, instead of copying.
    #[arg(long)]
    compute_repeats: bool,

    /// Video encoder by FFmpeg's name: libx264, libx265, ffv1 (lossless), h264_nvenc, … [default: by the input].
    #[arg(long, value_name = "NAME")]
    encoder: Option<String>,

    /// Constant quality on the encoder's scale; lower is better.
    #[arg(long, value_name = "Q")]
    crf: Option<f32>,

    /// The encoder's preset, e.g. veryfast.
    #[arg(long, value_name = "NAME")]
    encoder_preset: Option<String>,

    /// The encoder's pixel format, e.g. yuv420p [default: the input's].
    #[arg(long, value_name = "NAME")]
    pix_fmt: Option<String>,

    /// Another encoder option; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    encoder_opt: Vec<(String, String)>,

    /// Leave the sound out.
    #[arg(long)]
    no_audio: bool,

    /// Rate of an image sequence.
    #[arg(long, value_name = "R", default_value_t = Request::default_sequence_rate())]
    input_fps: Rate,

    /// What inputs may open beyond themselves, by FFmpeg's names of protocols. `file` lets play lists and other lists of files
    /// be read; with `http` or `https` they, and inputs, may be addresses.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = protocol)]
    allow_protocols: Vec<String>,

    /// Overwrite existing outputs.
    #[arg(short, long)]
    force: bool,

    /// Continue a run that was interrupted, whatever ended it: what is done is not done again, and the output is the
    /// same as without interruption.
    #[arg(long, conflicts_with = "force")]
    resume: bool,

    /// Source frames a segment; an interrupted run loses at most one [default: as many as make about 270 output frames].
    #[arg(long, value_name = "N", hide_short_help = true)]
    segment_frames: Option<NonZeroU64>,

    /// Do not check for free space beforehand.
    #[arg(long)]
    no_space_check: bool,

    /// How much memory may be taken, such as 2G, 1500M or 800000k, or auto: no limit. Networks work in lower bands then, and with
    /// --scale auto at a smaller scale if need be; what is not possible is refused before anything is made.
    #[arg(long, value_name = "SIZE", default_value_t = MemoryLimit::Auto)]
    memory: MemoryLimit,

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cuts {
    /// Find them in the pictures.
    Detect,
    /// Treat the video as one shot.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CutFill {
    /// The last frame of the old shot.
    Hold,
    /// The nearer of the two.
    Nearest,
    /// A cross-fade from one to the other.
    Blend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OverlayUse {
    /// Sharp and still in made frames too.
    Keep,
    /// Not looked for.
    Off,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("found '{text}', expected KEY=VALUE")),
    }
}

fn protocol(text: &str) -> Result<String, String> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !text.is_empty() && text.len() <= 16 && text.chars().all(known) {
        return Ok(text.to_owned());
    }
    Err(format!("found '{text}', expected names such as file, http or https, with commas between"))
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
    let mut engine = args.model.interpolator()?;
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
    args.fit(engine, &plan)?;
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

/// Tells that an input is left alone.
fn skipped(style: Style, input: &Path, output: &Path) {
    match style {
        Style::Bar => say!("{}: skipped, {} is there", input.display(), output.display()),
        Style::Json { .. } => {
            let (input, output) = (input.to_string_lossy(), output.to_string_lossy());
            write_line(style, &json!({ "event": "skipped", "input": input, "output": output }));
        }
        Style::Quiet => {}
    }
}

/// Has the model work in what a limit leaves it beside the rest of the job.
fn fit(engine: &mut Interpolator, plan: &Plan, limit: u64) -> Result<(), Failure> {
    let (video, rest) = (&plan.source.video, plan.memory());
    let told = |error: InterpolatorError| match error {
        InterpolatorError::Memory { model, width, height, least, advice, .. } => {
            let of = |bytes: u64| MemoryLimit::Bytes(bytes).to_string();
            Failure::usage(format!(
                "--memory {} is not enough for frames of {width}x{height}: {model} takes at least {}, and the program with \
                 the frames on their way up to {}: allow {}M{advice}; an encoder that looks less far ahead takes less, too \
                 (--encoder-preset veryfast)",
                of(limit),
                of(least),
                of(rest),
                (least + rest).div_ceil(1 << 20)
            ))
        }
        other => Failure::usage(other),
    };
    engine.fit(video.width, video.height, limit.saturating_sub(rest)).map(|_| ()).map_err(told)
}

fn failed(style: Style, error: JobError) -> Failure {
    if let Style::Json { .. } = style {
        let value = json!({ "event": "error", "message": error.to_string(), "exit_code": error.exit_code() });
        write_line(style, &value);
    }
    error.into()
}

/// What was asked for goes to standard output. Whoever closes it has seen enough.
fn print(plan: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{plan}");
}

impl Args {
    /// Has the model work in what `--memory` leaves it beside the rest of the job.
    pub(super) fn fit(&self, engine: &mut Interpolator, plan: &Plan) -> Result<(), Failure> {
        match self.memory {
            MemoryLimit::Bytes(limit) => fit(engine, plan, limit),
            MemoryLimit::Auto => Ok(()),
        }
    }

    /// The one input of a job that shards share.
    pub(super) fn only_input(&self) -> Result<&Path, Failure> {
        match self.inputs.as_slice() {
            [input] => Ok(input),
            inputs => Err(Failure::usage(format!(
                "found {} inputs, expected one: plan them one by one",
                inputs.len()
            ))),
        }
    }

    /// What `-o` names.
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref()
    }

    /// The request for `input`, to `output`.
    pub(super) fn request_for(&self, input: &Path, output: Option<PathBuf>) -> Result<Request, Failure> {
        match requests(self)?.as_slice() {
            [only] => Ok(Request { input: input.to_owned(), output, ..only.clone() }),
            all => {
                Err(Failure::usage(format!("found {} inputs, expected one: plan them one by one", all.len())))
            }
        }
    }

    /// The interpolator.
    pub(super) fn interpolator(&self) -> Result<Interpolator, Failure> {
        self.model.interpolator()
    }
}

fn requests(args: &Args) -> Result<Vec<Request>, Failure> {
    let speed = match (args.factor, args.fps, args.slow) {
        (Some(n), ..) => Speed::Factor(n),
        (None, None, Some(stretch)) => Speed::Slow { stretch, rate: None },
        (None, Some(Fps::Rate(rate)), Some(stretch)) => Speed::Slow { stretch, rate: Some(rate) },
        (None, Some(Fps::Times(_)), Some(_)) => {
            return Err(Failure::usage("with --slow, --fps takes a rate: --slow 2 --fps 60"));
        }
        (None, Some(fps), None) => fps.speed(),
        (None, None, None) => Speed::Factor(2),
    };
    let range = args.timing.range()?;
    if let Speed::Factor(_) = speed {
        speed.grid(None).map_err(Failure::usage)?;
    }
    let entries = expand(&args.inputs, args.recursive, speed)?;
    if entries.len() > 1 && args.output.as_ref().is_some_and(|o| !o.is_dir()) {
        return Err(Failure::usage(format!(
            "-o names one file, and there are {} inputs; leave it out, or name a folder with --output-dir",
            entries.len()
        )));
    }
    let cuts = match (&args.cut_list, args.cuts) {
        (Some(file), _) => CutSource::List(read_cut_list(file)?),
        (None, Cuts::Detect) => CutSource::Detect,
        (None, Cuts::Off) => CutSource::Off,
    };
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
        output: output(entry),
        sequence_rate: args.input_fps,
        cuts: cuts.clone(),
        at_cut: match args.at_cut {
            CutFill::Hold => AtCut::Hold,
            CutFill::Nearest => AtCut::Nearest,
            CutFill::Blend => AtCut::Blend,
        },
        overlays: match args.overlays {
            OverlayUse::Keep => Overlays::Keep,
            OverlayUse::Off => Overlays::Off,
        },
        copy_repeats: !args.compute_repeats,
        range,
        fields: args.timing.fields(),
        decimate: args.timing.decimate,
        dedupe: args.timing.dedupe,
        encoder: EncoderChoice {
            name: args.encoder.clone(),
            crf: args.crf,
            preset: args.encoder_preset.clone(),
            pix_fmt: args.pix_fmt.clone(),
            options: args.encoder_opt.clone(),
        },
        audio: !args.no_audio,
        force: args.force,
        resume: args.resume,
        segment_frames: args.segment_frames,
        check_space: !args.no_space_check,
        threads: args.model.threads.map_or(0, std::num::NonZeroUsize::get),
        protocols: args.allow_protocols.clone(),
        ..Request::new(&entry.input, speed)
    };
    Ok(entries.iter().map(request).collect())
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |e| Failure::output(format!("create the folder {}: {e}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)
}

/// The longest cut list read, in bytes.
const CUT_LIST_LIMIT: u64 = 64 << 20;

fn read_cut_list(file: &Path) -> Result<CutList, Failure> {
    let fail = |e: &dyn std::fmt::Display| Failure::input(format!("cut list {}: {e}", file.display()));
    let size = fs::metadata(file).map_err(|e| fail(&e))?.len();
    if size > CUT_LIST_LIMIT {
        return Err(fail(&format!("{size} bytes is too long for a list of cuts; expected a line a cut")));
    }
    fs::read_to_string(file).map_err(|e| fail(&e))?.parse().map_err(|e| fail(&e))
}

fn still(args: &Args, first: &Path, second: &Path, style: Style) -> Result<(), Failure> {
    if args.factor.is_some() || args.fps.is_some() || args.slow.is_some() {
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
    let mut engine = args.model.interpolator()?;
    let made = engine.times().made_for(t);
    let notice = (made != t).then(|| {
        format!("{} makes middles alone: the image is made for t = {made} instead of {t}", args.model.model)
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
