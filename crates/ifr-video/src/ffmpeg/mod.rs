//! Containers and codecs through FFmpeg's libraries.
//!
//! - A [source](source) demuxes, decodes one video stream, and hands the other streams' packets on as they are.
//! - A [sink](sink) encodes frames and muxes them with those packets. It knows the source's streams by
//!   [`Streams`](streams::Streams), which travel with [`SourceInfo`](crate::SourceInfo), so that source and sink may
//!   live in different threads.
//! - Instead of a sink, [segments](segment) keep coded video in files, which are joined to the output at the end.
//!
//! Everything `unsafe` is in [`av`].

mod audio;
mod av;
mod capabilities;
mod choice;
mod container;
mod continuity;
mod encoder;
mod fault;
mod fields;
mod hdr;
mod mux;
mod pixels;
mod probe;
mod reach;
mod route;
mod segment;
mod sink;
mod source;
mod streams;
mod text;

pub use audio::PcmTrack;
pub(crate) use av::{Chapter, Kind, Packet};
pub use capabilities::{EncoderInfo, encoders, ffmpeg_version};
pub use container::{ContainerChoice, container_for, container_for_encoder};
#[cfg(feature = "fuzzing")]
pub(crate) use segment::try_blocks;
pub use segment::{Joined, Segment, SegmentLabel, SegmentSink, SegmentSummary, join};
pub(crate) use sink::create;
pub(crate) use source::open;
pub(crate) use streams::Streams;
