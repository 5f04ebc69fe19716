//! `ifr preview`: what a video's in-between frames will look like, on one sheet.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use clap::Parser;
use ifr::Interpolator;
use ifr::flow::{Quality, colour_flow, flow};
use ifr::frame::{ColorDescription, PixelFormat, Rate, RgbImage, Time};
use ifr::job::{self, Request, Speed, Target};
use ifr::timeline::{Analyst, CutSource, Link, Repeats};
use ifr::video::{Item, Source, TimedFrame, images};

use super::Failure;
use super::flow::{luma, rgb_image};
use super::model::ModelArgs;
use super::say::say;
use super::sheet::{half, sheet};

/// Pairs tried at a place until one of them moves.
const TRIED: usize = 24;
/// Where to look, in frames, when the video does not say how long it is.
const BLIND: [i64; 8] = [8, 40, 90, 160, 250, 360, 490, 640];

/// Show what in-between frames will look like: a sheet with the frames at several places of the video.
///
/// Each row is one place: the frame before, the frame made halfway, the frame after, and the motion from the one to the other (hue is
/// direction, saturation length; white does not move). Scene cuts and still places are passed over.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ifr preview film.mkv\n  ifr preview film.mkv --rows 8 --model ifrnet-s.safetensors -o sheet.png"
)]
pub(crate) struct Args {
    /// A video, or a folder or pattern of images.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The sheet, a PNG [default: a name beside the input].
    #[arg(short, long, value_name = "OUT.png")]
    output: Option<PathBuf>,
    /// How many places, evenly over the video.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    rows: u8,
    /// The widest a picture on the sheet is; larger ones are halved until they fit.
    #[arg(long, value_name = "PIXELS", default_value_t = 640, value_parser = clap::value_parser!(u16).range(16..=8192))]
    width: u16,
    #[command(flatten)]
    model: ModelArgs,
    /// Rate of an image sequence.
    #[arg(long, value_name = "R", default_value_t = Request::default_sequence_rate())]
    input_fps: Rate,
    /// Overwrite an existing sheet.
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let output = args.output.clone().unwrap_or_else(|| {
        let stem = args.input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        args.input.with_file_name(format!("{stem}.preview.png"))
    });
    if output.extension().is_none_or(|e| !e.eq_ignore_ascii_case("png")) {
        return Err(Failure::usage(format!("{}: the sheet is a PNG; name it so", output.display())));
    }
    Target::file(output.clone()).check(&args.input, args.force)?;
    let request = Request {
        audio: false,
        sequence_rate: args.input_fps,
        threads: args.model.threads.map_or(0, std::num::NonZeroUsize::get),
        ..Request::new(&args.input, Speed::Factor(2))
    };
    let mut source = job::open(&request)?;
    let mut engine = args.model.interpolator()?;
    let places = places(source.as_ref(), args.rows.into());
    let mut rows: Vec<Vec<RgbImage>> = Vec::new();
    let mut walk = Walk::default();
    for place in places {
        let Some(pair) = walk.moving_pair(source.as_mut(), place)? else { break };
        let row = Row::new(&mut engine, &pair, args.width.into())?;
        say!("row {}: {:.3} s, motion of {:.1} px", rows.len() + 1, pair[0].pts.as_secs_f64(), row.longest);
        rows.push(row.panels);
    }
    if rows.is_empty() {
        return Err(Failure::input(format!(
            "{}: nothing moves in it; there is nothing to show",
            args.input.display()
        )));
    }
    write(&output, &rows)?;
    say!("{} (frame before, made, frame after, motion)", output.display());
    Ok(())
}

fn write(output: &Path, rows: &[Vec<RgbImage>]) -> Result<(), Failure> {
    let sheet = sheet(rows).map_err(Failure::internal)?;
    let frame = sheet.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).map_err(Failure::internal)?;
    images::write_image(output, &frame).map_err(Failure::output)
}

/// Where to look, from the first frame on: the middles of `rows` equal parts of the video.
fn places(source: &dyn Source, rows: i64) -> Vec<Time> {
    let video = &source.info().video;
    let period = video.rate.map_or(Time::new(1, 25), Rate::period);
    let counted = video.frames.and_then(|n| i64::try_from(n).ok()).map(|n| period.scaled(n, 1));
    match video.duration.or(counted) {
        Some(duration) => (0..rows).map(|i| duration.scaled(2 * i + 1, 2 * rows)).collect(),
        None => BLIND.iter().take(rows as usize).map(|&n| period.scaled(n, 1)).collect(),
    }
}

