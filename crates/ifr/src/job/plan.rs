use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use ifr_frame::{Rate, Time};
use ifr_timeline::{AtCut, Cadence, CutSource, Grid, Repeats};
use ifr_video::{Fields, OpenOptions, OutputOptions, SourceInfo, VideoError, VideoInfo, images};

use crate::Method;
use crate::job::target::folder_of;
use crate::job::{JobError, Making, Overlays, Request, Speed, Stretch, Target, naming, space, time_base};

/// A request checked against its source: everything that can be decided before the first frame is.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The input.
    pub input: PathBuf,
    /// Where the output goes.
    pub target: Target,
    /// What the sink is told.
    pub output: OutputOptions,
    /// What was asked for.
    pub speed: Speed,
    /// Output times.
    pub grid: Grid,
    /// How much longer the output lasts.
    pub stretch: Stretch,
    /// Where cuts come from.
    pub cuts: CutSource,
    /// What happens at cuts.
    pub at_cut: AtCut,
    /// What becomes of overlays that stand still.
    pub overlays: Overlays,
    /// Which neighbours are copied instead of computed.
    pub repeats: Repeats,
    /// Whether frames that repeat the one before are left out.
    pub dedupe: bool,
    /// Source frames to expect, where the container says.
    pub source_frames: Option<u64>,
    /// Output frames to expect, likewise.
    pub output_frames: Option<u64>,
    /// What the user should know: another container than the input's, streams left out.
    pub notices: Vec<String>,
    /// How frames are made, where that has been told.
    pub making: Option<Making>,
    /// The source.
    pub source: SourceInfo,
    /// How the source is opened.
    pub open: OpenOptions,
    /// Source frames a segment: the video is encoded in pieces, which an interrupted run leaves whole. Every n-th source
    /// frame begins one, with all that lies before the next. `None`: in one go (where the input cannot be read twice, and
    /// for outputs that are no containers).
    pub segments: Option<NonZeroU64>,
    /// Whether segments of an earlier run are taken over.
    pub resume: bool,
}

impl Plan {
    /// Decides.
    ///
    /// # Errors
    /// [`JobError`] when the request cannot be met: an impossible speed, an output that exists or cannot be written,
    /// too little room.
    pub fn new(request: &Request, source: &SourceInfo) -> Result<Self, JobError> {
        let video = &source.video;
        let bad = |e: crate::job::SpeedError| JobError::Request(e.to_string());
        let (grid, stretch) = request.speed.grid(video.rate).map_err(bad)?;
        let (target, notices) = target(request, source)?;
        let segments = segments(request, source, &target, grid, stretch);
        if request.resume && segments.is_none() {
            return Err(JobError::Request(
                "--resume continues a video that is written from a file to a file; this job has to begin anew".to_owned(),
            ));
        }
        target.check_or_resume(&request.input, request.force, request.resume)?;

        let rate = match grid {
            Grid::Rate(rate) => Some(rate),
            Grid::Divide(parts) => {
                let (num, den) = stretch.parts();
                video.rate.and_then(|r| r.scaled(parts.get().saturating_mul(den), num).ok())
            }
        };
        let output_frames = expected(grid, stretch, video.frames, video.duration);
        let encoder = &request.encoder;
        let cadence = cadence(video);
        let output = OutputOptions {
            path: target.writing().to_owned(),
            width: video.width,
            height: video.height,
            format: video.format,
            color: video.color,
            sample_aspect: video.sample_aspect,
            rotation: video.rotation,
            rate,
            time_base: Some(time_base::output(video.time_base, cadence.rate(), grid, stretch)),
            encoder: encoder.name.clone(),
            crf: encoder.crf,
            preset: encoder.preset.clone(),
            pix_fmt: encoder.pix_fmt.clone(),
            encoder_options: encoder.options.clone(),
            threads: encoder_threads(request.threads),
            stretch: stretch.parts(),
            audio: request.audio,
            extras: true,
        };
        if request.check_space && target != Target::Stdout {
            let images = !matches!(target, Target::File { .. });
            let lossless = images || encoder.name.as_deref().map_or(video.lossless, is_lossless);
            let frames = output_frames.unwrap_or_default();
            let needed = space::estimate(video.format, video.width, video.height, frames, lossless);
            // Segments stay until they are joined.
            let needed = if segments.is_some() { needed.saturating_mul(2) } else { needed };
            space::check(target.folder(), target.path(), needed)?;
        }
        Ok(Self {
            input: request.input.clone(),
            target,
            output,
            speed: request.speed,
            grid,
            stretch,
            cuts: request.cuts.clone(),
            at_cut: request.at_cut,
            overlays: request.overlays,
            repeats: match (request.copy_repeats, stretch) {
                (false, _) => Repeats::Off,
                (true, Stretch::NONE) => Repeats::Similar,
                (true, _) => Repeats::Equal,
            },
            dedupe: request.dedupe,
            source_frames: video.frames,
            output_frames,
            notices,
            making: None,
            source: source.clone(),
            open: open_options(request),
            segments,
            resume: request.resume,
        })
    }

