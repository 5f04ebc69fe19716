//! Writes the edits that the cut detector is judged by as y4m files, to try other detectors on them.
//!
//! ```text
//! cargo run --release -p ifr-timeline --example cut_edits -- FOLDER
//! ```
//!
//! Beside every `NAME.y4m` stands `NAME.txt`: a line for every cut, the first and the last frame at which it may be
//! found. The edits are those of the half of the clips that no threshold was chosen on; see `docs/cuts.md`.
#![allow(clippy::print_stdout, reason = "the files are told")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap ends the example")]

#[path = "../tests/edits/mod.rs"]
mod edits;

use std::fmt::Write;
use std::path::PathBuf;

use edits::{KINDS, clips, make, shots};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: cut_edits FOLDER"));
    std::fs::create_dir_all(&folder).unwrap();
    let clips = clips(|_| ()).expect("the clips in ../shared and the program ffmpeg");
    let shots = shots(clips.iter().skip(1).step_by(2));
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        for seed in 0..2 {
            let edit = make(kind, &shots, seed);
            let base = folder.join(format!("{}-{seed}", name.replace(' ', "-")));
            let (w, h) = (edit.frames[0].width, edit.frames[0].height);
            let mut file = format!("YUV4MPEG2 W{w} H{h} F25:1 Ip A1:1 C420jpeg\n").into_bytes();
            for frame in &edit.frames {
                file.extend(b"FRAME\n");
                file.extend(&frame.luma);
                file.resize(file.len() + w * h / 2, 128);
            }
            std::fs::write(base.with_extension("y4m"), file).unwrap();
            let mut truth = String::new();
            for cut in &edit.cuts {
                writeln!(truth, "{} {}", cut.start(), cut.end()).unwrap();
            }
            std::fs::write(base.with_extension("txt"), truth).unwrap();
            println!("{}: {} frames, {} cuts", base.display(), edit.frames.len(), edit.cuts.len());
        }
    }
}
