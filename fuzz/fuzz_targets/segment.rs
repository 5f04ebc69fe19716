//! Any bytes as the blocks of a segment (header, packet, footer; checksums left aside): no panic, nothing larger than what is
//! there, and what was read is written so that it can be read again.
//!
//! `cargo +nightly fuzz run --features ffmpeg segment fuzz/corpus/segment fuzz/seeds/segment -- -rss_limit_mb=512`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ifr_video::fuzzing::segment(data));
