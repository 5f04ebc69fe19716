use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use ifr_frame::Interpolate;
use ifr_video::{Item, OpenOptions, Sink, Source, Summary, VideoError};

use crate::job::worker::{Worker, Write};
use crate::job::{JobError, Plan, Progress, Report, Request, Target};

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
