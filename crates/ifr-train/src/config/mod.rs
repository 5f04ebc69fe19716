//! What is trained, on what, and how: the TOML file.

mod check;
mod file;
mod loss;
mod notices;
mod sections;

pub use file::Override;
pub use sections::{
    AugmentationConfig, Config, Crop, DataConfig, DataKind, DeviceKind, Dtype, FlowQuality, Labels,
    LossConfig, ModelConfig, OutputConfig, Precision, Prior, SetConfig, TrainConfig, ValidationConfig,
};
