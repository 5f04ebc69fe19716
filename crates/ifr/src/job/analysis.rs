//! From decoded frames to frames that the scheduler takes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use ifr_frame::{Frame, Time};
use ifr_timeline::overlay::{Overlaid, OverlayTracker};
use ifr_timeline::{Analyst, Cadence, Dedupe, Link};
use ifr_video::{TimedFrame, VideoError};

use crate::job::{JobError, Overlays, Plan};

/// The longest a frame is shown: beyond it a timestamp is taken for damage, not for an hour-long picture.
const LONGEST: Time = Time::HOUR;
/// The longest interval in which frames are made: over a longer one the earlier frame is held, for nothing says what happened
/// meanwhile. A damaged timestamp thus costs copies of a frame at most.
const LONGEST_MADE: Time = Time::MINUTE;

/// The longest interval in seconds, as a fraction, that a repeat may end: drawings on threes at 24 frames a second change every eighth
/// of a second. A picture that stands longer than this between two frames is held, not drawn out into the next.
const LONGEST_REPEAT: (i64, i64) = (1, 2);

/// A source frame of which everything is known that decides what is made of it.
#[derive(Debug, Clone)]
pub(super) struct Analysed {
    /// Its number among the source's frames, from 0.
    pub(super) index: u64,
    /// The picture, and what stands still on it.
    pub(super) frame: Arc<Overlaid>,
    /// When it is shown, as the source counts, with what its container rounded undone.
    pub(super) pts: Time,
    /// How long it is shown, likewise, where the container says so believably.
    pub(super) duration: Option<Time>,
    /// How it relates to the frame before.
    pub(super) link: Link,
    /// When frames before it are shown that were left out, for they repeat the one that is left; in order.
    pub(super) passed: VecDeque<Time>,
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
    /// Whether it is left out: it repeats the frame before, and only its time counts.
    pub(super) repeat: bool,
}

/// A frame on its way to be decided of.
#[derive(Debug)]
struct Pending {
    index: u64,
    frame: Arc<Frame>,
    decided: Decided,
}

/// All of [`Analysed`] but the picture.
#[derive(Debug)]
struct Timing {
    index: u64,
    pts: Time,
    duration: Option<Time>,
    link: Link,
    passed: VecDeque<Time>,
}

impl Timing {
    fn with(self, frame: Overlaid) -> Analysed {
        let Self { index, pts, duration, link, passed } = self;
        Analysed { index, frame: Arc::new(frame), pts, duration, link, passed }
    }
}

