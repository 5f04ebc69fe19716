//! `ifr eval`: how good the frames are.

use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Parser;
use ifr::eval::{
    Blend, ClipOptions, Convention, EvalError, EvalOptions, FrameFolder, Interpolated, Kind, Lpips, Method,
    Report, Set, SetOptions, csv, evaluate, open_set, table, write_html,
};
use ifr::{Device, Interpolator, InterpolatorOptions, Model, Scale};

use super::eval_progress::Display;
use super::model::{DepthArgs, ScaleArgs, threads};
use super::say::{say, seen};
use super::{Failure, interrupt};

/// Frames kept at either end for the page.
const GALLERY: usize = 4;

/// Measure methods on benchmark sets, or on any video: PSNR, SSIM, interpolation error, time.
///
/// A set is a folder in the layout its authors gave it (recognised), or a video of which frames are dropped and made anew. See
/// docs/evaluation.md for the sets, where to get them, and the conventions.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  ifr eval data/ucf101 --model blend --model flow\n  \
    ifr eval --set davis=data/davis-triplets --html report\n  ifr eval --video clip.mp4 --drop 4 --lines 360 --csv frames.csv")]
pub(crate) struct Args {
    /// Folders of benchmark sets, or videos.
    #[arg(value_name = "PATH", required_unless_present_any = ["sets", "videos"])]
    paths: Vec<PathBuf>,
    /// A set under a name of your choice.
    #[arg(long = "set", value_name = "NAME=PATH", value_parser = named)]
    sets: Vec<(String, PathBuf)>,
    /// A video (or a folder of its frames) of which frames are dropped.
    #[arg(long = "video", value_name = "FILE")]
    videos: Vec<PathBuf>,
    /// Which set PATHs and --set hold, where that is not recognised: triplets, vimeo, ucf101, snu-film, middlebury, xiph, gopro.
    #[arg(long)]
    kind: Option<Kind>,
    /// Of videos, every so many frames one is kept, those between are the truth.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=1000))]
    drop: u16,
    /// Of videos, take the first N frames only.
    #[arg(long, value_name = "N", value_parser = positive)]
    first: Option<usize>,
    /// Downscale videos to so many lines where they have more.
    #[arg(long, value_name = "N", value_parser = positive)]
    lines: Option<usize>,

    /// Methods: blend, flow, flow-fast, or a network's weights (a safetensors file); may be given several times [default:
    /// blend and the default model].
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Frames that another program made, by the cases' names or by numbers; may be given several times.
    #[arg(long = "frames", value_name = "DIR")]
    frames: Vec<PathBuf>,
    #[command(flatten)]
    scales: ScaleArgs,
    #[command(flatten)]
    depth: DepthArgs,
    /// Average over mirrored and time-reversed inputs: eight times the work.
    #[arg(long)]
    tta: bool,

    /// How PSNR and SSIM are computed: ifrnet or ifr-plus.
    #[arg(long, value_name = "NAME", default_value_t)]
    convention: Convention,
    /// Weights of LPIPS (a safetensors file of the VGG-16 or AlexNet variant): measures it too.
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// The first so many cases of each set only.
    #[arg(long, value_name = "N", value_parser = positive)]
    limit: Option<usize>,

    /// Progress and figures as one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Every frame's figures as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// A page with the figures and the worst and best frames.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// Overwrite existing reports.
    #[arg(short, long)]
    force: bool,
    /// Threads to compute with [default: all processors this process may use].
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<NonZeroUsize>,
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err(format!("found '{text}', expected NAME=PATH")),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|&n| n > 0);
    number.ok_or_else(|| format!("found '{text}', expected a whole number from 1 up"))
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    refuse_existing(args)?;
    let device = args.threads.map_or_else(Device::cpu, Device::cpu_with_threads);
    let mut methods = methods(args, &device)?;
    let lpips = args.lpips.as_ref().map(Lpips::open).transpose().map_err(Failure::usage)?;
    let mut sets = sets(args)?;
    // Metrics run on the global pool; it may have been started already.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(device.threads()).build_global();

    let options = EvalOptions {
        convention: args.convention,
        limit: args.limit,
        lpips: lpips.as_ref(),
        gallery: if args.html.is_some() { GALLERY } else { 0 },
    };
    let stop = interrupt::flag();
    let (mut reports, mut broken) = (Vec::new(), None);
    for set in &mut sets {
        let display = Display::new(args.json, set.as_ref(), methods.len(), args.limit);
        let done = evaluate(set.as_mut(), &mut methods, &options, &mut |p| display.update(p, &stop));
        display.done(set.as_ref());
        match done {
            Ok(done) => reports.extend(done),
            Err(e) => broken = Some(e),
        }
        if broken.is_some() || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    // What was measured before an error is told, too.
    tell(args, &reports)?;
    if let Some(e) = broken {
        return Err(failed(&e));
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::interrupted("stopped: the figures are those of the frames measured until then"));
    }
    if reports.iter().all(|report| report.rows.is_empty()) {
        return Err(Failure::input("nothing was measured: no set or video holds a whole case"));
    }
    Ok(())
}

