//! The half-rate test: drop every second frame of a real clip, restore it, compare with what the camera saw.
//!
//! ```text
//! cargo run --release -p ifr --example halfrate -- [--lines 360] [--frames 61] [--threads 1] [--pictures FOLDER] CLIP...
//! ```
//!
//! The first FRAMES frames of each clip are scaled to LINES lines (area averaging); the even ones, as 8-bit 4:4:4, are
//! the input. The figure is the mean over the odd frames (but the last three) of the PSNR of 8-bit RGB, in dB, and of the
//! SSIM as `ifr eval` computes it, and the seconds of wall clock an in-between frame takes. `scene:NAME` stands for a
//! generated clip of 360 lines at 50 fps: harbour, clockwork, zoom, turn or disc. `--pictures` leaves a PNG of a detail for
//! each clip: the truth and what each method made of it, in the table's order. Compared are the mean of the two neighbours (`blend`), FFmpeg's
//! `minterpolate` at its best setting, and the embedded models. Prints a Markdown table. Needs the programs `ffmpeg` and
//! `ffprobe`.
#![allow(clippy::print_stdout, reason = "the table is the program's output")]

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use ifr::eval;
use ifr::frame::{ColorDescription, Frame, Matrix, PixelFormat, Range, RgbImage, Samples};
use ifr::{Device, Interpolator, Model};
use ifr_scene::{DiscScene, Motion, Scene, TextureScene};

/// FFmpeg's `minterpolate` as its documentation recommends for quality.
const MINTERPOLATE: &str = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1";
/// Odd frames left out at the end: `minterpolate` does not make them.
const TAIL: usize = 3;

struct Clip {
    name: String,
    width: usize,
    height: usize,
    /// Frames a second, as FFmpeg writes it.
    rate: (u64, u64),
    /// Packed RGB frames.
    truth: Vec<Vec<u8>>,
}

fn main() -> Result<()> {
    let (mut lines, mut frames, mut threads, mut clips, mut pictures) = (360, 61, 1, Vec::new(), None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            args.next().and_then(|v| v.parse::<usize>().ok()).with_context(|| format!("{arg} takes a number"))
        };
        match arg.as_str() {
            "--lines" => lines = number()?,
            "--frames" => frames = number()?,
            "--threads" => threads = number()?,
            "--pictures" => pictures = Some(PathBuf::from(args.next().context("--pictures takes a folder")?)),
            _ => clips.push(PathBuf::from(arg)),
        }
    }
    ensure!(!clips.is_empty(), "usage: halfrate [--lines 360] [--frames 61] [--threads 1] CLIP...");
    let device = Device::cpu_with_threads(NonZeroUsize::new(threads).context("--threads 0")?);
    println!("| clip | blend | minterpolate | {} |", Model::embedded().join(" | "));
    println!("|---|---|---|{}", "---|".repeat(Model::embedded().len()));
    for path in &clips {
        let clip = match path.to_str().and_then(|p| p.strip_prefix("scene:")) {
            Some(name) => generate(name, frames)?,
            None => load(path, lines, frames)?,
        };
        let mut row = vec![format!("{} {}x{}", clip.name, clip.width, clip.height)];
        let mut made = vec![blend(&clip)];
        let told = |frames: &[Vec<u8>]| -> Result<String> {
            Ok(format!("{:.2} dB, {:.4}", score(&clip, frames), ssim(&clip, frames)?))
        };
        row.push(told(&made[0])?);
        let begin = Instant::now();
        let frames = minterpolate(&clip)?;
        let seconds = begin.elapsed().as_secs_f64() / odd(&clip).len() as f64;
        made.push(best_phase(&clip, &frames));
        row.push(format!("{}, {seconds:.3} s", told(&made[1])?));
        for name in Model::embedded() {
            let (frames, seconds) = interpolate(&clip, &name.parse()?, &device)?;
            row.push(format!("{}, {seconds:.3} s", told(&frames)?));
            made.push(frames);
        }
        if let Some(folder) = &pictures {
            picture(&clip, &made, folder)?;
        }
        println!("| {} |", row.join(" | "));
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn odd(clip: &Clip) -> Vec<&[u8]> {
    let all: Vec<&[u8]> = clip.truth.iter().skip(1).step_by(2).map(Vec::as_slice).collect();
    all[..all.len().saturating_sub(TAIL)].to_vec()
}

fn output(program: &str, args: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}: is FFmpeg installed?"))?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    let bytes = input.unwrap_or_default().to_vec();
    let feed = std::thread::spawn(move || stdin.write_all(&bytes));
    let done = child.wait_with_output()?;
    // The program may close its input early; its exit status says whether that was a fault.
    let _ = feed.join();
    ensure!(done.status.success(), "{program} {} failed", args.join(" "));
    Ok(done.stdout)
}

