//! Training samples for frame interpolation.
//!
//! A [`Set`] is a folder of training data: Vimeo-90K's triplets, folders of frames, or video clips ([`SetKind`]). Opening
//! it finds cuts, repeats and stills. A [`Loader`] takes windows of frames from it, in an order that follows from a seed
//! alone, adds pseudo-labels and the classical method's prior where they are wanted ([`ifr_flow`]), crops and augments
//! everything alike ([`Augmentation`]), and delivers [`Batch`]es of plain floats: nothing here knows what trains on them.
//!
//! * Images are R'G'B', nominally in \[0, 1\]; flows are in pixels, x to the right, y downwards, from the frame in between to the two.
//! * Batch n is the same whatever the number of threads, and whichever batch the loader started with: a run is resumed
//!   exactly by the number of its next batch. This holds for one set of files, options and version of this crate.
//! * Sequences are decoded once and held as decoded where [`SetOptions::memory`] allows; a larger set is gone through in
//!   blocks that fit, the next one being decoded while one is in use.
//! * Videos too long for memory are decoded in pieces, each from the video's start: cut long videos into clips.
//! * What cannot be read is skipped with a warning and counted; beyond [`SetOptions::tolerate`] it is an error.
//! * Colours outside what RGB in \[0, 1\] can show, which Y'CbCr codes can, are not clamped: neither are they where networks
//!   are used.
//!
//! ```no_run
//! use ifr_data::{Labels, Loader, LoaderOptions, Quality, Set, SetKind, SetOptions};
//!
//! let set = Set::open(SetKind::Clips, "clips", SetOptions::default())?;
//! let options = LoaderOptions {
//!     windows: 8,
//!     crop: (128, 128),
//!     labels: Labels::Flow(Quality::Fast),
//!     prior: true,
//!     ..LoaderOptions::default()
//! };
//! for batch in Loader::new(set, options)?.take(1000) {
//!     let batch = batch?;
//!     assert_eq!(batch.first.len(), batch.samples * 3 * batch.height * batch.width);
//! }
//! # Ok::<(), ifr_data::DataError>(())
//! ```

mod augment;
mod batch;
mod cut;
mod error;
mod flows;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod loader;
mod options;
mod plan;
mod random;
mod sample;
mod set;

pub use augment::Augmentation;
pub use batch::{Batch, Origin, PriorBatch};
pub use error::DataError;
pub use ifr_flow::Quality;
pub use loader::{Loader, LoaderPause, LoaderStats, LoaderWatch};
pub use options::{Labels, LoaderOptions, SetKind, SetOptions};
pub use set::{Set, SetReport};
