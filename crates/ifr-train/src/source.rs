//! From a configuration to samples.

use ifr_data::{Augmentation, Loader, LoaderOptions, Set, SetKind, SetOptions};
use ifr_flow::Quality;

use crate::TrainError;
use crate::config::{AugmentationConfig, Config, DataKind, FlowQuality, Labels, Prior};
use crate::feed::Samples;
use crate::parallel::World;

/// The configured data from batch `first` on, as this process sees them, read by `workers` threads, and how many windows they hold.
pub(crate) fn open(
    config: &Config,
    first: u64,
    world: &World,
    workers: usize,
) -> Result<(Option<u64>, Samples), TrainError> {
    let data = &config.data;
    let kind = match data.kind {
        DataKind::Clips => SetKind::Clips,
        DataKind::Frames => SetKind::Frames,
        DataKind::Vimeo => SetKind::Vimeo,
        DataKind::Gopro => SetKind::Gopro,
    };
    let quality = match data.flow {
        FlowQuality::Standard => Quality::Standard,
        FlowQuality::Fast => Quality::Fast,
    };
    let options = SetOptions {
        reach: data.reach,
        memory: data.memory << 20,
        cache: data.cache.clone(),
        label_tree: data.label_tree.clone(),
        tolerate: data.tolerate,
        threads: workers,
    };
    let set = Set::open(kind, &data.path, options)?;
    let windows = set.report().places as u64;
    let AugmentationConfig {
        resize,
        reverse_channels,
        flip_vertical,
        flip_horizontal,
        transpose,
        reverse_time,
    } = data.augmentation;
    let options = LoaderOptions {
        windows: data.batch,
        crop: data.crop.size(),
        augmentation: Augmentation {
            resize,
            reverse_channels,
            flip_vertical,
            flip_horizontal,
            transpose,
            reverse_time,
        },
        seed: config.train.seed,
        first_batch: first,
        rank: world.rank(),
        world: world.size(),
        workers,
        prior: config.model.prior == Prior::Flow,
        labels: match config.labels() {
            Labels::None => ifr_data::Labels::None,
            Labels::Flow => ifr_data::Labels::Flow(quality),
            Labels::Cached => ifr_data::Labels::Cached(quality),
            Labels::Files => ifr_data::Labels::Files,
        },
        crops_per_window: data.crops_per_window,
        crop_choices: data.crop_choices,
        ..LoaderOptions::default()
    };
    Ok((Some(windows), Box::new(Loader::new(set, options)?)))
}
