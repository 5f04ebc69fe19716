//! ONNX models run by onnxruntime, against the scalar reference and the CPU engine.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "a failed unwrap is a failed test; -- --nocapture shows the errors"
)]

mod conformance;
mod golden;
mod networks;
mod refusals;
mod runtime;
