//! Jobs whose video is coded in segments: what is done is never lost, and whoever made which segment when, the joined
//! output is the same.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use ifr_frame::{Interpolate, Time};
use ifr_video::{Joined, OpenOptions, OutputOptions, Segment, SegmentSink, Source, SourceInfo, VideoError};

use crate::job::analysis::Analysis;
use crate::job::folder::{Folder, Shelf, sync_names};
use crate::job::lock::Lock;
use crate::job::run::{Ran, pipeline};
use crate::job::worker::{Division, Worker, Write};
use crate::job::{Fingerprint, JobError, Plan, Progress, Report};

/// Carries out a plan by segments, of `length` source frames each.
pub(super) fn run(
    plan: &Plan,
    length: NonZeroU64,
    source: Box<dyn Source>,
    engine: &mut dyn Interpolate,
    progress: &(dyn Fn(&Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Report, JobError> {
    let start = Instant::now();
    let Some(path) = plan.target.segments() else {
        return Err(JobError::Request("only files are written in segments".to_owned()));
    };
    let fingerprint = Fingerprint::of(plan)?;
    // Nothing is removed before it is known that nobody else works on it, and that this job can begin.
    let lock = Lock::take(path)?;
    let mut folder =
        if plan.resume { Folder::resume(lock, &fingerprint)? } else { Folder::anew(lock, &fingerprint) };
    if let Err(e) = check_output(plan, folder.path()) {
        return Err(folder.release().err().unwrap_or(e));
    }
    if !plan.resume {
        folder = folder.begin(&fingerprint)?;
        plan.target.clear_partial()?;
    }
    let done = folder.done();
    let taken_over: u64 = done.values().sum();
    let writer = SegmentWriter::new(folder, plan);
    let ran = pipeline(
        source,
        Analysis::new(plan),
        |out| Worker::new(plan, engine, progress, out, Some(Division::new(length, done))),
        move |items| writer.run(items),
        stop,
    );
    let mut report = ran.report(plan, start);
    let Ran { written: Written { shelf: folder, error: write_error, unfinished }, state, error, .. } = ran;
    let error = write_error.or(error);
    if error.is_some() || !state.complete {
        return Err(keep(plan, folder, unfinished, error));
    }
    if state.read == 0 {
        folder.remove()?;
        return Err(JobError::Empty(plan.input.clone()));
    }
    let segments = state.segments.iter().map(|&index| Segment::open(&folder.segment(index)));
    let segments = segments.collect::<Result<Vec<_>, _>>().map_err(JobError::Output)?;
    let kept = |error| {
        plan.target.discard();
        let frames = segments.iter().map(Segment::frames).sum();
        let partial = Some(folder.path().to_owned());
        match error {
            None => JobError::Interrupted { frames, partial, resumable: true },
            Some(e) => JobError::Partial { error: Box::new(e), frames, partial, resumable: true },
        }
    };
    let joined = join(plan, &segments, false, stop).map_err(|e| kept(Some(e)))?;
    if !joined.whole {
        return Err(kept(None));
    }
    // Only when the disk has the output the segments may go.
    let path = plan.target.writing();
    let synced = File::open(path).and_then(|f| f.sync_all());
    synced.map_err(|source| kept(Some(JobError::Io { action: "write", path: path.to_owned(), source })))?;
    plan.target.commit().map_err(|e| kept(Some(e)))?;
    sync_names(plan.target.folder())?;
    folder.remove()?;
    report.add_summary(&joined.summary, joined.notices, plan, &state);
    if taken_over > 0 {
        report.notices.push(format!("{taken_over} frames were there from an earlier run"));
    }
    report.elapsed = start.elapsed();
    Ok(report)
}

/// Makes the output's beginning in `folder`, to see that encoder and container take all options and streams: the join would
/// find out only at the end.
pub(super) fn check_output(plan: &Plan, folder: &Path) -> Result<(), JobError> {
    let extension = plan.output.path.extension().unwrap_or_default();
    let path = folder.join(format!(".ifr-check-{}", std::process::id())).with_extension(extension);
    let made =
        ifr_video::create(&OutputOptions { path: path.clone(), ..plan.output.clone() }, Some(&plan.source));
    let checked = made.map(drop).map_err(JobError::Output);
    // Where it could not be made there is nothing to remove.
    let _ = fs::remove_file(path);
    checked
}

/// After an early end: makes a file that plays of what there is, as far as there is room, and says what is kept where.
fn keep(plan: &Plan, folder: Folder, unfinished: Option<u64>, error: Option<JobError>) -> JobError {
    // One that was damaged and is made again lies between others.
    let mut files: BTreeMap<u64, PathBuf> =
        folder.done().into_keys().map(|index| (index, folder.segment(index))).collect();
    files.extend(unfinished.map(|index| (index, folder.unfinished(index))));
    let segments: Vec<Segment> = files.values().filter_map(|path| Segment::open(path).ok()).collect();
    let frames = segments.iter().map(Segment::frames).sum();
    if frames == 0 {
        plan.target.discard();
        return match folder.remove() {
            Ok(()) => error.unwrap_or(JobError::Interrupted { frames, partial: None, resumable: false }),
            Err(e) => e,
        };
    }
    let full = matches!(error, Some(JobError::Output(VideoError::DiskFull { .. })));
    // Stopped it was already; this takes no longer than copying the file.
    let plays = !full && join(plan, &segments, true, &AtomicBool::new(false)).is_ok();
    if !plays {
        plan.target.discard();
    }
    // What is unfinished will be made again.
    if let Some(index) = unfinished {
        let _ = fs::remove_file(folder.unfinished(index));
    }
    let partial = Some(if plays { plan.target.writing() } else { folder.path() }.to_owned());
    let resumable = true;
    match error {
        None => JobError::Interrupted { frames, partial, resumable },
        Some(error) => JobError::Partial { error: Box::new(error), frames, partial, resumable },
    }
}

/// Joins segments with the source's other streams, under the output's temporary name.
pub(super) fn join(
    plan: &Plan,
    segments: &[Segment],
    cut: bool,
    stop: &AtomicBool,
) -> Result<Joined, JobError> {
    let mut rest = match plan.source.others.is_empty() {
        true => None,
        false => {
            let options = OpenOptions { frames: false, ..plan.open.clone() };
            Some(ifr_video::open(&plan.input, &options).map_err(JobError::Input)?)
        }
    };
    let rest: Option<&mut dyn Source> = match &mut rest {
        Some(rest) => Some(&mut **rest),
        None => None,
    };
    ifr_video::join(&plan.output, Some(&plan.source), segments, rest, cut, stop).map_err(JobError::Output)
}

/// The writer thread of such a job.
pub(super) struct SegmentWriter<S> {
    shelf: S,
    options: OutputOptions,
    source: SourceInfo,
    current: Option<(u64, SegmentSink)>,
    /// The segment whose file has not got its name.
    unnamed: Option<u64>,
}

/// What it leaves.
pub(super) struct Written<S> {
    pub(super) shelf: S,
    pub(super) error: Option<JobError>,
    /// The segment that was being made at an early end: not all of it is there, and after an error its file may be of no use.
    pub(super) unfinished: Option<u64>,
}

impl<S: Shelf> SegmentWriter<S> {
    pub(super) fn new(shelf: S, plan: &Plan) -> Self {
        Self {
            shelf,
            options: plan.output.clone(),
            source: plan.source.clone(),
            current: None,
            unnamed: None,
        }
    }

    pub(super) fn run(mut self, items: &Receiver<Write>) -> Written<S> {
        let mut error = None;
        while let Ok(item) = items.recv() {
            if let Err(e) = self.take(item) {
                error = Some(e);
                break;
            }
        }
        // A segment that is whole was finished when the next began, or by the end.
        if let Some((_, sink)) = self.current.take() {
            // What went wrong first is what is told.
            let _ = sink.finish();
        }
        Written { shelf: self.shelf, error, unfinished: self.unnamed }
    }

    fn take(&mut self, item: Write) -> Result<(), JobError> {
        match item {
            Write::Frame(frame, pts, duration) => match &mut self.current {
                Some((_, sink)) => sink.write_frame(&frame, pts, duration).map_err(JobError::Output),
                None => Ok(()),
            },
            Write::Packet(_) => Ok(()),
            Write::Segment { index, after } => {
                self.finish()?;
                self.begin(index, after)
            }
            Write::End => self.finish(),
        }
    }

    fn begin(&mut self, index: u64, after: Option<Time>) -> Result<(), JobError> {
        let (path, label) = (self.shelf.unfinished(index), self.shelf.label(index));
        self.unnamed = Some(index);
        let sink = SegmentSink::create(&path, &label, &self.options, Some(&self.source), after);
        self.current = Some((index, sink.map_err(JobError::Output)?));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), JobError> {
        let Some((index, sink)) = self.current.take() else { return Ok(()) };
        let summary = sink.finish().map_err(JobError::Output)?;
        self.shelf.finish(index, summary)?;
        self.unnamed = None;
        Ok(())
    }

    /// Removes the file of a segment that could not be finished.
    pub(super) fn remove_unfinished(&self) {
        if let Some(index) = self.unnamed {
            let _ = fs::remove_file(self.shelf.unfinished(index));
        }
    }

    /// Makes a segment without frames.
    pub(super) fn write_empty(&mut self, index: u64) -> Result<(), JobError> {
        self.begin(index, None)?;
        self.finish()
    }
}
