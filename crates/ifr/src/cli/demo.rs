//! `ifr demo`: the main job on a clip of its own, or on one of yours, with a picture of what was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use ifr::Interpolator;
use ifr::frame::{ColorDescription, Frame, PixelFormat, Rate, RgbImage, Time};
use ifr::job::{self, Plan, Request, Speed};
use ifr::video::{self, Item, OutputOptions, PcmTrack, images};
use ifr_scene::{Scene, sound};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::model::ModelArgs;
use super::progress::{Display, Style};
use super::sheet::{busiest, crop, half, sheet};
use super::{Failure, interrupt};

/// Size of the rendered clip.
const WIDTH: usize = 960;
const HEIGHT: usize = 540;
/// Sample rate of its sound.
const SOUND_RATE: u32 = 48_000;
/// Frames rendered at once.
const BATCH: i64 = 8;
/// Instants shown of the rendered clip, in seconds: both shots, with crossing and turning things.
const SHOWN: [(i64, i64); 2] = [(91, 60), (294, 60)];

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
    let plan = Plan::new(&request, source.info())?;
    let display = Display::new(Style::Bar, &plan);
    let mut engine: Interpolator = args.model.interpolator()?;
    let report = job::run(&plan, source, &mut engine, &|p| display.update(p), &interrupt::flag());
    let report = report.inspect_err(|e| display.failed(e))?;
    display.done(&report);

    let picture = dir.join(format!("{name}.side-by-side.png"));
    let shown = match &scene {
        Some(_) => SHOWN.map(|(num, den)| Time::new(num, den)).to_vec(),
        None => middles(&input, &[report.read / 3, report.read * 2 / 3])?,
    };
    let score = side_by_side(&input, &report.output, scene.as_ref(), &shown, &picture)?;
    eprintln!("\nsource        {}\nsmooth        {}", input.display(), report.output.display());
    let columns = if scene.is_some() {
        "frame before, made by ifr, truth"
    } else {
        "frame before, made by ifr, frame after"
    };
    eprintln!("side by side  {} ({columns})", picture.display());
    if let Some(score) = score {
        eprintln!("the frames shown are {score:.1} dB (PSNR, RGB) from the truth; H.264 is part of that");
    }
    Ok(())
}

/// The middles of the intervals after the frames with these numbers.
fn middles(path: &Path, numbers: &[u64]) -> Result<Vec<Time>, Failure> {
    let mut source = job::open(&Request::new(path, Speed::Factor(2)))?;
    let (mut last, mut number, mut found) = (None, 0, Vec::new());
    while let (Some(item), true) = (source.next().map_err(Failure::input)?, found.len() < numbers.len()) {
        let Item::Frame(frame) = item else { continue };
        if let Some(last) = last.replace(frame.pts) {
            if numbers.contains(&number) {
                found.push(frame.pts.lerp(last, 1, 2));
            }
            number += 1;
        }
    }
    Ok(found)
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

/// Frames of a video around an instant: the last one at or before it, the first one after it.
fn around(path: &Path, instants: &[Time]) -> Result<Vec<[Arc<Frame>; 2]>, Failure> {
    let mut source = job::open(&Request::new(path, Speed::Factor(2)))?;
    let mut found = Vec::new();
    let mut last: Option<Arc<Frame>> = None;
    while found.len() < instants.len() {
        match source.next().map_err(Failure::input)? {
            Some(Item::Packet(_)) => {}
            Some(Item::Frame(next)) => {
                let before = last.replace(Arc::clone(&next.frame)).unwrap_or_else(|| Arc::clone(&next.frame));
                while instants.get(found.len()).is_some_and(|&at| next.pts > at) {
                    found.push([Arc::clone(&before), Arc::clone(&next.frame)]);
                }
            }
            None => {
                let Some(last) = &last else { break };
                found.push([Arc::clone(last), Arc::clone(last)]);
            }
        }
    }
    Ok(found)
}

/// The picture: for each instant the source's frame before, the frame made, and the truth (or the frame after); whole at
/// half size, and below it the part where most happens. Returns the mean PSNR against the truth in dB.
fn side_by_side(
    source: &Path,
    smooth: &Path,
    scene: Option<&Scene>,
    instants: &[Time],
    picture: &Path,
) -> Result<Option<f64>, Failure> {
    let sources = around(source, instants)?;
    let made = around(smooth, instants)?;
    let (mut rows, mut scores) = (Vec::new(), Vec::new());
    for ((&at, source), made) in instants.iter().zip(&sources).zip(&made) {
        let [before, after] = source.each_ref().map(|f| f.to_rgb());
        let made = made[0].to_rgb();
        let third = match scene {
            Some(scene) => {
                let truth = scene.render_at(at, made.width(), made.height());
                scores.push(psnr(&made, &truth));
                truth
            }
            None => after.clone(),
        };
        let area = busiest(&before, &after, made.width() / 2, made.height() / 2);
        let panels = [before, made, third];
        let each = |f: &dyn Fn(&RgbImage) -> Result<RgbImage, ifr::frame::FrameError>| {
            panels.iter().map(f).collect::<Result<Vec<_>, _>>().map_err(Failure::internal)
        };
        rows.push(each(&half)?);
        rows.push(each(&|p| crop(p, area))?);
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
