//! Film at video rate, read as film.

use std::collections::VecDeque;

use ifr_frame::TimeBase;
use ifr_timeline::{Cadence, Decimate, Stamped};
use ifr_video::{Item, Source, SourceInfo, TimedFrame, VideoError};

/// A source without the frames that a pulldown repeated, its times even again.
pub(super) struct Decimated {
    inner: Box<dyn Source>,
    info: SourceInfo,
    /// Undoes the container's rounding first: a fifth of five rounded intervals is not even.
    cadence: Cadence,
    decimate: Decimate,
    read: u64,
    ready: VecDeque<Item>,
    ended: bool,
}

impl Decimated {
    pub(super) fn new(inner: Box<dyn Source>) -> Self {
        let mut info = inner.info().clone();
        let video = &mut info.video;
        let cadence = Cadence::new(video.time_base, video.rate);
        // Four frames share what were five: a quarter of the ticks, of the nominal rate's where times are placed on that.
        let base = video.time_base;
        let finer = match cadence.rate() {
            Some(rate) => TimeBase::new(1, 4 * i64::from(rate.num())),
            None => TimeBase::new(base.num().into(), 4 * i64::from(base.den())),
        };
        video.time_base = finer.unwrap_or(base);
        // Even they are, but where they begin is known no better.
        video.rounding = cadence.slack();
        video.rate = video.rate.and_then(|rate| rate.scaled(4, 5).ok());
        video.frames = video.frames.map(|n| n - n / 5);
        Self {
            inner,
            info,
            cadence,
            decimate: Decimate::new(),
            read: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    fn queue(&mut self, frames: Vec<Stamped<std::sync::Arc<ifr_frame::Frame>>>) {
        let item =
            |s: Stamped<_>| Item::Frame(TimedFrame { frame: s.frame, pts: s.pts, duration: s.duration });
        self.ready.extend(frames.into_iter().map(item));
    }
}

impl Source for Decimated {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            match self.inner.next()? {
                Some(Item::Frame(TimedFrame { frame, pts, duration })) => {
                    self.read += 1;
                    let pts = self.cadence.place(pts);
                    let duration = duration.map(|d| self.cadence.span(d));
                    let decided = self.decimate.push(Stamped { frame, pts, duration });
                    self.queue(decided);
                }
                Some(packet) => return Ok(Some(packet)),
                None => {
                    self.ended = true;
                    let decided = self.decimate.finish();
                    self.queue(decided);
                }
            }
        }
    }

    fn skipped(&self) -> u64 {
        self.inner.skipped()
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.inner.notices();
        let left_out = self.decimate.left_out();
        if self.ended && left_out * 10 < self.read {
            notices.push(format!(
                "only {left_out} repeats were found in {} frames: this may not be film at video rate, for which --decimate is meant",
                self.read
            ));
        }
        notices
    }
}
