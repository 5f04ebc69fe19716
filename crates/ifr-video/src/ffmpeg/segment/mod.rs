//! Pieces of an output's video, each coded on its own and kept in a file of its own until all are joined.
//!
//! Since every piece comes from a fresh encoder, it can be decoded by itself and made at any time, on any machine; and
//! since every output is made of such pieces, it does not matter when and where that was.

mod decoding;
mod format;
mod join;
mod reader;
mod writer;

#[cfg(feature = "fuzzing")]
pub(crate) use format::try_blocks;
pub use join::{Joined, join};
pub use reader::Segment;
pub use writer::{SegmentLabel, SegmentSink, SegmentSummary};
