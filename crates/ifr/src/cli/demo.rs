//! `ifr demo`: the main job on a clip of its own, or on one of yours, with a picture of what was made.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use ifr::Interpolator;
use ifr::frame::{ColorDescription, PixelFormat, Rate, RgbImage, Time};
use ifr::job::{self, Plan, Report, Request, Speed};
use ifr::video::{self, Item, OutputOptions, PcmTrack, images};
use ifr_scene::{Scene, sound};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::model::ModelArgs;
use super::progress::{Display, Style};
use super::say::say;
use super::sheet::{busiest, crop, half, sheet};
use super::{Failure, interrupt};

/// Size of the rendered clip.
const WIDTH: usize = 960;
const HEIGHT: usize = 540;
/// Sample rate of its sound.
const SOUND_RATE: u32 = 48_000;
/// Frames rendered at once.
const BATCH: i64 = 8;
/// Frames of the smooth clip that are shown, at 60 a second: both shots, with crossing and turning things.
const SHOWN: [u64; 2] = [91, 294];

/// Render a clip (or take yours), make it smooth, and show what was made.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where the results go.
    #[arg(short, long, value_name = "DIR", default_value = "demo")]
    output_dir: PathBuf,
    /// A video of yours instead of the rendered clip.
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// The rate to reach.
    #[arg(long, value_name = "R")]
    fps: Option<Rate>,
    #[command(flatten)]
    model: ModelArgs,
    /// Overwrite earlier results.
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let dir = &args.output_dir;
    fs::create_dir_all(dir).map_err(|e| Failure::output(format!("cannot create {}: {e}", dir.display())))?;
    let scene = args.video.is_none().then(Scene::demo);
    let input = match (&args.video, &scene) {
        (Some(path), _) => path.clone(),
        (None, scene) => {
            let path = dir.join("demo.mp4");
            if path.exists() && !args.force {
                return Err(job::JobError::Exists(path).into());
            }
            if let Some(scene) = scene {
                render(scene, &path)?;
            }
            path
        }
    };
    let speed = match (args.fps, &args.video) {
        (Some(rate), _) => Speed::Rate(rate),
        (None, Some(_)) => Speed::Factor(2),
        (None, None) => Speed::Rate(Rate::new(60, 1).map_err(Failure::internal)?),
    };
    let name = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut request = Request { force: args.force, ..Request::new(&input, speed) };
    let source = job::open(&request)?;
    let choice = video::container_for(source.info(), None);
    request.output = Some(dir.join(format!("{name}.smooth.{}", choice.extension)));
    let mut engine: Interpolator = args.model.interpolator()?;
    let plan = Plan::new(&request, source.info())?;
    let (width, height) = (plan.source.video.width, plan.source.video.height);
    let plan = plan.with_method(engine.method(width, height).map_err(Failure::usage)?);
    let display = Display::new(Style::Bar, &plan);
    let report = job::run(&plan, source, &mut engine, &|p| display.update(p), &interrupt::flag());
    let report = report.inspect_err(|e| display.failed(e))?;
    display.done(&report);

    let picture = dir.join(format!("{name}.side-by-side.png"));
    let panels = match &scene {
        Some(scene) if args.fps.is_none() => with_truth(&input, &report.output, scene)?,
        _ => made_between(&input, &report)?,
    };
    let score = side_by_side(&panels, &picture)?;
    say!("\nsource        {}\nsmooth        {}", input.display(), report.output.display());
    let columns = if scene.is_some() {
        "frame before, made by ifr, truth"
    } else {
        "frame before, made by ifr, frame after"
    };
    say!("side by side  {} ({columns})", picture.display());
    if let Some(score) = score {
        say!("the frames shown are {score:.1} dB (PSNR, RGB) from the truth; H.264 is part of that");
    }
    Ok(())
}

