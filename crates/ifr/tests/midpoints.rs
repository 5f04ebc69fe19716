//! Weights that make middles alone, through the command line: any factor and rate, what is said of it, scales, refusals.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, shared, text, video, weights};
use ifr::net::{Dtype, Network, Parameters, Ratio, Timesteps};
use serde_json::Value;

/// IFRNet-S that says of itself that it was trained on middles alone.
fn midpoint(dir: &Path) -> PathBuf {
    let network = Network::all().find(|n| n.name() == "ifrnet-s").unwrap();
    let path = dir.join("vimeo.safetensors");
    let words = network.metadata().into_iter().chain([(Timesteps::KEY.into(), "midpoint".into())]);
    let parameters = Parameters::by_rule(&network.graph(Ratio::ONE).unwrap());
    parameters.save(&path, Dtype::F32, &words.collect()).unwrap();
    path
}

/// A lossless clip, from a test source or, where it is there, of real frames.
fn clip(dir: &Path, size: &str, rate: &str, count: &str) -> PathBuf {
    let path = dir.join("in.mkv");
    let source = format!("testsrc2=size={size}:rate={rate}");
    let end = ["-frames:v", count, "-pix_fmt", "yuv420p", "-c:v", "ffv1", text(&path)];
    match shared("clips/138.mp4") {
        Some(real) => {
            let filter = format!("scale={},fps={rate}", size.replace('x', ":"));
            ffmpeg(&[&["-i", text(&real), "-an", "-vf", &filter], &end[..]].concat())
        }
        None => ffmpeg(&[&["-f", "lavfi", "-i", &source], &end[..]].concat()),
    };
    path
}

fn said(args: &[&str]) -> String {
    let out = ifr(args);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn plan(input: &Path, model: &Path, more: &[&str]) -> String {
    said(&[&["interpolate", text(input), "--model", text(model), "--dry-run"], more].concat())
}

fn plan_json(input: &Path, model: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&plan(input, model, &[more, &["--json"]].concat())).unwrap()
}

#[test]
fn every_quarter_is_a_frame_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (midpoint(dir.path()), clip(dir.path(), "98x62", "24", "4"));
    let made = |more: &[&str]| {
        let out = dir.path().join("out.mkv");
        let args = ["interpolate", text(&input), "-o", text(&out), "--force", "--model", text(&net)];
        let said = ifr_ok(&[&args[..], more].concat());
        (frames(&out).into_iter().map(|f| f.1).collect::<Vec<_>>(), said)
    };
    let (four, said) = made(&["--factor", "4", "--cuts", "off", "--compute-repeats"]);
    assert_eq!(four.len(), 13);
    assert!(four.windows(2).all(|two| two[0] != two[1]));
    assert!(!said.contains("makes middles alone"), "{said}");
    // The middle is the middle, alone or among others.
    let (two, _) = made(&["--factor", "2", "--cuts", "off", "--compute-repeats", "--threads", "1"]);
    assert_eq!(four.iter().step_by(2).collect::<Vec<_>>(), two.iter().collect::<Vec<_>>());
    // With one halving there is one frame for all instants.
    let (coarse, said) =
        made(&["--factor", "4", "--bisect-depth", "1", "--cuts", "off", "--compute-repeats"]);
    assert!(coarse[1] == coarse[2] && coarse[2] == coarse[3] && coarse[2] == four[2]);
    assert!(said.contains("makes middles alone") && said.contains("multiple of 1/2 of"), "{said}");
}

#[test]
fn ifr_plus_makes_four_times_as_many() {
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (weights(dir.path(), "ifr-plus"), clip(dir.path(), "64x36", "24", "3"));
    let out = dir.path().join("out.mkv");
    let args = ["interpolate", text(&input), "-o", text(&out), "--model", text(&net), "--factor", "4"];
    let said = ifr_ok(&[&args[..], &["--cuts", "off", "--compute-repeats"]].concat());
    assert!(!said.contains("notice"), "{said}");
    let (v, after) = (video(&out), frames(&out));
    assert_eq!((&v["width"], &v["height"], after.len()), (&64.into(), &36.into(), 9));
    let distinct: std::collections::HashSet<_> = after.iter().map(|f| &f.1).collect();
    assert_eq!(distinct.len(), 9);
}

