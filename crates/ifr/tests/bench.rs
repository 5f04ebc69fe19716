//! `ifr bench`: what it tells, whatever the time it takes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{ifr, ifr_fails, text, weights};
use serde_json::Value;

fn bench(args: &[&str]) -> Value {
    let out = ifr(&[&["bench", "--json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn bench_tells_times_that_agree_with_one_another() {
    let told = bench(&["--model", "ifrnet-s", "--size", "60x32", "--runs", "5", "--threads", "2"]);
    assert_eq!((&told["model"], &told["weights"]), (&"ifrnet-s".into(), &"by rule".into()));
    assert_eq!((&told["width"], &told["height"]), (&64.into(), &32.into()), "padded");
    assert_eq!((&told["threads"], &told["runs"]), (&2.into(), &5.into()));
    assert_eq!((&told["complete"], &told["layers"]), (&true.into(), &Value::Null));
    let seconds = &told["seconds"];
    assert_eq!(seconds["all"].as_array().unwrap().len(), 5);
    let order = ["min", "lower_quartile", "median", "upper_quartile", "max"].map(|k| number(&seconds[k]));
    assert!(order.is_sorted() && order[0] > 0.0, "{order:?}");
    assert!(number(&told["pair_seconds"]) <= order[4]);
    let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
    close(number(&told["frames_per_second"]), 1.0 / order[2]);
    close(number(&told["flop_per_second"]), number(&told["flop"]) / order[2]);
    close(
        number(&told["share_of_peak"]),
        number(&told["flop_per_second"]) / number(&told["peak_flop_per_second"]),
    );
    // 12.60 GMAC at 448x256.
    close(number(&told["flop"]) / (64.0 * 32.0), number(&bench(&["--runs", "1"])["flop"]) / (448.0 * 256.0));
    #[cfg(target_os = "linux")]
    assert!(number(&told["peak_memory_bytes"]) > number(&told["maps_bytes"]));
}

#[test]
fn bench_tells_the_time_of_layers() {
    for model in ["ifrnet-s", "ifr-plus"] {
        let told = bench(&["--model", model, "--size", "64x64", "--runs", "2", "--layers"]);
        let layers = told["layers"].as_array().unwrap();
        let sum = |key: &str| layers.iter().map(|l| number(&l[key])).sum::<f64>();
        assert!((sum("share") - 1.0).abs() < 1e-6, "{model}: {}", sum("share"));
        // All that a network's cost counts is in some layer, and nothing else.
        assert_eq!(sum("flop"), number(&told["flop"]), "{model}");
        let slowest = number(&told["seconds"]["max"]);
        assert!(sum("seconds") > 0.0 && sum("seconds") <= slowest, "{model}: {} {slowest}", sum("seconds"));
        assert!(layers.iter().any(|l| l["stage"] == "decoder4"), "{model}");
    }
    let out = ifr(&["bench", "--size", "32x32", "--runs", "1", "--layers"]);
    let said = String::from_utf8(out.stdout).unwrap();
    for word in ["median", "frames/s", "GFLOP/s", "layer", "decoder4", "made up by rule"] {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
}

#[test]
fn bench_takes_weights_and_flow_and_writes_the_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (file, one, two) =
        (weights(dir.path(), "ifrnet-s+flow"), dir.path().join("one"), dir.path().join("two"));
    let args = ["--model", text(&file), "--size", "32x16", "--runs", "1"];
    let told = bench(&[&args[..], &["--output", text(&one), "--threads", "1"]].concat());
    assert_eq!(told["weights"], "given");
    bench(&[&args[..], &["--output", text(&two), "--threads", "2"]].concat());
    let frame = std::fs::read(&one).unwrap();
    assert_eq!(frame.len(), 3 * 32 * 16 * 4);
    assert!(frame == std::fs::read(&two).unwrap(), "threads change nothing");

    let told = bench(&["--model", "flow-fast", "--size", "96x64", "--runs", "1"]);
    assert_eq!(
        (&told["flop"], &told["level"], &told["maps_bytes"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(number(&told["seconds"]["median"]) > 0.0);
}

#[test]
fn bench_says_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    ifr_fails(&["bench", "--model", "rife"], 3, "'rife' is no model");
    ifr_fails(&["bench", "--model", "flow", "--layers"], 2, "--layers is for networks");
    ifr_fails(&["bench", "--model", "flow", "--flow-scale", "0.5"], 2, "has no working scale");
    ifr_fails(&["bench", "--level", "sse9"], 2, "expected a level of this machine: scalar");
    ifr_fails(&["bench", "--runs", "0"], 2, "0 is not in 1..");
    ifr_fails(&["bench", "--output", text(dir.path())], 4, "exists already");
}
