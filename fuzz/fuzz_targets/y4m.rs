//! Any bytes as a y4m stream: no panic, no frame that is not what the header says.
//!
//! `cargo +nightly fuzz run y4m fuzz/corpus/y4m fuzz/seeds/y4m -- -rss_limit_mb=512`
#![no_main]

use std::io::Cursor;

use ifr_video::y4m::Y4mReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = Y4mReader::new(Cursor::new(data), "fuzz") else { return };
    while let Ok(Some(frame)) = reader.next_frame() {
        assert_eq!(frame.format(), reader.header().format);
        assert_eq!((frame.width(), frame.height()), (reader.header().width, reader.header().height));
    }
});