#[test]
fn plans_say_how_frames_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (midpoint(dir.path()), clip(dir.path(), "98x62", "24", "4"));
    let exact = plan(&input, &net, &["--factor", "4"]);
    assert!(exact.contains("middles of middles, up to 4 deep; all exact"), "{exact}");
    assert!(exact.contains("flow scale 1\n") && exact.contains(", in 3 runs"), "{exact}");
    assert!(!exact.contains("notice") && !exact.contains("refiner"), "{exact}");

    let thirds = plan(&input, &net, &["--factor", "3"]);
    assert!(
        thirds.contains("at most 0.87 ms off") && thirds.contains("notice    the model makes middles alone"),
        "{thirds}"
    );
    let sixty = plan(&input, &net, &["--fps", "60"]);
    assert!(sixty.contains("at most 1.04 ms off") && sixty.contains("in 6 runs"), "{sixty}");
    let finer = plan_json(&input, &net, &["--fps", "60", "--bisect-depth", "6"]);
    let making = &finer["making"];
    assert_eq!((&making["bisect_depth"], &making["flow_scale"]), (&6.into(), &1.0.into()));
    // 0.4 is 26/64, off by 1/160; the others are as near.
    let off = making["largest_error_seconds"].as_f64().unwrap();
    assert!((off - 1.0 / 160.0 / 24.0).abs() < 1e-9, "{off}");
    assert_eq!(finer["notices"].as_array().unwrap().len(), 1);
    assert!(sixty.contains("a larger --bisect-depth brings them nearer"), "{sixty}");
    let finest = plan(&input, &net, &["--fps", "60", "--bisect-depth", "8"]);
    assert!(finest.contains("multiple of 1/256 of") && !finest.contains("--bisect-depth"), "{finest}");
    let double = plan(&input, &net, &["--factor", "2"]);
    assert!(double.contains(", in 1 run\n"), "{double}");

    let any = plan(&input, &weights(dir.path(), "ifrnet-s"), &["--factor", "3"]);
    assert!(any.contains("any between two frames") && !any.contains("notice"), "{any}");
    let flow = plan(&input, Path::new("flow"), &["--factor", "3"]);
    assert!(flow.contains("model   flow\n") && !flow.contains("cost"), "{flow}");
}

#[test]
fn scales_follow_the_size_unless_given() {
    let dir = tempfile::tempdir().unwrap();
    let net = weights(dir.path(), "ifr-plus");
    let scales =
        |value: &Value| (value["flow_scale"].as_f64().unwrap(), value["refine_scale"].as_f64().unwrap());
    for (size, flow, refine) in
        [("448x256", 1.0, 1.0), ("1920x1080", 0.25, 1.0), ("1080x1920", 0.25, 1.0), ("3840x2160", 0.125, 0.5)]
    {
        let info = serde_json::from_str(&said(&["info", "ifr-plus", "--size", size, "--json"])).unwrap();
        assert_eq!(scales(&info), (flow, refine), "{size}");
        assert_eq!(info["timesteps"], "midpoint");
        let input = dir.path().join("one.mkv");
        let source = format!("color=size={size}:rate=5");
        ffmpeg(&["-f", "lavfi", "-i", &source, "-frames:v", "1", "-c:v", "ffv1", text(&input)]);
        assert_eq!(scales(&plan_json(&input, &net, &[])["making"]), (flow, refine), "{size}");
        let given = plan_json(&input, &net, &["--flow-scale", "0.5", "--refine-scale", "0.25"]);
        assert_eq!(scales(&given["making"]), (0.5, 0.25));
    }
    let table = said(&["info", text(&net), "--flow-scale", "0.25"]);
    assert!(table.contains("flow scale 1/4, refiner's scale 1\ntimesteps midpoint"), "{table}");
    let macs = |args: &[&str]| {
        let all = [&["info", "ifr-plus", "--json"], args].concat();
        serde_json::from_str::<Value>(&said(&all)).unwrap()["macs"].as_f64().unwrap() / 1e9
    };
    assert_eq!(format!("{:.1}", macs(&[])), "228.5");
    assert!(macs(&["--scale", "0.5"]) < macs(&[]), "the old name");

    // Padded to 16 / flow scale and 4 / refiner's scale.
    let input = clip(dir.path(), "40x24", "24", "2");
    let made = |more: &[&str]| {
        let out = dir.path().join("out.mkv");
        let args = ["interpolate", text(&input), "-o", text(&out), "--force", "--model", text(&net)];
        ifr_ok(&[&args[..], &["--cuts", "off", "--compute-repeats"], more].concat());
        frames(&out)[1].1.clone()
    };
    let auto = made(&[]);
    assert_eq!(made(&["--flow-scale", "1", "--refine-scale", "auto"]), auto);
    assert_ne!(made(&["--flow-scale", "0.5"]), auto);
    assert_ne!(made(&["--refine-scale", "0.5"]), auto);
}

