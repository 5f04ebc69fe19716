//! Any bytes as ncnn's two files, a blank line between them: no panic, no weights outside the second.
//!
//! `cargo +nightly fuzz run ncnn fuzz/corpus/ncnn fuzz/seeds/ncnn -- -rss_limit_mb=512`
#![no_main]

use ifr_formats::Imported;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|w| w == b"\n\n").unwrap_or(data.len());
    let bin = data.get(end + 2..).unwrap_or_default().to_vec();
    assert!(Imported::from_ncnn("fuzz", &data[..end], bin).is_err() || data.len() > 1 << 20);
});
