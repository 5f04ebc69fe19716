//! The folder that holds an output's segments until they are joined.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ifr_video::{Segment, SegmentLabel, SegmentSummary};

use crate::job::journal::LIMIT;
use crate::job::lock::Lock;
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
        synced => synced.map_err(JobError::io("write", folder)),
    }
}

impl Shelf for Folder {
    fn label(&self, index: u64) -> SegmentLabel {
        SegmentLabel { job: self.job, index }
    }

    fn unfinished(&self, index: u64) -> PathBuf {
        self.path().join(format!("{index:06}.tmp"))
    }

    fn finish(&mut self, index: u64, summary: SegmentSummary) -> Result<(), JobError> {
        let (from, to) = (self.unfinished(index), self.segment(index));
        fs::rename(&from, &to).map_err(JobError::io("rename", &from))?;
        sync_names(self.path())?;
        let entry = JournalEntry { segment: index, frames: summary.frames, bytes: summary.bytes };
        self.append(&entry.line())?;
        self.done.insert(index, entry);
        Ok(())
    }
}

/// The segments of one job, with a journal of those that are done. Nobody else writes there: it is locked.
#[derive(Debug)]
pub(super) struct Folder {
    lock: Lock,
    job: [u8; 16],
    done: BTreeMap<u64, JournalEntry>,
}

impl Folder {
    /// For a job that begins anew. What is there stays until [`Folder::begin`].
    pub(super) fn anew(lock: Lock, fingerprint: &Fingerprint) -> Self {
        Self { lock, job: fingerprint.id(), done: BTreeMap::new() }
    }

    /// Continues what is there if it is of this very job, or begins if nothing is.
    pub(super) fn resume(lock: Lock, fingerprint: &Fingerprint) -> Result<Self, JobError> {
        let mut folder = Self::anew(lock, fingerprint);
        let (journal, name) = folder.lock.journal();
        let mut bytes = Vec::new();
        journal.take(LIMIT + 1).read_to_end(&mut bytes).map_err(JobError::io("read", &name))?;
        match Journal::parse(&bytes) {
            Err(JournalError::Empty) => folder.begin(fingerprint),
            Err(e) => Err(JobError::Damaged {
                path: name,
                found: e.to_string(),
                expected: "the journal of a run of ifr; begin anew with --force".to_owned(),
            }),
            Ok(found) => {
                let differs = found.fingerprint.differences(fingerprint);
                if !differs.is_empty() {
                    return Err(JobError::Differs { path: folder.path().to_owned(), differs });
                }
                // The last line may be torn.
                let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                journal.set_len(whole as u64).map_err(JobError::io("write", &name))?;
                journal.seek(SeekFrom::End(0)).map_err(JobError::io("read", &name))?;
                folder.done = found.done.into_iter().map(|e| (e.segment, e)).collect();
                folder.look_at_segments();
                folder.remove_rubbish();
                Ok(folder)
            }
        }
    }

    /// Removes what is there, and begins the journal.
    pub(super) fn begin(mut self, fingerprint: &Fingerprint) -> Result<Self, JobError> {
        self.lock.clear()?;
        let (journal, name) = self.lock.journal();
        let emptied = journal.set_len(0).map_err(JobError::io("write", &name));
        match emptied.and_then(|()| self.append(&Journal::head(fingerprint))) {
            Ok(()) => Ok(self),
            // Nothing was begun, and nothing shall look like it.
            Err(e) => Err(self.remove().err().unwrap_or(e)),
        }
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
            tracing::warn!("segment {segment} in {} is damaged: it is made again", self.path().display());
            self.done.remove(&segment);
        }
    }

    /// Removes what earlier runs left half written.
    fn remove_rubbish(&self) {
        for entry in fs::read_dir(self.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "tmp") {
                // It would be overwritten in any case.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn append(&mut self, line: &str) -> Result<(), JobError> {
        let (journal, name) = self.lock.journal();
        let written = journal.write_all(line.as_bytes()).and_then(|()| journal.sync_all());
        written.map_err(JobError::io("write", &name))
    }

    pub(super) fn path(&self) -> &Path {
        self.lock.folder()
    }

    /// Segments that are done, with their frames.
    pub(super) fn done(&self) -> BTreeMap<u64, u64> {
        self.done.iter().map(|(&segment, e)| (segment, e.frames)).collect()
    }

    /// The file of a segment that is done.
    pub(super) fn segment(&self, index: u64) -> PathBuf {
        self.path().join(format!("{index:06}.seg"))
    }

    /// Lets go of what is of use, and removes what is not.
    pub(super) fn release(self) -> Result<(), JobError> {
        self.lock.release()
    }

    /// Removes everything.
    pub(super) fn remove(self) -> Result<(), JobError> {
        self.lock.remove()
    }
}
