//! Which output frames exist, when, and what each is made of.
//!
//! In one pass over the source's frames:
//! * a [`Cadence`] undoes the rounding of containers that cannot hold the true times (Matroska's milliseconds);
//! * an [`Analyst`] says how each frame [links](Link) to the one before: continuous, the same picture, or a cut;
//! * a [`Dedupe`], where wanted, leaves out frames that repeat the one before, as drawn animation has them;
//! * a [`Scheduler`] decides the output instants of a [`Grid`] and what each is [made of](Make): a source frame, a
//!   point between two, or a repeat.
//!
//! Before all that, a [`Decimate`] undoes the pulldown of film that was brought to 30 frames a second, where wanted.
//!
//! All times are exact ([`ifr_frame::Time`]); nothing here knows files, codecs or networks. The scheduler is generic
//! over the frame handle, so that plans can be made from frame numbers alone:
//!
//! ```
//! use ifr_frame::{Rate, Time};
//! use ifr_timeline::{AtCut, Grid, Link, Make, Scheduler, Stamped};
//!
//! // 24 fps to 60 fps: the first frame, then points 2/5 and 4/5 of the way to the second.
//! let rate = Rate::new(24, 1)?;
//! let mut scheduler = Scheduler::new(Grid::Rate(Rate::new(60, 1)?), AtCut::Hold);
//! let mut planned = Vec::new();
//! for index in 0..2 {
//!     let frame = Stamped { frame: index, pts: rate.time_of(index), duration: Some(rate.period()) };
//!     planned.extend(scheduler.push(frame, Link::Continuous));
//! }
//! assert_eq!(planned[0].make, Make::Source(0));
//! assert_eq!(planned[1].make, Make::Between { first: 0, second: 1, t: 0.4 });
//! assert_eq!(planned[2].pts, Time::new(2, 60));
//! # Ok::<(), ifr_frame::FrameError>(())
//! ```

mod alike;
mod analyst;
mod cadence;
mod cut_list;
mod cuts;
mod decimate;
mod dedupe;
mod likeness;
pub mod overlay;
mod same;
mod schedule;
mod thumb;

pub use alike::difference;
pub use analyst::{Analyst, CutSource, Repeats};
pub use cadence::Cadence;
pub use cut_list::{CutList, CutListError};
pub use cuts::{CutDetector, is_other_scene};
pub use decimate::Decimate;
pub use dedupe::Dedupe;
pub use same::is_same_picture;
pub use schedule::{AtCut, Grid, Link, Make, Planned, Schedule, Scheduler, Stamped};
pub use thumb::Thumb;
