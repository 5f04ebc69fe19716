//! `ifr compare`: how much two videos differ, in figures and as a video.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, ValueEnum};
use ifr::eval::{Convention, Scores, score};
use ifr::frame::{ColorDescription, Frame, PixelFormat, Rate, RgbImage, Time};
use ifr::job::{self, Request, Speed, Target};
use ifr::video::{self, Item, OutputOptions, Sink, Source, TimedFrame};
use serde_json::json;

use super::say::{say, seen};
use super::sheet::half;
use super::{Failure, interrupt};

/// The widest picture made of panels side by side, in pixels; panels are halved until they fit.
const WIDEST: usize = 3840;

/// Compare two videos: PSNR and SSIM of their frames, and on demand a video of both with their difference.
///
/// Times count from each video's first frame. Each frame of A is compared with the frame of B nearest in time, where there is one
/// within half a frame (of the faster of the two); frames without are counted and left out. A source and what was made of it can
/// so be compared, whatever their rates.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ifr compare film.mp4 film.60fps.mp4\n  ifr compare before.mkv after.mkv -o both.mp4 --gain 16"
)]
pub(crate) struct Args {
    /// The first video, or folder of images.
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The second.
    #[arg(value_name = "B")]
    second: PathBuf,
    /// A video of the comparison.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// What it shows.
    #[arg(long, value_enum, default_value_t = Show::All, value_name = "WHAT", requires = "output")]
    show: Show,
    /// How many times larger differences are shown than they are.
    #[arg(long, value_name = "N", default_value_t = 8.0, value_parser = gain, requires = "output")]
    gain: f32,
    /// How PSNR and SSIM are computed: ifrnet or ifr-plus.
    #[arg(long, value_name = "NAME", default_value_t)]
    convention: Convention,
    /// Rate of image sequences.
    #[arg(long, value_name = "R", default_value_t = Request::default_sequence_rate())]
    input_fps: Rate,
    /// Figures as one JSON object.
    #[arg(long)]
    json: bool,
    /// Overwrite an existing output.
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    /// A, B, and their difference, side by side.
    All,
    /// A and B, side by side.
    Side,
    /// The difference alone: grey is none.
    Difference,
}

fn gain(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().ok().filter(|n| (1.0..=255.0).contains(n));
    number.ok_or_else(|| format!("found '{text}', expected a number from 1 to 255"))
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let open = |path: &Path| {
        let request =
            Request { audio: false, sequence_rate: args.input_fps, ..Request::new(path, Speed::Factor(2)) };
        job::open(&request)
    };
    let (first, second) = (open(&args.first)?, open(&args.second)?);
    let size = |source: &dyn Source| (source.info().video.width, source.info().video.height);
    let ((w0, h0), (w1, h1)) = (size(first.as_ref()), size(second.as_ref()));
    if (w0, h0) != (w1, h1) {
        return Err(Failure::input(format!(
            "{} is {w0}x{h0} and {} is {w1}x{h1}: both must be of one size; scale one of them first",
            args.first.display(),
            args.second.display()
        )));
    }
    let mut show = match &args.output {
        Some(path) => Some(Showing::new(args, path, first.as_ref())?),
        None => None,
    };
    let stop = interrupt::flag();
    let (mut tally, result) = (Tally::default(), &mut show);
    let compared = compare(first, second, &stop, &mut |pair| {
        let images = [pair.first.frame.to_rgb(), pair.second.frame.to_rgb()];
        let scores = score(&images[0], &images[1], args.convention).map_err(Failure::input)?;
        tally.take(&pair, scores);
        match result {
            Some(showing) => showing.write(&images, pair.time),
            None => Ok(()),
        }
    })?;
    if let Some(showing) = show {
        showing.finish()?;
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::interrupted(format!("stopped after {} frames", compared.compared)));
    }
    if compared.compared == 0 {
        return Err(Failure::input(format!(
            "no frame of {} has one in {} at its time: nothing was compared",
            args.first.display(),
            args.second.display()
        )));
    }
    tell(args, &tally, compared)
}

/// Two frames that are shown at one time.
struct Both {
    /// The number of the first among its video's.
    index: u64,
    first: TimedFrame,
    second: TimedFrame,
    /// When the first is shown, from its video's first frame.
    time: Time,
}

/// How many frames of the first video had one in the second, and how many had none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    compared: u64,
    alone: u64,
}

/// A video's frames, their times from the first on.
struct Frames {
    source: Box<dyn Source>,
    start: Option<Time>,
}

impl Frames {
    fn next(&mut self) -> Result<Option<TimedFrame>, Failure> {
        loop {
            match self.source.next().map_err(Failure::input)? {
                None => return Ok(None),
                Some(Item::Packet(_)) => {}
                Some(Item::Frame(mut frame)) => {
                    frame.pts = frame.pts - *self.start.get_or_insert(frame.pts);
                    return Ok(Some(frame));
                }
            }
        }
    }
}

