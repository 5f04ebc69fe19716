use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A whole configuration; see `configs/` for examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The network.
    pub model: ModelConfig,
    /// What it learns from.
    pub data: DataConfig,
    /// What it minimises.
    #[serde(default)]
    pub loss: LossConfig,
    /// How.
    #[serde(default)]
    pub train: TrainConfig,
    /// What it is measured by on the way.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// Where the result goes.
    pub output: OutputConfig,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// `ifrnet-s`, `ifrnet-b`, `ifrnet-l` or `ifr-plus`.
    pub network: String,
    /// Whether classical flow is an input of the network.
    #[serde(default)]
    pub prior: Prior,
    /// Of a network with a prior: the logit of the share that the classical in-between frame has in the result before training
    /// (1 is 0.73).
    #[serde(default = "one")]
    pub gate: f64,
    /// Weights to begin with (a safetensors file); random ones where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Of `ifr-plus`: a ConvNeXt-V2-femto (a safetensors file) that its encoder begins as, whatever the rest begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<PathBuf>,
}

/// What a network gets beside the two frames and t.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// Nothing.
    #[default]
    None,
    /// The classical flow to both frames, and the classical in-between frame.
    Flow,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// How `path` is laid out.
    pub kind: DataKind,
    /// The folder.
    pub path: PathBuf,
    /// Size of the crops: one number for squares, or `[width, height]`; multiples of 16.
    pub crop: Crop,
    /// Windows in a batch, on each device.
    pub batch: usize,
    /// Of `clips` and `frames`: the farthest that the two input frames lie apart, in frames. `ifr-plus` learns the middle between
    /// them alone, so that they lie 2, 4, … frames apart.
    #[serde(default = "eight")]
    pub reach: usize,
    /// Where the flows for the distillation come from.
    #[serde(default)]
    pub labels: Labels,
    /// Crops taken of each decoded window, in a row of batches: decoding is shared between them.
    #[serde(default = "one_crop")]
    pub crops_per_window: usize,
    /// Random places tried for each crop, of which the one is taken where the two frames differ most.
    #[serde(default = "one_crop")]
    pub crop_choices: usize,
    /// The classical method behind `labels = "flow"` and `"cached"`; that of a prior is always the best.
    #[serde(default)]
    pub flow: FlowQuality,
    /// Of `vimeo`: the tree of `.flo` files; `flow` in the folder where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_tree: Option<PathBuf>,
    /// Threads that decode and augment; where it is left out, all processors but one, or a quarter of them when training runs on
    /// the processor, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// MiB of memory for decoded frames: a set that fits is decoded once.
    #[serde(default = "memory")]
    pub memory: usize,
    /// A folder for what is found out about the files, so that the next start is quick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// The share of unreadable files that is tolerated.
    #[serde(default = "tenth")]
    pub tolerate: f64,
    /// How often each augmentation is applied.
    #[serde(default)]
    pub augmentation: AugmentationConfig,
}

/// The classical method's two settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowQuality {
    /// The best.
    #[default]
    Standard,
    /// Several times faster.
    Fast,
}

/// `[data.augmentation]`: probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationConfig {
    /// The picture enlarged to twice its size before it is cropped.
    pub resize: f64,
    /// Red and blue exchanged.
    pub reverse_channels: f64,
    /// Turned upside down.
    pub flip_vertical: f64,
    /// Left and right exchanged.
    pub flip_horizontal: f64,
    /// Rows and columns exchanged, of square crops.
    pub transpose: f64,
    /// The two frames exchanged.
    pub reverse_time: f64,
}

impl Default for AugmentationConfig {
    /// As IFRNet was trained.
    fn default() -> Self {
        let ifr_data::Augmentation {
            resize,
            reverse_channels,
            flip_vertical,
            flip_horizontal,
            transpose,
            reverse_time,
        } = ifr_data::Augmentation::default();
        Self { resize, reverse_channels, flip_vertical, flip_horizontal, transpose, reverse_time }
    }
}

/// Layouts of training data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// A folder of video files.
    Clips,
    /// A folder of folders with consecutive frames.
    Frames,
    /// Vimeo-90K triplets: `tri_trainlist.txt`, `sequences/`, and `flow/` with labels.
    Vimeo,
    /// GoPro: folders of frames at a high rate; every eighth is an input, the seven between are the targets.
    Gopro,
}

/// The size of crops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "one number for squares, or [width, height]")]
pub enum Crop {
    /// Width and height.
    Square(usize),
    /// Width, then height.
    Sides([usize; 2]),
}