fn load(path: &Path, lines: usize, frames: usize) -> Result<Clip> {
    let file = path.to_str().context("a path in UTF-8 is needed")?;
    let entries = "stream=width,height,avg_frame_rate";
    let args = ["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0", file];
    let probe = String::from_utf8(output("ffprobe", &args, None)?)?;
    let fields: Vec<&str> = probe.trim().split([',', '/']).collect();
    let [w, h, num, den] = fields[..] else { bail!("{file}: ffprobe says '{}'", probe.trim()) };
    let (w, h): (usize, usize) = (w.parse()?, h.parse()?);
    let shown = lines.min(h);
    let (width, height) = (w * shown / h / 2 * 2, shown / 2 * 2);
    let filter =
        format!("trim=end_frame={frames},scale={width}:{height}:flags=area,format=yuv420p,format=rgb24");
    let args = ["-v", "error", "-i", file, "-vf", &filter, "-fps_mode", "passthrough", "-f", "rawvideo", "-"];
    let raw = output("ffmpeg", &args, None)?;
    let truth: Vec<Vec<u8>> = raw.chunks_exact(3 * width * height).map(<[u8]>::to_vec).collect();
    ensure!(truth.len() > 2 * TAIL + 2, "{file} has only {} frames", truth.len());
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Clip { name, width, height, rate: (num.parse()?, den.parse()?), truth })
}

/// PSNR of 8-bit RGB in dB, mean over the frames.
fn score(clip: &Clip, made: &[Vec<u8>]) -> f64 {
    let truth = odd(clip);
    let psnr = |(a, b): (&&[u8], &Vec<u8>)| {
        let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
        10.0 * (255.0_f64.powi(2) / (squares as f64 / a.len() as f64 + 1e-9)).log10()
    };
    truth.iter().zip(made).map(psnr).sum::<f64>() / truth.len() as f64
}

fn blend(clip: &Clip) -> Vec<Vec<u8>> {
    let even: Vec<&Vec<u8>> = clip.truth.iter().step_by(2).collect();
    let mean = |w: &[&Vec<u8>]| w[0].iter().zip(w[1]).map(|(&a, &b)| a.midpoint(b)).collect();
    even.windows(2).map(mean).collect()
}

/// The even frames as raw 4:4:4, one after the other.
fn half_rate(clip: &Clip) -> Result<Vec<u8>> {
    let rgb: Vec<u8> = clip.truth.iter().step_by(2).flatten().copied().collect();
    let size = format!("{}x{}", clip.width, clip.height);
    let args =
        ["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-i", "-", "-pix_fmt", "yuv444p"];
    output("ffmpeg", &[&args[..], &["-f", "rawvideo", "-"]].concat(), Some(&rgb))
}

fn to_rgb(clip: &Clip, yuv: &[u8]) -> Result<Vec<Vec<u8>>> {
    let size = format!("{}x{}", clip.width, clip.height);
    let args =
        ["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", &size, "-i", "-", "-pix_fmt", "rgb24"];
    let raw = output("ffmpeg", &[&args[..], &["-f", "rawvideo", "-"]].concat(), Some(yuv))?;
    Ok(raw.chunks_exact(3 * clip.width * clip.height).map(<[u8]>::to_vec).collect())
}

fn minterpolate(clip: &Clip) -> Result<Vec<Vec<u8>>> {
    let (num, den) = clip.rate;
    let size = format!("{}x{}", clip.width, clip.height);
    let (half, filter) =
        (format!("{num}/{}", den * 2), format!("minterpolate=fps={num}/{den}:{MINTERPOLATE}"));
    let args = ["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", &size, "-r", &half, "-i", "-"];
    let rest = ["-vf", &filter, "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-f", "rawvideo", "-"];
    let raw = output("ffmpeg", &[&args[..], &rest].concat(), Some(&half_rate(clip)?))?;
    Ok(raw.chunks_exact(3 * clip.width * clip.height).map(<[u8]>::to_vec).collect())
}

/// `minterpolate` starts somewhere of its own; the best of the first four offsets counts.
fn best_phase(clip: &Clip, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let at = |offset: usize| frames.iter().skip(offset).step_by(2).cloned().collect::<Vec<_>>();
    let phases = (0..4).map(at).max_by(|a, b| score(clip, a).total_cmp(&score(clip, b)));
    phases.unwrap_or_default()
}

