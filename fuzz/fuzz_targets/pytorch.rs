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
    assert!(Imported::from_bytes("fuzz", data.to_vec()).is_err() || data.len() > 1 << 20);
});
