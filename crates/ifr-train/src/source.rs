//! From a configuration to samples.

use ifr_data::{Augmentation, Loader, LoaderOptions, LoaderWatch, Set, SetKind, SetOptions, SetReport};
use ifr_flow::Quality;

use crate::TrainError;
use crate::config::{AugmentationConfig, Config, DataKind, FlowQuality, Labels, Prior};
use crate::feed::Samples;
use crate::network::is_plus;
use crate::parallel::World;

/// Where batches come from.
pub(crate) struct Source {
    /// Windows in the data, where that is known.
    pub(crate) windows: Option<u64>,
    /// Batches of all processes together in which every window has its turn, where that is known.
    pub(crate) pass: Option<u64>,
    pub(crate) samples: Samples,
    /// What of the data is not used as one might expect.
    pub(crate) notice: Option<String>,
    /// Tells how reading goes.
    pub(crate) loader: Option<LoaderWatch>,
}

/// The configured data from batch `first` on, as this process sees them, read by `workers` threads.
pub(crate) fn open(config: &Config, first: u64, world: &World, workers: usize) -> Result<Source, TrainError> {
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
        midpoints: is_plus(&config.model),
        memory: data.memory << 20,
        cache: data.cache.clone(),
        label_tree: data.label_tree.clone(),
        tolerate: data.tolerate,
        threads: workers,
    };
    let set = Set::open(kind, &data.path, options)?;
    let report = set.report();
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
    let loader = Loader::new(set, options)?;
    Ok(Source {
        windows: Some(report.places as u64),
        pass: Some(loader.batches_per_pass()),
        notice: notice(&report, loader.stats().too_small),
        loader: Some(loader.watch()),
        samples: Box::new(loader),
    })
}

/// Words about data of which not everything is used, or not in the usual way.
fn notice(report: &SetReport, too_small: u64) -> Option<String> {
    let SetReport { usable, unreadable, in_pieces, without_windows, .. } = *report;
    let parts = [
        (unreadable as u64, "cannot be read"),
        (without_windows as u64, "hold no window (too short, stills, repeats or cuts throughout)"),
        (too_small, "are smaller than the crop"),
        (in_pieces as u64, "are decoded in pieces, which is slow: raise data.memory"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    (!words.is_empty()).then(|| format!("of the data {usable} are usable; {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unusual_is_said() {
        let report = SetReport { usable: 9, places: 70, ..SetReport::default() };
        assert_eq!(notice(&report, 0), None);
        let report = SetReport { unreadable: 2, without_windows: 3, ..report };
        let words = notice(&report, 4).unwrap();
        assert!(words.starts_with("of the data 9 are usable; 2 cannot be read, 3 hold no window"), "{words}");
        assert!(words.ends_with("4 are smaller than the crop"), "{words}");
    }
}
