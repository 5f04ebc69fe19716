use std::path::PathBuf;

use ifr_flow::Quality;

use crate::set::track::Reach;
use crate::{Augmentation, DataError};

/// What a folder of training data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetKind {
    /// Vimeo-90K's triplets: `sequences/NAME/im1.png`, `im2.png`, `im3.png` for every line NAME of `tri_trainlist.txt`;
    /// labels in a tree beside it, `flow/NAME/flow_t0.flo` and `flow_t1.flo`. t = ½.
    Vimeo,
    /// Folders of frames at a high rate, as GoPro's, in the folder itself or in its `train`: windows of nine frames,
    /// each sharing its ends with its neighbours; the seven inner ones are targets, t = k/8.
    Gopro,
    /// A folder of folders, each a sequence of PNG, JPEG or WebP images: windows of any length up to the reach.
    Frames,
    /// A folder of video clips: as [`SetKind::Frames`].
    Clips,
}

impl SetKind {
    /// The names of all kinds, as configurations spell them.
    pub const NAMES: [&'static str; 4] = ["vimeo", "gopro", "frames", "clips"];

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Vimeo, Self::Gopro, Self::Frames, Self::Clips];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// Its name: `vimeo`, `gopro`, `frames` or `clips`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vimeo => "vimeo",
            Self::Gopro => "gopro",
            Self::Frames => "frames",
            Self::Clips => "clips",
        }
    }

    /// What the set consists of, in words.
    pub(crate) fn items(self) -> &'static str {
        match self {
            Self::Vimeo => "triplets",
            Self::Gopro | Self::Frames => "folders",
            Self::Clips => "clips",
        }
    }

    /// Frames to predict a window: seven for GoPro, one for all others.
    pub fn targets(self) -> usize {
        if self == Self::Gopro { 7 } else { 1 }
    }
}

/// How a set is read.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOptions {
    /// The longest window of [`SetKind::Frames`] and [`SetKind::Clips`], in frames from its first to its last: 2 to 64.
    pub reach: usize,
    /// Of [`SetKind::Frames`] and [`SetKind::Clips`], only windows of an even length, with the frame in their middle: t = ½.
    pub midpoints: bool,
    /// Bytes of decoded frames held in memory. A set that fits is decoded once; a larger one is gone through block by
    /// block. At least one window must fit into a quarter of it. Clips and folders longer than a quarter of it are decoded
    /// in pieces then; a piece of a video is reached through all that comes before, so that videos of many pieces take
    /// long ([`SetReport::in_pieces`](crate::SetReport::in_pieces)): cut them into clips, or allow more.
    pub memory: usize,
    /// A folder for what is found out about the files (and, for triplets, computed labels), so that the next start is
    /// quick. Made where it does not exist.
    pub cache: Option<PathBuf>,
    /// The tree of `.flo` labels of [`SetKind::Vimeo`]; `flow` in the set's folder where not given.
    pub label_tree: Option<PathBuf>,
    /// The share of all clips, folders or triplets, 0 to 1, that may be unreadable. They are skipped with a warning; more
    /// are an error as soon as they have been found.
    pub tolerate: f64,
    /// Threads that look through the files at the start; 0 takes all cores.
    pub threads: usize,
}

impl Default for SetOptions {
    /// Windows up to 8 with any middle, 4 GiB, no cache, 10 % tolerated, all cores.
    fn default() -> Self {
        Self {
            reach: 8,
            midpoints: false,
            memory: 4 << 30,
            cache: None,
            label_tree: None,
            tolerate: 0.1,
            threads: 0,
        }
    }
}

impl SetOptions {
    /// Which windows of videos and folders there are.
    pub(crate) fn windows(&self) -> Reach {
        Reach { longest: self.reach, midpoints: self.midpoints }
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        if !(2..=64).contains(&self.reach) {
            return Err(DataError::option("reach", self.reach, "2 to 64 frames are allowed"));
        }
        if !(0.0..=1.0).contains(&self.tolerate) {
            return Err(DataError::option("tolerate", self.tolerate, "a share from 0 to 1 is allowed"));
        }
        Ok(())
    }
}