    /// The plan with how its frames are made: what [`Interpolator::method`](crate::Interpolator::method) says of the source's
    /// size. A notice tells of instants that are not made exactly.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        let rate = self.cadence().rate().or(self.source.video.rate);
        let making = Making::new(method, self.grid, self.stretch, rate);
        self.notices.extend(making.notice());
        self.making = Some(making);
        self
    }

    /// The stretch of time as (numerator, denominator), for [`Time::scaled`].
    pub(super) fn stretch_parts(&self) -> (i64, i64) {
        let (num, den) = self.stretch.parts();
        (num.into(), den.into())
    }

    /// How far the source's times may lie from the true ones, in the output's time.
    pub(super) fn slack(&self) -> Time {
        let (num, den) = self.stretch_parts();
        self.cadence().slack().scaled(num, den)
    }

    /// What undoes the rounding of the source's times.
    pub(super) fn cadence(&self) -> Cadence {
        cadence(&self.source.video)
    }
}

fn cadence(video: &VideoInfo) -> Cadence {
    Cadence::new(video.time_base, video.rate).with_rounding(video.rounding)
}

/// How a request's input is opened.
pub(super) fn open_options(request: &Request) -> OpenOptions {
    OpenOptions {
        threads: request.threads,
        audio: request.audio,
        rate: Some(request.sequence_rate),
        protocols: request.protocols.clone(),
        fields: if request.decimate { Fields::Match } else { request.fields },
        range: request.range,
        ..OpenOptions::default()
    }
}

/// Threads of the encoder: spelled out, since what some encoders write depends on it, and segments of one video may be made
/// on several machines. Half as many again as there are processors, at most 16, is what x264 takes by itself.
fn encoder_threads(wanted: usize) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if wanted > 0 { wanted } else { (processors() * 3).div_ceil(2).min(16) }
}

/// Output frames that a segment is to hold: some seconds, and a little more than the distance of key frames that most
/// encoders keep by themselves (250), so that segments cost no bits.
const SEGMENT: f64 = 270.0;

/// See [`Plan::segments`].
fn segments(
    request: &Request,
    source: &SourceInfo,
    target: &Target,
    grid: Grid,
    stretch: Stretch,
) -> Option<NonZeroU64> {
    let Target::File { partial, .. } = target else { return None };
    let input = &request.input;
    // A pipe is gone once it is read.
    let again = input.is_file() || input.is_dir() || images::is_sequence(input);
    if !again || input == Path::new("-") || !ifr_video::is_container_name(partial) {
        return None;
    }
    let default = || {
        let (num, den) = stretch.parts();
        let rate = source.video.rate.map_or(25.0, Rate::as_f64);
        let each = match grid {
            Grid::Divide(parts) => f64::from(parts.get()),
            Grid::Rate(wanted) => wanted.as_f64() * f64::from(num) / f64::from(den) / rate,
        };
        NonZeroU64::new((SEGMENT / each).round().clamp(1.0, 65_536.0) as u64)
    };
    request.segment_frames.or_else(default)
}

