//! Broken media of many kinds, from the file to the finished output: no panic, no crash, no hang, memory within bounds, and one of
//! the documented exit codes.
//!
//! A handful of small files in all the usual containers and codecs are damaged by a fixed rule. By default a part of the corpus is
//! tried; `IFR_HOSTILE=500` tries that many, `IFR_HOSTILE_KEEP=DIR` keeps the files that fail.
#![cfg(all(target_os = "linux", feature = "video"))]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;
mod damage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{ffmpeg, shared, text};
use damage::damage;

/// Files tried of each corpus unless `IFR_HOSTILE` says otherwise.
const USUAL: usize = 96;
/// What a run on pictures of 160×90 may take: 4 GiB of addresses (each thread reserves 64 MiB), and this much memory in MiB. An
/// undamaged file takes about 60.
const ADDRESSES_KIB: u64 = 4 << 20;
const MEMORY_MIB: u64 = 512;
/// Only a failsafe: every run ends by itself, by limits that are counted in work and not in seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Containers and codecs: the file's name, and how FFmpeg makes it of a picture (stream 0:v), a sound (1:a) and subtitles (2:s).
const KINDS: [(&str, &str); 24] = [
    ("h264.mp4", "-map 0:v -map 1:a -c:v libx264 -preset ultrafast -bf 2 -g 8 -c:a aac -movflags faststart"),
    ("mp3.mp4", "-map 0:v -map 1:a -map 2:s -c:v libx264 -preset ultrafast -c:a libmp3lame -c:s mov_text"),
    (
        "fragments.mp4",
        "-map 0:v -map 1:a -c:v mpeg4 -c:a aac -movflags frag_keyframe+empty_moov+default_base_moof",
    ),
    ("hevc.mp4", "-map 0:v -c:v libx265 -preset ultrafast -x265-params log-level=none:pools=1"),
    ("av1.mp4", "-map 0:v -c:v libaom-av1 -cpu-used 8 -usage realtime -lag-in-frames 0"),
    ("prores.mov", "-map 0:v -map 1:a -c:v prores_ks -c:a pcm_s16le"),
    ("animation.mov", "-map 0:v -c:v qtrle"),
    ("raw.mov", "-map 0:v -c:v rawvideo -pix_fmt yuyv422"),
    ("h264.mkv", "-map 0:v -map 1:a -map 2:s -c:v libx264 -preset ultrafast -c:a libopus -c:s srt"),
    ("ffv1.mkv", "-map 0:v -map 1:a -map 2:s -c:v ffv1 -slices 4 -slicecrc 1 -c:a flac -c:s ass"),
    ("huffyuv.mkv", "-map 0:v -c:v ffvhuff"),
    ("vp9.webm", "-map 0:v -map 1:a -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
    ("vp8.webm", "-map 0:v -map 1:a -c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis"),
    ("theora.ogg", "-map 0:v -map 1:a -c:v libtheora -c:a libvorbis"),
    ("mpeg2.ts", "-map 0:v -map 1:a -c:v mpeg2video -g 8 -bf 2 -c:a mp2"),
    ("h264.ts", "-map 0:v -map 1:a -c:v libx264 -preset ultrafast -g 8 -c:a aac"),
    ("mpeg1.mpg", "-map 0:v -map 1:a -c:v mpeg1video -c:a mp2"),
    ("mpeg4.avi", "-map 0:v -map 1:a -c:v mpeg4 -c:a libmp3lame"),
    ("mjpeg.avi", "-map 0:v -map 1:a -c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le"),
    ("sorenson.flv", "-map 0:v -map 1:a -c:v flv -c:a libmp3lame -ar 44100"),
    ("wmv2.wmv", "-map 0:v -map 1:a -c:v wmv2 -c:a wmav2"),
    ("pictures.gif", "-map 0:v -c:v gif"),
    ("pictures.webp", "-map 0:v -c:v libwebp_anim -lossless 1 -compression_level 0"),
    ("pictures.y4m", "-map 0:v -pix_fmt yuv420p -f yuv4mpegpipe -strict -1"),
];

/// What is done with the files, in turns.
const JOBS: [&[&str]; 4] = [
    // The container and codec of the input, with all its streams.
    &["--factor", "2"],
    &["--factor", "3", "-o", "out.mkv", "--encoder", "ffv1"],
    &["--fps", "60", "-o", "out.mkv", "--encoder", "mpeg4"],
    &["--slow", "2"],
];

/// Makes the undamaged files of the input that `picture` names.
fn make(dir: &Path, picture: &[&str]) -> Vec<PathBuf> {
    let words = dir.join("words.srt");
    fs::write(&words, "1\n00:00:00,000 --> 00:00:00,300\nOne\n\n2\n00:00:00,300 --> 00:00:00,600\nTwo\n")
        .unwrap();
    let small = dir.join("small.nut");
    let scale =
        ["-vf", "scale=160:90,format=yuv420p", "-frames:v", "14", "-c:v", "rawvideo", "-an", text(&small)];
    ffmpeg(&[picture, &scale].concat());
    let one = |(name, how): &(&str, &str)| {
        let path = dir.join(name);
        let sound = "sine=sample_rate=48000:duration=0.5";
        let inputs = ["-i", text(&small), "-f", "lavfi", "-i", sound, "-i", text(&words), "-threads", "1"];
        let how: Vec<&str> = how.split(' ').collect();
        ffmpeg(&[&inputs, how.as_slice(), &[text(&path)]].concat());
        path
    };
    KINDS.iter().map(one).collect()
}

/// How a run ended.
struct End {
    code: Option<i32>,
    said: String,
    /// The most memory it took, in MiB.
    peak: u64,
    /// Whether it had to be killed.
    hung: bool,
}

/// Runs `ifr interpolate` in `dir` within bounds.
fn run(dir: &Path, input: &Path, job: &[&str]) -> End {
    let bounded = format!("ulimit -c 0; ulimit -v {ADDRESSES_KIB}; exec \"$@\"");
    let said = dir.join("said.txt");
    let mut child = Command::new("sh")
        .args(["-c", &bounded, "sh", env!("CARGO_BIN_EXE_ifr"), "interpolate", text(input)])
        .args(["--model", "flow-fast", "--threads", "1", "--quiet"])
        .args(job)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let (status, start) = (format!("/proc/{}/status", child.id()), Instant::now());
    let (mut peak, mut hung) = (0, false);
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let kib = text
            .lines()
            .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        if let Some(done) = child.try_wait().unwrap() {
            break done.code();
        }
        if start.elapsed() > PATIENCE {
            hung = true;
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(4));
    };
    End { code, said: String::from_utf8_lossy(&fs::read(&said).unwrap()).into_owned(), peak, hung }
}

