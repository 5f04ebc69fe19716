//! Video in and out: [`Source`]s yield frames with exact times, [`Sink`]s take them.
//!
//! Containers and codecs go through FFmpeg's libraries (feature `ffmpeg`); image sequences, y4m and animated
//! images have sources and sinks of their own. [`open`] and [`create`] choose.

pub mod anim;
mod error;
#[cfg(feature = "ffmpeg")]
mod ffmpeg;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod images;
mod info;
mod item;
mod open;
mod range;
mod stream;
mod streams;
mod trim;
pub mod y4m;

pub use error::VideoError;
#[cfg(feature = "ffmpeg")]
pub use ffmpeg::{
    ContainerChoice, EncoderInfo, Joined, PcmTrack, Segment, SegmentLabel, SegmentSink, SegmentSummary,
    container_for, container_for_encoder, encoders, ffmpeg_version, join,
};
pub use info::{Rotation, SourceInfo, VideoInfo};
pub use item::{Item, StreamPacket, TimedFrame};
#[cfg(feature = "ffmpeg")]
pub use open::create_with_sound;
pub use open::{create, is_container_name, open};
pub use range::{Position, Range};
pub use stream::{Fields, OpenOptions, OutputOptions, Sink, Source, Summary};
pub use streams::CopiedStreams;
