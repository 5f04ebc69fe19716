//! Any bytes as the program in a checkpoint of PyTorch, which is run without doing anything: no panic, no end of memory.
//!
//! `cargo +nightly fuzz run pickle fuzz/corpus/pickle fuzz/seeds/pickle -- -rss_limit_mb=512`
#![no_main]

use ifr_formats::Imported;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // What stands before the program in the older form.
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.".to_vec();
    file.extend_from_slice(data);
    if let Ok(store) = Imported::arrays("fuzz", file) {
        for entry in store.entries() {
            let _ = store.read(&entry.name);
        }
    }
});
