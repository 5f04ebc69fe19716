use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ifr_video::images;

use crate::job::lock::Lock;
use crate::job::{JobError, naming};

/// Where the output goes. Files and directories are written under a temporary name and renamed when whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A video or animation.
    File {
        /// The final name.
        path: PathBuf,
        /// The name until then.
        partial: PathBuf,
    },
    /// A directory of images.
    Directory {
        /// The final name.
        path: PathBuf,
        /// The name until then.
        partial: PathBuf,
    },
    /// Images by a printf pattern; each appears whole, the sequence grows.
    Pattern(PathBuf),
    /// Standard output.
    Stdout,
}

impl Target {
    /// What kind of output `path` names: `-`, a printf pattern, a directory of images (a name with a closing slash), else a
    /// file.
    pub fn new(path: PathBuf) -> Self {
        if path == Path::new("-") {
            Self::Stdout
        } else if images::is_pattern(&path) {
            Self::Pattern(path)
        } else if path.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) {
            Self::directory(path)
        } else {
            Self::file(path)
        }
    }

    /// A single file, whatever its name.
    pub fn file(path: PathBuf) -> Self {
        let partial = naming::partial(&path);
        Self::File { path, partial }
    }

    /// A directory of images, whatever its name.
    pub(super) fn directory(path: PathBuf) -> Self {
        let partial = naming::partial_directory(&path);
        Self::Directory { path, partial }
    }

    /// The final name.
    pub fn path(&self) -> &Path {
        match self {
            Self::File { path, .. } | Self::Directory { path, .. } | Self::Pattern(path) => path,
            Self::Stdout => Path::new("-"),
        }
    }

    /// The name to write under.
    pub fn writing(&self) -> &Path {
        match self {
            Self::File { partial, .. } | Self::Directory { partial, .. } => partial,
            Self::Pattern(path) => path,
            Self::Stdout => Path::new("-"),
        }
    }

    /// The folder in which the output appears.
    pub(super) fn folder(&self) -> &Path {
        match self.path().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// Where the segments of a file are kept until they are joined.
    pub(super) fn segments(&self) -> Option<PathBuf> {
        match self {
            Self::File { path, .. } => Some(naming::segments(path)),
            _ => None,
        }
    }

    /// Checks that writing may begin: the folder is there and can be written to; neither the output nor what an earlier run
    /// left unfinished is there (unless `force`); nothing of it is the input.
    ///
    /// # Errors
    /// [`JobError`] that says what is in the way.
    pub fn check(&self, input: &Path, force: bool) -> Result<(), JobError> {
        self.check_or_resume(input, force, false)
    }

    /// As [`Target::check`]; with `resume`, what an earlier run left may be there.
    pub(super) fn check_or_resume(&self, input: &Path, force: bool, resume: bool) -> Result<(), JobError> {
        if *self == Self::Stdout {
            return Ok(());
        }
        let folder = self.folder();
        let fail = |action, path: &Path, source| JobError::Io { action, path: path.to_owned(), source };
        let kind = fs::metadata(folder).map_err(|e| fail("write to the folder", folder, e))?;
        if !kind.is_dir() {
            return Err(fail("write to the folder", folder, io::ErrorKind::NotADirectory.into()));
        }
        writable(folder).map_err(|e| fail("write to the folder", folder, e))?;
        let path = self.path();
        if [path, self.writing()].into_iter().any(|p| is_same_file(p, input)) {
            return Err(JobError::SameFile(self.path().to_owned()));
        }
        let taken = match self {
            Self::Directory { path, .. } if path.exists() && !path.is_dir() => {
                return Err(fail("write images to", path, io::ErrorKind::NotADirectory.into()));
            }
            Self::File { path, .. } if path.is_dir() => {
                return Err(fail("write a file to", path, io::ErrorKind::IsADirectory.into()));
            }
            Self::Directory { path, .. } => fs::read_dir(path).is_ok_and(|mut d| d.next().is_some()),
            Self::File { path, .. } => path.exists(),
            Self::Pattern(_) => {
                let there = images::pattern_files(path);
                let inputs = input.is_dir() && is_same_file(folder, input) || is_input_pattern(input, folder);
                if inputs && !there.is_empty() {
                    return Err(JobError::SameFile(path.to_owned()));
                }
                !there.is_empty()
            }
            Self::Stdout => false,
        };
        if force {
            return Ok(());
        }
        let segments = self.segments().filter(|s| s.exists() && !resume);
        match self.writing() {
            _ if taken => Err(JobError::Exists(path.to_owned())),
            _ if segments.is_some() => Err(JobError::Resumable(segments.unwrap_or_default())),
            _ if resume && self.segments().is_some_and(|s| s.exists()) => Ok(()),
            partial if partial != path && partial.exists() => Err(JobError::Unfinished(partial.to_owned())),
            _ => Ok(()),
        }
    }

    /// Removes what an earlier run left unfinished; [`Target::check`] has seen to it that this is wanted.
    ///
    /// # Errors
    /// [`JobError::Busy`] when another run works on it, [`JobError::Io`] when it cannot be removed.
    pub fn clear(&self) -> Result<(), JobError> {
        if let Some(segments) = self.segments().filter(|s| s.exists()) {
            Lock::take(segments)?.remove()?;
        }
        self.clear_partial()
    }

    /// Removes what an earlier run left under the temporary name.
    pub(super) fn clear_partial(&self) -> Result<(), JobError> {
        match self {
            Self::File { partial, .. } if partial.exists() => {
                fs::remove_file(partial).map_err(JobError::io("remove", partial))
            }
            Self::Directory { partial, .. } if partial.exists() => {
                fs::remove_dir_all(partial).map_err(JobError::io("remove", partial))
            }
            _ => Ok(()),
        }
    }

    /// Gives the finished output its final name.
    ///
    /// # Errors
    /// [`JobError::Io`] when it cannot be renamed.
    pub fn commit(&self) -> Result<(), JobError> {
        let fail = |path: &Path, source| JobError::Io { action: "rename", path: path.to_owned(), source };
        match self {
            Self::File { path, partial } => fs::rename(partial, path).map_err(|e| fail(partial, e)),
            Self::Directory { path, partial } if path.is_dir() => {
                // The directory was there: the new images replace the older ones of their kind, the longer tail included.
                let list = |dir: &Path| -> Result<Vec<PathBuf>, JobError> {
                    let entries = fs::read_dir(dir).map_err(|e| fail(dir, e))?;
                    entries.map(|e| e.map(|e| e.path()).map_err(|e| fail(dir, e))).collect()
                };
                let new = list(partial)?;
                let kinds: HashSet<_> = new.iter().filter_map(|p| kind_of_name(p)).collect();
                for old in list(path)?.iter().filter(|p| kind_of_name(p).is_some_and(|k| kinds.contains(&k)))
                {
                    fs::remove_file(old).map_err(|e| fail(old, e))?;
                }
                for from in new {
                    let name = from.file_name().unwrap_or_default();
                    fs::rename(&from, path.join(name)).map_err(|e| fail(&from, e))?;
                }
                fs::remove_dir(partial).map_err(|e| fail(partial, e))
            }
            Self::Directory { path, partial } => fs::rename(partial, path).map_err(|e| fail(partial, e)),
            Self::Pattern(_) | Self::Stdout => Ok(()),
        }
    }

    /// Removes what was begun under the temporary name. A failure changes nothing and is not worth an error of its own.
    pub(super) fn discard(&self) {
        match self {
            Self::File { partial, .. } => drop(fs::remove_file(partial)),
            Self::Directory { partial, .. } => drop(fs::remove_dir_all(partial)),
            Self::Pattern(_) | Self::Stdout => {}
        }
    }
}

