use std::num::NonZeroU64;
use std::path::PathBuf;

use ifr_frame::Rate;
use ifr_timeline::{AtCut, CutSource};
use ifr_video::{Fields, Range};

use crate::job::Speed;

/// How the output is encoded; every `None` lets `ifr` choose by input and container.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncoderChoice {
    /// FFmpeg's name of the encoder.
    pub name: Option<String>,
    /// Constant quality, on the encoder's own scale.
    pub crf: Option<f32>,
    /// The encoder's preset.
    pub preset: Option<String>,
    /// FFmpeg's name of the encoder's pixel format.
    pub pix_fmt: Option<String>,
    /// Further options, key and value.
    pub options: Vec<(String, String)>,
}

/// What becomes of captions, logos, displays and letterbox bars that stand still over a moving picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlays {
    /// In made frames too they are those of the source: see [`ifr_timeline::overlay`].
    #[default]
    Keep,
    /// Nobody looks for them.
    Off,
}

/// What is wanted of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// A video file, a directory of images, a printf pattern of images, or `-` for y4m on standard input.
    pub input: PathBuf,
    /// Where to write; `None` chooses a name beside the input. A directory takes images; `-` is y4m on standard output.
    pub output: Option<PathBuf>,
    /// Which frames.
    pub speed: Speed,
    /// Rate of an image sequence, which has none of its own.
    pub sequence_rate: Rate,
    /// Where cuts come from.
    pub cuts: CutSource,
    /// What happens at cuts.
    pub at_cut: AtCut,
    /// What becomes of captions, logos and bars that stand still.
    pub overlays: Overlays,
    /// Whether near-identical neighbours are copied instead of computed.
    pub copy_repeats: bool,
    /// Which part of the input.
    pub range: Range,
    /// What becomes of interlaced pictures.
    pub fields: Fields,
    /// Whether film that was brought to 30 frames a second becomes film again.
    pub decimate: bool,
    /// Whether frames that repeat the one before are left out, and each picture gets the time at which it first showed.
    pub dedupe: bool,
    /// How to encode.
    pub encoder: EncoderChoice,
    /// Whether sound is taken along.
    pub audio: bool,
    /// Whether an existing output is overwritten.
    pub force: bool,
    /// Whether a run that was interrupted is continued.
    pub resume: bool,
    /// Source frames a segment, see [`Plan::segments`](crate::job::Plan::segments); `None`: as many as make about 270
    /// output frames.
    pub segment_frames: Option<NonZeroU64>,
    /// Whether free space is checked beforehand.
    pub check_space: bool,
    /// Threads for decoding and encoding; 0 lets FFmpeg choose.
    pub threads: usize,
    /// What FFmpeg may open beyond the input itself: see [`OpenOptions::protocols`](ifr_video::OpenOptions::protocols).
    pub protocols: Vec<String>,
}

impl Request {
    /// A request with everything else at its default.
    pub fn new(input: impl Into<PathBuf>, speed: Speed) -> Self {
        Self {
            input: input.into(),
            output: None,
            speed,
            sequence_rate: Self::default_sequence_rate(),
            cuts: CutSource::Detect,
            at_cut: AtCut::Hold,
            overlays: Overlays::Keep,
            copy_repeats: true,
            range: Range::ALL,
            fields: Fields::Auto,
            decimate: false,
            dedupe: false,
            encoder: EncoderChoice::default(),
            audio: true,
            force: false,
            resume: false,
            segment_frames: None,
            check_space: true,
            threads: 0,
            protocols: Vec::new(),
        }
    }

    /// The rate of image sequences unless given: 25 frames a second, FFmpeg's own default.
    pub fn default_sequence_rate() -> Rate {
        Rate::new(25, 1).expect("25 is a rate")
    }
}
