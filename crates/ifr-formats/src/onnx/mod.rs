//! Networks as ONNX models.