/// Renders the scene at 24 frames a second with its sound.
fn render(scene: &Scene, path: &Path) -> Result<(), Failure> {
    let rate = Rate::new(24, 1).map_err(Failure::internal)?;
    let (format, color) = (PixelFormat::YUV420P8, ColorDescription::BT709);
    let options = OutputOptions {
        path: path.to_owned(),
        width: WIDTH,
        height: HEIGHT,
        format,
        color,
        sample_aspect: (1, 1),
        rotation: None,
        rate: Some(rate),
        time_base: rate.time_base(),
        encoder: None,
        crf: None,
        preset: None,
        pix_fmt: None,
        encoder_options: Vec::new(),
        threads: 0,
        stretch: (1, 1),
        audio: true,
        extras: true,
    };
    let samples = sound::render(scene, SOUND_RATE).concat();
    let track = PcmTrack { rate: SOUND_RATE, channels: 2, samples };
    let mut sink = video::create_with_sound(&options, track).map_err(Failure::output)?;
    let frames = scene.duration().div_floor(rate.period());
    let bar = ProgressBar::new(frames.unsigned_abs());
    if let Ok(style) = ProgressStyle::with_template("rendering {wide_bar} {pos}/{len} frames  {eta} left") {
        bar.set_style(style);
    }
    for start in (0..frames).step_by(BATCH as usize) {
        let indices: Vec<i64> = (start..(start + BATCH).min(frames)).collect();
        let batch: Vec<_> = indices
            .par_iter()
            .map(|&i| scene.render_at(rate.time_of(i), WIDTH, HEIGHT).to_frame(format, color))
            .collect();
        for (i, frame) in indices.into_iter().zip(batch) {
            let frame = frame.map_err(Failure::internal)?;
            sink.write_frame(&frame, rate.time_of(i), Some(rate.period())).map_err(Failure::output)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    sink.finish().map_err(Failure::output)?;
    Ok(())
}

/// What one row of the picture shows.
struct Panels {
    before: RgbImage,
    made: RgbImage,
    after: RgbImage,
    truth: Option<RgbImage>,
}

/// Frames of a video by number, in order.
fn frames(path: &Path, numbers: &[u64]) -> Result<Vec<RgbImage>, Failure> {
    let mut source = job::open(&Request::new(path, Speed::Factor(2)))?;
    let (mut found, mut number) = (Vec::new(), 0);
    while found.len() < numbers.len() {
        let Some(item) = source.next().map_err(Failure::input)? else { break };
        let Item::Frame(frame) = item else { continue };
        found.extend(numbers.iter().filter(|&&n| n == number).map(|_| frame.frame.to_rgb()));
        number += 1;
    }
    if found.len() < numbers.len() {
        return Err(Failure::input(format!("{} has fewer frames than expected: {number}", path.display())));
    }
    Ok(found)
}

/// Frames of the rendered clip beside what was really there.
fn with_truth(source: &Path, smooth: &Path, scene: &Scene) -> Result<Vec<Panels>, Failure> {
    let sources: Vec<u64> = SHOWN.iter().map(|n| n * 24 / 60).flat_map(|n| [n, n + 1]).collect();
    let (sources, made) = (frames(source, &sources)?, frames(smooth, &SHOWN)?);
    let rows = SHOWN.iter().zip(sources.chunks_exact(2)).zip(made);
    let row = |((&number, pair), made): ((&u64, &[RgbImage]), RgbImage)| Panels {
        before: pair[0].clone(),
        truth: Some(scene.render_at(Time::new(number as i64, 60), made.width(), made.height())),
        made,
        after: pair[1].clone(),
    };
    Ok(rows.map(row).collect())
}

/// Frames made in the middle of intervals about a third and two thirds into a video whose frames were doubled. Cuts are
/// avoided.
fn made_between(source: &Path, report: &Report) -> Result<Vec<Panels>, Failure> {
    let last = report.read.saturating_sub(2);
    let free = |n: u64| (n..=last).find(|n| !report.cuts.contains(&(n + 1))).unwrap_or(n);
    let mut numbers: Vec<u64> = [last / 3, last * 2 / 3].map(free).to_vec();
    numbers.dedup();
    if report.read < 2 || report.written != 2 * report.read - 1 {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    for n in numbers {
        let pair = frames(source, &[n, n + 1])?;
        let [made] =
            frames(&report.output, &[2 * n + 1])?.try_into().map_err(|_| Failure::internal("one frame"))?;
        let [before, after] = pair.try_into().map_err(|_| Failure::internal("two frames"))?;
        rows.push(Panels { before, made, after, truth: None });
    }
    Ok(rows)
}

/// The picture: for each row the source's frame before, the frame made, and the truth (or the frame after); whole at half
/// size, and below it the part where most happens. Returns the mean PSNR against the truth in dB.
fn side_by_side(panels: &[Panels], picture: &Path) -> Result<Option<f64>, Failure> {
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    for Panels { before, made, after, truth } in panels {
        scores.extend(truth.as_ref().map(|truth| psnr(made, truth)));
        let area = busiest(before, after, made.width() / 2, made.height() / 2);
        let shown = [before, made, truth.as_ref().unwrap_or(after)];
        let each = |f: &dyn Fn(&RgbImage) -> Result<RgbImage, ifr::frame::FrameError>| {
            shown.iter().map(|p| f(p)).collect::<Result<Vec<_>, _>>().map_err(Failure::internal)
        };
        rows.push(each(&half)?);
        rows.push(each(&|p| crop(p, area))?);
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let sheet = sheet(&rows).map_err(Failure::internal)?;
    let frame = sheet.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).map_err(Failure::internal)?;
    images::write_image(picture, &frame).map_err(Failure::output)?;
    Ok((!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64))
}

/// PSNR in dB of two images of one size, values clamped to \[0, 1\].
fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a.clamp(0.0, 1.0) - b.clamp(0.0, 1.0)).powi(2);
    let mean = a.data().iter().zip(b.data()).map(square).sum::<f64>() / a.data().len() as f64;
    -10.0 * mean.max(1e-12).log10()
}
