//! Any bytes as a file of defaults: no panic, no more settings than bytes.
//!
//! `cargo +nightly fuzz run config -- -rss_limit_mb=512`
#![no_main]

use ifr::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(config) = Config::parse(data) {
        assert!(config.settings.len() <= data.len());
    }
});
