//! Real clips at half rate, with sound, subtitles, chapters and an attachment: doubled, nothing may be lost or moved.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::path::{Path, PathBuf};

use common::{ffmpeg, frames, ifr_ok, packets, probe, shared, text, times, video};

/// The half-rate clip at `lines` lines with AAC, SRT, two chapters and, in Matroska, an attachment.
fn input(dir: &Path, clip: &Path, lines: u32, extension: &str) -> PathBuf {
    let (srt, meta, note) = (dir.join("s.srt"), dir.join("meta.txt"), dir.join("note.txt"));
    std::fs::write(
        &srt,
        "1\n00:00:00,500 --> 00:00:01,250\nFirst\n\n2\n00:00:02,000 --> 00:00:03,000\nSecond\n",
    )
    .unwrap();
    let chapter = |a, b, t| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={b}\ntitle={t}\n");
    let chapters = chapter(0, 1500, "one") + &chapter(1500, 3000, "two");
    std::fs::write(&meta, format!(";FFMETADATA1\ntitle=A clip\n{chapters}")).unwrap();
    std::fs::write(&note, "an attachment").unwrap();
    let out = dir.join(format!("in.{extension}"));
    let filter = format!("select=not(mod(n\\,2)),scale=-2:{lines}");
    let subtitles = if extension == "mkv" { "srt" } else { "mov_text" };
    let mut args = vec![
        "-i",
        text(clip),
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=44100:duration=4",
        "-i",
        text(&srt),
        "-f",
        "ffmetadata",
        "-i",
        text(&meta),
        "-map",
        "0:v:0",
        "-map",
        "1:a",
        "-map",
        "2:s",
        "-map_metadata",
        "3",
        "-map_chapters",
        "3",
        "-vf",
        &filter,
        "-fps_mode",
        "passthrough",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-c:a",
        "aac",
        "-c:s",
        subtitles,
        "-metadata:s:a:0",
        "language=deu",
    ];
    if extension == "mkv" {
        args.extend(["-attach", text(&note), "-metadata:s:t", "mimetype=text/plain"]);
    }
    args.push(text(&out));
    ffmpeg(&args);
    out
}

