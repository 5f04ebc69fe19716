//! The half-rate test: drop every second frame of a real clip, restore it, compare with what the camera saw.
//!
//! ```text
//! cargo run --release -p ifr --example halfrate -- [--lines 360] [--frames 61] [--threads 1] CLIP...
//! ```
//!
//! The first FRAMES frames of each clip are scaled to LINES lines (area averaging); the even ones, as 8-bit 4:4:4, are
//! the input. The figure is the mean over the odd frames (but the last three) of the PSNR of 8-bit RGB, in dB, and the
//! seconds of wall clock an in-between frame takes. Compared are the mean of the two neighbours (`blend`), FFmpeg's
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
use ifr::frame::{ColorDescription, Frame, Matrix, PixelFormat, Range, Samples};
use ifr::{Device, Interpolator, Model};

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
    let (mut lines, mut frames, mut threads, mut clips) = (360, 61, 1, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            args.next().and_then(|v| v.parse::<usize>().ok()).with_context(|| format!("{arg} takes a number"))
        };
        match arg.as_str() {
            "--lines" => lines = number()?,
            "--frames" => frames = number()?,
            "--threads" => threads = number()?,
            _ => clips.push(PathBuf::from(arg)),
        }
    }
    ensure!(!clips.is_empty(), "usage: halfrate [--lines 360] [--frames 61] [--threads 1] CLIP...");
    let device = Device::cpu_with_threads(NonZeroUsize::new(threads).context("--threads 0")?);
    println!("| clip | blend | minterpolate | {} |", Model::embedded().join(" | "));
    println!("|---|---|---|{}", "---|".repeat(Model::embedded().len()));
    for path in &clips {
        let clip = load(path, lines, frames)?;
        let mut row = vec![format!("{} {}x{}", clip.name, clip.width, clip.height)];
        row.push(format!("{:.2} dB", score(&clip, &blend(&clip))));
        let begin = Instant::now();
        let frames = minterpolate(&clip)?;
        let seconds = begin.elapsed().as_secs_f64() / odd(&clip).len() as f64;
        row.push(format!("{:.2} dB, {seconds:.3} s", best_phase(&clip, &frames)));
        for name in Model::embedded() {
            let (made, seconds) = interpolate(&clip, &name.parse()?, &device)?;
            row.push(format!("{:.2} dB, {seconds:.3} s", score(&clip, &made)));
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
fn best_phase(clip: &Clip, frames: &[Vec<u8>]) -> f64 {
    let at = |offset: usize| score(clip, &frames.iter().skip(offset).step_by(2).cloned().collect::<Vec<_>>());
    (0..4).map(at).fold(0.0, f64::max)
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