/// Stages that every source frame goes through, in order. Some hold frames back to see what follows.
///
/// The first ones ([`Decided`]) may depend on all frames before; what is found later on a function of few neighbours alone.
#[derive(Debug)]
pub(super) struct Analysis {
    input: PathBuf,
    cadence: Cadence,
    analyst: Analyst,
    /// Frames whose link is not known yet.
    waiting: VecDeque<Pending>,
    /// `None`: repeats are not left out.
    dedupe: Option<Dedupe<Pending>>,
    /// The time of the frame that it was given last.
    linked: Option<Time>,
    /// What was decided of all frames before.
    table: Option<Arc<Vec<Decided>>>,
    /// Decisions, where they are all that is wanted.
    decisions: Option<VecDeque<Decided>>,
    /// `None`: overlays are not looked for.
    overlays: Option<OverlayTracker<Timing>>,
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
            cadence: plan.cadence(),
            analyst: Analyst::new(plan.cuts.clone(), plan.repeats),
            waiting: VecDeque::new(),
            dedupe: plan.dedupe.then(Dedupe::new),
            linked: None,
            table: None,
            decisions: None,
            overlays: (plan.overlays == Overlays::Keep).then(OverlayTracker::new),
            passed: VecDeque::new(),
            left_out: 0,
            last: None,
            read: 0,
            ready: VecDeque::new(),
        }
    }

    /// An analysis that begins with frame `first`, where `table` holds what was decided of every frame.
    pub(super) fn within(plan: &Plan, table: Arc<Vec<Decided>>, first: u64) -> Self {
        Self { read: first, table: Some(table), ..Self::new(plan) }
    }

    /// An analysis that only decides: see [`Analysis::pop_decided`].
    pub(super) fn deciding(plan: &Plan) -> Self {
        Self { decisions: Some(VecDeque::new()), overlays: None, ..Self::new(plan) }
    }

    /// Takes the next decoded frame; what has become ready comes from [`Analysis::pop`].
    pub(super) fn push(&mut self, timed: TimedFrame) -> Result<(), JobError> {
        let index = self.read;
        self.read += 1;
        if let Some(table) = &self.table {
            let decided = usize::try_from(index).ok().and_then(|i| table.get(i)).copied();
            let decided = decided.ok_or_else(|| {
                let found = format!("more than {} frames", table.len());
                self.malformed(found, "as many as when it was planned")
            })?;
            self.settle(Pending { index, frame: timed.frame, decided });
            return Ok(());
        }
        let pts = self.cadence.place(timed.pts);
        let interval = self.last.replace(pts).map_or(Time::ZERO, |last| pts - last);
        if interval > LONGEST {
            let found = format!("frame {index} is shown at {pts} s, over an hour after the one before");
            return Err(self.malformed(found, "at most an hour between frames"));
        }
        self.analyst.push(&timed.frame, pts);
        let duration = timed.duration.filter(|&d| d <= LONGEST).map(|d| self.cadence.span(d));
        let link = if interval > LONGEST_MADE { Link::Same } else { Link::Continuous };
        let decided = Decided { pts, duration, link, repeat: false };
        self.waiting.push_back(Pending { index, frame: timed.frame, decided });
        self.link();
        Ok(())
    }

    fn malformed(&self, found: String, expected: &str) -> JobError {
        JobError::Input(VideoError::Malformed {
            path: self.input.clone(),
            found,
            expected: expected.to_owned(),
        })
    }

    /// Ends the source: what was held back becomes ready.
    pub(super) fn finish(&mut self) {
        self.analyst.finish();
        self.link();
        let rest = self.dedupe.as_mut().map(Dedupe::finish).unwrap_or_default();
        self.settle_all(rest);
        if let Some(tracker) = &mut self.overlays {
            tracker.finish();
        }
        self.collect();
    }

    /// Hands on the frames whose link has become known.
    fn link(&mut self) {
        while let Some(link) = self.analyst.pop() {
            let Some(mut pending) = self.waiting.pop_front() else { continue };
            // Nothing is made in an interval that is too long, but a cut stays one.
            if link != Link::Continuous {
                pending.decided.link = link;
            }
            match &mut self.dedupe {
                None => self.settle(pending),
                Some(dedupe) => {
                    let pts = pending.decided.pts;
                    let since = self.linked.replace(pts).map_or(Time::ZERO, |last| pts - last);
                    let held = since > Time::new(LONGEST_REPEAT.0, LONGEST_REPEAT.1);
                    let link = if held { Link::Cut } else { pending.decided.link };
                    let frame = Arc::clone(&pending.frame);
                    let known = dedupe.push(pending, &frame, link);
                    self.settle_all(known);
                }
            }
        }
    }

    fn settle_all(&mut self, known: Vec<(Pending, bool)>) {
        for (mut pending, repeat) in known {
            pending.decided.repeat = repeat;
            self.settle(pending);
        }
    }

    /// Takes a frame of which all is decided that depends on those before it.
    fn settle(&mut self, Pending { index, frame, decided }: Pending) {
        if let Some(decisions) = &mut self.decisions {
            decisions.push_back(decided);
            return;
        }
        let Decided { pts, duration, link, repeat } = decided;
        if repeat {
            // The instant at which it was shown is not left out.
            self.passed.push_back(pts);
            self.left_out += 1;
            return;
        }
        let timing = Timing { index, pts, duration, link, passed: std::mem::take(&mut self.passed) };
        match &mut self.overlays {
            Some(tracker) => tracker.push(timing, frame, link),
            None => self.ready.push_back(timing.with(Overlaid::new(frame, None))),
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some((timing, frame)) = self.overlays.as_mut().and_then(OverlayTracker::pop) {
            self.ready.push_back(timing.with(frame));
        }
    }

    /// The next frame of which all is known.
    pub(super) fn pop(&mut self) -> Option<Analysed> {
        self.ready.pop_front()
    }

    /// What is decided of the next frame, of an analysis that does nothing else.
    pub(super) fn pop_decided(&mut self) -> Option<Decided> {
        self.decisions.as_mut()?.pop_front()
    }

    /// Frames taken so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Frames that were left out as repeats so far.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}
