//! `ifr compare`, `ifr preview`, and frames averaged over mirrored pairs.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::path::{Path, PathBuf};

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, names, text, video, weights};
use ifr::frame::RgbImage;
use serde_json::Value;

fn moving(path: &Path, size: &str, rate: u32, n: u32) -> PathBuf {
    let source = format!("testsrc2=size={size}:rate={rate}");
    let n = n.to_string();
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        &source,
        "-frames:v",
        &n,
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "ffv1",
        text(path),
    ]);
    path.to_owned()
}

/// Runs `ifr compare --json`.
fn compare(args: &[&str]) -> Value {
    let out = ifr(&[&["compare", "--json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn videos_are_compared_where_they_meet() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let fast = moving(&at("fast.mkv"), "96x64", 50, 21);
    // Every second frame of it, starting a second later: times count from the first frame.
    let slow = at("slow.mkv");
    let filter = "select=not(mod(n\\,2)),setpts=PTS+1/TB";
    ffmpeg(&["-i", text(&fast), "-vf", filter, "-fps_mode", "passthrough", "-c:v", "ffv1", text(&slow)]);
    let found = compare(&[text(&slow), text(&fast)]);
    assert_eq!([&found["compared"], &found["equal"], &found["alone"]], [11, 11, 0]);
    assert_eq!((&found["psnr"], &found["worst"]), (&Value::Null, &Value::Null));
    let found = compare(&[text(&fast), text(&slow)]);
    assert_eq!([&found["compared"], &found["equal"], &found["alone"]], [11, 11, 10]);

    // A known difference: 16 codes of luma everywhere, from one frame on.
    let brighter = at("brighter.mkv");
    let filter = "lutyuv=y=val+16:enable='gte(n,7)'";
    ffmpeg(&["-i", text(&slow), "-vf", filter, "-c:v", "ffv1", text(&brighter)]);
    let found = compare(&[text(&slow), text(&brighter)]);
    assert_eq!(
        [&found["compared"], &found["equal"], &found["worst"]["frame"]],
        [11, 7, found["worst"]["frame"].as_u64().unwrap()]
    );
    // 16 codes of 219 in each of R, G and B, less what is clamped.
    let psnr = found["psnr"].as_f64().unwrap();
    let bound = 20.0 * (219.0_f64 / 16.0).log10();
    assert!(psnr >= bound - 0.05 && psnr < bound + 3.0, "{psnr} dB, {bound} expected");
    assert!(
        found["worst"]["frame"].as_u64().unwrap() >= 7 && found["ssim"].as_f64().unwrap() < 1.0,
        "{found}"
    );

    let said = String::from_utf8(ifr(&["compare", text(&slow), text(&brighter)]).stdout).unwrap();
    assert!(said.starts_with("compared  11 frames; 7 are equal to the bit\nPSNR"), "{said}");
    let larger = moving(&at("larger.mkv"), "128x64", 50, 3);
    ifr_fails(&["compare", text(&slow), text(&larger)], 3, "both must be of one size");
    ifr_fails(&["compare", text(&slow), text(&at("gone.mkv"))], 3, "gone.mkv");
    ifr_fails(&["compare", text(&slow), text(&fast), "--gain", "2"], 2, "--output");
}

#[test]
fn comparisons_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let a = moving(&at("a.mkv"), "96x64", 10, 4);
    let b = at("b.mkv");
    let filter = "geq=lum='p(X,Y)+if(lt(X,48),10,0)':cb='cb(X,Y)':cr='cr(X,Y)',format=yuv420p";
    ffmpeg(&["-i", text(&a), "-vf", filter, "-c:v", "ffv1", text(&b)]);
    let grey = |path: &Path, n: usize| -> Vec<u8> {
        let raw = ffmpeg(&["-i", text(path), "-pix_fmt", "gray", "-f", "rawvideo", "-"]);
        let size = raw.len() / 4;
        raw[n * size..(n + 1) * size].to_vec()
    };
    for (show, width) in [("all", 288), ("side", 192), ("difference", 96)] {
        let out = at(&format!("{show}.mkv"));
        ifr_ok(&["compare", text(&a), text(&b), "-o", text(&out), "--show", show]);
        let found = video(&out);
        assert_eq!((found["width"].as_i64(), found["height"].as_i64()), (Some(width), Some(64)));
        assert_eq!(frames(&out).len(), 4);
        let picture = grey(&out, 2);
        let mean = |from: usize, to: usize| {
            let all = picture.chunks_exact(width as usize).flat_map(|row| &row[from..to]);
            all.map(|&v| f64::from(v)).sum::<f64>() / (64 * (to - from)) as f64
        };
        // Ten codes eight times enlarged, on black or on grey; nothing in the right half.
        let (left, right) = match show {
            "all" => (mean(200, 230), mean(250, 280)),
            "difference" => (mean(8, 38), mean(58, 88)),
            _ => continue,
        };
        let ground = if show == "all" { 0.0 } else { 127.5 };
        let enlarged = 8.0 * 10.0 * 255.0 / 219.0;
        assert!((left - ground - enlarged).abs() < 12.0, "{show}: {left}");
        assert!((right - ground).abs() < 6.0, "{show}: {right}");
    }
    ifr_fails(&["compare", text(&a), text(&b), "-o", text(&at("all.mkv"))], 4, "exists already");
    ifr_fails(&["compare", text(&a), text(&b), "-o", text(&b), "--force"], 4, "the input itself");
}

fn picture(path: &Path) -> RgbImage {
    ifr::video::images::read_image(path).unwrap().to_rgb()
}

#[test]
fn a_preview_shows_rows_of_four() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let input = moving(&at("in.mkv"), "160x96", 25, 40);
    let said = ifr_ok(&["preview", text(&input), "--model", "flow-fast", "--rows", "3", "--width", "80"]);
    assert!(said.contains("row 3: ") && !said.contains("row 4: "), "{said}");
    assert_eq!(names(dir.path()), ["in.mkv", "in.preview.png"]);
    let sheet = picture(&at("in.preview.png"));
    // Panels of 80×48, with six pixels between them and around.
    assert_eq!((sheet.width(), sheet.height()), (4 * 80 + 5 * 6, 3 * 48 + 4 * 6));
    let panel = |image: &RgbImage, row: usize, column: usize| -> Vec<f32> {
        let (x, y) = (6 + column * 86, 6 + row * 54);
        (y..y + 48).flat_map(|y| image.channel(1)[y * image.width() + x..][..80].to_vec()).collect()
    };
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32;
    for row in 0..3 {
        let [before, made, after, motion] = [0, 1, 2, 3].map(|column| panel(&sheet, row, column));
        let whole = distance(&before, &after);
        assert!(
            whole > 0.0 && distance(&before, &made) <= whole && distance(&made, &after) <= whole,
            "row {row}"
        );
        assert!(distance(&motion, &made) > whole, "row {row}: motion is no picture");
    }
    ifr_fails(&["preview", text(&input)], 4, "exists already");
    ifr_fails(&["preview", text(&input), "-o", "x.jpg"], 2, "PNG");
    let still = at("still.mkv");
    ffmpeg(&["-f", "lavfi", "-i", "color=size=64x48", "-frames:v", "1", "-c:v", "ffv1", text(&still)]);
    ifr_fails(&["preview", text(&still)], 3, "nothing moves");
}

#[test]
fn averaged_frames_do_not_know_left_from_right() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for (name, t) in [("a", "0.1"), ("b", "0.3")] {
        let source = "testsrc2=size=96x64:rate=30";
        let straight = at(&format!("{name}.png"));
        ffmpeg(&["-f", "lavfi", "-i", source, "-ss", t, "-frames:v", "1", text(&straight)]);
        ffmpeg(&["-i", text(&straight), "-vf", "hflip", text(&at(&format!("{name}.flipped.png")))]);
    }
    let net = weights(dir.path(), "ifrnet-s");
    let made = |model: &str, tta: bool, flipped: bool| {
        let kind = if flipped { ".flipped.png" } else { ".png" };
        let (a, b, out) = (at(&format!("a{kind}")), at(&format!("b{kind}")), at("made.png"));
        let mut args = vec!["interpolate", text(&a), text(&b), "-o", text(&out), "--force", "--model", model];
        if tta {
            args.push("--tta");
        }
        ifr_ok(&args);
        let mut image = picture(&out);
        if flipped {
            let width = image.width();
            for plane in image.channels_mut() {
                plane.chunks_exact_mut(width).for_each(<[f32]>::reverse);
            }
        }
        image
    };
    let largest = |a: &RgbImage, b: &RgbImage| {
        a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    for model in [text(&net), "flow"] {
        let plain = [false, true].map(|flipped| made(model, false, flipped));
        let averaged = [false, true].map(|flipped| made(model, true, flipped));
        assert!(largest(&plain[0], &plain[1]) > 0.02, "{model}: nothing to even out");
        // A code of 8 bits, by rounding.
        assert!(largest(&averaged[0], &averaged[1]) < 1.5 / 255.0, "{model}");
        assert!(largest(&plain[0], &averaged[0]) > 0.004, "{model}: as if nothing had been averaged");
    }
    let input = moving(&at("in.mkv"), "96x64", 10, 3);
    let plan = |args: &[&str]| -> Value {
        let args =
            [&["interpolate", text(&input), "--dry-run", "--json", "--model", text(&net)], args].concat();
        serde_json::from_slice(&ifr(&args).stdout).unwrap()
    };
    let (plain, averaged) = (plan(&[]), plan(&["--tta"]));
    assert_eq!([&plain["making"]["passes"], &averaged["making"]["passes"]], [1, 8]);
    let macs = |v: &Value| v["making"]["macs_per_pair"].as_f64().unwrap();
    assert_eq!(macs(&averaged), 8.0 * macs(&plain));
}
