use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::TrainError;

/// A CSV file whose first column is a step, written line by line.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    file: File,
}

impl Table {
    /// Opens the file to append to it. Lines beyond `step` are of a run that ended without a checkpoint: they are dropped, since
    /// those steps will be taken again. A file with other columns is put aside.
    pub(crate) fn open(path: &Path, columns: &str, step: u64) -> Result<Self, TrainError> {
        let failed = |action| move |e| TrainError::io(action, path, e);
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(TrainError::io("read", path, e)),
        };
        let mut kept = format!("{columns}\n");
        if text.lines().next() == Some(columns) {
            let is_past = |line: &&str| first(line).is_some_and(|at| at <= step);
            for line in text.lines().skip(1).filter(is_past) {
                kept.push_str(line);
                kept.push('\n');
            }
        } else if !text.is_empty() {
            fs::rename(path, path.with_extension("old.csv")).map_err(failed("rename"))?;
        }
        if kept != text {
            let draft = path.with_extension("partial");
            fs::write(&draft, kept).map_err(failed("write"))?;
            fs::rename(&draft, path).map_err(failed("rename"))?;
        }
        let file = OpenOptions::new().append(true).open(path).map_err(failed("open"))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Appends a line.
    pub(crate) fn push(&mut self, line: &str) -> Result<(), TrainError> {
        let line = format!("{line}\n");
        self.file.write_all(line.as_bytes()).map_err(|e| TrainError::io("write", &self.path, e))
    }
}

/// The step of a line.
fn first(line: &str) -> Option<u64> {
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_after_the_checkpoint_and_forgets_what_came_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.csv");
        let mut table = Table::open(&path, "step,loss", 0).unwrap();
        for step in [10, 20, 30] {
            table.push(&format!("{step},0.5")).unwrap();
        }
        drop(table);
        let mut table = Table::open(&path, "step,loss", 20).unwrap();
        table.push("30,0.25").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "step,loss\n10,0.5\n20,0.5\n30,0.25\n");
        drop(table);
        drop(Table::open(&path, "step,loss,rate", 30).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "step,loss,rate\n");
        assert!(fs::read_to_string(dir.path().join("log.old.csv")).unwrap().contains("30,0.25"));
    }
}
