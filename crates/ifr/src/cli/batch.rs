//! Many inputs: what folders stand for, where each output goes, and what became of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ifr::job::Speed;
use ifr::video::images;
use serde_json::json;

use super::Failure;
use super::progress::{Style, write_line};
use super::say::say;

/// Extensions by which the videos in a folder are told from what else is there. Named by itself, a file may have any.
const VIDEOS: [&str; 30] = [
    "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "gif", "ivf", "m2ts", "m2v", "m4v", "mkv", "mov",
    "mp4", "mpeg", "mpg", "mts", "mxf", "nut", "obu", "ogm", "ogv", "ts", "vob", "webm", "wmv", "wtv", "y4m",
];

/// Folders in folders that are looked into; deeper ones are links in a circle, more likely than not.
const DEEPEST: usize = 32;

/// One input of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) input: PathBuf,
    /// The folder below the output folder that it belongs in; empty for the output folder itself.
    pub(crate) below: PathBuf,
}

/// What `inputs` stand for: a folder with videos for these, in natural order (and, if `deep`, those in its subfolders);
/// everything else for itself, folders of images included. Of a folder, results of an earlier run at this speed are left out.
pub(crate) fn expand(inputs: &[PathBuf], deep: bool, speed: Speed) -> Result<Vec<Entry>, Failure> {
    let mut all = Vec::new();
    for input in inputs {
        let mut found = Vec::new();
        if input.is_dir() {
            collect(input, Path::new(""), if deep { DEEPEST } else { 0 }, speed, &mut found)?;
        }
        if found.is_empty() {
            if deep && input.is_dir() && images::list(input).is_err() {
                return Err(Failure::input(format!(
                    "{} holds no videos, nor do its folders",
                    input.display()
                )));
            }
            found.push(Entry { input: input.clone(), below: PathBuf::new() });
        }
        all.append(&mut found);
    }
    Ok(all)
}

fn collect(
    dir: &Path,
    below: &Path,
    depth: usize,
    speed: Speed,
    all: &mut Vec<Entry>,
) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::input(format!("read the folder {}: {e}", dir.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort_by(|a, b| natural(a, b));
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let videos: Vec<PathBuf> = files.into_iter().filter(|path| is_video(path)).collect();
    let stems: BTreeSet<_> =
        videos.iter().filter_map(|path| path.file_stem()).map(ToOwned::to_owned).collect();
    let made = format!(".{}", speed.tag());
    let is_result = |path: &Path| {
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        stem.strip_suffix(&made).is_some_and(|source| stems.contains(std::ffi::OsStr::new(source)))
    };
    let sources = videos.iter().filter(|path| !is_result(path));
    all.extend(sources.map(|input| Entry { input: input.clone(), below: below.to_owned() }));
    if depth > 0 {
        for folder in folders {
            let below = below.join(folder.file_name().unwrap_or_default());
            collect(&folder, &below, depth - 1, speed, all)?;
        }
    }
    Ok(())
}

/// Whether a file in a folder is taken for a video: by its extension, unless it is hidden or the beginning of an output.
fn is_video(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    VIDEOS.contains(&extension.as_str()) && !name.starts_with('.') && !stem.ends_with(".partial")
}

/// `clip2` before `clip10`.
fn natural(a: &Path, b: &Path) -> Ordering {
    let name = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    images::natural_order(&name(a), &name(b))
}

/// What became of the inputs of a batch.
#[derive(Debug)]
pub(crate) struct Tally {
    style: Style,
    start: Instant,
    /// Inputs in all.
    total: usize,
    done: usize,
    skipped: usize,
    failed: Vec<(PathBuf, String)>,
    first: Option<Failure>,
}

impl Tally {
    pub(crate) fn new(style: Style, total: usize) -> Self {
        Self { style, start: Instant::now(), total, done: 0, skipped: 0, failed: Vec::new(), first: None }
    }

    /// One is done.
    pub(crate) fn done(&mut self) {
        self.done += 1;
    }

    /// The output of one is there already, and that is as it should be.
    pub(crate) fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// One failed. A single input's failure is the command's; of several, each is told as it happens.
    pub(crate) fn failed(&mut self, input: &Path, failure: Failure) {
        self.failed.push((input.to_owned(), failure.to_string()));
        let failure = if self.total > 1 {
            failure.tell();
            failure.already_told()
        } else {
            failure
        };
        self.first.get_or_insert(failure);
    }

    /// Says what became of them all, where there are several; the first failure is the command's.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { style, start, total, done, skipped, failed, first } = self;
        if total > 1 {
            let left = total - done - skipped - failed.len();
            match style {
                Style::Quiet => {}
                Style::Json { .. } => {
                    let failures: Vec<_> = failed
                        .iter()
                        .map(|(input, why)| json!({ "input": input.to_string_lossy(), "message": why }))
                        .collect();
                    let value = json!({
                        "event": "batch",
                        "inputs": total,
                        "done": done,
                        "skipped": skipped,
                        "failed": failures,
                        "not_tried": left,
                        "seconds": start.elapsed().as_secs_f64(),
                    });
                    write_line(style, &value);
                }
                Style::Bar => {
                    let counts = [(skipped, "skipped"), (failed.len(), "failed"), (left, "not tried")];
                    let others = counts.into_iter().filter(|(n, _)| *n > 0);
                    let others: String = others.map(|(n, what)| format!(", {n} {what}")).collect();
                    say!("\n{done} of {total} done{others}, in {:.1} s", start.elapsed().as_secs_f64());
                    for (input, why) in &failed {
                        let why = why.lines().next().unwrap_or_default();
                        // Most messages begin with the name.
                        match why.strip_prefix(&*input.to_string_lossy()) {
                            Some(rest) => say!("  failed: {}{rest}", input.display()),
                            None => say!("  failed: {}: {why}", input.display()),
                        }
                    }
                }
            }
        }
        first.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_for_their_videos() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("more/deep")).unwrap();
        fs::create_dir_all(at("pictures")).unwrap();
        for name in [
            "clip10.mp4",
            "clip2.MKV",
            "notes.txt",
            "clip2.x2.mkv",
            "other.x2.mkv",
            "clip2.partial.mkv",
            ".hidden.mp4",
            "cover.jpg",
            "more/a.webm",
            "more/deep/b.mov",
        ] {
            fs::write(at(name), "x").unwrap();
        }
        let speed = Speed::Factor(2);
        let names = |inputs: &[PathBuf], deep| -> Vec<String> {
            let all = expand(inputs, deep, speed).unwrap();
            let name = |e: Entry| e.below.join(e.input.file_name().unwrap()).display().to_string();
            all.into_iter().map(name).collect()
        };
        let flat = ["clip2.MKV", "clip10.mp4", "other.x2.mkv"];
        assert_eq!(names(&[dir.path().to_owned()], false), flat);
        let deep = [flat.as_slice(), &["more/a.webm", "more/deep/b.mov"]].concat();
        assert_eq!(names(&[dir.path().to_owned()], true), deep);
        // Files, and folders without videos, stand for themselves.
        assert_eq!(
            names(&[at("notes.txt"), at("pictures"), at("gone.mp4")], false),
            ["notes.txt", "pictures", "gone.mp4"]
        );
        assert_eq!(expand(&[at("pictures")], true, speed).unwrap_err().code, 3);
    }
}
