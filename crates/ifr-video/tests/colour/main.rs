//! Depth and colour from input to output: every tag equal, every source sample equal where the codec is lossless.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod choice;
mod dropped;
mod hdr;
#[path = "../support/mod.rs"]
mod support;
mod tagged;
mod tags;
