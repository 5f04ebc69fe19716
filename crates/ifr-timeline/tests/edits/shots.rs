//! Where the pictures come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Gray;
use super::effects::{Window, crop};

/// All pictures have this size: twice that of the detector's thumbnails, so that windows can move in them.
const WIDTH: usize = 256;
const HEIGHT: usize = 144;
/// The most frames of a clip that edits are made of.
const KEPT: usize = 96;
/// The shortest run that makes a shot.
const SHORTEST: usize = 24;

/// True cuts within the clips, all looked at: clip and first frames of new shots.
const CUTS: [(&str, &[usize]); 12] = [
    ("25", &[18, 260, 322]),
    ("autoeval-video__35", &[40]),
    ("autoeval-video__62", &[18]),
    ("autoeval-video__89", &[69]),
    ("autoeval-video__139", &[39]),
    ("autoeval-video__163", &[32, 56]),
    ("autoeval-video__188", &[110]),
    ("autoeval-video__203", &[67]),
    ("autoeval-video__216", &[36]),
    ("autoeval-video__240", &[92]),
    ("autoeval-video__249", &[39, 66]),
    ("autoeval-video__299", &[39]),
];

/// Jumps within a framing (a piece of the shot is missing, most of the picture stays): found or not, both will do.
const JUMPS: [(&str, &[usize]); 4] = [
    ("autoeval-video__77", &[60]),
    ("autoeval-video__139", &[76]),
    ("autoeval-video__174", &[58]),
    ("autoeval-video__273", &[84]),
];

/// A whole clip and what is known of it.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) name: String,
    pub(crate) frames: Vec<Gray>,
    pub(crate) cuts: Vec<usize>,
    pub(crate) jumps: Vec<usize>,
}

/// Frames that show one thing.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) frames: Vec<Gray>,
}

/// The clips beside the repository, or `None` where they or the program `ffmpeg` are absent. Decoded one by one, so that
/// `each` can look at the whole clip before it is shortened to what edits are made of.
pub(crate) fn clips(mut each: impl FnMut(&Clip)) -> Option<Vec<Clip>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let mut files: Vec<PathBuf> = ["train/pack256", "clips"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(shared.join(folder)).ok())
        .flat_map(|entries| entries.filter_map(|e| Some(e.ok()?.path())))
        .filter(|path| path.extension().is_some_and(|e| e == "mp4"))
        .collect();
    files.sort();
    let program = Command::new("ffmpeg").arg("-version").output().is_ok();
    if files.is_empty() || !program {
        return None;
    }
    // Two at a time: a decoder waits for its pipe half of the time.
    let mut out = Vec::new();
    for pair in files.chunks(2) {
        let loaded: Vec<Clip> = std::thread::scope(|scope| {
            let threads: Vec<_> = pair.iter().map(|path| scope.spawn(|| load(path))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for mut clip in loaded {
            each(&clip);
            clip.frames.truncate(KEPT);
            out.push(clip);
        }
    }
    Some(out)
}

fn load(path: &Path) -> Clip {
    let fill = format!(
        "scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase:flags=area,crop={WIDTH}:{HEIGHT},format=gray"
    );
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-threads", "1", "-i"])
        .arg(path)
        .args(["-an", "-vf", &fill, "-fps_mode", "passthrough", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&out.stderr));
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let picture = |luma: &[u8]| Gray { width: WIDTH, height: HEIGHT, luma: luma.to_vec() };
    let known = |list: &[(&str, &[usize])]| -> Vec<usize> {
        list.iter().filter(|(clip, _)| *clip == name).flat_map(|(_, at)| at.iter().copied()).collect()
    };
    Clip {
        frames: out.stdout.chunks_exact(WIDTH * HEIGHT).map(picture).collect(),
        cuts: known(&CUTS),
        jumps: known(&JUMPS),
        name,
    }
}

/// The shots of clips: what lies between their cuts and jumps, where it is long enough.
pub(crate) fn shots<'a>(clips: impl Iterator<Item = &'a Clip>) -> Vec<Shot> {
    let mut shots = Vec::new();
    for clip in clips {
        let mut ends: Vec<usize> = clip.cuts.iter().chain(&clip.jumps).copied().collect();
        ends.retain(|&end| end < clip.frames.len());
        ends.push(clip.frames.len());
        ends.sort_unstable();
        let mut start = 0;
        for end in ends {
            if end - start >= SHORTEST {
                shots.push(Shot { frames: clip.frames[start..end].to_vec() });
            }
            start = end;
        }
    }
    shots
}

/// Generated shots, for machines without clips: the demo's two scenes, and quarters of them from near.
pub(crate) fn generated() -> Vec<Shot> {
    let film = ifr_scene::Scene::demo();
    let cut = film.cuts()[0].as_secs_f64();
    let mut shots: Vec<Shot> = (0..6).map(|_| Shot { frames: Vec::new() }).collect();
    for (scene, start) in [0.0, cut].into_iter().enumerate() {
        for i in 0..SHORTEST {
            let picture = luma(&film.render(start + i as f64 / 30.0, 2 * WIDTH, 2 * HEIGHT));
            let (full, near) = (WIDTH as f32 * 2.0, WIDTH as f32);
            let corner = |x: f32, y: f32| Window { x: x * full, y: y * HEIGHT as f32 * 2.0, width: near };
            let whole = Window { width: full, ..corner(0.5, 0.5) };
            for (n, window) in [whole, corner(0.25, 0.6), corner(0.75, 0.4)].into_iter().enumerate() {
                shots[scene * 3 + n].frames.push(crop(&picture, window, WIDTH, HEIGHT));
            }
        }
    }
    shots
}

fn luma(image: &ifr_frame::RgbImage) -> Gray {
    let code = |i: usize| {
        let value = |c: usize| image.channel(c)[i];
        (255.0 * (0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2))).round().clamp(0.0, 255.0) as u8
    };
    let (width, height) = (image.width(), image.height());
    Gray { width, height, luma: (0..width * height).map(code).collect() }
}
