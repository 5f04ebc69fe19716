//! The right to work on an output: whoever has it may remove what others left, and nobody removes what it makes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use same_file::Handle;

use crate::job::JobError;

/// The file that is locked: the journal of what the folder holds.
const JOURNAL: &str = "journal.jsonl";
/// How often a folder is made again that others remove in the same moment.
const TRIES: usize = 16;

/// The folder where an output's segments lie, for one process alone: its journal is locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    folder: PathBuf,
    journal: File,
}

impl Lock {
    /// Takes a folder, and makes it if need be. Nothing that is in it is touched.
    pub(super) fn take(folder: PathBuf) -> Result<Self, JobError> {
        let name = folder.join(JOURNAL);
        for _ in 0..TRIES {
            fs::create_dir_all(&folder).map_err(JobError::io("create", &folder))?;
            let journal = match OpenOptions::new().read(true).append(true).create(true).open(&name) {
                Ok(journal) => journal,
                // Whoever had the folder has just removed it.
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => {
                    // An empty one would be in the way; one that is not stays.
                    let _ = fs::remove_dir(&folder);
                    return Err(JobError::io("open", &name)(e));
                }
            };
            // Where files cannot be locked, people must see to it themselves.
            if let Err(TryLockError::WouldBlock) = journal.try_lock() {
                return Err(JobError::Busy(folder));
            }
            // Whoever had the folder may have removed it before letting go.
            if is_named(&journal, &name) {
                return Ok(Self { folder, journal });
            }
        }
        Err(JobError::Busy(folder))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The journal, and its name.
    pub(super) fn journal(&mut self) -> (&mut File, PathBuf) {
        (&mut self.journal, self.folder.join(JOURNAL))
    }

    /// Removes all that is in the folder but the journal.
    pub(super) fn clear(&self) -> Result<(), JobError> {
        for entry in fs::read_dir(&self.folder).map_err(JobError::io("read", &self.folder))? {
            let path = entry.map_err(JobError::io("read", &self.folder))?.path();
            if path.ends_with(JOURNAL) {
                continue;
            }
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone(removed).map_err(JobError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Removes the folder, and lets go.
    pub(super) fn remove(self) -> Result<(), JobError> {
        self.clear()?;
        let Self { folder, journal } = self;
        // Locked until it is gone: who waits for it must not find it whole.
        let name = folder.join(JOURNAL);
        gone(fs::remove_file(&name)).map_err(JobError::io("remove", &name))?;
        drop(journal);
        match fs::remove_dir(&folder) {
            // It is another process's already.
            Err(e) if e.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => gone(removed).map_err(JobError::io("remove", &folder)),
        }
    }

    /// Lets go. A folder without segments is removed: it is of no use, and in the way.
    pub(super) fn release(self) -> Result<(), JobError> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let holds = entries.into_iter().any(|e| e.path().extension().is_some_and(|e| e == "seg"));
        if holds { Ok(()) } else { self.remove() }
    }
}

/// What came of removing something that may be gone already.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether a file that is open is the one that has a name now.
fn is_named(file: &File, name: &Path) -> bool {
    let open = file.try_clone().and_then(Handle::from_file);
    matches!((open, Handle::from_path(name)), (Ok(open), Ok(named)) if open == named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out.mkv.partial");
        let lock = Lock::take(folder.clone()).unwrap();
        assert!(matches!(Lock::take(folder.clone()), Err(JobError::Busy(_))));
        fs::write(folder.join("000000.seg"), "made").unwrap();
        lock.release().unwrap();
        let lock = Lock::take(folder.clone()).unwrap();
        assert!(folder.join("000000.seg").exists(), "taking it removes nothing");
        lock.clear().unwrap();
        assert!(folder.join(JOURNAL).exists() && !folder.join("000000.seg").exists());
        lock.release().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_journal_that_was_removed_locks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join(JOURNAL);
        let first = File::create(&name).unwrap();
        assert!(is_named(&first, &name));
        fs::remove_file(&name).unwrap();
        assert!(!is_named(&first, &name));
        let second = File::create(&name).unwrap();
        assert!(is_named(&second, &name) && !is_named(&first, &name));
    }
}