/// Half the period of the faster of two rates; 1/100 s where neither is stated.
fn tolerance(rates: [Option<Rate>; 2]) -> Time {
    let period = rates.into_iter().flatten().map(Rate::period).min();
    period.unwrap_or(Time::new(1, 50)).scaled(1, 2)
}

/// Hands on each frame of the first with the nearest of the second, where that is near enough.
fn compare(
    first: Box<dyn Source>,
    second: Box<dyn Source>,
    stop: &AtomicBool,
    each: &mut dyn FnMut(Both) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let near = tolerance([first.info().video.rate, second.info().video.rate]);
    let [mut first, mut second] = [first, second].map(|source| Frames { source, start: None });
    let mut counts = Counts::default();
    let mut before: Option<TimedFrame> = None;
    let mut after = second.next()?;
    let mut index = 0;
    while let Some(frame) = first.next()? {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let time = frame.pts;
        while after.as_ref().is_some_and(|a| a.pts <= time) {
            before = std::mem::replace(&mut after, second.next()?);
        }
        let distance = |other: &&TimedFrame| (other.pts - time).abs();
        let nearest = [&before, &after].into_iter().flatten().min_by_key(distance);
        match nearest.filter(|other| distance(other) <= near) {
            Some(other) => {
                counts.compared += 1;
                each(Both { index, first: frame, second: other.clone(), time })?;
            }
            None => counts.alone += 1,
        }
        index += 1;
        // What both have ended with is no longer waited for.
        if after.is_none() && before.as_ref().is_none_or(|b| b.pts + near < time) {
            while first.next()?.is_some() {
                counts.alone += 1;
            }
        }
    }
    Ok(counts)
}

/// Figures over all frames compared.
#[derive(Debug, Default)]
struct Tally {
    frames: u64,
    /// Frames that are equal to the bit.
    equal: u64,
    /// Sums over those that differ.
    psnr: f64,
    ssim: f64,
    worst: Option<Worst>,
}

/// The frame with the least PSNR.
#[derive(Debug, Clone, Copy)]
struct Worst {
    index: u64,
    time: Time,
    scores: Scores,
}

impl Tally {
    fn take(&mut self, pair: &Both, scores: Scores) {
        self.frames += 1;
        if *pair.first.frame == *pair.second.frame {
            self.equal += 1;
            return;
        }
        self.psnr += scores.psnr;
        self.ssim += scores.ssim;
        if self.worst.is_none_or(|worst| scores.psnr < worst.scores.psnr) {
            self.worst = Some(Worst { index: pair.index, time: pair.time, scores });
        }
    }

    /// Means of PSNR and SSIM over the frames that differ.
    fn means(&self) -> Option<(f64, f64)> {
        let count = (self.frames - self.equal) as f64;
        (count > 0.0).then(|| (self.psnr / count, self.ssim / count))
    }
}

fn tell(args: &Args, tally: &Tally, counts: Counts) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if args.json {
        let worst = tally.worst.map(|w| {
            json!({ "frame": w.index, "time": w.time.as_secs_f64(), "psnr": w.scores.psnr, "ssim": w.scores.ssim })
        });
        let value = json!({
            "event": "summary",
            "first": args.first.to_string_lossy(),
            "second": args.second.to_string_lossy(),
            "output": args.output.as_ref().map(|path| path.to_string_lossy()),
            "convention": args.convention,
            "compared": counts.compared,
            "alone": counts.alone,
            "equal": tally.equal,
            "psnr": tally.means().map(|m| m.0),
            "ssim": tally.means().map(|m| m.1),
            "worst": worst,
        });
        return seen(writeln!(out, "{value}"));
    }
    let mut text = format!("compared  {} frames; {} are equal to the bit", counts.compared, tally.equal);
    if counts.alone > 0 {
        text += &format!("; {} of A have none in B at their time", counts.alone);
    }
    if let (Some((psnr, ssim)), Some(worst)) = (tally.means(), tally.worst) {
        let others = tally.frames - tally.equal;
        let word = if tally.equal > 0 { " that differ" } else { "" };
        text += &format!("\nPSNR      {psnr:.2} dB, mean of the {others}{word}");
        text += &format!("\nSSIM      {ssim:.4}, likewise");
        let Worst { index, time, scores } = worst;
        let seconds = time.as_secs_f64();
        text += &format!(
            "\nworst     frame {index} of A, at {seconds:.3} s: {:.2} dB, {:.4}",
            scores.psnr, scores.ssim
        );
    }
    if let Some(path) = &args.output {
        say!("{}", path.display());
    }
    seen(writeln!(out, "{text}"))
}

/// The video of a comparison.
struct Showing {
    target: Target,
    sink: Box<dyn Sink>,
    show: Show,
    gain: f32,
    halvings: u32,
}

