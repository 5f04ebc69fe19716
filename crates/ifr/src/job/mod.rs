//! Whole files: from a video to a smoother one, with its sound and subtitles.
//!
//! A [`Request`] says what is wanted; [`Plan::new`] checks it against what the source is and decides everything that
//! can be decided beforehand; [`run`] carries it out, reading, interpolating and writing at the same time with bounded
//! queues between.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//! use ifr::job::{self, Plan, Request, Speed};
//! use ifr::{Device, Interpolator, Model};
//!
//! let request = Request::new("holiday.mp4", Speed::Rate("60".parse()?));
//! let source = job::open(&request)?;
//! let plan = Plan::new(&request, source.info())?;
//! let mut interp = Interpolator::new(&Model::default(), &Device::cpu())?;
//! let report = job::run(&plan, source, &mut interp, &|_| {}, &AtomicBool::new(false))?;
//! println!("{} new frames in {}", report.made, report.output.display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(
    not(feature = "video"),
    allow(dead_code, reason = "without FFmpeg there is nothing to encode in segments")
)]

mod analysis;
mod analyst;
mod decimated;
mod error;
mod fade;
mod fingerprint;
#[cfg(feature = "video")]
mod folder;
mod instants;
mod journal;
mod lock;
mod maker;
mod making;
mod memory;
mod naming;
mod plan;
mod progress;
mod request;
mod run;
#[cfg(feature = "video")]
mod segmented;
#[cfg(feature = "video")]
mod shard;
mod shard_plan;
mod space;
mod speed;
mod still;
mod target;
mod time_base;
mod worker;

pub use error::JobError;
pub use fingerprint::{Fingerprint, InputId};
pub use journal::{Journal, JournalEntry, JournalError};
pub use making::Making;
pub use plan::Plan;
pub use progress::{Progress, Report};
pub use request::{EncoderChoice, Overlays, Request};
pub use run::{open, run};
#[cfg(feature = "video")]
pub use shard::{JoinOptions, PlannedShards, ShardReport, check_shards, join_shards, plan_shards, run_shard};
pub use shard_plan::{FrameTable, ShardPlan, ShardPlanError};
pub use speed::{Speed, SpeedError, Stretch};
pub use still::{is_still, still, still_name};
pub use target::Target;
