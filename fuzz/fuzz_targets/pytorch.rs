//! Any bytes as a checkpoint of PyTorch, zipped or not: no panic, no tensor outside the file, nothing allocated on its word.
//!
//! `cargo +nightly fuzz run pytorch fuzz/corpus/pytorch fuzz/seeds/pytorch -- -rss_limit_mb=512`
#![no_main]

use ifr_formats::Imported;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(store) = Imported::arrays("fuzz", data.to_vec()) else { return };
    for entry in store.entries() {
        if let Ok(values) = store.read(&entry.name) {
            assert_eq!(values.len(), entry.shape.iter().product::<usize>());
        }
    }
    // All of a network may lie in one compressed storage, so that a network may be found in a small file too.
    if let Ok(imported) = Imported::from_bytes("fuzz", data.to_vec()) {
        let _ = imported.parameters();
    }
});
