//! Any text as a cut list: no panic, no more cuts than lines.
//!
//! `cargo +nightly fuzz run cut_list -- -rss_limit_mb=512`
#![no_main]

use ifr_timeline::CutList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(list) = text.parse::<CutList>() {
        assert!(list.len() <= text.lines().count());
    }
});