impl Showing {
    fn new(args: &Args, path: &Path, source: &dyn Source) -> Result<Self, Failure> {
        let target = Target::new(path.to_owned());
        for input in [&args.first, &args.second] {
            target.check(input, args.force)?;
        }
        target.clear()?;
        let video = &source.info().video;
        let panels = match args.show {
            Show::All => 3,
            Show::Side => 2,
            Show::Difference => 1,
        };
        let (mut width, mut height, mut halvings) = (video.width, video.height, 0);
        while width * panels > WIDEST && width > 1 && height > 1 {
            (width, height, halvings) = (width / 2, height / 2, halvings + 1);
        }
        let options = OutputOptions {
            path: target.writing().to_owned(),
            width: width * panels,
            height,
            format: PixelFormat::YUV420P8,
            color: ColorDescription::BT709,
            sample_aspect: video.sample_aspect,
            rotation: video.rotation,
            rate: video.rate,
            time_base: Some(video.time_base),
            encoder: None,
            crf: None,
            preset: None,
            pix_fmt: None,
            encoder_options: Vec::new(),
            threads: 0,
            stretch: (1, 1),
            audio: false,
            extras: false,
        };
        let sink = video::create(&options, None).map_err(job::JobError::Output)?;
        Ok(Self { target, sink, show: args.show, gain: args.gain, halvings })
    }

    fn write(&mut self, [a, b]: &[RgbImage; 2], time: Time) -> Result<(), Failure> {
        let small = |image: RgbImage| {
            (0..self.halvings).try_fold(image, |image, _| half(&image)).map_err(Failure::internal)
        };
        // Halved after the difference is taken, so that fine ones do not cancel out.
        let picture = match self.show {
            Show::Difference => small(difference(a, b, self.gain, 0.5)?)?,
            Show::Side => beside(&[small(a.clone())?, small(b.clone())?])?,
            Show::All => {
                let difference = small(difference(a, b, self.gain, 0.0)?)?;
                beside(&[small(a.clone())?, small(b.clone())?, difference])?
            }
        };
        let frame: Frame =
            picture.to_frame(PixelFormat::YUV420P8, ColorDescription::BT709).map_err(Failure::internal)?;
        self.sink.write_frame(&frame, time, None).map_err(Failure::output)
    }

    fn finish(self) -> Result<(), Failure> {
        self.sink.finish().map_err(Failure::output)?;
        Ok(self.target.commit()?)
    }
}

/// The difference of two images of one size, `gain` times larger: by amount on black (`ground` 0), or with its sign around `ground`.
fn difference(a: &RgbImage, b: &RgbImage, gain: f32, ground: f32) -> Result<RgbImage, Failure> {
    let amount = |(a, b): (&f32, &f32)| {
        let d = gain * (b - a);
        if ground > 0.0 { (ground + d).clamp(0.0, 1.0) } else { d.abs().min(1.0) }
    };
    let data = a.data().iter().zip(b.data()).map(amount).collect();
    RgbImage::new(a.width(), a.height(), data).map_err(Failure::internal)
}

/// Images of one size in a row.
fn beside(images: &[RgbImage]) -> Result<RgbImage, Failure> {
    let [first, ..] = images else { return Err(Failure::internal("a row of no images")) };
    let (w, h, n) = (first.width(), first.height(), images.len());
    let mut row = RgbImage::black(w * n, h).map_err(Failure::internal)?;
    for (c, plane) in row.channels_mut().into_iter().enumerate() {
        for (y, line) in plane.chunks_exact_mut(w * n).enumerate() {
            for (part, image) in line.chunks_exact_mut(w).zip(images) {
                part.copy_from_slice(&image.channel(c)[y * w..(y + 1) * w]);
            }
        }
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_enlarged() {
        let image = |v: f32| RgbImage::new(2, 1, vec![v; 6]).unwrap();
        let (a, b) = (image(0.5), image(0.45));
        let value = |gain, ground| difference(&a, &b, gain, ground).unwrap().data()[0];
        assert!((value(8.0, 0.0) - 0.4).abs() < 1e-6 && (value(8.0, 0.5) - 0.1).abs() < 1e-6);
        assert_eq!((value(100.0, 0.0), value(100.0, 0.5)), (1.0, 0.0));
        let row = beside(&[image(0.1), image(0.2)]).unwrap();
        assert_eq!(row.channel(2), [0.1, 0.1, 0.2, 0.2]);
    }

    #[test]
    fn frames_are_near_within_half_of_the_shorter_period() {
        let rate = |n| Rate::new(n, 1).ok();
        assert_eq!(tolerance([rate(25), rate(50)]), Time::new(1, 100));
        assert_eq!(tolerance([rate(25), None]), Time::new(1, 50));
        assert_eq!(tolerance([None, None]), Time::new(1, 100));
    }
}
