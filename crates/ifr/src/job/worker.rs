//! From items that are read to items to write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use ifr_frame::{Frame, Interpolate, Time};
use ifr_timeline::{Link, Scheduler, Stamped};
use ifr_video::{Item, StreamPacket, TimedFrame};

use crate::job::analysis::{Analysed, Analysis};
use crate::job::maker::Maker;
use crate::job::{JobError, Plan, Progress};

/// How often a worker that waits for the reader looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// What the writer is handed.
pub(super) enum Write {
    Frame(Arc<Frame>, Time, Option<Time>),
    Packet(StreamPacket),
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) read: u64,
    pub(super) planned: u64,
    pub(super) kept: u64,
    pub(super) made: u64,
    pub(super) repeated: u64,
    pub(super) cuts: Vec<u64>,
    pub(super) interpolating: Duration,
    /// Whether the source was read to its end.
    pub(super) complete: bool,
}

pub(super) struct Worker<'a> {
    plan: &'a Plan,
    maker: Maker<'a>,
    out: SyncSender<Write>,
    analysis: Analysis,
    scheduler: Scheduler<Arc<Frame>>,
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
    ) -> Self {
        Self {
            plan,
            maker: Maker { engine, progress, expected: plan.output_frames },
            out,
            analysis: Analysis::new(plan),
            scheduler: Scheduler::new(plan.grid, plan.at_cut),
            state: State::default(),
        }
    }

    pub(super) fn run(&mut self, items: &Receiver<Item>, stop: &AtomicBool) -> Result<(), JobError> {
        match self.drive(items, stop) {
            Ok(()) | Err(Fault::Gone) => Ok(()),
            Err(Fault::Error(e)) => Err(e),
        }
    }

    fn drive(&mut self, items: &Receiver<Item>, stop: &AtomicBool) -> Result<(), Fault> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match items.recv_timeout(PATIENCE) {
                Ok(Item::Packet(packet)) => send(&self.out, Write::Packet(packet))?,
                Ok(Item::Frame(frame)) => self.frame(frame, stop)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let Self { scheduler, maker, out, .. } = self;
        let done = maker.make(scheduler.finish(), out, &mut self.state, stop)?;
        self.state.complete = done;
        Ok(())
    }

    fn frame(&mut self, timed: TimedFrame, stop: &AtomicBool) -> Result<(), Fault> {
        self.analysis.push(timed).map_err(Fault::Error)?;
        self.state.read = self.analysis.read();
        self.advance(stop)
    }

    /// Makes what the frames that are ready decide.
    fn advance(&mut self, stop: &AtomicBool) -> Result<(), Fault> {
        while let Some(Analysed { index, frame, pts, duration, link }) = self.analysis.pop() {
            if link == Link::Cut && index > 0 {
                self.state.cuts.push(index);
            }
            let (num, den) = self.plan.stretch_parts();
            let duration = duration.map(|d| d.scaled(num, den));
            let stamped = Stamped { frame, pts: pts.scaled(num, den), duration };
            let Self { scheduler, maker, out, .. } = self;
            maker.make(scheduler.push(stamped, link), out, &mut self.state, stop)?;
        }
        Ok(())
    }
}

pub(super) fn send(out: &SyncSender<Write>, item: Write) -> Result<(), WriterGone> {
    out.send(item).map_err(|_| WriterGone)
}
