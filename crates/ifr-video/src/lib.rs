//! Video in and out: [`Source`]s yield frames with exact times, [`Sink`]s take them.
//!
//! Containers and codecs go through FFmpeg's libraries (feature `ffmpeg`); image sequences, y4m and animated
//! images have sources and sinks of their own. [`open`] and [`create`] choose.

mod error;
mod info;
mod item;
mod stream;

pub use error::VideoError;
pub use info::{Rotation, SourceInfo, VideoInfo};
pub use item::{Item, StreamPacket, TimedFrame};
pub use stream::{OutputOptions, Sink, Source, Summary};
