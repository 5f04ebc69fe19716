//! Any bytes as the index of a set of training data: no panic, no number that could not have been written.
//!
//! `cargo +nightly fuzz run index -- -rss_limit_mb=512`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ifr_data::fuzzing::index(data));
