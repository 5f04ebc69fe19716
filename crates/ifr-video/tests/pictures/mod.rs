//! Frames to test with, and what several tests do with them.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ifr_frame::{ColorDescription, Frame, PixelFormat, Rate, Samples};
use ifr_video::{Item, OutputOptions, Source, TimedFrame};

/// A linear congruential generator: the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }
}

fn frame(
    format: PixelFormat,
    width: usize,
    height: usize,
    color: ColorDescription,
    mut sample: impl FnMut(usize, usize, usize) -> u32,
) -> Frame {
    let max = u32::from(format.max_code());
    let planes = (0..format.planes())
        .map(|p| {
            let (w, h) = format.plane_size(p, width, height);
            let values = (0..w * h).map(|i| sample(p, i % w, i / w) % (max + 1));
            match format.depth {
                8 => Samples::U8(values.map(|v| v as u8).collect()),
                _ => Samples::U16(values.map(|v| v as u16).collect()),
            }
        })
        .collect();
    Frame::new(format, width, height, planes, color).unwrap()
}

/// Noise over all codes. The colour description is that of images for grey: no matrix.
pub(crate) fn random(format: PixelFormat, w: usize, h: usize, color: ColorDescription, seed: u64) -> Frame {
    let mut random = Random::new(seed);
    frame(format, w, h, color, |_, _, _| random.next())
}

/// Smooth gradients that move with `seed`.
pub(crate) fn pattern(format: PixelFormat, w: usize, h: usize, color: ColorDescription, seed: u64) -> Frame {
    let unit = 1 << (format.depth - 8);
    frame(format, w, h, color, |p, x, y| {
        let (x, y) = (x as f32 + seed as f32, y as f32);
        let value = 128.0 + 60.0 * (0.11 * x + p as f32).sin() + 60.0 * (0.07 * y - 0.03 * x).cos();
        value as u32 * unit
    })
}

/// The mean absolute difference in codes.
pub(crate) fn mean_difference(a: &Frame, b: &Frame) -> f32 {
    let (mut sum, mut count) = (0.0, 0);
    for (p, q) in a.planes().iter().zip(b.planes()) {
        let (p, q) = (p.to_f32(), q.to_f32());
        count += p.len();
        sum += p.iter().zip(&q).map(|(x, y)| (x - y).abs()).sum::<f32>();
    }
    sum / count as f32
}

pub(crate) fn collect(source: &mut dyn Source) -> Vec<TimedFrame> {
    let mut frames = Vec::new();
    while let Some(item) = source.next().unwrap() {
        match item {
            Item::Frame(frame) => frames.push(frame),
            Item::Packet(_) => panic!("no other streams"),
        }
    }
    frames
}

pub(crate) fn options(path: PathBuf, like: &Frame, rate: Option<Rate>) -> OutputOptions {
    OutputOptions {
        path,
        width: like.width(),
        height: like.height(),
        format: like.format(),
        color: like.color(),
        sample_aspect: (1, 1),
        rotation: None,
        rate,
        time_base: None,
        encoder: None,
        crf: None,
        preset: None,
        pix_fmt: None,
        encoder_options: Vec::new(),
        threads: 0,
        stretch: (1, 1),
        audio: false,
        extras: false,
    }
}

/// Runs a program that writes `output`; false where it is missing. Panics where it fails.
pub(crate) fn command(program: &str, args: &[&str], output: &Path) -> bool {
    let quiet = ["-y", "-v", "error"];
    let run = Command::new(program).args(quiet).args(args).arg(output).output();
    let Ok(run) = run else { return false };
    assert!(run.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&run.stderr));
    true
}

/// Where the system tells how much memory the process has had at most.
pub(crate) fn assert_peak_memory_below(bytes: u64) {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return };
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or(0);
    assert!(kib * 1024 < bytes, "{} MiB", kib / 1024);
}
