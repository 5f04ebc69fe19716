//! What overlays cost and gain: the half-rate test with and without them kept, inside and outside a region.
//!
//! ```text
//! cargo run --release -p ifr --example overlays -- [--frames 61] [--region X,Y,W,H]... [--mask FILE] [--png DIR] CLIP
//! ```
#![allow(clippy::print_stdout, reason = "the table is the program's output")]
#![allow(clippy::unwrap_used, reason = "an example that measures may stop where something is amiss")]

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use ifr::frame::Frame;
use ifr::timeline::overlay::{Overlaid, OverlayTracker};
use ifr::timeline::{Analyst, CutSource, Link, Repeats};
use ifr::video::{Item, OpenOptions};
use ifr::{Device, Interpolator, Model};

#[derive(Default, Clone, Copy)]
struct Sum {
    square: f64,
    abs: f64,
    n: f64,
}

impl Sum {
    fn add(&mut self, made: &Frame, truth: &Frame, mask: &[bool], inside: bool) {
        let (a, b) = (made.planes()[0].as_u8().unwrap(), truth.planes()[0].as_u8().unwrap());
        for ((a, b), m) in a.iter().zip(b).zip(mask) {
            if *m == inside {
                let d = f64::from(a.abs_diff(*b));
                self.square += d * d;
                self.abs += d;
                self.n += 1.0;
            }
        }
    }
    fn psnr(&self) -> f64 {
        10.0 * (255.0 * 255.0 * self.n / self.square).log10()
    }
}

