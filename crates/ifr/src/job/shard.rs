//! Jobs that several machines share: a plan made once, shards that know nothing of each other, and a join.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ifr_frame::{Frame, Interpolate, Samples, Time};
use ifr_video::{
    Fields, Item, Joined, OpenOptions, Segment, SegmentLabel, SegmentSummary, Source, SourceInfo, Summary,
    VideoError,
};

use crate::job::analysis::{Analysis, Decided};
use crate::job::decimated::Decimated;
use crate::job::folder::{Shelf, sync_names};
use crate::job::lock::Lock;
use crate::job::run::{Ran, pipeline};
use crate::job::segmented::{self, SegmentWriter, Written};
use crate::job::shard_plan::{Known, MOST_SHARDS, PlannedFrame};
use crate::job::worker::{Division, Worker};
use crate::job::{Fingerprint, JobError, Plan, Progress, ShardPlan, space};

/// Source frames that are decoded before the first one of a shard: what is decided of a frame may depend on so many
/// before it.
const LOOK_BACK: usize = 64;
/// Further frames before those, which need not be right: after a seek the first ones may refer to what was not read.
const MARGIN: usize = 32;

/// What [`run_shard`] did.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardReport {
    /// Its segments.
    pub segments: Range<u64>,
    /// How many of them were there already.
    pub found: u64,
    /// Frames of those that were made now, and how many of them were interpolated.
    pub written: u64,
    /// Damaged packets or frames that were skipped.
    pub skipped: u64,
    /// What people should be told of reading the input.
    pub notices: Vec<String>,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// What [`plan_shards`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedShards {
    /// The plan.
    pub plan: ShardPlan,
    /// Damaged packets or frames that were skipped.
    pub skipped: u64,
    /// What people should be told of reading the input.
    pub notices: Vec<String>,
}

/// Checks that a plan can be carried out by so many shards; returns the source frames a segment.
///
/// # Errors
/// [`JobError::Request`] that says why not.
pub fn check_shards(plan: &Plan, shards: u64) -> Result<NonZeroU64, JobError> {
    if !(1..=MOST_SHARDS).contains(&shards) {
        return Err(JobError::Request(format!("found {shards} shards, expected 1 to {MOST_SHARDS}")));
    }
    plan.segments.ok_or_else(|| {
        JobError::Request(
            "shards are for videos from a file to a file: neither pipes nor images or animations can be shared out"
                .to_owned(),
        )
    })
}

/// Reads the whole source of a plan once and decides what depends on all of it. `progress` is told how many frames were
/// read.
///
/// # Errors
/// [`JobError`] when the source cannot be read, or the plan is none that is carried out by segments.
pub fn plan_shards(
    plan: &Plan,
    mut source: Box<dyn Source>,
    shards: u64,
    progress: &dyn Fn(u64),
    stop: &AtomicBool,
) -> Result<PlannedShards, JobError> {
    let length = check_shards(plan, shards)?;
    // There can be written, as the plan has seen; a folder for temporary files there may not be.
    segmented::check_output(plan, plan.target.folder())?;
    let job = Fingerprint::of(plan)?.anywhere();
    let mut analysis = Analysis::deciding(plan);
    let (mut seen, mut frames) = (VecDeque::new(), Vec::new());
    let mut collect = |analysis: &mut Analysis, seen: &mut VecDeque<(Time, u32)>| {
        while let Some(decided) = analysis.pop_decided() {
            let Some((seen, checksum)) = seen.pop_front() else { break };
            frames.push(PlannedFrame { seen, decided, checksum });
        }
        frames.len()
    };
    while let Some(item) = source.next().map_err(JobError::Input)? {
        let Item::Frame(timed) = item else { continue };
        seen.push_back((timed.pts, checksum(&timed.frame)));
        analysis.push(timed)?;
        collect(&mut analysis, &mut seen);
        progress(analysis.read());
        if stop.load(Ordering::Relaxed) {
            return Err(JobError::Interrupted { frames: 0, partial: None, resumable: false });
        }
    }
    analysis.finish();
    if collect(&mut analysis, &mut seen) == 0 {
        return Err(JobError::Empty(plan.input.clone()));
    }
    let shards = ShardPlan::new(job, shards, length, &frames, plan.output.threads)
        .map_err(|e| JobError::Request(e.to_string()))?;
    Ok(PlannedShards { plan: shards, skipped: source.skipped(), notices: source.notices() })
}

/// CRC-32 of a frame's samples.
fn checksum(frame: &Frame) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for plane in frame.planes() {
        match &plane.samples {
            Samples::U8(samples) => hasher.update(samples),
            Samples::U16(samples) => {
                let mut bytes = Vec::with_capacity(8192);
                for part in samples.chunks(4096) {
                    bytes.clear();
                    part.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
                    hasher.update(&bytes);
                }
            }
        }
    }
    hasher.finalize()
}

