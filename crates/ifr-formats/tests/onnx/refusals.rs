//! What is not written, and why.

use std::io::{self, Write};

use ifr_formats::onnx::{self, Deformable, OnnxError, OnnxOptions};
use ifr_net::{Builder, ConvSpec, IfrNet, Parameters, Ratio, Source, Window};

fn refused(options: &OnnxOptions) -> String {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let mut out = Vec::new();
    let error = onnx::write(&graph, &Parameters::by_rule(&graph), options, &mut out).unwrap_err();
    assert!(out.is_empty());
    error.to_string()
}

#[test]
fn options_that_do_not_fit() {
    let like = OnnxOptions::default;
    assert_eq!(
        refused(&OnnxOptions { opset: 15, ..like() }),
        "opset 15 is not written: give one from 16 to 22"
    );
    assert!(refused(&OnnxOptions { opset: 23, ..like() }).starts_with("opset 23 is not written"));
    assert_eq!(
        refused(&OnnxOptions { opset: 18, deformable: Some(Deformable::Operator), ..like() }),
        "opset 18 has no DeformConv: give opset 19 or newer, or have deformable convolutions decomposed"
    );
    assert_eq!(
        refused(&OnnxOptions { size: Some((100, 64)), ..like() }),
        "ifrnet-s takes sizes that are multiples of 16; 100x64 is not: pad it first"
    );
    assert!(refused(&OnnxOptions { batch: Some(0), ..like() }).contains("at least 1"));
}

#[test]
fn other_networks_parameters() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&IfrNet::B.graph(Ratio::ONE).unwrap());
    let error = onnx::write(&graph, &params, &OnnxOptions::default(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "the parameters are not those of ifrnet-s");
}

#[test]
fn graphs_without_a_map() {
    let mut b = Builder::new("points");
    let t = b.timestep("t");
    let y = b.conv("y", "layer", vec![Source::Map(t)], ConvSpec::new(2, Window::ONE));
    b.output(y);
    let graph = b.finish().unwrap();
    let params = Parameters::by_rule(&graph);
    let error = onnx::write(&graph, &params, &OnnxOptions::default(), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, OnnxError::NoMap { .. }), "{error}");
}

/// Takes so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 && !bytes.is_empty() { Err(io::Error::other("the disk is full")) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&graph);
    for room in [0, 10, 20_000, 1_000_000] {
        let error = onnx::write(&graph, &params, &OnnxOptions::default(), &mut Full(room)).unwrap_err();
        assert_eq!(error.to_string(), "the model cannot be written: the disk is full");
    }
}