/// A generated clip, seen by a shutter that is open for no time.
fn generate(name: &str, frames: usize) -> Result<Clip> {
    let (width, height, rate) = (640, 360, 50_u32);
    let film = Scene::demo();
    let cut = film.cuts().first().map_or(0.0, |cut| cut.as_secs_f64());
    let texture = |motion| TextureScene::new(motion, 7);
    let (zoom, turn) = (texture(Motion::Zoom { rate: 0.8 }), texture(Motion::Rotate { speed: 0.7 }));
    let disc = DiscScene::new(90.0, [260.0, 60.0], [-120.0, 0.0], 3);
    let render = |seconds: f64| match name {
        "harbour" => Ok(film.render(seconds, width, height)),
        "clockwork" => Ok(film.render(cut + seconds, width, height)),
        "zoom" => Ok(zoom.render(seconds, width, height)),
        "turn" => Ok(turn.render(seconds, width, height)),
        "disc" => Ok(disc.render(seconds - 0.6, width, height)),
        _ => bail!("there is no scene:{name}; there are harbour, clockwork, zoom, turn and disc"),
    };
    let packed = |image: &RgbImage| -> Vec<u8> {
        let code = |i: usize| (image.channel(i % 3)[i / 3] * 255.0).round().clamp(0.0, 255.0) as u8;
        (0..3 * width * height).map(code).collect()
    };
    let truth = (0..frames).map(|i| Ok(packed(&render(i as f64 / f64::from(rate))?)));
    let truth = truth.collect::<Result<Vec<_>>>()?;
    ensure!(truth.len() > 2 * TAIL + 2, "--frames {frames} is too few");
    Ok(Clip { name: name.to_owned(), width, height, rate: (u64::from(rate), 1), truth })
}

/// SSIM, mean over the frames.
fn ssim(clip: &Clip, made: &[Vec<u8>]) -> Result<f64> {
    let image = |packed: &[u8]| {
        let plane = |c: usize| packed.iter().skip(c).step_by(3).map(|&v| f32::from(v) / 255.0);
        RgbImage::new(clip.width, clip.height, (0..3).flat_map(plane).collect())
    };
    let truth = odd(clip);
    let mut sum = 0.0;
    for (&truth, made) in truth.iter().zip(made) {
        sum += eval::score(&image(made)?, &image(truth)?, eval::Convention::IfrNet)?.ssim;
    }
    Ok(sum / truth.len() as f64)
}

/// Writes a detail of the middle frame, 192 × 160 pixels around where the mean of the neighbours is worst, side by side:
/// the truth, then what each method made.
fn picture(clip: &Clip, made: &[Vec<Vec<u8>>], folder: &Path) -> Result<()> {
    const SIZE: (usize, usize) = (192, 160);
    let all = odd(clip);
    let middle = all.len() / 2;
    let mut shown = vec![all[middle]];
    shown.extend(made.iter().filter_map(|frames| frames.get(middle).map(Vec::as_slice)));
    let ((w, h), (width, height)) = (SIZE, (clip.width, clip.height));
    ensure!(width >= w && height >= h, "pictures need clips of at least {w}x{h}");
    let row = |frame: &'_ [u8], x: usize, y: usize| frame[3 * (y * width + x)..][..3 * w].to_vec();
    let error = |&(x, y): &(usize, usize)| -> u64 {
        let lines = (y..y + h).step_by(4).map(|y| (row(shown[0], x, y), row(shown[1], x, y)));
        let differences = lines.flat_map(|(a, b)| a.into_iter().zip(b));
        differences.map(|(a, b)| u64::from(a.abs_diff(b))).sum()
    };
    let places = (0..=height - h).step_by(16).flat_map(|y| (0..=width - w).step_by(16).map(move |x| (x, y)));
    let (x, y) = places.max_by_key(error).unwrap_or_default();
    let raw: Vec<u8> = (y..y + h).flat_map(|y| shown.iter().flat_map(move |f| row(f, x, y))).collect();
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("halfrate-{}.png", clip.name));
    let size = format!("{}x{h}", w * shown.len());
    let file = file.to_str().context("a folder in UTF-8 is needed")?;
    let args = ["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", &size, "-i", "-", file];
    output("ffmpeg", &args, Some(&raw)).map(drop)
}

fn interpolate(clip: &Clip, model: &Model, device: &Device) -> Result<(Vec<Vec<u8>>, f64)> {
    let (w, h) = (clip.width, clip.height);
    let color =
        ColorDescription { matrix: Matrix::BT601, range: Range::Limited, ..ColorDescription::default() };
    let frames = half_rate(clip)?
        .chunks_exact(3 * w * h)
        .map(|raw| {
            let planes = raw.chunks_exact(w * h).map(|p| Samples::U8(p.to_vec())).collect();
            Ok(Arc::new(Frame::new(PixelFormat::YUV444P8, w, h, planes, color)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut engine = Interpolator::new(model, device)?;
    let mut made = Vec::new();
    let begin = Instant::now();
    for pair in frames.windows(2) {
        made.push(engine.pair(&pair[0], &pair[1])?.at(0.5)?);
    }
    let seconds = begin.elapsed().as_secs_f64() / made.len() as f64;
    let raw: Vec<u8> =
        made.iter().flat_map(Frame::planes).flat_map(|p| p.as_u8().unwrap_or_default()).copied().collect();
    Ok((to_rgb(clip, &raw)?, seconds))
}
