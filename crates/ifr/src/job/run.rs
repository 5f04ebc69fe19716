use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use ifr_frame::Interpolate;
use ifr_video::{Item, Sink, Source, Summary, VideoError};

use crate::job::analysis::Analysis;
use crate::job::analyst::analyse;
use crate::job::decimated::Decimated;
use crate::job::plan::open_options;
#[cfg(feature = "video")]
use crate::job::segmented;
use crate::job::worker::{State, Worker, Write};
use crate::job::{JobError, Plan, Progress, Report, Request, Target};

/// Items the reader may be ahead, and frames the writer may be behind. Small: a 4K frame in 4:2:0 is 12 MB.
const AHEAD: usize = 4;
/// What the analysis may be ahead of the worker, as messages: two for a frame.
const KNOWN: usize = 2;

/// Opens a request's input.
///
/// # Errors
/// [`JobError::Input`] when it cannot be read or holds no video.
pub fn open(request: &Request) -> Result<Box<dyn Source>, JobError> {
    let source = ifr_video::open(&request.input, &open_options(request)).map_err(JobError::Input)?;
    Ok(if request.decimate { Box::new(Decimated::new(source)) } else { source })
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
    #[cfg(feature = "video")]
    if let Some(length) = plan.segments {
        return segmented::run(plan, length, source, engine, progress, stop);
    }
    let start = Instant::now();
    plan.target.clear()?;
    let sink = match ifr_video::create(&plan.output, Some(&plan.source)) {
        Ok(sink) => sink,
        Err(e) => {
            plan.target.discard();
            return Err(JobError::Output(e));
        }
    };
    let notices = sink.notices();
    let ran = pipeline(
        source,
        Analysis::new(plan),
        |out| Worker::new(plan, engine, progress, out, None),
        move |items| write(sink, items),
        stop,
    );
    let mut report = ran.report(plan, start);
    let Ran { written: (summary, write_error), state, error, .. } = ran;
    report.add_summary(&summary, notices, plan, &state);
    let error = write_error.map(JobError::Output).or(error);
    let partial =
        (plan.target != Target::Stdout && summary.frames > 0).then(|| plan.target.writing().to_owned());
    if summary.frames == 0 {
        plan.target.discard();
    }
    let (frames, resumable) = (summary.frames, false);
    match error {
        None if stop.load(Ordering::Relaxed) && !state.complete => {
            Err(JobError::Interrupted { frames, partial, resumable })
        }
        None if state.read == 0 => Err(JobError::Empty(plan.input.clone())),
        None => plan.target.commit().map(|()| report),
        Some(error) if frames == 0 => Err(error),
        Some(error) => Err(JobError::Partial { error: Box::new(error), frames, partial, resumable }),
    }
}

/// What came of a reader, a worker and a writer.
pub(super) struct Ran<T> {
    /// What the writer returned.
    pub(super) written: T,
    pub(super) state: State,
    /// What went wrong with reading or interpolating.
    pub(super) error: Option<JobError>,
    pub(super) skipped: u64,
    pub(super) notices: Vec<String>,
}

/// Runs a reader, an analysis and a writer in threads of their own and the worker in this one, until all are done. The writer is
/// told of the end by its channel: whatever happens it can finish what it has begun.
pub(super) fn pipeline<'a, T: Send + 'static>(
    source: Box<dyn Source>,
    analysis: Analysis,
    worker: impl FnOnce(SyncSender<Write>) -> Worker<'a>,
    write: impl FnOnce(&Receiver<Write>) -> T + Send + 'static,
    stop: &AtomicBool,
) -> Ran<T> {
    let (to_analyst, items) = sync_channel(AHEAD);
    let (to_worker, known) = sync_channel(KNOWN);
    let (to_writer, writes) = sync_channel(AHEAD);
    let broken = Arc::new(AtomicBool::new(false));
    let tells = Arc::clone(&broken);
    let told = Arc::clone(&broken);
    let reader = thread::spawn(move || read(source, &to_analyst, &tells));
    let writer = thread::spawn(move || write(&writes));
    let mut worker = worker(to_writer);
    let whole = worker.is_divided();
    // Never waited for: it says itself that it has come to the end, and ends when nobody listens.
    thread::spawn(move || analyse(analysis, &items, &to_worker, &told, whole));
    let result = catch_unwind(AssertUnwindSafe(|| worker.run(&known, stop)));
    let state = std::mem::take(&mut worker.state);
    // All neighbours end when their channels close: first the file is finished, whatever happened.
    drop((worker, known));
    let written = writer.join().unwrap_or_else(|panic| resume_unwind(panic));
    let result = result.unwrap_or_else(|panic| resume_unwind(panic));
    // A reader that waits for a pipe would keep us waiting: after an early end it is left to itself. One that failed waits for
    // nothing, though it may not have ended yet, and its error is why it is over.
    let failed = broken.load(Ordering::Relaxed);
    let (skipped, notices, read_error) = if state.complete || failed || reader.is_finished() {
        reader.join().unwrap_or_else(|panic| resume_unwind(panic))
    } else {
        (0, Vec::new(), None)
    };
    let error = result.err().or(read_error.map(JobError::Input));
    Ran { written, state, error, skipped, notices }
}

impl<T> Ran<T> {
    /// What the report says of reading and making; of the output, see [`Report::add_summary`].
    pub(super) fn report(&self, plan: &Plan, start: Instant) -> Report {
        let state = &self.state;
        Report {
            output: plan.target.path().to_owned(),
            read: state.read,
            written: 0,
            kept: state.kept,
            made: state.made,
            repeated: state.repeated,
            left_out: state.left_out,
            cuts: state.cuts.clone(),
            skipped: self.skipped,
            notices: self.notices.clone(),
            bytes: 0,
            encoder: String::new(),
            elapsed: start.elapsed(),
            interpolating: state.interpolating,
        }
    }
}

impl Report {
    /// Adds what the sink said: `notices` when it was made, and its summary.
    pub(super) fn add_summary(
        &mut self,
        summary: &Summary,
        notices: Vec<String>,
        plan: &Plan,
        state: &State,
    ) {
        self.written = summary.frames;
        self.bytes = summary.bytes;
        self.encoder.clone_from(&summary.encoder);
        let mut told = HashSet::new();
        let all = notices.into_iter().chain(std::mem::take(&mut self.notices)).chain(summary.notices.clone());
        self.notices = all.filter(|n| !plan.notices.contains(n) && told.insert(n.clone())).collect();
        if summary.frames < state.planned && state.complete {
            let lost = state.planned - summary.frames;
            self.notices.push(format!(
                "{lost} frames were left out: the output's time base is too coarse to tell them from others"
            ));
        }
    }
}

/// The reader thread: hands items on until the end, an error (`broken` tells before the channel closes), or until nobody
/// listens. Returns what was skipped and what the source has to say.
fn read(
    mut source: Box<dyn Source>,
    to: &SyncSender<Item>,
    broken: &AtomicBool,
) -> (u64, Vec<String>, Option<VideoError>) {
    let error = loop {
        match source.next() {
            Ok(Some(item)) => {
                if to.send(item).is_err() {
                    break None;
                }
            }
            Ok(None) => break None,
            Err(e) => {
                broken.store(true, Ordering::Relaxed);
                break Some(e);
            }
        }
    };
    (source.skipped(), source.notices(), error)
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
            // Of segments only their writer knows.
            Write::Segment { .. } | Write::End => Ok(()),
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
