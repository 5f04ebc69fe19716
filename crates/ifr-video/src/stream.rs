use std::path::{Path, PathBuf};

use ifr_frame::{ColorDescription, Frame, MAX_PIXELS, PixelFormat, Rate, Time, TimeBase};

use crate::{Item, Range, Rotation, SourceInfo, StreamPacket, VideoError};

/// Yields a video's frames, and the packets of its other streams, one by one.
pub trait Source: Send {
    /// What the source says of itself.
    fn info(&self) -> &SourceInfo;

    /// The next item; `None` at the end. Frames come in presentation order with strictly increasing times.
    ///
    /// # Errors
    /// [`VideoError`] when the file is damaged beyond what the decoder can skip.
    fn next(&mut self) -> Result<Option<Item>, VideoError>;

    /// Goes on with frames (and packets) from somewhere before `to`, or at it, as the source counts; as near as its
    /// container's index leads. `false`: this source can only be read from start to end, and nothing has changed.
    ///
    /// # Errors
    /// [`VideoError`] as for [`Source::next`].
    fn seek(&mut self, to: Time) -> Result<bool, VideoError> {
        let _ = to;
        Ok(false)
    }

    /// How many damaged packets or frames were skipped so far.
    fn skipped(&self) -> u64 {
        0
    }

    /// What people should be told of the source so far, one sentence each: streams that are left out, a file that
    /// ends early, …
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Takes frames in order of their times, and packets of other streams.
pub trait Sink: Send {
    /// Writes one frame at `pts`, shown for `duration` (used for the last frame, and by containers that store it).
    ///
    /// # Errors
    /// [`VideoError`]; what was written before stays playable after [`Sink::finish`].
    fn write_frame(&mut self, frame: &Frame, pts: Time, duration: Option<Time>) -> Result<(), VideoError>;

    /// Writes a packet of another stream (ignored by sinks that hold video only).
    ///
    /// # Errors
    /// [`VideoError`] as above.
    fn write_packet(&mut self, packet: StreamPacket) -> Result<(), VideoError>;

    /// What people should be told of the output, one sentence each: streams that its container cannot hold, pixel
    /// formats that had to be converted, …
    fn notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Flushes the encoder, writes what the container needs at the end, and closes the file.
    ///
    /// # Errors
    /// [`VideoError`] as above.
    fn finish(self: Box<Self>) -> Result<Summary, VideoError>;
}

/// What a sink wrote.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Frames written.
    pub frames: u64,
    /// Bytes written, where known.
    pub bytes: u64,
    /// The encoder that was used, e.g. `libx264`.
    pub encoder: String,
    /// What people should be told that came up while writing.
    pub notices: Vec<String>,
}

/// How to read a source.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Decoder threads; 0 lets the decoder choose.
    pub threads: usize,
    /// The largest picture taken, in pixels; a larger one is an error before it is decoded.
    pub max_pixels: usize,
    /// Whether frames are yielded; without them a container is not decoded beyond its first frame.
    pub frames: bool,
    /// Where to begin: at a key frame before this time, as far as the container finds one. What is decoded first may be
    /// damaged, if it refers to frames before the key frame.
    pub seek: Option<Time>,
    /// Whether packets of audio streams are yielded.
    pub audio: bool,
    /// Whether packets of subtitle, attachment and data streams are yielded.
    pub extras: bool,
    /// The frame rate of inputs that have none, such as image sequences; 24 when not given.
    pub rate: Option<Rate>,
    /// The most streams that a container may have.
    pub max_streams: usize,
    /// What FFmpeg may open beyond the file itself, by its names of protocols (`file`, `http`, `https`, …). With none, files that
    /// are lists of others (HLS, DASH, concat, SDP, …) are refused. With some, an input may also be an address by one of them.
    pub protocols: Vec<String>,
    /// What becomes of interlaced pictures.
    pub fields: Fields,
    /// Which part is read.
    pub range: Range,
}

/// What becomes of pictures that are two fields, each of its own instant. FFmpeg's filters do the work; without FFmpeg
/// pictures are taken as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fields {
    /// They are taken as they are; interlaced ones are told of.
    #[default]
    Keep,
    /// Where the video is marked as interlaced, two whole pictures are made of each marked one, half its duration apart:
    /// all the motion that was recorded.
    Auto,
    /// Two whole pictures are made of every one, marked or not.
    Double,
    /// One whole picture is made of every one, at its own time: half of the recorded motion, at the stated rate.
    Merge,
    /// Fields that were taken from one picture (telecine) are brought together again; repeated pictures stay.
    Match,
}

impl OpenOptions {
    /// Whether `path` is no file but an address by one of the protocols allowed, such as `https://…`.
    pub fn is_address(&self, path: &Path) -> bool {
        let text = path.as_os_str().to_string_lossy();
        text.split_once("://")
            .is_some_and(|(name, _)| name != "file" && self.protocols.iter().any(|p| p == name))
    }
}

impl Default for OpenOptions {
    /// As many threads as the decoder likes, the largest picture that a [`Frame`] takes, all streams of up to 500 (subtitled films with
    /// a font for each style have a hundred; FFmpeg's own limit is 1000), no protocols, the whole of it.
    fn default() -> Self {
        Self {
            threads: 0,
            max_pixels: MAX_PIXELS,
            frames: true,
            seek: None,
            audio: true,
            extras: true,
            rate: None,
            max_streams: 500,
            protocols: Vec::new(),
            fields: Fields::Keep,
            range: Range::ALL,
        }
    }
}

/// What the output is to be.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// The file, directory, printf pattern, or `-` for y4m on standard output.
    pub path: PathBuf,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Layout of the frames that will be written.
    pub format: PixelFormat,
    /// Their colour description, tagged in the output.
    pub color: ColorDescription,
    /// Sample aspect ratio.
    pub sample_aspect: (u32, u32),
    /// Display matrix to write.
    pub rotation: Option<Rotation>,
    /// Nominal frame rate, if the output has one.
    pub rate: Option<Rate>,
    /// A time base in which every output time is exact, if there is one; sinks whose container has a fixed time base
    /// round to that.
    pub time_base: Option<TimeBase>,
    /// Encoder by FFmpeg's name (`libx264`, `ffv1`, `h264_nvenc`, …); `None` chooses by container and format.
    pub encoder: Option<String>,
    /// Constant rate factor or the encoder's nearest notion of constant quality.
    pub crf: Option<f32>,
    /// The encoder's preset.
    pub preset: Option<String>,
    /// The encoder's pixel format by FFmpeg's name, if other than the frames'.
    pub pix_fmt: Option<String>,
    /// Further encoder options, key and value.
    pub encoder_options: Vec<(String, String)>,
    /// Encoder threads; 0 lets the encoder choose.
    pub threads: usize,
    /// How many times longer the output lasts than the source, as a fraction; (1, 1) except for slow motion. Times of
    /// copied subtitles and chapters are multiplied by it, and sound is stretched (tempo, not pitch).
    pub stretch: (u32, u32),
    /// Whether sound is taken along.
    pub audio: bool,
    /// Whether subtitles, attachments, data streams, chapters and metadata are taken along.
    pub extras: bool,
}
