use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ifr_frame::{Frame, Interpolate, Time};
use ifr_timeline::{Analyst, Cadence, Link, Make, Planned, Scheduler, Stamped};
use ifr_video::{Item, OpenOptions, Sink, Source, StreamPacket, Summary, TimedFrame, VideoError};

use crate::job::{JobError, Plan, Progress, Report, Request};

/// Items the reader may be ahead, and frames the writer may be behind. Small: a 4K frame in 4:2:0 is 12 MB.
const AHEAD: usize = 4;

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
    let (work, read, written) = thread::scope(|scope| {
        let reader = scope.spawn(move || read(source, &to_worker, stop));
        let writer = scope.spawn(move || write(sink, &writes));
        let mut worker = Worker::new(plan, engine, progress, to_writer);
        let result = worker.run(&items, stop);
        let state = worker.state;
        // Both neighbours end when their channels close.
        drop((worker.out, items));
        let read = reader.join().unwrap_or_else(|panic| resume_unwind(panic));
        let written = writer.join().unwrap_or_else(|panic| resume_unwind(panic));
        ((result, state), read, written)
    });
    let ((result, state), (skipped, source_notices, read_error), (summary, write_error)) =
        (work, read, written);
    notices.extend(source_notices);
    let error = match (write_error, result, read_error) {
        (Some(e), _, _) => Some(JobError::Output(e)),
        (None, Err(e), _) => Some(e),
        (None, Ok(()), Some(e)) => Some(JobError::Input(e)),
        (None, Ok(()), None) => None,
    };
    let partial = plan.target.writing().to_owned();
    match error {
        None if stop.load(Ordering::Relaxed) && !state.complete => {
            if summary.frames == 0 {
                plan.target.discard();
            }
            return Err(JobError::Interrupted { frames: summary.frames, partial });
        }
        None if state.read == 0 => {
            plan.target.discard();
            return Err(JobError::Empty(plan.input.clone()));
        }
        None => plan.target.commit()?,
        Some(error) if summary.frames == 0 => {
            plan.target.discard();
            return Err(error);
        }
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
fn read(
    mut source: Box<dyn Source>,
    to: &SyncSender<Item>,
    stop: &AtomicBool,
) -> (u64, Vec<String>, Option<VideoError>) {
    let error = loop {
        if stop.load(Ordering::Relaxed) {
            break None;
        }
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
    engine: &'a mut dyn Interpolate,
    progress: &'a (dyn Fn(&Progress) + Sync),
    out: SyncSender<Write>,
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
            engine,
            progress,
            out,
            cadence: Cadence::new(plan.source_time_base(), plan.source_rate()),
            analyst: Analyst::new(plan.cuts.clone(), plan.copy_repeats),
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
        let mut planned = Vec::new();
        while let Ok(item) = items.recv() {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match item {
                Item::Packet(packet) => self.send(Write::Packet(packet))?,
                Item::Frame(frame) => {
                    self.schedule(frame, &mut planned);
                    self.make(&mut planned, stop)?;
                }
            }
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.scheduler.finish(&mut planned);
        self.make(&mut planned, stop)?;
        self.state.complete = true;
        Ok(())
    }

    fn schedule(&mut self, timed: TimedFrame, planned: &mut Vec<Planned<Arc<Frame>>>) {
        let placed = self.cadence.place(timed.pts);
        let link = self.analyst.push(&timed.frame, placed);
        if link == Link::Cut && self.state.read > 0 {
            self.state.cuts.push(self.state.read);
        }
        self.state.read += 1;
        let (num, den) = self.plan.stretch_parts();
        let duration = timed.duration.map(|d| self.cadence.span(d).scaled(num, den));
        let stamped = Stamped { frame: timed.frame, pts: placed.scaled(num, den), duration };
        self.scheduler.push(stamped, link, planned);
    }

    /// Makes and sends the planned frames. Those between one pair stand together and share its preparation.
    fn make(&mut self, planned: &mut Vec<Planned<Arc<Frame>>>, stop: &AtomicBool) -> Result<(), Fault> {
        let mut rest = std::mem::take(planned).into_iter().peekable();
        while let Some(Planned { pts, duration, make }) = rest.next() {
            match make {
                Make::Source(frame) => {
                    self.state.kept += 1;
                    self.send_frame(frame, pts, duration)?;
                }
                Make::Repeat(frame) => {
                    self.state.repeated += 1;
                    self.send_frame(frame, pts, duration)?;
                }
                Make::Between { first, second, t } => {
                    let failed = |e| Fault::Error(JobError::Interpolate(e));
                    let begin = Instant::now();
                    let mut pair = self.engine.pair(&first, &second).map_err(failed)?;
                    let mut next = Some((pts, duration, t));
                    let mut spent = begin.elapsed();
                    while let Some((pts, duration, t)) = next.take() {
                        if stop.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        let begin = Instant::now();
                        let frame = Arc::new(pair.at(t).map_err(failed)?);
                        spent += begin.elapsed();
                        self.state.made += 1;
                        self.state.planned += 1;
                        send(&self.out, Write::Frame(frame, pts, duration))?;
                        report(self.progress, &self.state, self.plan.output_frames, pts);
                        let same_pair = |p: &Planned<Arc<Frame>>| match &p.make {
                            Make::Between { first: f, second: s, .. } => {
                                Arc::ptr_eq(f, &first) && Arc::ptr_eq(s, &second)
                            }
                            _ => false,
                        };
                        if let Some(Planned { pts, duration, make: Make::Between { t, .. } }) =
                            rest.next_if(same_pair)
                        {
                            next = Some((pts, duration, t));
                        }
                    }
                    self.state.interpolating += spent;
                }
            }
        }
        Ok(())
    }

    fn send_frame(&mut self, frame: Arc<Frame>, pts: Time, duration: Option<Time>) -> Result<(), Fault> {
        self.state.planned += 1;
        self.send(Write::Frame(frame, pts, duration))?;
        report(self.progress, &self.state, self.plan.output_frames, pts);
        Ok(())
    }

    fn send(&self, item: Write) -> Result<(), WriterGone> {
        send(&self.out, item)
    }
}

fn send(out: &SyncSender<Write>, item: Write) -> Result<(), WriterGone> {
    out.send(item).map_err(|_| WriterGone)
}

fn report(progress: &(dyn Fn(&Progress) + Sync), state: &State, expected: Option<u64>, position: Time) {
    progress(&Progress { read: state.read, written: state.planned, made: state.made, expected, position });
}