/// The plan with what the shards' plan fixed, if it is the plan of that job.
fn checked(plan: &Plan, shards: &ShardPlan) -> Result<Plan, JobError> {
    let mut plan = plan.clone();
    plan.output.threads = shards.encoder_threads;
    plan.segments = Some(shards.segment_frames);
    let found = Fingerprint::of(&plan)?.anywhere();
    let differs = shards.job.differences(&found);
    if differs.is_empty() {
        return Ok(plan);
    }
    Err(JobError::Request(format!("this is not the job that was planned: {differs}; plan again")))
}

/// Makes the segments of one shard (counted from 0) that are not in `folder` yet. It may run at the same time as any
/// other, of the same shard too, and be ended and begun again at will.
///
/// # Errors
/// [`JobError`] when input, options or model are not those of the plan, or reading, making or writing fails.
pub fn run_shard(
    plan: &Plan,
    shards: &ShardPlan,
    shard: u64,
    folder: &Path,
    engine: &mut dyn Interpolate,
    progress: &(dyn Fn(&Progress) + Sync),
    stop: &AtomicBool,
) -> Result<ShardReport, JobError> {
    let start = Instant::now();
    let Some(segments) = shards.segments_of(shard) else {
        return Err(JobError::Request(format!("there is no shard {shard}: 0 to {} are", shards.shards - 1)));
    };
    let plan = checked(plan, shards)?;
    fs::create_dir_all(folder).map_err(|source| JobError::Io {
        action: "create",
        path: folder.to_owned(),
        source,
    })?;
    let shelf = || WorkFolder::new(folder, shards);
    let done = shelf().done(segments.clone());
    let mut report = ShardReport {
        found: done.len() as u64,
        segments,
        written: 0,
        skipped: 0,
        notices: Vec::new(),
        elapsed: Duration::ZERO,
    };
    let missing: Vec<u64> = report.segments.clone().filter(|s| !done.contains_key(s)).collect();
    if let (Some(&first), Some(&last)) = (missing.first(), missing.last()) {
        let mut part = Part { plan: &plan, shards, range: first..last + 1, done, seek: true };
        let mut made = part.run(shelf(), engine, progress, stop);
        if matches!(made, Err(Failure::Lost)) {
            tracing::warn!("seeking leads to other frames than reading from the beginning: all is read");
            part.seek = false;
            made = part.run(shelf(), engine, progress, stop);
        }
        let made = made.map_err(|failure| match failure {
            Failure::Job(e) => e,
            Failure::Lost => JobError::Input(VideoError::Malformed {
                path: plan.input.clone(),
                found: "other frames than when it was planned".to_owned(),
                expected: "the same file, decoded by the same version of FFmpeg; plan again".to_owned(),
            }),
        })?;
        (report.written, report.skipped, report.notices) = (made.written, made.skipped, made.notices);
    }
    report.elapsed = start.elapsed();
    Ok(report)
}

/// What a part came to.
struct Made {
    written: u64,
    skipped: u64,
    notices: Vec<String>,
}

enum Failure {
    /// The decoder does not give the frames that were planned.
    Lost,
    Job(JobError),
}

impl From<JobError> for Failure {
    fn from(e: JobError) -> Self {
        Self::Job(e)
    }
}

/// Some segments that follow each other, to be made in one go.
struct Part<'a> {
    plan: &'a Plan,
    shards: &'a ShardPlan,
    range: Range<u64>,
    done: BTreeMap<u64, u64>,
    seek: bool,
}

