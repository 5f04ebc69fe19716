//! From decoded frames to frames that the scheduler takes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use ifr_frame::{Frame, Time};
use ifr_timeline::{Analyst, Cadence, Link};
use ifr_video::{TimedFrame, VideoError};

use crate::job::{JobError, Plan};

/// The longest a frame is shown: beyond it a timestamp is taken for damage, not for an hour-long picture.
const LONGEST: Time = Time::HOUR;
/// The longest interval in which frames are made: over a longer one the earlier frame is held, for nothing says what happened
/// meanwhile. A damaged timestamp thus costs copies of a frame at most.
const LONGEST_MADE: Time = Time::MINUTE;

/// A source frame of which everything is known that decides what is made of it.
#[derive(Debug, Clone)]
pub(super) struct Analysed {
    /// Its number among the source's frames, from 0.
    pub(super) index: u64,
    /// The picture.
    pub(super) frame: Arc<Frame>,
    /// When it is shown, as the source counts, with what its container rounded undone.
    pub(super) pts: Time,
    /// How long it is shown, likewise, where the container says so believably.
    pub(super) duration: Option<Time>,
    /// How it relates to the frame before.
    pub(super) link: Link,
}

/// What is decided of a source frame in one pass over the whole source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decided {
    /// When it is shown, with what its container rounded undone.
    pub(super) pts: Time,
    /// How long, where the container says so believably.
    pub(super) duration: Option<Time>,
    /// How it relates to the frame before.
    pub(super) link: Link,
}

/// Stages that every source frame goes through, in order. Some may hold frames back to see what follows.
#[derive(Debug)]
pub(super) struct Analysis {
    input: PathBuf,
    cadence: Cadence,
    analyst: Analyst,
    last: Option<Time>,
    read: u64,
    /// What was decided of all frames before.
    table: Option<Arc<Vec<Decided>>>,
    ready: VecDeque<Analysed>,
}

impl Analysis {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            input: plan.input.clone(),
            cadence: Cadence::new(plan.source_time_base(), plan.source_rate()),
            analyst: Analyst::new(plan.cuts.clone(), plan.repeats),
            last: None,
            read: 0,
            table: None,
            ready: VecDeque::new(),
        }
    }

    /// An analysis that begins with frame `first`, where `table` holds what was decided of every frame.
    pub(super) fn within(plan: &Plan, table: Arc<Vec<Decided>>, first: u64) -> Self {
        Self { read: first, table: Some(table), ..Self::new(plan) }
    }

    /// Takes the next decoded frame; what has become ready comes from [`Analysis::pop`].
    pub(super) fn push(&mut self, timed: TimedFrame) -> Result<(), JobError> {
        let index = self.read;
        let Decided { pts, duration, link } = self.decide(&timed)?;
        self.ready.push_back(Analysed { index, frame: timed.frame, pts, duration, link });
        Ok(())
    }

    /// Decides of the next frame alone what depends on all before it.
    pub(super) fn decide(&mut self, timed: &TimedFrame) -> Result<Decided, JobError> {
        if let Some(table) = &self.table {
            let decided = usize::try_from(self.read).ok().and_then(|i| table.get(i)).copied();
            self.read += 1;
            return decided.ok_or_else(|| {
                JobError::Input(VideoError::Malformed {
                    path: self.input.clone(),
                    found: format!("more than {} frames", table.len()),
                    expected: "as many as when it was planned".to_owned(),
                })
            });
        }
        let pts = self.cadence.place(timed.pts);
        let interval = self.last.replace(pts).map_or(Time::ZERO, |last| pts - last);
        if interval > LONGEST {
            return Err(JobError::Input(VideoError::Malformed {
                path: self.input.clone(),
                found: format!("frame {} is shown at {pts} s, over an hour after the one before", self.read),
                expected: "at most an hour between frames".to_owned(),
            }));
        }
        let link = match self.analyst.push(&timed.frame, pts) {
            Link::Continuous if interval > LONGEST_MADE => Link::Same,
            link => link,
        };
        let duration = timed.duration.filter(|&d| d <= LONGEST).map(|d| self.cadence.span(d));
        self.read += 1;
        Ok(Decided { pts, duration, link })
    }

    /// The next frame of which all is known.
    pub(super) fn pop(&mut self) -> Option<Analysed> {
        self.ready.pop_front()
    }

    /// Frames taken so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }
}