/// What is wrong with how a run on a damaged file ended, if anything is.
fn fault(end: &End) -> Option<String> {
    let End { code, said, peak, hung } = end;
    match code {
        _ if *hung => Some(format!("did not end within {PATIENCE:?}")),
        _ if said.contains("panicked") => Some("panicked".to_owned()),
        None => Some("killed by a signal".to_owned()),
        // Done as far as it goes, or the input cannot be read: nothing else can come of a file of any content.
        Some(0 | 3) if *peak > MEMORY_MIB => Some(format!("took {peak} MiB")),
        Some(3) if said.trim().is_empty() => Some("failed without a word".to_owned()),
        Some(0 | 3) => None,
        Some(code) => Some(format!("exit code {code}")),
    }
}

/// Tries `count` damaged files made of the picture.
fn survive(picture: &[&str], count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let whole: Vec<(PathBuf, Vec<u8>)> = make(dir.path(), picture)
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (done, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let most = AtomicUsize::new(0);
    let work = |worker: usize| {
        let own = dir.path().join(format!("worker{worker}"));
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= count {
                return;
            }
            fs::create_dir(&own).unwrap();
            // Neighbouring cases differ in file, damage and job.
            let (path, bytes) = &whole[case % whole.len()];
            let job = JOBS[(case + case / whole.len()) % JOBS.len()];
            let name = path.file_name().unwrap().to_str().unwrap();
            let input = own.join(name);
            let (bytes, how) = damage(bytes, case as u64);
            fs::write(&input, bytes).unwrap();
            let end = run(&own, &input, job);
            most.fetch_max(end.peak as usize, Ordering::Relaxed);
            let counted = if end.code == Some(0) { &done } else { &refused };
            counted.fetch_add(1, Ordering::Relaxed);
            if let Some(fault) = fault(&end) {
                if let Some(keep) = std::env::var_os("IFR_HOSTILE_KEEP") {
                    fs::copy(&input, Path::new(&keep).join(format!("{case}.{name}"))).unwrap();
                }
                let said = end.said.trim();
                faults.lock().unwrap().push(format!("case {case}, {name}, {how}, {job:?}: {fault}\n{said}"));
            }
            fs::remove_dir_all(&own).unwrap();
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (0..threads).for_each(|worker| drop(scope.spawn(move || work(worker))));
    });
    let faults = faults.into_inner().unwrap();
    let (done, refused, most) = (done.into_inner(), refused.into_inner(), most.into_inner());
    eprintln!("{count} damaged files: {done} interpolated, {refused} refused, at most {most} MiB");
    assert!(faults.is_empty(), "{} of {count} went wrong:\n{}", faults.len(), faults.join("\n"));
    assert!(done > count / 5 && refused > count / 50, "damage that is always, or never, fatal shows little");
}

fn count() -> usize {
    std::env::var("IFR_HOSTILE").ok().and_then(|n| n.parse().ok()).unwrap_or(USUAL)
}

#[test]
fn damaged_excerpts_of_clips() {
    let Some(clip) = shared("clips/102.mp4") else { return };
    survive(&["-ss", "2", "-i", text(&clip)], count());
}

#[test]
fn damaged_generated_clips() {
    survive(&["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1"], count() / 2);
}

#[test]
fn undamaged_files_of_all_kinds_are_interpolated() {
    let dir = tempfile::tempdir().unwrap();
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1"];
    for (i, path) in make(dir.path(), &picture).iter().enumerate() {
        let own = dir.path().join(i.to_string());
        fs::create_dir(&own).unwrap();
        let input = own.join(path.file_name().unwrap());
        fs::copy(path, &input).unwrap();
        let end = run(&own, &input, JOBS[i % JOBS.len()]);
        assert_eq!(end.code, Some(0), "{}: {}", path.display(), end.said);
    }
}

/// A timestamp that jumps by minutes must not cost thousands of new frames.
#[test]
fn long_gaps_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("gap.mkv"), dir.path().join("out.mkv"));
    let source = "testsrc2=size=64x48:rate=10,setpts='PTS+if(gte(N,3),90/TB,0)'";
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        "6",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let args = ["interpolate", text(&input), "-o", text(&out), "--fps", "20", "--encoder", "ffv1", "--json"];
    let run = common::ifr(&args);
    let said = String::from_utf8(run.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["read"], &summary["made"]), (&6.into(), &4.into()), "{summary}");
    assert!(summary["repeated"].as_u64().unwrap() > 1700, "{summary}");
}
