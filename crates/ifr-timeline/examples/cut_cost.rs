//! Measures what finding cuts costs a frame, in one thread. Reads 8-bit 4:2:0 frames without headers:
//!
//! ```text
//! ffmpeg -i CLIP -frames:v 60 -vf scale=1920:1080 -pix_fmt yuv420p -f rawvideo - |
//!     cargo run --release -p ifr-timeline --example cut_cost -- 1920 1080
//! ```
//!
//! Each frame is measured as often as there are passes, and the least time counts: what else the machine does is left out.
//! See `docs/cuts.md`.
#![allow(clippy::print_stdout, reason = "the figures are told")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap ends the example")]

use std::io::Read;
use std::time::Instant;

use ifr_frame::{ColorDescription, Frame, PixelFormat, Samples};
use ifr_timeline::{CutDetector, Thumb};

const PASSES: usize = 7;

fn main() {
    let sides: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let [width, height] = sides[..] else { panic!("usage: cut_cost WIDTH HEIGHT < FRAMES") };
    let frames = read(width, height);
    println!("{} frames of {width}x{height}; ms a frame: mean, most", frames.len());
    tell("thumbnail", frames.len(), |times| {
        for (frame, time) in frames.iter().zip(times) {
            let start = Instant::now();
            std::hint::black_box(Thumb::of(frame));
            *time = time.min(start.elapsed().as_secs_f64());
        }
    });
    // One half after the other, then both in turn: in the first order frames follow each other, in the second nearly every
    // one is of another scene, where the clip has two.
    let plain: Vec<usize> = (0..frames.len()).collect();
    let half = frames.len() / 2;
    let turns: Vec<usize> = (0..half).flat_map(|i| [i, half + i]).collect();
    for (what, order) in [("search, as it is", plain), ("search, halves in turn", turns)] {
        let mut cuts = 0;
        tell(what, order.len(), |times| {
            let mut detector = CutDetector::new();
            let mut found = 0;
            for (&i, time) in order.iter().zip(times) {
                let thumb = Thumb::of(&frames[i]);
                let start = Instant::now();
                detector.push(thumb);
                while let Some(cut) = detector.pop() {
                    found += usize::from(cut);
                }
                *time = time.min(start.elapsed().as_secs_f64());
            }
            cuts = found;
        });
        println!("  {cuts} cuts");
    }
}

fn read(width: usize, height: usize) -> Vec<Frame> {
    let format = PixelFormat::YUV420P8;
    let sizes: Vec<usize> =
        (0..format.planes()).map(|i| format.plane_size(i, width, height)).map(|(w, h)| w * h).collect();
    let mut input = std::io::stdin().lock();
    let mut frames = Vec::new();
    loop {
        let mut bytes = Vec::new();
        (&mut input).take(sizes.iter().sum::<usize>() as u64).read_to_end(&mut bytes).unwrap();
        if bytes.len() < sizes.iter().sum() {
            return frames;
        }
        let mut rest = bytes.into_iter();
        let planes = sizes.iter().map(|&n| Samples::U8(rest.by_ref().take(n).collect())).collect();
        frames.push(Frame::new(format, width, height, planes, ColorDescription::default()).unwrap());
    }
}

/// Has a pass written into times a frame, which only go down, several times over.
fn tell(what: &str, count: usize, mut pass: impl FnMut(&mut [f64])) {
    let mut times = vec![f64::INFINITY; count];
    for _ in 0..PASSES {
        pass(&mut times);
    }
    let mean = times.iter().sum::<f64>() / count as f64;
    let most = times.iter().copied().fold(0.0, f64::max);
    println!("{what}: {:.3}, {:.3}", 1e3 * mean, 1e3 * most);
}