#[test]
fn stills_are_made_at_the_nearest_instant() {
    let dir = tempfile::tempdir().unwrap();
    let net = midpoint(dir.path());
    let [a, b, out] = ["a.png", "b.png", "out.png"].map(|name| dir.path().join(name));
    for (path, n) in [(&a, "1"), (&b, "3")] {
        let select = format!("select=eq(n\\,{n})");
        let source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5", "-vf", &select];
        ffmpeg(&[&source[..], &["-frames:v", "1", text(path)]].concat());
    }
    let made = |t: &str| {
        let args = ["interpolate", text(&a), text(&b), "-t", t, "-o", text(&out), "--force", "--model"];
        let said = ifr_ok(&[&args[..], &[text(&net)]].concat());
        (fs::read(&out).unwrap(), said)
    };
    let (exact, quiet) = made("0.375");
    let (near, told) = made("0.4");
    assert!(exact == near && !quiet.contains("notice"), "{quiet}");
    assert!(told.contains("is made for t = 0.375 instead of 0.4"), "{told}");
    assert!(made("0.5").0 != exact);

    let planned = |more: &[&str]| {
        let args = ["interpolate", text(&a), text(&b), "--dry-run", "--model", text(&net), "-o", "new.png"];
        said(&[&args[..], more].concat())
    };
    let near = planned(&["-t", "0.4"]);
    assert!(near.contains("new.png: the image at t = 0.375\nnotice    "), "{near}");
    assert!(near.contains("is made for t = 0.375 instead of 0.4"), "{near}");
    let exact = planned(&["-t", "0.375"]);
    assert!(exact.ends_with("the image at t = 0.375\n"), "{exact}");
    let value: Value = serde_json::from_str(&planned(&["-t", "0.4", "--json"])).unwrap();
    assert_eq!(
        (&value["event"], &value["t"], &value["output"]),
        (&"plan".into(), &0.375.into(), &"new.png".into())
    );
    assert_eq!((&value["inputs"][1], value["notices"].as_array().unwrap().len()), (&text(&b).into(), 1));

    for t in ["5", "-1", "0", "1", "nan"] {
        for more in [&["--model", text(&net)][..], &[]] {
            let args = ["interpolate", text(&a), text(&b), "--dry-run", "-t", t];
            ifr_fails(&[&args[..], more].concat(), 2, "between 0 and 1");
        }
    }
}

#[test]
fn they_are_measured_at_every_t() {
    let dir = tempfile::tempdir().unwrap();
    let (net, plus) = (midpoint(dir.path()), weights(dir.path(), "ifr-plus"));
    let input = clip(dir.path(), "64x32", "24", "9");
    let models = ["--model", text(&net), "--model", text(&plus), "--model", "flow", "--refine-scale", "0.5"];
    let args = ["eval", "--json", "--video", text(&input), "--drop", "4"];
    let lines = said(&[&args[..], &models].concat());
    let all: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summaries: Vec<_> = all.iter().filter(|v| v["event"] == "summary").collect();
    assert_eq!(summaries.len(), 3);
    for summary in summaries {
        assert_eq!(summary["figures"]["images"], 6);
        assert_eq!(summary["figures"]["times"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let input = clip(dir.path(), "64x48", "24", "2");
    let (small, plus) = (weights(dir.path(), "ifrnet-s"), dir.path().join("bad.safetensors"));
    let refused = |model: &Path, more: &[&str], needle: &str| {
        ifr_fails(&[&["interpolate", text(&input), "--model", text(model)], more].concat(), 2, needle);
    };
    refused(&small, &["--refine-scale", "0.5"], "has no refiner");
    refused(&small, &["--flow-scale", "0.1"], "expected auto or one of 0.125");
    refused(&small, &["--bisect-depth", "9"], "1 to 8");
    refused(Path::new("flow"), &["--flow-scale", "0.5"], "no working scale");
    refused(Path::new("flow"), &["--bisect-depth", "6"], "flow makes any instant by itself");
    refused(&small, &["--bisect-depth", "6"], "leave --bisect-depth out");
    ifr_fails(&["info", text(&small), "--refine-scale", "0.5"], 2, "has no refiner");

    let network = Network::all().find(|n| n.name() == "ifr-plus").unwrap();
    let words = [(Timesteps::KEY.to_owned(), "any".to_owned())].into();
    Parameters::by_rule(&network.graph(Ratio::ONE).unwrap()).save(&plus, Dtype::F16, &words).unwrap();
    refused(&plus, &[], "bad.safetensors: the weights of ifr-plus contradict themselves");
    ifr_fails(&["info", text(&plus)], 3, "contradict themselves");
}

#[test]
fn other_formats_are_sent_to_the_converter() {
    let dir = tempfile::tempdir().unwrap();
    for (name, needle) in [
        ("net.pth", "ifr convert"),
        ("net.ckpt", "net.ckpt is a checkpoint"),
        ("net.param", "net.safetensors"),
        ("net.onnx", "take the weights it was made from"),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, "these are no weights").unwrap();
        ifr_fails(&["interpolate", "in.mkv", "--model", text(&path)], 2, needle);
        ifr_fails(&["eval", "in.mkv", "--model", text(&path)], 2, needle);
        ifr_fails(&["info", text(&path)], 3, needle);
    }
    // Whatever the name says.
    let path = dir.path().join("net.safetensors");
    fs::write(&path, b"PK\x03\x04 and so on").unwrap();
    ifr_fails(&["interpolate", "in.mkv", "--model", text(&path)], 2, "is a PyTorch checkpoint");
}

#[test]
fn whoever_closes_standard_output_has_seen_enough() {
    for args in [&["info", "ifrnet-s"][..], &["info", "flow"], &["info", "ifrnet-s", "--json"], &["doctor"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let out = Command::new(env!("CARGO_BIN_EXE_ifr")).args(args).stdout(writer).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}
