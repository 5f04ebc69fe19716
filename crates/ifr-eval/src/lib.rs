//! How good are in-between frames? [Metrics](score) in the two conventions that published tables use, the usual benchmark
//! [sets](open_set), [baselines](Blend) and [reports](Report).
//!
//! * [`score`] compares two pictures by a [`Convention`]; [`Lpips`] compares them by a network's features.
//! * A [`Set`] yields [`Case`]s: two input frames and the true frames between them. [`open_set`] recognises the layout of a
//!   folder; [`Clips`] drops frames of any video.
//! * A [`Method`] makes the frames of a case: anything behind [`Interpolate`](ifr_frame::Interpolate) through
//!   [`Interpolated`], or frames that another program made through [`FrameFolder`].
//! * [`evaluate`] runs methods over a set; its [`Report`]s become a table, CSV, JSON or, through [`write_html`], a page with the
//!   worst and best cases.
//!
//! ```
//! use ifr_eval::{Convention, score};
//! use ifr_frame::RgbImage;
//!
//! let truth = RgbImage::new(16, 16, vec![0.5; 3 * 16 * 16])?;
//! let output = RgbImage::new(16, 16, vec![0.6; 3 * 16 * 16])?;
//! let scores = score(&output, &truth, Convention::IfrNet)?;
//! assert!((scores.psnr - 20.0).abs() < 1e-4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod lpips;
mod method;
mod metrics;
mod report;
mod run;
mod scale;
mod sets;

pub use error::EvalError;
pub use lpips::{Backbone, Lpips, LpipsError};
pub use method::{Blend, FrameFolder, Interpolated, Method, Take};
pub use metrics::{Convention, MIN_SIDE, MetricError, Scores, psnr_of_mse, score};
pub use report::{AtTime, Gallery, Kept, Report, Row, Summary, csv, table, write_html};
pub use run::{EvalOptions, Progress, evaluate};
pub use sets::{
    Case, ClipOptions, Clips, Kind, ListedSet, Set, SetOptions, Truth, UnknownKind, detect, open_set,
};
