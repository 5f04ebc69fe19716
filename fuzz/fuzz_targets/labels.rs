//! Any bytes as kept labels: no panic, nothing read that is not of the size asked for.
//!
//! `cargo +nightly fuzz run labels -- -rss_limit_mb=512`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ifr_data::fuzzing::labels(data));
