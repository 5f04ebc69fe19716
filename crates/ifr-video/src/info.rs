use std::sync::Arc;

use ifr_frame::{ColorDescription, PixelFormat, Rate, Time, TimeBase};

use crate::CopiedStreams;

/// How a player must turn the picture to show it upright (from the container's display matrix): kept as it is, never
/// applied to the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation(
    /// The nine 16.16 and 2.30 fixed-point numbers of the display matrix.
    pub [i32; 9],
);

/// The video stream of a source.
#[derive(Debug, Clone)]
pub struct VideoInfo {
    /// Width of the coded picture in pixels.
    pub width: usize,
    /// Height of the coded picture in pixels.
    pub height: usize,
    /// Layout of the frames that the source yields.
    pub format: PixelFormat,
    /// How the frames' samples are to be read as colour.
    pub color: ColorDescription,
    /// The stream's time base.
    pub time_base: TimeBase,
    /// How far times may lie from the true ones, in seconds, where `time_base` is finer than what the container rounded them to;
    /// zero where it is that.
    pub rounding: Time,
    /// The nominal frame rate that the container states, if any; not to be trusted for timestamps.
    pub rate: Option<Rate>,
    /// The duration that the container states.
    pub duration: Option<Time>,
    /// The number of frames that the container states or, failing that, that duration and rate suggest; for progress
    /// bars only.
    pub frames: Option<u64>,
    /// Sample (pixel) aspect ratio, width : height; (1, 1) when unspecified.
    pub sample_aspect: (u32, u32),
    /// The display matrix, where there is one.
    pub rotation: Option<Rotation>,
    /// The codec's name, e.g. `h264`.
    pub codec: String,
    /// Whether the codec stores pictures losslessly.
    pub lossless: bool,
}

/// What a source says of itself.
#[derive(Debug, Clone)]
pub struct SourceInfo {
    /// The container's short name as FFmpeg gives it (`mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`, …), or `images`,
    /// `y4m`, `webp`.
    pub container: String,
    /// The video stream.
    pub video: VideoInfo,
    /// The other streams, one line each for people, e.g. `audio aac 48000 Hz stereo (eng)`.
    pub others: Vec<String>,
    /// Number of chapters.
    pub chapters: usize,
    /// Size in bytes, where known.
    pub bytes: Option<u64>,
    /// What a sink must know of the other streams to take them along; empty where there are none.
    pub streams: Arc<CopiedStreams>,
}
