//! Any bytes as a checkpoint of MindSpore: no panic, no tensor outside the file, nothing allocated on its word.
//!
//! `cargo +nightly fuzz run mindspore fuzz/corpus/mindspore fuzz/seeds/mindspore -- -rss_limit_mb=512`
#![no_main]

use ifr_formats::Imported;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Without a value at the beginning it would not be taken for one.
    let file = [b"\x0a\x02\x0a\0", data].concat();
    for file in [file, data.to_vec()] {
        let Ok(store) = Imported::arrays("fuzz", file) else { continue };
        for entry in store.entries() {
            if let Ok(values) = store.read(&entry.name) {
                assert_eq!(values.len(), entry.shape.iter().product::<usize>());
            }
        }
    }
});
