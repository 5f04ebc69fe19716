use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ifr_frame::{Frame, Interpolate, Pair, Time};
use ifr_timeline::{Analyst, Cadence, Link, Make, Planned, Schedule, Scheduler, Stamped};
use ifr_video::{Item, OpenOptions, Sink, Source, StreamPacket, Summary, TimedFrame, VideoError};

use crate::job::{JobError, Plan, Progress, Report, Request, Target};

/// Items the reader may be ahead, and frames the writer may be behind. Small: a 4K frame in 4:2:0 is 12 MB.
const AHEAD: usize = 4;

/// How often a worker that waits for the reader looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(50);
/// The longest a frame is shown: beyond it a timestamp is taken for damage, not for an hour-long picture.
const LONGEST: Time = Time::HOUR;

/// Opens a request's input.
///
/// # Errors
/// [`JobError::Input`] when it cannot be read or holds no video.
pub fn open(request: &Request) -> Result<Box<dyn Source>, JobError> {
    let options = OpenOptions {
        threads: request.threads,
        audio: request.audio,
        rate: Some(request.sequence_rate),
        ..OpenOptions::default()
    };
    ifr_video::open(&request.input, &options).map_err(JobError::Input)
}

/// Carries out a plan: reader, interpolator and writer run at the same time. `progress` is told after every output
/// frame; setting `stop` ends the job early and leaves a partial output that plays.
///
/// # Errors
/// [`JobError`]. If frames were written before, they are kept under the temporary name, which the error tells.
pub fn run(
    plan: &Plan,
    source: Box<dyn Source>,
    engine: &mut dyn Interpolate,
    progress: &(dyn Fn(&Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Report, JobError> {
    let start = Instant::now();
    plan.target.clear()?;
    let sink = match ifr_video::create(&plan.output, Some(&plan.source)) {
        Ok(sink) => sink,
        Err(e) => {
            plan.target.discard();
            return Err(JobError::Output(e));
        }
    };
    let mut notices = sink.notices();
    let (to_worker, items) = sync_channel(AHEAD);
    let (to_writer, writes) = sync_channel(AHEAD);
    let reader = thread::spawn(move || read(source, &to_worker));
    let writer = thread::spawn(move || write(sink, &writes));
    let mut worker = Worker::new(plan, engine, progress, to_writer);
    let result = catch_unwind(AssertUnwindSafe(|| worker.run(&items, stop)));
    let state = std::mem::take(&mut worker.state);
    // Both neighbours end when their channels close: first the file is finished, whatever happened.
    drop((worker, items));
    let (summary, write_error) = writer.join().unwrap_or_else(|panic| resume_unwind(panic));
    let result = result.unwrap_or_else(|panic| resume_unwind(panic));
    // A reader that waits for a pipe would keep us waiting: after an early end it is left to itself.
    let (skipped, source_notices, read_error) = if state.complete || reader.is_finished() {
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    } else {
        (0, Vec::new(), None)
    };
    notices.extend(source_notices);
    notices.extend(summary.notices.clone());
    let mut told = HashSet::new();
    notices.retain(|notice| !plan.notices.contains(notice) && told.insert(notice.clone()));
    if summary.frames < state.planned && state.complete && write_error.is_none() {
        let lost = state.planned - summary.frames;
        notices.push(format!(
            "{lost} frames were left out: the output's time base is too coarse to tell them from others"
        ));
    }
    let error = match (write_error, result, read_error) {
        (Some(e), _, _) => Some(JobError::Output(e)),
        (None, Err(e), _) => Some(e),
        (None, Ok(()), Some(e)) => Some(JobError::Input(e)),
        (None, Ok(()), None) => None,
    };
    let partial =
        (plan.target != Target::Stdout && summary.frames > 0).then(|| plan.target.writing().to_owned());
    let interrupted = stop.load(Ordering::Relaxed) && !state.complete;
    if summary.frames == 0 {
        plan.target.discard();
    }
    match error {
        None if interrupted => return Err(JobError::Interrupted { frames: summary.frames, partial }),
        None if state.read == 0 => return Err(JobError::Empty(plan.input.clone())),
        None => plan.target.commit()?,
        Some(error) if summary.frames == 0 => return Err(error),
        Some(error) => {
            return Err(JobError::Partial { error: Box::new(error), frames: summary.frames, partial });
        }
    }
    Ok(Report {
        output: plan.target.path().to_owned(),
        read: state.read,
        written: summary.frames,
        kept: state.kept,
        made: state.made,
        repeated: state.repeated,
        cuts: state.cuts,
        skipped,
        notices,
        bytes: summary.bytes,
        encoder: summary.encoder,
        elapsed: start.elapsed(),
        interpolating: state.interpolating,
    })
}

/// The reader thread: hands items on until the end, an error, or until nobody listens. Returns what was skipped
/// and what the source has to say.
fn read(mut source: Box<dyn Source>, to: &SyncSender<Item>) -> (u64, Vec<String>, Option<VideoError>) {
    let error = loop {
        match source.next() {
            Ok(Some(item)) => {
                if to.send(item).is_err() {
                    break None;
                }
            }
            Ok(None) => break None,
            Err(e) => break Some(e),
        }
    };
    (source.skipped(), source.notices(), error)
}

enum Write {
    Frame(Arc<Frame>, Time, Option<Time>),
    Packet(StreamPacket),
}

/// The writer thread: whatever happens, the file is finished, so that what was written plays.
fn write(mut sink: Box<dyn Sink>, from: &Receiver<Write>) -> (Summary, Option<VideoError>) {
    let mut frames = 0;
    let mut error = None;
    while let Ok(item) = from.recv() {
        let done = match item {
            Write::Frame(frame, pts, duration) => {
                sink.write_frame(&frame, pts, duration).inspect(|()| frames += 1)
            }
            Write::Packet(packet) => sink.write_packet(packet),
        };
        if let Err(e) = done {
            error = Some(e);
            break;
        }
    }
    match sink.finish() {
        Ok(summary) => (summary, error),
        Err(e) => (Summary { frames, ..Summary::default() }, error.or(Some(e))),
    }
}

#[derive(Debug, Default)]
struct State {
    read: u64,
    planned: u64,
    kept: u64,
    made: u64,
    repeated: u64,
    cuts: Vec<u64>,
    interpolating: Duration,
    /// Whether the source was read to its end.
    complete: bool,
}

struct Worker<'a> {
    plan: &'a Plan,
    maker: Maker<'a>,
    out: SyncSender<Write>,
    last: Option<Time>,
    cadence: Cadence,
    analyst: Analyst,
    scheduler: Scheduler<Arc<Frame>>,
    state: State,
}

/// The writer has stopped; its own error says why.
struct WriterGone;

enum Fault {
    Gone,
    Error(JobError),
}

impl From<WriterGone> for Fault {
    fn from(_: WriterGone) -> Self {
        Self::Gone
    }
}

impl<'a> Worker<'a> {
    fn new(
        plan: &'a Plan,
        engine: &'a mut dyn Interpolate,
        progress: &'a (dyn Fn(&Progress) + Sync),
        out: SyncSender<Write>,
    ) -> Self {
        Self {
            plan,
            maker: Maker { engine, progress, expected: plan.output_frames },
            out,
            last: None,
            cadence: Cadence::new(plan.source_time_base(), plan.source_rate()),
            analyst: Analyst::new(plan.cuts.clone(), plan.repeats),
            scheduler: Scheduler::new(plan.grid, plan.at_cut),
            state: State::default(),
        }
    }

    fn run(&mut self, items: &Receiver<Item>, stop: &AtomicBool) -> Result<(), JobError> {
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
        let placed = self.cadence.place(timed.pts);
        if self.last.replace(placed).is_some_and(|last| placed - last > LONGEST) {
            return Err(Fault::Error(JobError::Input(VideoError::Malformed {
                path: self.plan.input.clone(),
                found: format!(
                    "frame {} is shown at {placed} s, over an hour after the one before",
                    self.state.read
                ),
                expected: "at most an hour between frames".to_owned(),
            })));
        }
        let link = self.analyst.push(&timed.frame, placed);
        if link == Link::Cut && self.state.read > 0 {
            self.state.cuts.push(self.state.read);
        }
        self.state.read += 1;
        let (num, den) = self.plan.stretch_parts();
        let duration = timed.duration.filter(|&d| d <= LONGEST);
        let duration = duration.map(|d| self.cadence.span(d).scaled(num, den));
        let stamped = Stamped { frame: timed.frame, pts: placed.scaled(num, den), duration };
        let Self { scheduler, maker, out, .. } = self;
        maker.make(scheduler.push(stamped, link), out, &mut self.state, stop)?;
        Ok(())
    }
}

/// Makes planned frames and sends them to the writer.
struct Maker<'a> {
    engine: &'a mut dyn Interpolate,
    progress: &'a (dyn Fn(&Progress) + Sync),
    expected: Option<u64>,
}

impl Maker<'_> {
    /// Makes all frames of a schedule; `false` if stopped before its end. Those between one pair stand together and share
    /// its preparation.
    fn make(
        &mut self,
        schedule: Schedule<'_, Arc<Frame>>,
        out: &SyncSender<Write>,
        state: &mut State,
        stop: &AtomicBool,
    ) -> Result<bool, Fault> {
        let failed = |e| Fault::Error(JobError::Interpolate(e));
        let engine = &mut *self.engine;
        let mut prepared: Option<Box<dyn Pair + '_>> = None;
        // One schedule is about one pair, so the engine is asked once.
        let mut engine = Some(engine);
        for Planned { pts, duration, make } in schedule {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let frame = match make {
                Make::Source(frame) => {
                    state.kept += 1;
                    frame
                }
                Make::Repeat(frame) => {
                    state.repeated += 1;
                    frame
                }
                Make::Between { first, second, t } => {
                    let begin = Instant::now();
                    if let Some(engine) = engine.take() {
                        prepared = Some(engine.pair(&first, &second).map_err(failed)?);
                    }
                    let Some(pair) = &mut prepared else { continue };
                    let frame = Arc::new(pair.at(t).map_err(failed)?);
                    state.interpolating += begin.elapsed();
                    state.made += 1;
                    frame
                }
            };
            state.planned += 1;
            send(out, Write::Frame(frame, pts, duration))?;
            (self.progress)(&Progress {
                read: state.read,
                written: state.planned,
                made: state.made,
                expected: self.expected,
                position: pts,
            });
        }
        Ok(true)
    }
}

fn send(out: &SyncSender<Write>, item: Write) -> Result<(), WriterGone> {
    out.send(item).map_err(|_| WriterGone)
}