impl Part<'_> {
    fn run(
        &self,
        shelf: WorkFolder,
        engine: &mut dyn Interpolate,
        progress: &(dyn Fn(&Progress) + Sync),
        stop: &AtomicBool,
    ) -> Result<Made, Failure> {
        let Self { plan, shards, range, .. } = self;
        let table: Arc<Vec<Decided>> = Arc::new(shards.frames.decided());
        let known = shards.frames.known();
        let begin = usize::try_from(range.start * shards.segment_frames.get()).unwrap_or(usize::MAX);
        let first = begin.saturating_sub(LOOK_BACK);
        let from = first.saturating_sub(MARGIN);
        // A part is found, and pulldown undone, from the beginning only.
        let (decimates, whole) =
            (plan.open.fields == Fields::Match, plan.open.range == ifr_video::Range::ALL);
        let may_seek = self.seek && from > 0 && whole && !decimates;
        let seek = may_seek.then(|| known.get(from).map(|k| k.seen)).flatten();
        let options = OpenOptions { seek, audio: false, extras: false, ..plan.open.clone() };
        let source = ifr_video::open(&plan.input, &options).map_err(JobError::Input)?;
        let source = if decimates { Box::new(Decimated::new(source)) } else { source };
        let lost = Arc::new(AtomicBool::new(false));
        let source = Box::new(Found { source, known, next: first, begun: false, lost: Arc::clone(&lost) });
        let division = Division::of_shard(shards.segment_frames, self.done.clone(), range.start..range.end);
        let origin = table.first().map_or(Time::ZERO, |d| d.pts);
        let writer = SegmentWriter::new(shelf, plan);
        let ran = pipeline(
            source,
            Analysis::within(plan, Arc::clone(&table), first as u64),
            |out| Worker::new(plan, engine, progress, out, Some(division)).within(origin),
            move |items| writer.run(items),
            stop,
        );
        let Ran {
            written: Written { shelf, error: write_error, unfinished },
            state,
            error,
            skipped,
            notices,
        } = ran;
        if let Some(index) = unfinished {
            let _ = fs::remove_file(shelf.unfinished(index));
        }
        if lost.load(Ordering::Relaxed) {
            return Err(Failure::Lost);
        }
        if let Some(error) = write_error.or(error) {
            return Err(error.into());
        }
        let frames = shelf.frames;
        if !state.complete {
            return Err(JobError::Interrupted { frames, partial: None, resumable: false }.into());
        }
        // Where frames were taken out, a segment may have none; it must be there all the same.
        let mut writer = SegmentWriter::new(shelf, plan);
        for index in range.clone().filter(|i| !state.segments.contains(i)) {
            writer.write_empty(index).inspect_err(|_| writer.remove_unfinished())?;
        }
        Ok(Made { written: frames, skipped, notices })
    }
}

/// A source of which every frame is known beforehand: it begins with a certain frame, and tells when one is another than it
/// should be.
struct Found {
    source: Box<dyn Source>,
    known: Vec<Known>,
    /// The number of the frame yielded next.
    next: usize,
    begun: bool,
    lost: Arc<AtomicBool>,
}

impl Found {
    fn lose(&self) -> VideoError {
        self.lost.store(true, Ordering::Relaxed);
        VideoError::Option(format!("frame {} is not the one that was planned", self.next))
    }
}

impl Source for Found {
    fn info(&self) -> &SourceInfo {
        self.source.info()
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        loop {
            let item = self.source.next()?;
            let wanted = self.known.get(self.next);
            let timed = match &item {
                Some(Item::Frame(timed)) => timed,
                None if wanted.is_some() => return Err(self.lose()),
                _ => return Ok(item),
            };
            match wanted {
                Some(wanted) if !self.begun && timed.pts < wanted.seen => {}
                Some(wanted) if timed.pts == wanted.seen && checksum(&timed.frame) == wanted.checksum => {
                    self.begun = true;
                    self.next += 1;
                    return Ok(item);
                }
                _ => return Err(self.lose()),
            }
        }
    }

    fn skipped(&self) -> u64 {
        self.source.skipped()
    }

    fn notices(&self) -> Vec<String> {
        self.source.notices()
    }
}

/// The folder that all shards put their segments in. Names of what is unfinished are each process's own, so that nobody
/// sees or spoils what another is making. All names have the job's: other plans, and files of other people, may be there.
struct WorkFolder {
    path: PathBuf,
    job: [u8; 16],
    /// What the job is called in names.
    name: String,
    /// What this process's unfinished files end in.
    own: String,
    frames: u64,
}