/// A way through a video from place to place.
#[derive(Default)]
struct Walk {
    start: Option<Time>,
}

impl Walk {
    fn next(&mut self, source: &mut dyn Source) -> Result<Option<TimedFrame>, Failure> {
        loop {
            match source.next().map_err(Failure::input)? {
                None => return Ok(None),
                Some(Item::Packet(_)) => {}
                Some(Item::Frame(frame)) => {
                    self.start.get_or_insert(frame.pts);
                    return Ok(Some(frame));
                }
            }
        }
    }

    /// The first pair of neighbours from `place` on between which something moves and nothing is cut; `None` at the end. Where only
    /// still ones are near, the last of those.
    fn moving_pair(
        &mut self,
        source: &mut dyn Source,
        place: Time,
    ) -> Result<Option<[TimedFrame; 2]>, Failure> {
        let mut analyst = Analyst::new(CutSource::Detect, Repeats::Similar);
        let mut before: Option<TimedFrame> = None;
        let mut waiting = VecDeque::new();
        let mut tried = 0;
        loop {
            let next = self.next(source)?;
            let ended = next.is_none();
            match next {
                None => analyst.finish(),
                Some(frame) if frame.pts - self.start.unwrap_or(frame.pts) < place => continue,
                Some(frame) => {
                    analyst.push(&frame.frame, frame.pts);
                    waiting.push_back(frame);
                }
            }
            while let Some(link) = analyst.pop() {
                let Some(frame) = waiting.pop_front() else { break };
                let pair = before.replace(frame.clone()).map(|first| [first, frame]);
                match (pair, link) {
                    (Some(pair), Link::Continuous) => return Ok(Some(pair)),
                    (Some(pair), Link::Same) if tried >= TRIED => return Ok(Some(pair)),
                    (Some(_), _) => tried += 1,
                    (None, _) => {}
                }
            }
            if ended {
                return Ok(None);
            }
        }
    }
}

/// What one place shows.
struct Row {
    panels: Vec<RgbImage>,
    /// The length, in pixels of the video, that all but a hundredth of the motion stays below.
    longest: f32,
}

impl Row {
    fn new(
        engine: &mut Interpolator,
        [first, second]: &[TimedFrame; 2],
        width: usize,
    ) -> Result<Self, Failure> {
        let made = engine.pair(&first.frame, &second.frame).and_then(|mut pair| pair.at(0.5));
        let made = made.map_err(job::JobError::Interpolate)?;
        let [before, after] = [&first.frame, &second.frame].map(|frame| frame.to_rgb());
        // At twice the size that is shown, where there is as much: fine motion comes out, and large pictures take no longer.
        let (a, b) = (fit(before.clone(), 2 * width)?, fit(after.clone(), 2 * width)?);
        let field = flow(&luma(&a), &luma(&b), Quality::Standard).map_err(Failure::internal)?;
        let longest = most(field.u().iter().zip(field.v()).map(|(u, v)| u.hypot(*v)).collect());
        // Still pictures are white, not noise.
        let colours = colour_flow(&field, Some(longest.max(0.5)));
        let motion = rgb_image(field.width(), field.height(), &colours)?;
        let scale = before.width() as f32 / a.width() as f32;
        let panels = [before, made.to_rgb(), after, motion].map(|image| fit(image, width));
        Ok(Self { panels: panels.into_iter().collect::<Result<_, _>>()?, longest: longest * scale })
    }
}

/// The image, halved until it is no wider than `width`.
fn fit(mut image: RgbImage, width: usize) -> Result<RgbImage, Failure> {
    while image.width() > width && image.height() > 1 {
        image = half(&image).map_err(Failure::internal)?;
    }
    Ok(image)
}

/// What all but a hundredth of the lengths stay below: a few that are wrong would make the others pale.
fn most(mut lengths: Vec<f32>) -> f32 {
    let index = lengths.len() * 99 / 100;
    if lengths.is_empty() { 0.0 } else { *lengths.select_nth_unstable_by(index, f32::total_cmp).1 }
}