/// The code of an error: what was read, unless a method or a report is at fault.
fn failed(e: &EvalError) -> Failure {
    match e {
        EvalError::Method { .. } => Failure::internal(e),
        _ => Failure::input(e),
    }
}

fn refuse_existing(args: &Args) -> Result<(), Failure> {
    let page = args.html.as_ref().map(|dir| dir.join("index.html"));
    let existing = args.csv.iter().chain(&page).find(|path| path.exists() && !args.force);
    existing.map_or(Ok(()), |path| {
        let what = path.display();
        Err(Failure::output(format!(
            "{what} exists already; choose another name, or overwrite it with --force"
        )))
    })
}

fn methods(args: &Args, device: &Device) -> Result<Vec<Box<dyn Method>>, Failure> {
    let mut methods: Vec<Box<dyn Method>> = Vec::new();
    let mut push = |method: Interpolated| {
        methods.push(Box::new(if args.tta { method.averaged() } else { method }));
    };
    let ready = |model: &Model| {
        // Of several methods, each takes the scales that it has.
        let asked = args.scales.options(args.depth);
        let network = model.network();
        let options = InterpolatorOptions {
            flow_scale: if network.is_some() { asked.flow_scale } else { Scale::Auto },
            refine_scale: match network {
                Some(network) if network.has_refiner() => asked.refine_scale,
                _ => Scale::Auto,
            },
            ..asked
        };
        Interpolator::with_options(model, device, options).map(Interpolated::new).map_err(Failure::usage)
    };
    if args.models.is_empty() && args.frames.is_empty() {
        push(Interpolated::new(Blend));
        push(ready(&Model::default())?);
    }
    for name in &args.models {
        if name == "blend" {
            push(Interpolated::new(Blend));
            continue;
        }
        let model: Model = name.parse().map_err(Failure::usage)?;
        let method = ready(&model)?;
        // Two files of one network are told apart by their names.
        let file = Path::new(name).is_file().then(|| Path::new(name).file_stem()).flatten();
        push(match file {
            Some(stem) if model.network().is_some() => method.named(stem.to_string_lossy()),
            _ => method,
        });
    }
    for folder in &args.frames {
        methods.push(Box::new(FrameFolder::new(folder).map_err(Failure::input)?));
    }
    Ok(methods)
}

fn sets(args: &Args) -> Result<Vec<Box<dyn Set>>, Failure> {
    let clips = ClipOptions { drop: args.drop.into(), frames: args.first, lines: args.lines };
    let options = |label: Option<&String>, kind: Option<Kind>| SetOptions {
        label: label.cloned(),
        kind,
        clips: clips.clone(),
    };
    let mut asked: Vec<(&PathBuf, SetOptions)> = Vec::new();
    asked.extend(args.paths.iter().map(|path| (path, options(None, args.kind))));
    asked.extend(args.sets.iter().map(|(name, path)| (path, options(Some(name), args.kind))));
    asked.extend(args.videos.iter().map(|path| (path, options(None, Some(Kind::Video)))));
    let mut sets = Vec::new();
    for (path, options) in asked {
        sets.extend(open_set(path, &options).map_err(Failure::input)?);
    }
    Ok(sets)
}

/// Prints the figures, and writes the reports that were asked for.
fn tell(args: &Args, reports: &[Report]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.json {
        for report in reports {
            seen(writeln!(out, "{}", json(report)))?;
        }
    } else if !reports.is_empty() {
        seen(write!(out, "{}", table(reports)))?;
    }
    let mut skipped: Vec<_> = reports.iter().filter(|r| r.skipped > 0).map(|r| (&r.set, r.skipped)).collect();
    skipped.dedup();
    for (set, count) in skipped {
        say!("warning: {set}: {count} cases could not be read and are left out");
    }
    if let Some(path) = &args.csv {
        let failed = |e| Failure::output(format!("write {}: {e}", path.display()));
        fs::write(path, csv(reports)).map_err(failed)?;
    }
    if let Some(dir) = &args.html {
        let page = write_html(dir, reports).map_err(Failure::output)?;
        say!("{}", page.display());
    }
    Ok(())
}

fn json(report: &Report) -> serde_json::Value {
    serde_json::json!({
        "event": "summary",
        "set": report.set,
        "kind": report.kind,
        "method": report.method,
        "convention": report.convention,
        "figures": report.summary(),
        "skipped": report.skipped,
        "complete": report.complete,
        "notices": report.notices,
    })
}