/// When the first stream of a kind starts, in seconds.
fn start(path: &Path, kind: &str) -> f64 {
    let all = probe(path);
    let stream = all["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == kind).unwrap().clone();
    stream["start_time"].as_str().unwrap().parse().unwrap()
}

fn doubled(clip: &str, lines: u32, extension: &str, cuts: &[usize]) {
    let Some(clip) = shared(&format!("clips/{clip}.mp4")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = input(dir.path(), &clip, lines, extension);
    let out = dir.path().join("out.mkv");
    ifr_ok(&[
        "interpolate",
        text(&source),
        "-o",
        text(&out),
        "--factor",
        "2",
        "--encoder",
        "ffv1",
        "--model",
        "flow-fast",
    ]);

    let (before, after) = (frames(&source), frames(&out));
    assert_eq!(after.len(), 2 * before.len() - 1, "2n - 1 frames");
    for (i, (_, hash)) in before.iter().enumerate() {
        assert_eq!(after[2 * i].1, *hash, "source frame {i} is the decoder's, bit for bit");
    }
    // MP4 starts AAC before zero, which Matroska cannot: everything is moved alike.
    let (t0, t1) = (times(&source), times(&out));
    let moved = t1[0] - t0[0];
    assert!(extension == "mp4" || moved == 0.0, "moved by {moved} s");
    // FFmpeg's own copy of the file is the measure of sync.
    let copy = dir.path().join("copy.mkv");
    ffmpeg(&["-i", text(&source), "-map", "0:v", "-map", "0:a", "-c", "copy", text(&copy)]);
    let first_audio = |p: &Path| start(p, "audio") - start(p, "video");
    let (a0, a1) = (first_audio(&copy), first_audio(&out));
    assert!((a0 - a1).abs() < 0.0011, "sound against picture: {a0} s became {a1} s");
    for (i, pair) in t0.windows(2).enumerate() {
        // Matroska holds milliseconds: exact times rounded once.
        let pair = [pair[0] + moved, pair[1] + moved];
        let middle = (pair[0] + pair[1]) / 2.0;
        assert!(
            (t1[2 * i] - pair[0]).abs() < if extension == "mkv" { 1e-6 } else { 0.0011 },
            "{} {}",
            t1[2 * i],
            pair[0]
        );
        assert!((t1[2 * i + 1] - middle).abs() < 0.0011, "{} {middle}", t1[2 * i + 1]);
    }

    assert_eq!(packets(&source, "0:a"), packets(&out, "0:a"), "audio packets");
    let (p0, p1) = (probe(&source), probe(&out));
    let kinds = |p: &serde_json::Value| {
        let mut kinds: Vec<String> = p["streams"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["codec_type"].as_str().unwrap().to_owned())
            .filter(|k| k != "data")
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(&p0), kinds(&p1));
    assert_eq!(p1["chapters"].as_array().unwrap().len(), 2);
    assert_eq!(p1["chapters"][1]["tags"]["title"], "two");
    assert_eq!(p1["chapters"][1]["start_time"], "1.500000");
    assert_eq!(p1["format"]["tags"]["title"], "A clip");
    let audio = p1["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == "audio").unwrap();
    assert!(audio["tags"]["language"] == "deu" || extension != "mkv");
    let (v0, v1) = (video(&source), video(&out));
    for key in
        ["width", "height", "pix_fmt", "sample_aspect_ratio", "color_space", "color_range", "color_transfer"]
    {
        assert_eq!(v0[key], v1[key], "{key}");
    }

    for &cut in cuts {
        // Between the old shot's last frame and the new shot's first: the old one held.
        assert_eq!(after[2 * cut - 1].1, after[2 * cut - 2].1, "nothing is made across the cut at {cut}");
        assert_ne!(after[2 * cut - 1].1, after[2 * cut].1);
    }
    let held = (0..before.len() - 1).filter(|i| after[2 * i + 1].1 == after[2 * i].1).count();
    assert!(held < before.len() / 4, "most in-between frames are made: {held} of {} are not", before.len());
}

#[test]
fn dashcam_in_matroska() {
    doubled("102", 270, "mkv", &[]);
}

#[test]
fn football_in_mp4() {
    doubled("138", 270, "mp4", &[]);
}

#[test]
fn three_cuts_in_matroska() {
    doubled("25", 270, "mkv", &[9, 130, 161]);
}

#[test]
fn h264_in_mp4_keeps_exact_times_and_streams() {
    let Some(clip) = shared("clips/102.mp4") else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = input(dir.path(), &clip, 180, "mp4");
    ifr_ok(&[
        "interpolate",
        text(&source),
        "--fps",
        "60000/1001",
        "--model",
        "flow-fast",
        "--encoder-preset",
        "veryfast",
    ]);
    let out = dir.path().join("in.59.94fps.mp4");
    let v = video(&out);
    assert_eq!(v["codec_name"], "h264");
    assert_eq!(v["avg_frame_rate"], "60000/1001");
    assert_eq!(v["r_frame_rate"], "60000/1001");
    for (k, t) in times(&out).iter().enumerate() {
        let exact = k as f64 * 1001.0 / 60000.0;
        assert!((t - times(&source)[0] - exact).abs() < 2e-6, "frame {k}: {t} {exact}");
    }
    assert_eq!(packets(&source, "0:a"), packets(&out, "0:a"));
    assert_eq!(packets(&source, "0:s"), packets(&out, "0:s"));
    let end = |path: &Path| video(path)["duration"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((end(&source) - end(&out)).abs() <= 0.5 * 1001.0 / 60000.0 + 1e-6);
}

#[test]
fn slow_motion_stretches_everything() {
    let Some(clip) = shared("clips/102.mp4") else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = input(dir.path(), &clip, 180, "mkv");
    let out = dir.path().join("slow.mkv");
    ifr_ok(&["interpolate", text(&source), "--slow", "2", "-o", text(&out), "--model", "flow-fast"]);
    let (p0, p1) = (probe(&source), probe(&out));
    assert_eq!(frames(&out).len(), 2 * frames(&source).len() - 1);
    assert_eq!(video(&source)["avg_frame_rate"], video(&out)["avg_frame_rate"], "the same rate");
    assert_eq!(p1["chapters"][1]["start_time"], "3.000000");
    let length = |path: &Path, map: &str| {
        let out = ffmpeg(&["-i", text(path), "-map", map, "-f", "s16le", "-ac", "1", "-ar", "44100", "-"]);
        out.len() as f64 / 2.0 / 44100.0
    };
    let (a0, a1) = (length(&source, "0:a"), length(&out, "0:a"));
    assert!((a1 - 2.0 * a0).abs() < 0.1, "sound: {a0} s became {a1} s");
    let cue = ffmpeg(&["-copyts", "-i", text(&out), "-map", "0:s", "-f", "srt", "-"]);
    // The source starts late by the delay of its AAC encoder, doubled like everything else.
    let cue = String::from_utf8_lossy(&cue).into_owned();
    let shown = (1.0 + start(&out, "video")) * 1000.0;
    assert!(cue.contains(&format!("00:00:01,{:03.0} --> 00:00:02,", shown - 1000.0)), "{cue} {shown}");
    assert_eq!(p0["streams"].as_array().unwrap().len(), p1["streams"].as_array().unwrap().len());
    let mute = dir.path().join("mute.mkv");
    ifr_ok(&[
        "interpolate",
        text(&source),
        "--slow",
        "2",
        "-o",
        text(&mute),
        "--no-audio",
        "--model",
        "flow-fast",
    ]);
    let kinds =
        probe(&mute)["streams"].as_array().unwrap().iter().filter(|s| s["codec_type"] == "audio").count();
    assert_eq!(kinds, 0);
}