fn main() -> Result<()> {
    let (mut limit, mut region, mut file, mut png, mut clip) = (61, Vec::new(), None, None, None);
    let mut every = 2;
    let mut trace = false;
    let mut model = "flow".to_owned();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--frames" => limit = args.next().context("N")?.parse()?,
            "--every" => every = args.next().context("N")?.parse()?,
            "--region" => region.push(args.next().context("box")?),
            "--mask" => file = args.next(),
            "--model" => model = args.next().context("model")?,
            "--trace" => trace = true,
            "--png" => png = args.next().map(PathBuf::from),
            _ => clip = Some(PathBuf::from(arg)),
        }
    }
    let clip = clip.context("clip")?;
    let mut source = ifr::video::open(&clip, &OpenOptions { audio: false, ..OpenOptions::default() })?;
    let mut frames = Vec::new();
    while let Some(item) = source.next()? {
        if let Item::Frame(f) = item {
            frames.push(f);
            if frames.len() >= limit {
                break;
            }
        }
    }
    let (w, h) = (frames[0].frame.width(), frames[0].frame.height());
    let mut mask = vec![false; w * h];
    for r in &region {
        let v: Vec<usize> = r.split(',').map(|v| v.parse().unwrap()).collect();
        for y in v[1]..(v[1] + v[3]).min(h) {
            mask[y * w + v[0]..y * w + (v[0] + v[2]).min(w)].fill(true);
        }
    }
    if let Some(file) = file {
        let bytes = std::fs::read(file)?;
        mask.iter_mut().zip(&bytes).for_each(|(m, b)| *m |= *b > 40);
    }
    let kept: Vec<_> = frames.iter().step_by(every).collect();
    let mut tracker = OverlayTracker::new();
    let mut analyst = Analyst::new(CutSource::Detect, Repeats::default());
    let mut over: Vec<Overlaid> = Vec::new();
    let begin = Instant::now();
    for f in &kept {
        analyst.push(&f.frame, f.pts);
    }
    analyst.finish();
    let links: Vec<Link> = std::iter::from_fn(|| analyst.pop()).collect();
    let analyst_time = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    for (i, f) in kept.iter().enumerate() {
        tracker.push(i, f.frame.clone(), links[i]);
    }
    tracker.finish();
    while let Some((_, m)) = tracker.pop() {
        over.push(m);
    }
    let track_time = begin.elapsed().as_secs_f64() / kept.len() as f64;
    let model: Model = model.parse()?;
    let device = Device::cpu_with_threads(std::num::NonZeroUsize::new(2).unwrap());
    let mut plain = Interpolator::new(&model, &device)?;
    let mut cleaned = Interpolator::new(&model, &device)?;
    let begin = Instant::now();
    for o in &over {
        o.clean()?;
    }
    let t_clean = begin.elapsed().as_secs_f64();
    let filled = over.iter().filter(|o| o.mask().is_some_and(|m| m.is_filled())).count();
    let mut sums = [[Sum::default(); 3]; 3];
    let (mut t_make, mut t_keep) = (0.0, 0.0);
    let mut masked = 0;
    for i in 0..kept.len() - 1 {
        if links[i + 1] != Link::Continuous || every * i + every / 2 >= frames.len() {
            continue;
        }
        let truth = &frames[every * i + every / 2].frame;
        let (a, b) = (&kept[i].frame, &kept[i + 1].frame);
        let begin = Instant::now();
        let base = plain.pair(a, b)?.at(0.5)?;
        t_make += begin.elapsed().as_secs_f64();
        let ms = [over[i].mask(), over[i + 1].mask()];
        let mut two = base.clone();
        let any = ms.iter().any(|m| m.is_some());
        if any {
            masked += 1;
            let made = cleaned.pair(over[i].clean()?, over[i + 1].clean()?)?.at(0.5)?;
            let begin = Instant::now();
            two = Overlaid::keep(made, &over[i], &over[i + 1], 0.5)?;
            t_keep += begin.elapsed().as_secs_f64();
        }
        let nearest = keep_all(a, b)?;
        for (sums, made) in sums.iter_mut().zip([&base, &two, &nearest]) {
            sums[0].add(made, truth, &vec![true; w * h], true);
            sums[1].add(made, truth, &mask, true);
            sums[2].add(made, truth, &mask, false);
        }
        if trace {
            let err = |f: &Frame| {
                let mut s = Sum::default();
                s.add(f, truth, &mask, true);
                s.abs / s.n
            };
            println!("{i} {:.3} {:.3} {:.3}", err(&base), err(&two), err(&nearest));
        }
        if let Some(dir) = &png {
            for (name, f) in
                [("base", &base), ("two", &two), ("truth", &**truth), ("clean", &**over[i].clean()?)]
            {
                std::fs::write(dir.join(format!("{name}_{i:03}.gray")), f.planes()[0].as_u8().unwrap())?;
            }
            if let Some(m) = ms[0] {
                std::fs::write(
                    dir.join(format!("mask_{i:03}_{}x{}.gray", m.width(), m.height())),
                    m.weights(),
                )?;
            }
        }
    }
    println!(
        "{} {w}x{h} masked {masked}/{} filled {filled} clean {:.2} ms analyst {:.2} ms track {:.2} ms, make {:.1} ms, keep {:.1} ms",
        clip.file_stem().unwrap().to_string_lossy(),
        kept.len() - 1,
        t_clean * 1e3 / kept.len() as f64,
        analyst_time * 1e3 / kept.len() as f64,
        track_time * 1e3,
        t_make * 1e3 / (kept.len() - 1) as f64,
        t_keep * 1e3 / masked.max(1) as f64
    );
    for (name, s) in ["made", "kept", "blend"].iter().zip(&sums) {
        println!(
            "  {name:9} whole {:.3} dB   region {:.2} dB mae {:.3} rmse {:.3}   outside {:.3} dB",
            s[0].psnr(),
            s[1].psnr(),
            s[1].abs / s[1].n,
            (s[1].square / s[1].n).sqrt(),
            s[2].psnr()
        );
    }
    Ok(())
}

/// The blend of both.
fn keep_all(a: &Frame, b: &Frame) -> Result<Frame> {
    let planes = a.planes().iter().zip(b.planes()).map(|(a, b)| {
        let v = a.as_u8().unwrap().iter().zip(b.as_u8().unwrap()).map(|(a, b)| a.midpoint(*b)).collect();
        ifr::frame::Samples::U8(v)
    });
    Ok(Frame::new(a.format(), a.width(), a.height(), planes.collect(), a.color())?)
}
