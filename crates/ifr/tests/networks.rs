//! Networks through the command line: any known file is recognised, any size and rate works, what is none is refused.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, names, shared, text, video, weights};
use ifr::net::{Dtype, Network, Parameters, Ratio};

#[test]
fn a_network_interpolates_odd_sizes_at_any_rate_and_scale() {
    interpolates_odd_sizes_at_any_rate_and_scale("ifrnet-s");
}

#[test]
fn a_network_on_a_prior_is_supplied_with_it() {
    interpolates_odd_sizes_at_any_rate_and_scale("ifrnet-s+flow");
}

fn interpolates_odd_sizes_at_any_rate_and_scale(network: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (weights(dir.path(), network), dir.path().join("in.mkv"));
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=97x61:rate=5",
        "-frames:v",
        "3",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let mut hashes = Vec::new();
    for (scale, threads) in [("1", "1"), ("1", "2"), ("0.33", "2")] {
        let out = dir.path().join("out.mkv");
        ifr_ok(&[
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--force",
            "--factor",
            "3",
            "--model",
            text(&net),
            "--scale",
            scale,
            "--threads",
            threads,
        ]);
        let (v, after) = (video(&out), frames(&out));
        assert_eq!((&v["width"], &v["height"]), (&97.into(), &61.into()));
        assert_eq!(after.len(), 7);
        assert_ne!(after[1].1, after[2].1, "every timestep has a frame of its own");
        hashes.push(after.into_iter().map(|f| f.1).collect::<Vec<_>>());
    }
    assert_eq!(hashes[0], hashes[1], "threads change nothing");
    assert_ne!(hashes[0], hashes[2], "the scale does");
    assert_eq!(hashes[0][3], hashes[2][3], "source frames are sources");
}

#[test]
fn a_real_clip_runs() {
    let Some(clip) = shared("clips/138.mp4") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (net, input) = (weights(dir.path(), "ifrnet-s"), dir.path().join("in.mkv"));
    ffmpeg(&["-i", text(&clip), "-vf", "scale=-2:180", "-frames:v", "4", text(&input)]);
    ifr_ok(&["interpolate", text(&input), "--model", text(&net), "--fps", "120"]);
    assert!(names(dir.path()).contains(&"in.120fps.mkv".to_owned()));
}

#[test]
fn info_prints_the_published_costs() {
    let dir = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let out = ifr(args);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()
    };
    let giga = |v: &serde_json::Value| format!("{:.2}", v["macs"].as_f64().unwrap() / 1e9);
    let s = weights(dir.path(), "ifrnet-s");
    let info = said(&["info", text(&s), "--json"]);
    assert_eq!((info["network"].as_str().unwrap(), giga(&info).as_str()), ("ifrnet-s", "12.60"));
    assert_eq!(format!("{:.2}", info["parameters"].as_f64().unwrap() / 1e6), "2.80");
    assert_eq!(info["metadata"]["made"], "by rule");
    assert_eq!(giga(&said(&["info", text(&s), "--size", "1280x704", "--json"])), "98.97");
    assert_eq!(
        giga(&said(&["info", "ifrnet-b", "--size", "1280x700", "--json"])),
        "174.24",
        "padded to 1280x704"
    );
    let table = String::from_utf8(ifr(&["info", text(&s)]).stdout).unwrap();
    assert!(table.contains("decoder4") && table.contains("12.60") && !table.contains("prior"), "{table}");
    assert_eq!(info["prior"], serde_json::Value::Null);
}

#[test]
fn info_tells_the_prior() {
    let dir = tempfile::tempdir().unwrap();
    let net = weights(dir.path(), "ifrnet-s+flow");
    for model in [text(&net), "ifrnet-s+flow"] {
        let table = String::from_utf8(ifr(&["info", model]).stdout).unwrap();
        assert!(table.contains("ifrnet-s+flow at 448x256"), "{table}");
        assert_eq!(table.matches("prior flow: starts from classical flow").count(), 1, "{table}");
        let json = ifr(&["info", model, "--json"]).stdout;
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap()["prior"], "flow");
    }
}

/// An open gate: the network's frames are then those of its prior, which are the embedded flow's.
#[test]
fn an_open_gate_shows_the_embedded_flow() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::all().find(|n| n.name() == "ifrnet-s+flow").unwrap();
    let graph = network.graph(Ratio::ONE).unwrap();
    let mut parameters = Parameters::by_rule(&graph);
    for id in graph.param_ids().filter(|&id| graph.param(id).name.starts_with("decoder1.convblock.2.")) {
        parameters.get_mut(id).fill(0.0);
        if graph.param(id).name.ends_with("bias") {
            parameters.get_mut(id)[8] = 100.0;
        }
    }
    let net = dir.path().join("open.safetensors");
    parameters.save(&net, Dtype::F32, &network.metadata()).unwrap();
    let input = dir.path().join("in.mkv");
    let source = "testsrc2=size=130x90:rate=5";
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        "3",
        "-pix_fmt",
        "gbrp",
        "-c:v",
        "ffv1",
        text(&input),
    ]);
    let made = |model: &str| {
        let out = dir.path().join("out.mkv");
        ifr_ok(&[
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--force",
            "--factor",
            "4",
            "--model",
            model,
        ]);
        frames(&out)
    };
    assert_eq!(made(text(&net)), made("flow"));
}

#[test]
fn files_that_are_no_network_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, bad) = (weights(dir.path(), "ifrnet-s"), dir.path().join("bad.safetensors"));
    let input = dir.path().join("in.mkv");
    ffmpeg(&["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5", "-frames:v", "2", text(&input)]);
    let bytes = fs::read(&whole).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let renamed = String::from_utf8_lossy(&bytes[8..8 + header]).replacen("encoder", "encodex", 1);
    let cases: [(&str, Vec<u8>); 4] = [
        ("bad.safetensors", b"no network".to_vec()),
        ("bad.safetensors", bytes[..bytes.len() / 2].to_vec()),
        ("bad.safetensors", [&u64::MAX.to_le_bytes()[..], &bytes[8..]].concat()),
        ("encodex", [&bytes[..8], renamed.as_bytes(), &bytes[8 + header..]].concat()),
    ];
    for (needle, content) in cases {
        fs::write(&bad, content).unwrap();
        ifr_fails(&["interpolate", text(&input), "--model", text(&bad)], 2, needle);
        ifr_fails(&["info", text(&bad)], 3, needle);
    }
    ifr_fails(&["interpolate", text(&input), "--model", "nonesuch"], 2, "nonesuch");
    ifr_fails(&["interpolate", text(&input), "--model", text(&whole), "--scale", "0.1"], 2, "0.25, 0.33");
    ifr_fails(&["interpolate", text(&input), "--model", "flow", "--scale", "0.5"], 2, "no working scale");
    // Weights that say they are on a prior, with the shapes of those that are not.
    let plain = Network::all().find(|n| n.name() == "ifrnet-s").unwrap();
    let words = [("prior".to_owned(), "flow".to_owned())].into();
    Parameters::by_rule(&plain.graph(Ratio::ONE).unwrap()).save(&bad, Dtype::F16, &words).unwrap();
    ifr_fails(&["interpolate", text(&input), "--model", text(&bad)], 2, "contradicts itself");
    ifr_fails(&["info", text(&bad)], 3, "contradicts itself");
}
