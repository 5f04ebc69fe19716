//! The files of a sequence, and reading them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ifr_frame::{Frame, Samples, Time};
use ifr_video::{Item, OpenOptions, images};
use rayon::prelude::*;

use crate::DataError;

/// The largest picture taken, in pixels: 8192 × 8192.
pub(crate) const MAX_PIXELS: usize = 1 << 26;
/// The longest sequence taken, in frames.
pub(crate) const MAX_FRAMES: usize = 1 << 20;
/// The most files or folders a folder may hold.
const MAX_ENTRIES: usize = 1 << 20;
/// Folders within folders that are looked into for clips.
const MAX_DEPTH: usize = 4;
/// Images decoded side by side.
const AT_ONCE: usize = 16;
/// What counts as a video clip, by its name.
const VIDEO: [&str; 20] = [
    "3gp", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogv", "ts",
    "vob", "webm", "webp", "wmv", "y4m",
];

/// Why frames were not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The loader is ending.
    Stopped,
    /// Something is wrong with the file: the reason, which names it.
    Fault(String),
}

impl<E: std::error::Error> From<E> for Unread {
    fn from(error: E) -> Self {
        Self::Fault(error.to_string())
    }
}

/// What a sequence is read from.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    /// A clip.
    Video(PathBuf),
    /// One image a frame.
    Images(Arc<[PathBuf]>),
}

impl Files {
    /// A folder of images.
    pub(crate) fn folder(path: &Path) -> Result<Self, Unread> {
        let paths = images::list(path)?;
        if paths.len() > MAX_FRAMES {
            return Err(Unread::Fault(format!(
                "{}: {} images; expected at most {MAX_FRAMES}: split the folder",
                path.display(),
                paths.len()
            )));
        }
        Ok(Self::Images(paths.into()))
    }

    /// Hands the frames of `range` to `each`, in order, with their times where the file has them, until the file ends.
    /// Images are decoded in parallel on the current pool.
    pub(crate) fn read(
        &self,
        range: Range<usize>,
        stop: &AtomicBool,
        mut each: impl FnMut(Arc<Frame>, Option<Time>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        match self {
            Self::Video(path) => read_video(path, range, stop, each),
            Self::Images(paths) => {
                let paths = &paths[range.start.min(paths.len())..range.end.min(paths.len())];
                for some in paths.chunks(AT_ONCE) {
                    if stop.load(Ordering::Relaxed) {
                        return Err(Unread::Stopped);
                    }
                    let frames: Vec<_> = some.par_iter().map(|path| image(path)).collect();
                    for frame in frames {
                        each(Arc::new(frame?), None)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// One image as a frame without alpha.
pub(crate) fn image(path: &Path) -> Result<Frame, Unread> {
    let frame = opaque(images::read_image(path)?)?;
    if frame.width() * frame.height() > MAX_PIXELS {
        return Err(Unread::Fault(format!(
            "{}: a picture of {}x{}; expected at most {MAX_PIXELS} pixels",
            path.display(),
            frame.width(),
            frame.height()
        )));
    }
    Ok(frame)
}

fn read_video(
    path: &Path,
    range: Range<usize>,
    stop: &AtomicBool,
    mut each: impl FnMut(Arc<Frame>, Option<Time>) -> Result<(), Unread>,
) -> Result<(), Unread> {
    // One thread a clip: there are other clips for the other cores.
    let options = OpenOptions {
        threads: 1,
        max_pixels: MAX_PIXELS,
        audio: false,
        extras: false,
        ..OpenOptions::default()
    };
    let mut source = ifr_video::open(path, &options)?;
    let mut index = 0;
    while index < range.end {
        if stop.load(Ordering::Relaxed) {
            return Err(Unread::Stopped);
        }
        match source.next()? {
            None => break,
            Some(Item::Packet(_)) => {}
            Some(Item::Frame(_)) if index < range.start => index += 1,
            Some(Item::Frame(_)) if index >= MAX_FRAMES => {
                let reason =
                    format!("{}: more than {MAX_FRAMES} frames: cut it into shorter clips", path.display());
                return Err(Unread::Fault(reason));
            }
            Some(Item::Frame(timed)) => {
                let frame = if timed.frame.format().alpha {
                    Arc::new(opaque(Arc::unwrap_or_clone(timed.frame))?)
                } else {
                    timed.frame
                };
                each(frame, Some(timed.pts))?;
                index += 1;
            }
        }
    }
    let skipped = source.skipped();
    if skipped > 0 && range.start == 0 {
        tracing::warn!(clip = %path.display(), "{skipped} damaged packets were skipped");
    }
    Ok(())
}

/// The frame without its alpha plane.
fn opaque(frame: Frame) -> Result<Frame, ifr_frame::FrameError> {
    let mut format = frame.format();
    if !format.alpha {
        return Ok(frame);
    }
    format.alpha = false;
    let planes = frame.planes()[..format.planes()].iter().map(|p| p.samples.clone()).collect();
    Frame::new(format, frame.width(), frame.height(), planes, frame.color())
}

/// Bytes of a frame's samples.
pub(crate) fn bytes(frame: &Frame) -> usize {
    let plane = |p: &ifr_frame::Plane| match &p.samples {
        Samples::U8(v) => v.len(),
        Samples::U16(v) => 2 * v.len(),
    };
    frame.planes().iter().map(plane).sum()
}

/// What is in a folder, in natural order, hidden names left out.
fn entries(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |e| DataError::io("open", path, e);
    let mut all = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            all.push(entry.path());
        }
        if all.len() > MAX_ENTRIES {
            let found = format!("more than {MAX_ENTRIES} entries");
            return Err(DataError::layout(path, found, "fewer: split the folder"));
        }
    }
    all.sort_by(|a, b| images::natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(all)
}

/// The folders in a folder.
pub(crate) fn folders(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(path)?.into_iter().filter(|p| p.is_dir()).collect())
}

/// The video clips in a folder and the folders in it.
pub(crate) fn clips(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut found = Vec::new();
    gather(path, 0, &mut found)?;
    Ok(found)
}

fn gather(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), DataError> {
    for entry in entries(path)? {
        let extension = entry.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        if entry.is_dir() {
            if depth < MAX_DEPTH {
                gather(&entry, depth + 1, found)?;
            }
        } else if VIDEO.contains(&extension.as_str()) {
            found.push(entry);
        }
        if found.len() > MAX_ENTRIES {
            let count = format!("more than {MAX_ENTRIES} clips");
            return Err(DataError::layout(path, count, "fewer: split the folder"));
        }
    }
    Ok(())
}

/// A file's path from the set's folder on, without its extension where it is a file.
pub(crate) fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
