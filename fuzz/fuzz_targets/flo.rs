//! Any bytes as a .flo file: no panic, no more memory than the bytes are worth; what is read is written back the same.
//!
//! `cargo +nightly fuzz run flo -- -rss_limit_mb=512`
#![no_main]

use ifr_flow::{read_flo, write_flo};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(field) = read_flo(data) {
        let mut back = Vec::new();
        write_flo(&field, &mut back).expect("what was read can be written");
        assert_eq!(back, data);
    }
});