/// Where the pseudo-label flows from each target to both frames come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Labels {
    /// Nowhere: batches have none.
    #[default]
    None,
    /// Classical flow of the true frame in the middle to both, computed in the workers on whole frames.
    Flow(Quality),
    /// As [`Labels::Flow`], kept in the cache folder once computed; for the fixed triplets of [`SetKind::Vimeo`] (0.9 MB
    /// each at 448×256).
    Cached(Quality),
    /// The tree of `.flo` files of [`SetKind::Vimeo`].
    Files,
}

/// How a [`Loader`](crate::Loader) makes batches.
#[derive(Clone, Debug, PartialEq)]
pub struct LoaderOptions {
    /// Windows a batch: the samples are this times the [targets](SetKind::targets) of a window.
    pub windows: usize,
    /// Width and height of a crop in pixels.
    pub crop: (usize, usize),
    /// What happens to crops.
    pub augmentation: Augmentation,
    /// Everything random follows from it.
    pub seed: u64,
    /// Number of the first batch: that of the next one when a run is resumed. At most 2⁶² ÷ `windows` ÷ `world`.
    pub first_batch: u64,
    /// This process among those that train together, from 0.
    pub rank: usize,
    /// How many processes train together.
    pub world: usize,
    /// Threads that decode, compute flow and augment; 0 takes all cores but one.
    pub workers: usize,
    /// Batches kept ready, at least 1.
    pub queue: usize,
    /// Whether batches carry the classical method's prior: always in [`Quality::Standard`], which networks on a prior
    /// get when they are used.
    pub prior: bool,
    /// Pseudo-labels.
    pub labels: Labels,
    /// Random places tried for each crop, of which the one is taken where the two frames differ most; 1 (as IFRNet was
    /// trained) takes any. More show more motion a sample where much of the pictures stands still.
    pub crop_choices: usize,
    /// Crops taken of a window each time that it comes up: they share its labels and its prior, which cost most, and go
    /// to different batches.
    pub crops_per_window: usize,
}

impl Default for LoaderOptions {
    /// Six crops of 224×224 a batch with IFRNet's augmentation, neither labels nor prior.
    fn default() -> Self {
        Self {
            windows: 6,
            crop: (224, 224),
            augmentation: Augmentation::default(),
            seed: 0,
            first_batch: 0,
            rank: 0,
            world: 1,
            workers: 0,
            queue: 4,
            prior: false,
            labels: Labels::None,
            crop_choices: 1,
            crops_per_window: 1,
        }
    }
}

impl LoaderOptions {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let (w, h) = self.crop;
        let side = 16..=8192;
        if !side.contains(&w) || !side.contains(&h) {
            return Err(DataError::option("crop", format!("{w}x{h}"), "sides of 16 to 8192 are allowed"));
        }
        let counts = [
            ("windows", self.windows, 4096),
            ("world", self.world, 1 << 20),
            ("queue", self.queue, 1024),
            ("crop_choices", self.crop_choices, 64),
            ("crops_per_window", self.crops_per_window, 64),
        ];
        for (key, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(DataError::option(key, value, format!("1 to {most} is allowed")));
            }
        }
        // Visits of all processes are numbered with 64 bits.
        let most = (1 << 62) / (self.windows * self.world) as u64;
        if self.first_batch > most {
            let allowed = format!(
                "at most {most} is allowed with {} windows a batch and a world of {}",
                self.windows, self.world
            );
            return Err(DataError::option("first_batch", self.first_batch, allowed));
        }
        if self.rank >= self.world {
            let allowed =
                format!("ranks from 0 to {} are allowed in a world of {}", self.world - 1, self.world);
            return Err(DataError::option("rank", self.rank, allowed));
        }
        if self.workers > 1024 {
            return Err(DataError::option("workers", self.workers, "at most 1024 are allowed"));
        }
        self.augmentation.check()
    }
}
