//! The folder that holds an output's segments until they are joined.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ifr_video::{Segment, SegmentLabel, SegmentSummary};

use crate::job::journal::LIMIT;
use crate::job::{Fingerprint, JobError, Journal, JournalEntry, JournalError};

/// Where segments are put.
pub(super) trait Shelf: Send + 'static {
    /// What a segment is labelled with.
    fn label(&self, index: u64) -> SegmentLabel;

    /// The file of a segment that is being made.
    fn unfinished(&self, index: u64) -> PathBuf;

    /// Gives a segment that was made its name.
    fn finish(&mut self, index: u64, summary: SegmentSummary) -> Result<(), JobError>;
}

/// Has the disk take the names in a folder, where that can be asked for: what a name replaces may go only then.
pub(super) fn sync_names(folder: &Path) -> Result<(), JobError> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some file systems of networks know no such thing.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced.map_err(fail("write", folder)),
    }
}

impl Shelf for Folder {
    fn label(&self, index: u64) -> SegmentLabel {
        SegmentLabel { job: self.job, index }
    }

    fn unfinished(&self, index: u64) -> PathBuf {
        self.path.join(format!("{index:06}.tmp"))
    }

    fn finish(&mut self, index: u64, summary: SegmentSummary) -> Result<(), JobError> {
        let (from, to) = (self.unfinished(index), self.segment(index));
        fs::rename(&from, &to).map_err(fail("rename", &from))?;
        sync_names(&self.path)?;
        let entry = JournalEntry { segment: index, frames: summary.frames, bytes: summary.bytes };
        self.append(&entry.line())?;
        self.done.insert(index, entry);
        Ok(())
    }
}

const JOURNAL: &str = "journal.jsonl";

/// The segments of one job, with a journal of those that are done. Nobody else writes there: the journal is locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    job: [u8; 16],
    journal: File,
    done: BTreeMap<u64, JournalEntry>,
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JobError {
    move |source| JobError::Io { action, path: path.to_owned(), source }
}

impl Folder {
    /// Makes the folder, or continues what is there if it is of this very job.
    pub(super) fn open(path: PathBuf, fingerprint: &Fingerprint) -> Result<Self, JobError> {
        fs::create_dir_all(&path).map_err(fail("create", &path))?;
        let name = path.join(JOURNAL);
        let mut journal = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&name)
            .map_err(fail("open", &name))?;
        // Where files cannot be locked, people must see to it themselves.
        if let Err(TryLockError::WouldBlock) = journal.try_lock() {
            return Err(JobError::Busy(path));
        }
        let mut bytes = Vec::new();
        (&mut journal).take(LIMIT + 1).read_to_end(&mut bytes).map_err(fail("read", &name))?;
        let damaged = |e: JournalError| JobError::Damaged {
            path: name.clone(),
            found: e.to_string(),
            expected: "the journal of a run of ifr; begin anew with --force".to_owned(),
        };
        let mut folder = Self { path, job: fingerprint.id(), journal, done: BTreeMap::new() };
        match Journal::parse(&bytes) {
            Err(JournalError::Empty) => {
                folder.journal.set_len(0).map_err(fail("write", &name))?;
                folder.append(&Journal::head(fingerprint))?;
            }
            Err(e) => return Err(damaged(e)),
            Ok(found) => {
                let differs = found.fingerprint.differences(fingerprint);
                if !differs.is_empty() {
                    return Err(JobError::Differs { path: folder.path, differs });
                }
                // The last line may be torn.
                let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                folder.journal.set_len(whole as u64).map_err(fail("write", &name))?;
                folder.journal.seek(SeekFrom::End(0)).map_err(fail("read", &name))?;
                folder.done = found.done.into_iter().map(|e| (e.segment, e)).collect();
                folder.look_at_segments();
            }
        }
        folder.remove_rubbish();
        Ok(folder)
    }

    /// Forgets segments that are not there as the journal has them.
    fn look_at_segments(&mut self) {
        let sound = |e: &JournalEntry| {
            let segment = Segment::open(&self.segment(e.segment)).ok()?;
            let (found, frames, bytes) = (segment.label(), segment.frames(), segment.bytes());
            let as_written = found == self.label(e.segment) && frames == e.frames && bytes == e.bytes;
            // The join would find damaged packets too, but only when all else is made.
            (as_written && segment.verify().is_ok()).then_some(())
        };
        let lost: Vec<u64> = self.done.values().filter(|e| sound(e).is_none()).map(|e| e.segment).collect();
        for segment in lost {
            tracing::warn!("segment {segment} in {} is damaged: it is made again", self.path.display());
            self.done.remove(&segment);
        }
    }

    /// Removes what earlier runs left half written.
    fn remove_rubbish(&self) {
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "tmp") {
                // It would be overwritten in any case.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn append(&mut self, line: &str) -> Result<(), JobError> {
        let name = self.path.join(JOURNAL);
        let written = self.journal.write_all(line.as_bytes()).and_then(|()| self.journal.sync_all());
        written.map_err(fail("write", &name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Segments that are done, with their frames.
    pub(super) fn done(&self) -> BTreeMap<u64, u64> {
        self.done.iter().map(|(&segment, e)| (segment, e.frames)).collect()
    }

    /// The file of a segment that is done.
    pub(super) fn segment(&self, index: u64) -> PathBuf {
        self.path.join(format!("{index:06}.seg"))
    }

    /// Removes everything.
    pub(super) fn remove(self) -> Result<(), JobError> {
        let Self { path, journal, .. } = self;
        drop(journal);
        fs::remove_dir_all(&path).map_err(fail("remove", &path))
    }
}