impl WorkFolder {
    fn new(path: &Path, shards: &ShardPlan) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Processes on several machines may have one number: the time tells them apart.
        let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = format!("{}-{nanos}-{count}.tmp", std::process::id());
        let job = shards.job.id();
        let name = job.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { path: path.to_owned(), job, name, own, frames: 0 }
    }

    /// The file of a segment that is whole.
    fn segment(&self, index: u64) -> PathBuf {
        self.path.join(format!("{index:06}-{}.seg", self.name))
    }

    /// Whether a file is what a process that was killed left of a segment of this job.
    fn is_unfinished(&self, file: &str) -> bool {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let parts = file.strip_suffix(".tmp").and_then(|name| name.split_once('.'));
        parts.is_some_and(|(segment, own)| {
            segment.split_once('-').is_some_and(|(index, job)| digits(index) && job == self.name)
                && own.split('-').count() == 3
                && own.split('-').all(digits)
        })
    }

    /// Removes the segments, and the folder if nothing else is in it. The output is there: what stays is only in the way.
    fn remove(&self, segments: u64) {
        for index in 0..segments {
            let _ = fs::remove_file(self.segment(index));
        }
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| self.is_unfinished(name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Segments that are there, with their frames.
    fn done(&self, range: Range<u64>) -> BTreeMap<u64, u64> {
        let sound = |index: u64| {
            let segment = Segment::open(&self.segment(index)).ok()?;
            let own = segment.label() == self.label(index) && segment.verify().is_ok();
            own.then_some((index, segment.frames()))
        };
        range.filter_map(sound).collect()
    }
}

impl Shelf for WorkFolder {
    fn label(&self, index: u64) -> SegmentLabel {
        SegmentLabel { job: self.job, index }
    }

    fn unfinished(&self, index: u64) -> PathBuf {
        self.path.join(format!("{index:06}-{}.{}", self.name, self.own))
    }

    fn finish(&mut self, index: u64, summary: SegmentSummary) -> Result<(), JobError> {
        let from = self.unfinished(index);
        fs::rename(&from, self.segment(index)).map_err(|source| JobError::Io {
            action: "rename",
            path: from,
            source,
        })?;
        self.frames += summary.frames;
        Ok(())
    }
}

/// How shards are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinOptions {
    /// Whether the segments stay when the output is there.
    pub keep: bool,
    /// Whether there must be room for the output before it is begun.
    pub check_space: bool,
}

/// Joins what all shards made in `folder` to the output that `plan` names, with the source's other streams.
///
/// # Errors
/// [`JobError`] when segments are missing (it names the shards to run), the plan is of another job, or the output cannot
/// be written.
pub fn join_shards(
    plan: &Plan,
    shards: &ShardPlan,
    folder: &Path,
    options: JoinOptions,
    stop: &AtomicBool,
) -> Result<(Summary, Vec<String>), JobError> {
    let plan = checked(plan, shards)?;
    let shelf = WorkFolder::new(folder, shards);
    let mut segments = Vec::new();
    let mut missing = BTreeMap::new();
    for shard in 0..shards.shards {
        for index in shards.segments_of(shard).into_iter().flatten() {
            if stop.load(Ordering::Relaxed) {
                return Err(JobError::Interrupted { frames: 0, partial: None, resumable: false });
            }
            match Segment::open(&shelf.segment(index)) {
                Ok(segment) if segment.label() == shelf.label(index) => segments.push(segment),
                _ => *missing.entry(shard).or_insert(0_u64) += 1,
            }
        }
    }
    if !missing.is_empty() {
        let all: u64 = missing.values().sum();
        let mut names: Vec<String> = missing.keys().take(20).map(u64::to_string).collect();
        if missing.len() > names.len() {
            names.push("…".to_owned());
        }
        return Err(JobError::Damaged {
            path: folder.to_owned(),
            found: format!("{all} of {} segments are missing, damaged or of another plan", shards.segments()),
            expected: format!("all of them; run shard {} (again)", names.join(", ")),
        });
    }
    if options.check_space {
        let bytes = segments.iter().map(Segment::bytes).sum();
        space::check(plan.target.folder(), plan.target.path(), bytes)?;
    }
    // Nothing is removed before it is known that nobody else works on it.
    let lock = plan.target.segments().map(Lock::take).transpose()?;
    let joined = join_to(&plan, &segments, stop);
    // What an unfinished run left there is of use until the output is.
    let released = lock.map_or(Ok(()), |lock| if joined.is_ok() { lock.remove() } else { lock.release() });
    let joined = joined?;
    released?;
    if !options.keep {
        sync_names(plan.target.folder())?;
        shelf.remove(shards.segments());
    }
    Ok((joined.summary, joined.notices))
}

/// Joins segments to the output that a plan names.
fn join_to(plan: &Plan, segments: &[Segment], stop: &AtomicBool) -> Result<Joined, JobError> {
    plan.target.clear_partial()?;
    let written = || {
        let joined = segmented::join(plan, segments, false, stop)?;
        if !joined.whole {
            return Err(JobError::Interrupted { frames: 0, partial: None, resumable: false });
        }
        let path = plan.target.writing();
        File::open(path).and_then(|f| f.sync_all()).map_err(JobError::io("write", path))?;
        plan.target.commit()?;
        Ok(joined)
    };
    // The segments are there: what was begun is of no use.
    written().inspect_err(|_| plan.target.discard()).map_err(|e| match e {
        JobError::Output(VideoError::DiskFull { .. }) => {
            let advice =
                "no space is left; the segments are kept: free some space, or write elsewhere with -o";
            JobError::io("write", plan.target.path())(io::Error::new(io::ErrorKind::StorageFull, advice))
        }
        e => e,
    })
}
