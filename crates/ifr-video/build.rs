//! Passes on which FFmpeg the bindings were made for, as `cfg(ffmpeg_6_0)` and the like.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for version in ["6_0", "6_1", "7_0", "7_1", "8_0"] {
        println!("cargo::rustc-check-cfg=cfg(ffmpeg_{version})");
        // The bindings' build script hands its findings to those who depend on it directly.
        if env::var_os(format!("DEP_FFMPEG_FFMPEG_{version}")).is_some() {
            println!("cargo::rustc-cfg=ffmpeg_{version}");
        }
    }
}
