//! From decoded frames to frames that the scheduler takes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use ifr_frame::{Frame, Time};
use ifr_timeline::{Analyst, Cadence, Dedupe, Link};
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
    /// When frames before it are shown that were left out, for they repeat the one that is left; in order.
    pub(super) passed: VecDeque<Time>,
}

/// Stages that every source frame goes through, in order. Some may hold frames back to see what follows.
#[derive(Debug)]
pub(super) struct Analysis {
    input: PathBuf,
    cadence: Cadence,
    analyst: Analyst,
    dedupe: Option<Dedupe<Analysed>>,
    /// Times of repeats that were left out since the last frame that was not.
    passed: VecDeque<Time>,
    left_out: u64,
    last: Option<Time>,
    read: u64,
    ready: VecDeque<Analysed>,
}

impl Analysis {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            input: plan.input.clone(),
            cadence: Cadence::new(plan.source_time_base(), plan.source_rate()),
            analyst: Analyst::new(plan.cuts.clone(), plan.repeats),
            dedupe: plan.dedupe.then(Dedupe::new),
            passed: VecDeque::new(),
            left_out: 0,
            last: None,
            read: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next decoded frame; what has become ready comes from [`Analysis::pop`].
    pub(super) fn push(&mut self, timed: TimedFrame) -> Result<(), JobError> {
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
        let frame = timed.frame;
        let passed = VecDeque::new();
        let analysed = Analysed { index: self.read, frame: Arc::clone(&frame), pts, duration, link, passed };
        self.read += 1;
        match &mut self.dedupe {
            None => self.ready.push_back(analysed),
            Some(dedupe) => {
                let decided = dedupe.push(analysed, &frame, link);
                self.decide(decided);
            }
        }
        Ok(())
    }

    /// At the source's end: what was held back becomes ready.
    pub(super) fn finish(&mut self) {
        if let Some(dedupe) = &mut self.dedupe {
            let decided = dedupe.finish();
            self.decide(decided);
        }
    }

    /// Leaves out repeats, but not the instants at which they were shown.
    fn decide(&mut self, decided: Vec<(Analysed, bool)>) {
        for (mut analysed, repeat) in decided {
            if repeat {
                self.passed.push_back(analysed.pts);
                self.left_out += 1;
            } else {
                analysed.passed = std::mem::take(&mut self.passed);
                self.ready.push_back(analysed);
            }
        }
    }

    /// Frames that were left out as repeats so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
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
