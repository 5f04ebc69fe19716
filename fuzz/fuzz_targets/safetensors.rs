//! Any bytes as a safetensors file: no panic, no array outside the file, nothing allocated on the word of a header.
//!
//! `cargo +nightly fuzz run safetensors fuzz/corpus/safetensors fuzz/seeds/safetensors -- -rss_limit_mb=512`
#![no_main]

use ifr_net::{Dtype, ParameterStore, recognise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(store) = ParameterStore::from_bytes("fuzz", data.to_vec()) else { return };
    let mut total = 0;
    for entry in store.entries() {
        let Ok(bytes) = store.bytes(&entry.name) else { panic!("{} is listed but not there", entry.name) };
        let values: usize = entry.shape.iter().product();
        assert!(entry.dtype == Dtype::Other || bytes.len() == values * entry.dtype.size());
        if let Ok(read) = store.read(&entry.name) {
            assert_eq!(read.len(), values);
        }
        total += bytes.len();
    }
    assert!(total < data.len());
    assert!(recognise(&store).is_err() || data.len() > 1 << 20);
});