impl Crop {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(self) -> (usize, usize) {
        match self {
            Self::Square(side) => (side, side),
            Self::Sides([width, height]) => (width, height),
        }
    }
}

/// Where pseudo-label flows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// There are none.
    #[default]
    None,
    /// `.flo` files beside the frames (`vimeo`).
    Files,
    /// Computed from the frames by the classical method.
    Flow,
    /// The same, kept in `data.cache` once computed (`vimeo`).
    Cached,
}

/// `[loss]`: weights; 0 leaves a part out. Each network has its own parts; those that are left out here get the network's default
/// when a configuration is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// IFRNet: of the census within the reconstruction; 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub census: Option<f64>,
    /// IFRNet: of the geometry of features; 0.01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<f64>,
    /// IFRNet: of the distillation of label flows; needs `data.labels`; 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<f64>,
    /// IFR+: of the hardest pixels, beside all; 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard: Option<f64>,
    /// IFR+: of the Fourier transforms; 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency: Option<f64>,
    /// IFR+: of the features of VGG-16; needs `perceptual_weights`; 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual: Option<f64>,
    /// IFR+: VGG-16 and LPIPS's weights of its features, a safetensors file. Where there is none, the part is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual_weights: Option<PathBuf>,
    /// IFR+: of the label flows; needs `data.labels`; 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<f64>,
}

/// `[train]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// How many batches; this or `epochs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How many times through all windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Steps over which the learning rate rises from 0.
    pub warmup: u64,
    /// The learning rate after warm-up.
    pub learning_rate: f64,
    /// The learning rate at the end, reached by half a cosine.
    pub final_learning_rate: f64,
    /// AdamW's decay, for every parameter.
    pub weight_decay: f64,
    /// The greatest norm of the whole gradient; longer ones are shortened to it. 0 for none.
    pub clip: f64,
    /// Steps whose gradient is so many times longer than usual are skipped; 0 for none.
    pub spike: f64,
    /// Decay of the averaged weights, which are those validated and exported; 0 to take the weights as they are.
    pub ema: f64,
    /// In what convolutions compute.
    pub precision: Precision,
    /// Where.
    pub device: DeviceKind,
    /// The seed of weights and samples.
    pub seed: u64,
    /// Threads of the computation on the processor, and of the validation; where it is left out, what `data.workers` leave, and all
    /// for the validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Steps between lines of `log.csv`, which are means over them.
    pub log_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: None,
            epochs: None,
            warmup: 0,
            learning_rate: 1e-4,
            final_learning_rate: 1e-5,
            weight_decay: 0.0,
            clip: 0.0,
            spike: 0.0,
            ema: 0.999,
            precision: Precision::F32,
            device: DeviceKind::Auto,
            seed: 1,
            threads: None,
            log_every: 20,
        }
    }
}

/// In what convolutions compute; everything else is `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// bfloat16.
    Bf16,
}

/// Where training runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A GPU where there is one.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU.
    Cuda,
}

/// `[validation]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// Steps between validations; 0 for none.
    pub every: u64,
    /// The sets.
    pub sets: Vec<SetConfig>,
}

/// One of `validation.sets`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetConfig {
    /// A folder in the layout of a benchmark, or a video.
    pub path: PathBuf,
    /// What it is called in tables; after its kind or file where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which set it is, where that is not recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The first so many cases only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Of videos, every so many frames one is kept, those between are the truth.
    #[serde(default = "two")]
    pub drop: usize,
    /// Of videos, the first so many frames only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<usize>,
    /// Of videos, downscale to so many lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<usize>,
}

/// `[output]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// The folder for checkpoints, logs and weights.
    pub dir: PathBuf,
    /// Steps between checkpoints, beside those at the end and on interruption; 0 for these alone.
    #[serde(default = "thousand")]
    pub checkpoint_every: u64,
    /// Checkpoints kept beside the best one.
    #[serde(default = "one_kept")]
    pub keep: usize,
    /// Type of the exported weights.
    #[serde(default)]
    pub dtype: Dtype,
    /// Words about the data, for the weights' metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The weights' licence, for their metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// Types of exported weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 16-bit floats.
    #[default]
    F16,
    /// 32-bit floats.
    F32,
}

fn one() -> f64 {
    1.0
}
fn one_crop() -> usize {
    1
}
fn one_kept() -> usize {
    1
}
fn two() -> usize {
    2
}
fn eight() -> usize {
    8
}
fn memory() -> usize {
    4096
}
fn tenth() -> f64 {
    0.1
}
fn thousand() -> u64 {
    1000
}