fn is_lossless(encoder: &str) -> bool {
    ["ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "png", "rawvideo", "qtrle"].contains(&encoder)
}

/// The container's extension for frames of `source` in `path`, or beside the input, and what there is to say about it.
#[cfg(feature = "video")]
fn container(request: &Request, source: &SourceInfo, path: Option<&Path>) -> (String, Vec<String>) {
    // FFmpeg reads WebM and Matroska as one container; the name tells them apart.
    let webm = request.input.extension().is_some_and(|e| e.eq_ignore_ascii_case("webm"));
    let path = path.or_else(|| webm.then_some(Path::new("output.webm")));
    let choice = ifr_video::container_for_encoder(source, path, request.encoder.name.as_deref());
    (choice.extension, choice.notices)
}

/// Without FFmpeg there is one container.
#[cfg(not(feature = "video"))]
fn container(_request: &Request, _source: &SourceInfo, _path: Option<&Path>) -> (String, Vec<String>) {
    ("y4m".to_owned(), Vec::new())
}

/// Where the output goes, as asked for or beside the input, and what there is to say about it.
fn target(request: &Request, source: &SourceInfo) -> Result<(Target, Vec<String>), JobError> {
    let input = &request.input;
    let from_images = source.container == "images";
    let mut folder = None;
    if let Some(path) = &request.output {
        match Target::new(path.clone()) {
            Target::File { path, .. } if from_images && (path.is_dir() || path.extension().is_none()) => {
                return Ok((Target::directory(path), Vec::new()));
            }
            // A video, given a folder: by its default name in there.
            Target::File { path, .. } if path.is_dir() => folder = Some(path),
            Target::File { path, .. } if path.extension().is_none() => {
                return Err(JobError::Request(format!(
                    "{0} names no kind of file: give an extension ({0}.mp4, {0}.mkv, {0}.gif, …), or {0}/ for a directory of \
                     images",
                    path.display()
                )));
            }
            target @ Target::File { .. } => return Ok((target, container(request, source, Some(path)).1)),
            other => return Ok((other, Vec::new())),
        }
    }
    if input == Path::new("-") {
        return Err(JobError::Request(
            "the input is standard input: say where to write with -o FILE, or -o - for y4m on standard output".into(),
        ));
    }
    if folder.is_none() && input.to_string_lossy().contains("://") && !input.exists() {
        return Err(JobError::Request(format!(
            "{} is an address: say where to write with -o",
            input.display()
        )));
    }
    if from_images {
        let folder = if input.is_dir() { input.clone() } else { folder_of(input) };
        let folder = folder.canonicalize().map_err(|e| {
            JobError::Input(VideoError::Io { action: "open", path: folder.clone(), source: e })
        })?;
        return Ok((Target::directory(naming::beside(&folder, request.speed, None)), Vec::new()));
    }
    let (extension, notices) = match source.container.as_str() {
        animation @ ("gif" | "webp") if request.encoder.name.is_none() => (animation.to_owned(), Vec::new()),
        _ => container(request, source, None),
    };
    let beside = naming::beside(input, request.speed, Some(&extension));
    let path = match folder {
        Some(folder) => folder.join(beside.file_name().unwrap_or_default()),
        None => beside,
    };
    let partial = naming::partial(&path);
    Ok((Target::File { path, partial }, notices))
}

fn expected(grid: Grid, stretch: Stretch, frames: Option<u64>, duration: Option<Time>) -> Option<u64> {
    match grid {
        Grid::Divide(parts) => frames.map(|n| n.saturating_sub(1) * u64::from(parts.get()) + n.min(1)),
        Grid::Rate(rate) => {
            let (num, den) = stretch.parts();
            let length = duration?.scaled(num.into(), den.into());
            u64::try_from((length + rate.period().scaled(1, 2)).div_floor(rate.period())).ok()
        }
    }
}

impl fmt::Display for Plan {
    /// A few lines for people: what comes in, what goes out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let video = &self.source.video;
        let count = |n: Option<u64>| n.map_or("unknown".to_owned(), |n| n.to_string());
        writeln!(f, "input     {}", self.input.display())?;
        write!(f, "  video   {} {}x{} {}", video.codec, video.width, video.height, video.format)?;
        write!(f, ", {}", video.color)?;
        match video.rate {
            Some(rate) => write!(f, ", {rate} fps")?,
            None => write!(f, ", no stated rate")?,
        }
        writeln!(f, ", {} frames", count(video.frames))?;
        for line in &self.source.others {
            writeln!(f, "  copied  {line}")?;
        }
        if self.source.chapters > 0 {
            writeln!(f, "  copied  {} chapters", self.source.chapters)?;
        }
        writeln!(f, "output    {}", self.target.path().display())?;
        write!(f, "  video   {}", self.speed)?;
        if let Some(rate) = self.output.rate {
            write!(f, ", {rate} fps")?;
        }
        writeln!(f, ", {} frames", count(self.output_frames))?;
        let cuts = match &self.cuts {
            CutSource::Detect => "found in the pictures".to_owned(),
            CutSource::List(list) => format!("{} given", list.len()),
            CutSource::Off => "off".to_owned(),
        };
        let at_cut = match self.at_cut {
            AtCut::Hold => "hold the last frame",
            AtCut::Nearest => "take the nearer frame",
            AtCut::Blend => "cross-fade",
        };
        write!(f, "  cuts    {cuts}; {at_cut}")?;
        if self.overlays == Overlays::Keep {
            write!(f, "\n  still   captions, logos and bars that stand still are kept")?;
        }
        if self.dedupe {
            write!(f, "\n  repeats left out, each picture at the time it first shows")?;
        }
        if let Some(making) = &self.making {
            write!(f, "\n{making}")?;
        }
        for notice in &self.notices {
            write!(f, "\nnotice    {notice}")?;
        }
        Ok(())
    }
}
