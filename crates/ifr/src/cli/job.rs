//! What is to be made of a video: the options that `ifr interpolate` and `ifr plan` share.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ifr::frame::Rate;
use ifr::job::{EncoderChoice, Overlays, Plan, Request, Speed, Stretch};
use ifr::timeline::{AtCut, CutList, CutSource};
use ifr::{Interpolator, InterpolatorError, MemoryLimit};

use super::Failure;
use super::model::ModelArgs;
use super::timing::{Fps, TimingArgs};

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
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

    #[command(flatten)]
    pub(crate) model: ModelArgs,

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

impl JobArgs {
    /// Whether a speed was asked for.
    pub(crate) fn has_speed(&self) -> bool {
        self.factor.is_some() || self.fps.is_some() || self.slow.is_some()
    }

    /// The request, of an input that is still to be named.
    pub(crate) fn request(&self) -> Result<Request, Failure> {
        let speed = self.speed()?;
        let range = self.timing.range()?;
        let cuts = match (&self.cut_list, self.cuts) {
            (Some(file), _) => CutSource::List(read_cut_list(file)?),
            (None, Cuts::Detect) => CutSource::Detect,
            (None, Cuts::Off) => CutSource::Off,
        };
        Ok(Request {
            sequence_rate: self.input_fps,
            cuts,
            at_cut: match self.at_cut {
                CutFill::Hold => AtCut::Hold,
                CutFill::Nearest => AtCut::Nearest,
                CutFill::Blend => AtCut::Blend,
            },
            overlays: match self.overlays {
                OverlayUse::Keep => Overlays::Keep,
                OverlayUse::Off => Overlays::Off,
            },
            copy_repeats: !self.compute_repeats,
            range,
            fields: self.timing.fields(),
            decimate: self.timing.decimate,
            dedupe: self.timing.dedupe,
            encoder: EncoderChoice {
                name: self.encoder.clone(),
                crf: self.crf,
                preset: self.encoder_preset.clone(),
                pix_fmt: self.pix_fmt.clone(),
                options: self.encoder_opt.clone(),
            },
            audio: !self.no_audio,
            segment_frames: self.segment_frames,
            check_space: !self.no_space_check,
            threads: self.model.threads.map_or(0, NonZeroUsize::get),
            protocols: self.allow_protocols.clone(),
            ..Request::new("", speed)
        })
    }

    fn speed(&self) -> Result<Speed, Failure> {
        let speed = match (self.factor, self.fps, self.slow) {
            (Some(n), ..) => Speed::Factor(n),
            (None, None, Some(stretch)) => Speed::Slow { stretch, rate: None },
            (None, Some(Fps::Rate(rate)), Some(stretch)) => Speed::Slow { stretch, rate: Some(rate) },
            (None, Some(Fps::Times(_)), Some(_)) => {
                return Err(Failure::usage("with --slow, --fps takes a rate: --slow 2 --fps 60"));
            }
            (None, Some(fps), None) => fps.speed(),
            (None, None, None) => Speed::Factor(2),
        };
        if let Speed::Factor(_) = speed {
            speed.grid(None).map_err(Failure::usage)?;
        }
        Ok(speed)
    }

    /// Has the model work in what `--memory` leaves it beside the rest of the job.
    pub(crate) fn fit(&self, engine: &mut Interpolator, plan: &Plan) -> Result<(), Failure> {
        match self.memory {
            MemoryLimit::Bytes(limit) => fit(engine, plan, limit),
            MemoryLimit::Auto => Ok(()),
        }
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