/// What numbered images have in common: the name without its number, and the extension.
fn kind_of_name(path: &Path) -> Option<(String, String)> {
    let stem = path.file_stem()?.to_str()?;
    let name = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    (name.len() < stem.len())
        .then(|| (name.to_owned(), path.extension().unwrap_or_default().to_string_lossy().into()))
}

/// Whether two paths lead to one file or directory, by whatever links.
fn is_same_file(a: &Path, b: &Path) -> bool {
    same_file::is_same_file(a, b).unwrap_or(false)
}

/// Whether the input is a pattern of images in `folder`.
fn is_input_pattern(input: &Path, folder: &Path) -> bool {
    images::is_pattern(input) && is_same_file(&folder_of(input), folder)
}

/// The folder that a path lies in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Tries to create (and removes) a file: permission bits do not tell of read-only mounts and quotas.
fn writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".ifr-probe-{}", std::process::id()));
    fs::File::create(&probe)?;
    fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_output() {
        let kind = |p: &str| Target::new(p.into());
        assert_eq!(kind("-"), Target::Stdout);
        assert!(matches!(kind("a/f_%05d.png"), Target::Pattern(_)));
        assert!(matches!(kind("frames/"), Target::Directory { .. }));
        assert!(matches!(kind("100% fun.mkv"), Target::File { .. }));
        assert!(matches!(kind("a.mp4"), Target::File { .. }));
    }

    #[test]
    fn outputs_are_guarded() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
        fs::write(&input, "x").unwrap();
        let target = Target::new(output.clone());
        target.check(&input, false).unwrap();
        fs::write(&output, "old").unwrap();
        assert!(matches!(target.check(&input, false), Err(JobError::Exists(_))));
        target.check(&input, true).unwrap();
        assert!(matches!(Target::new(input.clone()).check(&input, true), Err(JobError::SameFile(_))));
        fs::write(dir.path().join("out.partial.mp4"), "earlier").unwrap();
        fs::remove_file(&output).unwrap();
        assert!(matches!(target.check(&input, false), Err(JobError::Unfinished(_))));
        let own = Target::new(output.clone());
        assert!(matches!(own.check(&dir.path().join("out.partial.mp4"), true), Err(JobError::SameFile(_))));
        let nowhere = Target::new(dir.path().join("no/such/out.mp4"));
        assert!(matches!(nowhere.check(&input, false), Err(JobError::Io { .. })));
        fs::write(target.writing(), "new").unwrap();
        target.commit().unwrap();
        assert_eq!(fs::read_to_string(&output).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing left behind");
    }

    #[test]
    fn directories_are_filled_or_renamed() {
        let dir = tempfile::tempdir().unwrap();
        for existing in [false, true] {
            let path = dir.path().join(format!("frames{existing}"));
            if existing {
                fs::create_dir(&path).unwrap();
                for name in ["f_0001.png", "f_0002.png", "keep.png", "f_3.jpg"] {
                    fs::write(path.join(name), "old").unwrap();
                }
            }
            let target = Target::directory(path.clone());
            fs::create_dir(target.writing()).unwrap();
            fs::write(target.writing().join("f_0001.png"), "new").unwrap();
            target.commit().unwrap();
            assert_eq!(fs::read_to_string(path.join("f_0001.png")).unwrap(), "new");
            assert!(!target.writing().exists() && !path.join("f_0002.png").exists());
            assert_eq!(path.join("keep.png").exists() && path.join("f_3.jpg").exists(), existing);
        }
    }
}
