//! Any bytes as a job's journal: no panic, no more segments than lines.
//!
//! `cargo +nightly fuzz run journal -- -rss_limit_mb=512`
#![no_main]

use ifr::job::Journal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(journal) = Journal::parse(data) {
        assert!(journal.done.len() < data.split(|&b| b == b'\n').count());
    }
});
