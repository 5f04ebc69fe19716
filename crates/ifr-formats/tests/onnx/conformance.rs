//! Every operation by itself: the suite that all engines pass.

use ifr_formats::onnx::{Deformable, OnnxOptions};
use ifr_net::conformance::{Case, cases, check_case};
use ifr_net::{Extent, Tensor, TensorId};

use crate::runtime::Runtime;

/// Runs the cases whose first input has at most so many values.
fn check(most: usize, option: impl Fn(&Case) -> OnnxOptions) {
    let Some(mut runtime) = Runtime::start(OnnxOptions::default()) else { return };
    let mut failures = Vec::new();
    for case in cases().unwrap().into_iter().filter(|case| case.inputs[0].data().len() <= most) {
        runtime.options = option(&case);
        if let Err(failure) = check_case(&mut runtime, &case) {
            failures.push(failure.to_string());
        }
    }
    assert!(failures.is_empty(), "{}: {}", failures.len(), failures.join("\n"));
}

/// Any size and batch, in the oldest opset.
#[test]
fn of_any_size() {
    check(usize::MAX, |_| OnnxOptions { batch: None, ..OnnxOptions::default() });
}

/// Large cases take long in the scalar reference, and are no others of one size than of any.
const SMALL: usize = 10_000;

/// One size.
fn fixed(case: &Case, opset: u32, deformable: Option<Deformable>) -> OnnxOptions {
    let is_map = |&(id, _): &(&TensorId, &Tensor)| case.graph.tensor(*id).extent == Extent::FULL;
    let (_, map) = case.graph.inputs().iter().zip(&case.inputs).find(is_map).unwrap();
    let [batch, _, height, width] = map.shape();
    OnnxOptions {
        opset,
        size: Some((width, height)),
        batch: Some(batch),
        deformable,
        ..OnnxOptions::default()
    }
}

#[test]
fn of_one_size() {
    check(SMALL, |case| fixed(case, 19, Some(Deformable::Operator)));
}

#[test]
fn of_one_size_in_a_newer_opset() {
    check(SMALL, |case| fixed(case, 22, Some(Deformable::Decomposed)));
}
