use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
    /// What kind of output `path` names: `-`, a pattern with `%`, an existing directory or a name without extension or
    /// with a closing slash (a directory of images), else a file.
    pub(super) fn new(path: PathBuf) -> Self {
        let text = path.to_string_lossy();
        let partial = naming::partial(&path);
        if text == "-" {
            Self::Stdout
        } else if text.contains('%') {
            Self::Pattern(path)
        } else if text.ends_with(['/', '\\']) || path.is_dir() || path.extension().is_none() {
            Self::directory(path)
        } else {
            Self::File { path, partial }
        }
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

    /// Checks that writing may begin: the folder is there and can be written to, the output is not there (unless
    /// `force`) and is not the input.
    pub(super) fn check(&self, input: &Path, force: bool) -> Result<(), JobError> {
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
        if let (Ok(a), Ok(b)) = (path.canonicalize(), input.canonicalize())
            && a == b
        {
            return Err(JobError::SameFile(path.to_owned()));
        }
        let taken = match self {
            Self::Directory { path, .. } => fs::read_dir(path).is_ok_and(|mut d| d.next().is_some()),
            Self::File { path, .. } => path.exists(),
            Self::Pattern(_) | Self::Stdout => false,
        };
        if taken && !force { Err(JobError::Exists(path.to_owned())) } else { Ok(()) }
    }

    /// Gives the finished output its final name.
    pub(super) fn commit(&self) -> Result<(), JobError> {
        let fail = |path: &Path, source| JobError::Io { action: "rename", path: path.to_owned(), source };
        match self {
            Self::File { path, partial } => fs::rename(partial, path).map_err(|e| fail(partial, e)),
            Self::Directory { path, partial } if path.is_dir() => {
                // The directory was there: move the images in, over older ones of the same name.
                for entry in fs::read_dir(partial).map_err(|e| fail(partial, e))? {
                    let from = entry.map_err(|e| fail(partial, e))?.path();
                    if let Some(name) = from.file_name() {
                        fs::rename(&from, path.join(name)).map_err(|e| fail(&from, e))?;
                    }
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
        assert!(matches!(kind("frames"), Target::Directory { .. }));
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
            }
            let target = Target::new(path.clone());
            fs::create_dir(target.writing()).unwrap();
            fs::write(target.writing().join("1.png"), "x").unwrap();
            target.commit().unwrap();
            assert!(path.join("1.png").exists() && !target.writing().exists());
        }
    }
}
