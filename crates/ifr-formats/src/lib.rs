//! Other people's checkpoints: PyTorch, ncnn, MindSpore and safetensors in, ONNX out.

pub mod onnx;
