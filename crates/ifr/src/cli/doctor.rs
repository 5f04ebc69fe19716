//! `ifr doctor`: what this build and this machine have.

use std::io::Write;

use clap::Parser;
use ifr::{Device, Model};

use super::Failure;
use super::say::seen;

/// Print what was found: processor features, threads, FFmpeg, encoders.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let features = cpu_features();
    let threads = Device::cpu().threads();
    let (ffmpeg, encoders) = ffmpeg();
    let mut out = std::io::stdout().lock();
    let written = if args.json {
        let value = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "cpu_features": features,
            "threads": threads,
            "ffmpeg": ffmpeg,
            "encoders": encoders,
            "models": Model::embedded(),
        });
        writeln!(out, "{value}")
    } else {
        let list = |items: &[&str]| if items.is_empty() { "none".to_owned() } else { items.join(" ") };
        let known: Vec<&str> =
            encoders.iter().map(String::as_str).filter(|e| USUAL.iter().any(|u| e.contains(u))).collect();
        writeln!(
            out,
            "ifr       {} ({} {})\nthreads   {threads}\ncpu       {}\nmodels    {}\nffmpeg    {}\nencoders  {} ({} in all: --json lists them)",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            list(&features),
            list(Model::embedded()),
            ffmpeg,
            list(&known),
            encoders.len(),
        )
    };
    seen(written)
}

/// Parts of the names of encoders that people ask for.
const USUAL: [&str; 9] = ["264", "265", "hevc", "av1", "vp9", "ffv1", "prores", "webp", "dnxhd"];

/// FFmpeg's version and its video encoders.
#[cfg(feature = "video")]
fn ffmpeg() -> (String, Vec<String>) {
    let encoders = ifr::video::encoders().into_iter().map(|e| e.name).collect();
    (ifr::video::ffmpeg_version(), encoders)
}

#[cfg(not(feature = "video"))]
fn ffmpeg() -> (String, Vec<String>) {
    ("not built in: image sequences, y4m, GIF and WebP only".to_owned(), Vec::new())
}

/// The instruction sets that kernels can make use of.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
            ("avx512bw", is_x86_feature_detected!("avx512bw")),
            ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
            ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
        ];
        found.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        vec!["neon"]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}
