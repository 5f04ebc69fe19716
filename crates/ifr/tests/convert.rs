//! `ifr convert` through the command line: what comes out is what went in, what cannot be is refused before anything is written.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{ifr, ifr_fails, ifr_ok, text};
use ifr::net::{Dtype, Network, ParameterStore, Parameters, Ratio, printable, recognise, write_safetensors};

fn network(name: &str) -> (Network, Parameters) {
    let network = Network::all().find(|n| n.name() == name).unwrap();
    (network, Parameters::by_rule(&network.graph(Ratio::ONE).unwrap()))
}

/// A network's weights with their names behind a prefix and something besides.
fn foreign(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(format!("{name}.model"));
    let (_, parameters) = network(name);
    let names: Vec<String> = parameters.iter().map(|(info, _)| format!("module.{}", info.name)).collect();
    let tensors = parameters.iter().zip(&names);
    let tensors = tensors.map(|((info, values), name)| (name.as_str(), info.shape.as_slice(), values));
    let besides = [("beta1_power", [1].as_slice(), [0.9].as_slice())];
    let words = BTreeMap::from([("trained_on".to_owned(), "nothing".to_owned())]);
    write_safetensors(&path, Dtype::F32, tensors.chain(besides), &words).unwrap();
    path
}

fn info(path: &Path) -> serde_json::Value {
    let out = ifr(&["info", text(path), "--json"]);
    assert!(out.status.success(), "{}", printable(&String::from_utf8_lossy(&out.stderr), 1000));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn weights_come_through_in_every_type() {
    let dir = tempfile::tempdir().unwrap();
    let input = foreign(dir.path(), "ifrnet-s");
    let (net, parameters) = network("ifrnet-s");
    let output = dir.path().join("out.safetensors");
    for (dtype, relative) in [("f32", 0.0), ("f16", 1e-3), ("bf16", 8e-3)] {
        let said = ifr_ok(&["convert", text(&input), text(&output), "--dtype", dtype, "--force"]);
        for part in [
            "safetensors weights of ifrnet-s, 104 arrays, 2.80 million parameters",
            "names begin with 'module.'",
            "left out: 1 array that is no parameter of the network: beta1_power",
        ] {
            assert!(said.contains(part), "'{part}' in {said}");
        }
        let store = ParameterStore::open(&output).unwrap();
        assert_eq!(recognise(&store).unwrap(), net);
        let back = Parameters::read(&net.graph(Ratio::ONE).unwrap(), &store).unwrap();
        for ((info, a), (_, b)) in parameters.iter().zip(back.iter()) {
            for (a, b) in a.iter().zip(b) {
                assert!((a - b).abs() <= relative * a.abs() + relative * 1e-4, "{} {a} {b}", info.name);
            }
        }
    }
    let described = info(&output);
    let words = &described["metadata"];
    assert_eq!(described["network"], "ifrnet-s");
    for (key, value) in [
        ("network", "ifrnet-s"),
        ("source", "ifrnet-s.model"),
        ("source_format", "safetensors"),
        ("trained_on", "nothing"),
        ("timesteps", "any"),
    ] {
        assert_eq!(words[key], value);
    }
    // What was converted can be converted again, and says what it was told.
    let again = dir.path().join("again.safetensors");
    ifr_ok(&["convert", text(&output), text(&again), "--timesteps", "midpoint"]);
    assert_eq!(info(&again)["metadata"]["timesteps"], "midpoint");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn a_model_for_onnx_is_written_at_a_size() {
    let dir = tempfile::tempdir().unwrap();
    let input = foreign(dir.path(), "ifrnet-s");
    let output = dir.path().join("out.onnx");
    let args = ["convert", text(&input), text(&output)];
    ifr_ok(&[&args[..], &["--size", "64x48", "--dtype", "f16", "--opset", "17"]].concat());
    let half = fs::metadata(&output).unwrap().len();
    ifr_ok(&[&args[..], &["--flow-scale", "0.5", "--force"]].concat());
    let whole = fs::metadata(&output).unwrap().len();
    // As `ifr interpolate` reads and pads.
    for (scale, multiple) in
        [("0.33", 48), ("0.4", 40), ("0.67", 24), ("0.75", 64), ("0.8", 20), ("auto", 16)]
    {
        let said = ifr_ok(&[&args[..], &["--flow-scale", scale, "--force"]].concat());
        let words = format!("for frames of any size, width and height multiples of {multiple}\n");
        assert!(said.contains(&words), "{scale}: {said}");
    }
    assert!(
        half > 5_000_000 && half < 7_000_000 && whole > 11_000_000 && whole < 12_500_000,
        "{half} {whole}"
    );

    let wrong = dir.path().join("wrong.onnx");
    let args = ["convert", text(&input), text(&wrong)];
    for (more, words) in [
        (&["--size", "64x50"][..], "64x50"),
        (&["--opset", "15"], "opset 15 is not written"),
        (&["--dtype", "bf16"], "f32 or f16"),
        (&["--refine-scale", "0.5"], "ifrnet-s has no refiner"),
        (&["--flow-scale", "2"], "expected auto or one of 0.125"),
        (&["--flow-scale", "0.1"], "expected auto or one of 0.125"),
        (&["--size", "64x48", "--dynamic"], "cannot be used with"),
    ] {
        ifr_fails(&[&args[..], more].concat(), 2, words);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn what_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let input = foreign(dir.path(), "ifrnet-s");
    let output = dir.path().join("out.safetensors");
    let out = text(&output);
    let none = dir.path().join("none.pth");
    ifr_fails(&["convert", text(&none), out], 3, "none.pth");
    fs::write(&none, "PK\x03\x04 and no more").unwrap();
    ifr_fails(&["convert", text(&none), out], 3, "no usable PyTorch file: no directory at the end");
    fs::write(&none, "<html>").unwrap();
    ifr_fails(&["convert", text(&none), out], 3, "is no checkpoint known here: a web page or XML");
    let tensors = [("a.weight", [1].as_slice(), [1.0].as_slice())];
    write_safetensors(&none, Dtype::F32, tensors.into_iter(), &BTreeMap::new()).unwrap();
    ifr_fails(&["convert", text(&none), out], 3, "holds none of the known networks");

    ifr_fails(&["convert", text(&input), "out.pth"], 2, "the output's ending says what it is to be");
    ifr_fails(&["convert", text(&input), out, "--size", "64x64"], 2, "--size is for ONNX");
    ifr_fails(&["convert", text(&input), text(&dir.path().join("no/out.onnx"))], 4, "no");
    fs::write(&output, "mine").unwrap();
    ifr_fails(&["convert", text(&input), out], 4, "--force");
    assert_eq!(fs::read_to_string(&output).unwrap(), "mine");
    ifr_ok(&["convert", text(&input), out, "--force"]);
    ifr_fails(&["convert", out, out, "--force"], 4, "out.safetensors");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn ifr_plus_makes_middles_alone() {
    let dir = tempfile::tempdir().unwrap();
    let input = foreign(dir.path(), "ifr-plus");
    let output = dir.path().join("out.safetensors");
    ifr_fails(
        &["convert", text(&input), text(&output), "--timesteps", "any"],
        2,
        "the network makes middles alone",
    );
    ifr_ok(&["convert", text(&input), text(&output)]);
    assert_eq!(info(&output)["metadata"]["timesteps"], "midpoint");
}

#[test]
fn the_output_is_one_file_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let input = foreign(dir.path(), "ifrnet-s");
    // Elsewhere a pattern for images; here a name like any other, and what bears it stays.
    let output = dir.path().join("x_%03d.onnx");
    fs::write(&output, "mine").unwrap();
    ifr_fails(&["convert", text(&input), text(&output), "--size", "64x64"], 4, "--force");
    ifr_fails(&["convert", text(&input), text(&output), "--size", "63x63", "--force"], 2, "63");
    assert_eq!(fs::read_to_string(&output).unwrap(), "mine");
    ifr_ok(&["convert", text(&input), text(&output), "--size", "64x64", "--force"]);
    assert!(fs::metadata(&output).unwrap().len() > 10_000_000);
    let folder = format!("{}/", dir.path().join("new.safetensors").display());
    ifr_fails(&["convert", text(&input), &folder], 2, "names a folder");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
}

#[test]
fn rounding_is_told_and_heeded() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.safetensors");
    let output = dir.path().join("out.safetensors");
    let (net, mut parameters) = network("ifrnet-s");
    let graph = net.graph(Ratio::ONE).unwrap();
    let id = graph.param_ids().zip(graph.params()).find(|(_, p)| p.name == "decoder4.convblock.0.0.weight");
    let (id, info) = id.unwrap();
    let taps = info.shape[1] * 9;
    // Weights for t that f16 has no room for.
    for filter in parameters.get_mut(id).chunks_exact_mut(taps) {
        filter[taps - 9..].fill(1e-9);
    }
    let words = BTreeMap::from([("multiple".to_owned(), "1".to_owned())]);
    parameters.save(&input, Dtype::F32, &words).unwrap();
    ifr_ok(&["convert", text(&input), text(&output)]);
    assert_eq!(info_word(&output, "timesteps"), "any");
    assert_eq!(info_word(&output, "multiple"), serde_json::Value::Null);
    ifr_ok(&["convert", text(&input), text(&output), "--dtype", "f16", "--force"]);
    assert_eq!(info_word(&output, "timesteps"), "midpoint");

    parameters.get_mut(id)[0] = 1e6;
    parameters.save(&input, Dtype::F32, &words).unwrap();
    let before = fs::read(&output).unwrap();
    let name = "'decoder4.convblock.0.0.weight' has the value 1000000, beyond the range of F16";
    ifr_fails(&["convert", text(&input), text(&output), "--dtype", "f16", "--force"], 3, name);
    assert_eq!(fs::read(&output).unwrap(), before);
}

fn info_word(path: &Path, key: &str) -> serde_json::Value {
    info(path)["metadata"][key].clone()
}
