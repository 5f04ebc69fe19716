//! Measures the interpolator: PSNR against what the camera saw, and time.
//!
//! ```text
//! triplets [--fast] [--verbose] [--threads N] [--write DIRECTORY] ppm DIRECTORY
//! triplets [--fast] [--verbose] [--threads N] [--write DIRECTORY] clip WIDTH HEIGHT INPUT.yuv TRUTH.rgb
//! ```
//! `ppm`: DIRECTORY/NAME/{first,second,truth}.ppm, 8-bit P6. `clip`: raw 8-bit 4:4:4 planes (BT.601, limited range) of
//! every second frame of a clip, and raw packed RGB of the frames left out. Prints the mean of the images' RGB PSNR and
//! the seconds of processor time (all threads together) and of wall clock per in-between frame, median over the images.
//! `--write` keeps the made frames as NAME.ppm or by their number from 0.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use ifr_flow::{FlowInterpolator, FlowOptions, Quality};
use ifr_frame::{ColorDescription, ColorModel, Frame, Interpolate, PixelFormat, Samples};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let mut options = FlowOptions::default();
    let (mut threads, mut verbose) = (1, false);
    let mut report = Report::default();
    while let Some(flag) = args.first().filter(|a| a.starts_with("--")).cloned() {
        args.remove(0);
        match flag.as_str() {
            "--fast" => options.quality = Quality::Fast,
            "--verbose" => verbose = true,
            "--write" => report.directory = Some(take(&mut args)?.into()),
            "--threads" => threads = take(&mut args)?.parse()?,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    options.pool = Some(Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?));
    let mut interpolator = FlowInterpolator::with_options(options);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["ppm", directory] => {
            let mut names: Vec<_> = fs::read_dir(directory)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
            names.sort();
            for path in names {
                let [a, b] = ["first.ppm", "second.ppm"].map(|n| read_ppm(&path.join(n)));
                let truth = packed(&read_ppm(&path.join("truth.ppm"))?);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                report.measure(&mut interpolator, &Arc::new(a?), &Arc::new(b?), &truth, &name)?;
                if verbose {
                    println!("{} {:.2}", path.display(), report.psnr.last().unwrap_or(&0.0));
                }
            }
        }
        ["clip", width, height, input, truth] => {
            let (w, h): (usize, usize) = (width.parse()?, height.parse()?);
            let frames: Vec<_> = fs::read(input)?
                .chunks_exact(3 * w * h)
                .map(|f| {
                    let planes = f.chunks_exact(w * h).map(|p| Samples::U8(p.to_vec())).collect();
                    Ok(Arc::new(Frame::new(
                        PixelFormat::YUV444P8,
                        w,
                        h,
                        planes,
                        ColorDescription::default(),
                    )?))
                })
                .collect::<Result<_>>()?;
            let truths = fs::read(truth)?;
            for (i, (pair, truth)) in frames.windows(2).zip(truths.chunks_exact(3 * w * h)).enumerate() {
                report.measure(&mut interpolator, &pair[0], &pair[1], truth, &format!("{i:04}"))?;
            }
        }
        _ => return Err("arguments: see the head of this example's source".into()),
    }
    report.print();
    Ok(())
}

/// The value of an option.
fn take(args: &mut Vec<String>) -> Result<String> {
    if args.is_empty() { Err("an option lacks its value".into()) } else { Ok(args.remove(0)) }
}

#[derive(Default)]
struct Report {
    /// Where made frames are kept.
    directory: Option<PathBuf>,
    psnr: Vec<f64>,
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Report {
    fn measure(
        &mut self,
        i: &mut FlowInterpolator,
        a: &Arc<Frame>,
        b: &Arc<Frame>,
        truth: &[u8],
        name: &str,
    ) -> Result<()> {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let middle = i.pair(a, b)?.at(0.5)?;
        self.wall.push(wall.elapsed().as_secs_f64());
        self.cpu.push(cpu_seconds() - cpu);
        let got = packed(&middle);
        if let Some(directory) = &self.directory {
            fs::create_dir_all(directory)?;
            let mut ppm = format!("P6\n{} {}\n255\n", middle.width(), middle.height()).into_bytes();
            ppm.extend_from_slice(&got);
            fs::write(directory.join(format!("{name}.ppm")), ppm)?;
        }
        let sum: f64 = got.iter().zip(truth).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        self.psnr.push(10.0 * (255.0 * 255.0 / (sum / truth.len() as f64 + 1e-9)).log10());
        Ok(())
    }

    fn print(&mut self) {
        let n = self.psnr.len().max(1);
        let median = |v: &mut Vec<f64>| {
            v.sort_by(f64::total_cmp);
            v.get(n / 2).copied().unwrap_or(0.0)
        };
        let mean = self.psnr.iter().sum::<f64>() / n as f64;
        let (cpu, wall) = (median(&mut self.cpu), median(&mut self.wall));
        println!("{mean:.3} dB, {cpu:.4} s processor, {wall:.4} s wall, {n} frames");
    }
}

/// Processor time of this process; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let nanos = |s: String| s.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0.0 };
    let of = |t: fs::DirEntry| fs::read_to_string(t.path().join("schedstat")).ok().and_then(nanos);
    tasks.flatten().filter_map(of).sum::<f64>() * 1e-9
}

fn read_ppm(path: &Path) -> Result<Frame> {
    let data = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut fields = Vec::new();
    let mut at = 0;
    while fields.len() < 4 {
        let end = at + data[at..].iter().position(u8::is_ascii_whitespace).ok_or("header ends early")?;
        fields.push(std::str::from_utf8(&data[at..end])?);
        at = end + 1;
    }
    if fields[0] != "P6" || fields[3] != "255" {
        return Err(format!("{}: found {} {}, expected P6 255", path.display(), fields[0], fields[3]).into());
    }
    let (w, h): (usize, usize) = (fields[1].parse()?, fields[2].parse()?);
    let planes =
        (0..3).map(|c| Samples::U8(data[at..].iter().skip(c).step_by(3).copied().collect())).collect();
    Ok(Frame::new(PixelFormat::RGB8, w, h, planes, ColorDescription::SRGB)?)
}

/// Packed 8-bit RGB of an RGB or 4:4:4 frame.
fn packed(frame: &Frame) -> Vec<u8> {
    let p: Vec<_> = frame.planes().iter().map(ifr_frame::Plane::to_f32).collect();
    let code = |v: f32| (v + 0.5) as u8;
    (0..p[0].len())
        .flat_map(|i| {
            let (a, b, c) = (p[0][i], p[1][i], p[2][i]);
            if frame.format().model == ColorModel::Rgb {
                return [a, b, c].map(code);
            }
            let (y, cb, cr) =
                ((a - 16.0) * 255.0 / 219.0, (b - 128.0) * 255.0 / 224.0, (c - 128.0) * 255.0 / 224.0);
            [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(code)
        })
        .collect()
}
