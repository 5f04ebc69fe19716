//! From frames of which all is known to items to write.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use ifr_frame::{Frame, Interpolate, Time};
use ifr_timeline::overlay::Overlaid;
use ifr_timeline::{Link, Scheduler, Stamped};
use ifr_video::StreamPacket;

use crate::job::analysis::Analysed;
use crate::job::analyst::Known;
use crate::job::maker::Maker;
use crate::job::{JobError, Plan, Progress};

/// How often a worker that waits for the reader looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What the writer is handed.
pub(super) enum Write {
    Frame(Arc<Frame>, Time, Option<Time>),
    Packet(StreamPacket),
    /// The frames that follow are those of segment `index`; `after` is the time of the frame before them.
    Segment {
        index: u64,
        after: Option<Time>,
    },
    /// All is there.
    End,
}

/// How a job's frames are divided into segments.
#[derive(Debug)]
pub(super) struct Division {
    /// Source frames a segment.
    length: NonZeroU64,
    /// Segments that need not be made, with their frames.
    done: BTreeMap<u64, u64>,
    /// Those wanted at all.
    range: Range<u64>,
    /// The segment that the last frames belong to, and whether it is made.
    current: Option<(u64, bool)>,
}

impl Division {
    pub(super) fn new(length: NonZeroU64, done: BTreeMap<u64, u64>) -> Self {
        Self { length, done, range: 0..u64::MAX, current: None }
    }

    /// Those of one shard alone.
    pub(super) fn of_shard(length: NonZeroU64, done: BTreeMap<u64, u64>, range: Range<u64>) -> Self {
        Self { length, done, range, current: None }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) read: u64,
    pub(super) planned: u64,
    pub(super) kept: u64,
    pub(super) made: u64,
    pub(super) repeated: u64,
    /// Source frames left out because they repeat the one before.
    pub(super) left_out: u64,
    pub(super) cuts: Vec<u64>,
    pub(super) interpolating: Duration,
    /// The last output frame's time.
    pub(super) position: Option<Time>,
    /// Segments, as far as the job got.
    pub(super) segments: Vec<u64>,
    /// Whether the source was read to its end.
    pub(super) complete: bool,
}

pub(super) struct Worker<'a> {
    plan: &'a Plan,
    maker: Maker<'a>,
    out: SyncSender<Write>,
    scheduler: Scheduler<Arc<Overlaid>>,
    division: Option<Division>,
    /// The number of the source frame that the next interval begins with.
    begun: Option<u64>,
    pub(super) state: State,
}

/// The writer has stopped; its own error says why.
pub(super) struct WriterGone;

pub(super) enum Fault {
    Gone,
    Error(JobError),
}

impl From<WriterGone> for Fault {
    fn from(_: WriterGone) -> Self {
        Self::Gone
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        engine: &'a mut dyn Interpolate,
        progress: &'a (dyn Fn(&Progress) + Sync),
        out: SyncSender<Write>,
        division: Option<Division>,
    ) -> Self {
        Self {
            plan,
            maker: Maker { engine, progress, expected: plan.output_frames },
            out,
            scheduler: Scheduler::new(plan.grid, plan.at_cut).with_slack(plan.slack()),
            division,
            begun: None,
            state: State::default(),
        }
    }

    /// A worker of frames that begin within a video, which begins at `origin`.
    pub(super) fn within(self, origin: Time) -> Self {
        let plan = self.plan;
        let (num, den) = plan.stretch_parts();
        Self {
            scheduler: Scheduler::within(plan.grid, plan.at_cut, origin.scaled(num, den))
                .with_slack(plan.slack()),
            ..self
        }
    }

    /// Makes all that is asked for by what comes to be known.
    pub(super) fn run(&mut self, known: &Receiver<Known>, stop: &AtomicBool) -> Result<(), JobError> {
        match self.drive(known, stop) {
            Ok(()) | Err(Fault::Gone) => Ok(()),
            Err(Fault::Error(e)) => Err(e),
        }
    }

    fn drive(&mut self, known: &Receiver<Known>, stop: &AtomicBool) -> Result<(), Fault> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match known.recv_timeout(PATIENCE) {
                Ok(Known::Packet(_)) if self.division.is_some() => {}
                Ok(Known::Packet(packet)) => send(&self.out, Write::Packet(packet))?,
                Ok(Known::Frame(frame)) => {
                    // What was cut short is not whole: nothing after it may begin, or it would pass for whole.
                    if !self.frame(frame, stop)? {
                        return Ok(());
                    }
                    if self.is_past_range() {
                        self.state.complete = true;
                        return Ok(send(&self.out, Write::End)?);
                    }
                }
                Ok(Known::Read { read, left_out }) => {
                    self.state.read = read;
                    self.state.left_out = left_out;
                }
                Ok(Known::All) => break,
                Ok(Known::Error(e)) => return Err(Fault::Error(e)),
                Ok(Known::Panic(panic)) => resume_unwind(panic),
                Err(RecvTimeoutError::Timeout) => {}
                // Where reading failed, more may come when it is tried again: the segment is not whole.
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        let wanted = self.enter_segment()?;
        let Self { scheduler, maker, out, .. } = self;
        let done = maker.make(scheduler.finish(), wanted, out, &mut self.state, stop)?;
        self.state.complete = done;
        if done && self.division.is_some() {
            send(&self.out, Write::End)?;
        }
        Ok(())
    }

    /// Whether frames are written by segments, of which only whole ones count.
    pub(super) fn is_divided(&self) -> bool {
        self.division.is_some()
    }

    /// Whether all segments that are wanted were made.
    fn is_past_range(&self) -> bool {
        let begun = self.division.as_ref().zip(self.begun);
        begun.is_some_and(|(division, begun)| begun / division.length >= division.range.end)
    }

    /// Tells the writer where a segment begins. Returns whether the frames of the interval that begins are made: those of
    /// segments that are there are not.
    fn enter_segment(&mut self) -> Result<bool, Fault> {
        let (Some(division), Some(begun)) = (&mut self.division, self.begun) else { return Ok(true) };
        let index = begun / division.length;
        if let Some((_, wanted)) = division.current.filter(|&(current, _)| current == index) {
            return Ok(wanted);
        }
        let within = division.range.contains(&index);
        let wanted = within && !division.done.contains_key(&index);
        division.current = Some((index, wanted));
        if within {
            self.state.segments.push(index);
        }
        if wanted {
            send(&self.out, Write::Segment { index, after: self.state.position })?;
        }
        Ok(wanted)
    }

    /// Makes what a frame decides; `false` if stopped before all of it was made.
    fn frame(&mut self, frame: Analysed, stop: &AtomicBool) -> Result<bool, Fault> {
        let Analysed { index, frame, pts, duration, link, mut passed } = frame;
        if link == Link::Cut && index > 0 {
            self.state.cuts.push(index);
        }
        let (num, den) = self.plan.stretch_parts();
        let duration = duration.map(|d| d.scaled(num, den));
        let stamped = Stamped { frame, pts: pts.scaled(num, den), duration };
        passed.iter_mut().for_each(|time| *time = time.scaled(num, den));
        let wanted = self.enter_segment()?;
        self.begun = Some(index);
        let Self { scheduler, maker, out, .. } = self;
        let schedule = scheduler.push_over(passed, stamped, link);
        maker.make(schedule, wanted, out, &mut self.state, stop)
    }
}

pub(super) fn send(out: &SyncSender<Write>, item: Write) -> Result<(), WriterGone> {
    out.send(item).map_err(|_| WriterGone)
}
