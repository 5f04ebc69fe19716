//! Sets of training data: what is in a folder, and which windows it holds.

pub(crate) mod files;
mod find;
pub(crate) mod health;
pub(crate) mod index;
pub(crate) mod store;
pub(crate) mod track;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::random::Draw;
use crate::{DataError, SetKind, SetOptions};
use files::{Files, Unread};
use health::Health;
use store::{Frames, Store};
use track::Track;

/// Frames of a window of [`SetKind::Gopro`].
const GOPRO: usize = 9;

/// A set of training data: what its folder holds, and the frames decoded so far.
pub struct Set {
    kind: SetKind,
    root: PathBuf,
    options: SetOptions,
    sequences: Vec<Sequence>,
    entries: Vec<Entry>,
    report: SetReport,
    store: Store,
    health: Health,
}

/// What a [`Set`] was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetReport {
    /// Clips, folders or triplets that give windows.
    pub usable: usize,
    /// Those that could not be read.
    pub unreadable: usize,
    /// Video clips that memory is too short for and that are decoded in pieces: each piece from the clip's start, which
    /// takes more time the longer the clip is.
    pub in_pieces: usize,
    /// Those that hold no window: too few frames, stills, repeats or cuts throughout.
    pub without_windows: usize,
    /// Frames of the usable ones.
    pub frames: usize,
    /// Frames (or triplets, or groups of nine) that a window can be laid around.
    pub places: usize,
    /// Bytes that all usable frames take when decoded; 0 for triplets, which are not held.
    pub bytes: usize,
}

/// A run of a file's frames that is decoded and held as one.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) name: Arc<str>,
    pub(crate) files: Files,
    /// Which of the file's frames.
    pub(crate) range: Range<usize>,
    /// The clip, folder or triplet.
    pub(crate) item: usize,
    /// Width and height, where known beforehand.
    pub(crate) size: Option<(usize, usize)>,
    /// Bytes of all its frames; 0 where they are not held.
    pub(crate) bytes: usize,
    track: Option<Arc<Track>>,
}

/// A place for a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sequence: u32,
    /// The frame in the middle where windows are drawn, else the first; counted from the file's start.
    pub(crate) frame: u32,
    /// How often a pass visits it: at most once.
    pub(crate) weight: f64,
}

/// Frames of a sequence, counted from the file's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) first: usize,
    pub(crate) targets: Vec<usize>,
    pub(crate) second: usize,
}

impl Window {
    /// Where a target lies between the two frames.
    pub(crate) fn t(&self, target: usize) -> f32 {
        (target - self.first) as f32 / (self.second - self.first) as f32
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Set");
        out.field("kind", &self.kind)
            .field("root", &self.root)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Set {
    /// Looks through the folder `root`, laid out as `kind` says. Clips and folders of frames are decoded once to find cuts
    /// and repeats, in parallel, unless the cache knows them; what cannot be read is skipped with a warning.
    ///
    /// # Errors
    /// [`DataError`] when an option is impossible, the folder is laid out otherwise or holds nothing usable, or more is
    /// unreadable than is tolerated.
    pub fn open(kind: SetKind, root: impl AsRef<Path>, options: SetOptions) -> Result<Self, DataError> {
        options.check()?;
        find::open(kind, root.as_ref(), options)
    }

    /// What kind of set it is.
    pub fn kind(&self) -> SetKind {
        self.kind
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How it is read.
    pub fn options(&self) -> &SetOptions {
        &self.options
    }

    /// What was found.
    pub fn report(&self) -> SetReport {
        self.report
    }

    /// The largest size among its sequences, in words.
    pub(crate) fn largest(&self) -> String {
        let sizes = self.sequences.iter().filter_map(|s| s.size);
        let size = sizes.max_by_key(|(w, h)| w * h).unwrap_or_default();
        format!("{}x{}", size.0, size.1)
    }

    pub(crate) fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    pub(crate) fn sequence(&self, index: u32) -> &Sequence {
        &self.sequences[index as usize]
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether decoded sequences are held (triplets are read whenever they come up).
    pub(crate) fn holds(&self) -> bool {
        self.kind != SetKind::Vimeo
    }

    /// The frames of a sequence, decoded unless they are held; then held if `hold` says so.
    pub(crate) fn frames(&self, index: u32, hold: bool, stop: &AtomicBool) -> Result<Frames, Unread> {
        let sequence = self.sequence(index);
        let read = || {
            let mut frames = Vec::with_capacity(sequence.range.len());
            sequence.files.read(sequence.range.clone(), stop, |frame, _| {
                frames.push(frame);
                Ok(())
            })?;
            sequence.check(&frames)?;
            Ok(frames)
        };
        match self.store.held(index as usize) {
            Some(frames) => Ok(frames),
            None if hold && self.holds() => self.store.get(index as usize, read),
            None => read().map(Into::into),
        }
    }

    /// A window at a place, from its sequence's frames; `None` where none shows one scene.
    pub(crate) fn window(&self, entry: Entry, frames: &Frames, draw: &mut Draw) -> Option<Window> {
        let frame = entry.frame as usize;
        let sequence = self.sequence(entry.sequence);
        match self.kind {
            SetKind::Vimeo => Some(Window { first: 0, targets: vec![1], second: 2 }),
            SetKind::Gopro => {
                let second = frame + GOPRO - 1;
                Some(Window { first: frame, targets: (frame + 1..second).collect(), second })
            }
            SetKind::Frames | SetKind::Clips => {
                let track = sequence.track.as_deref()?;
                let around = (frame, &sequence.range, self.options.windows());
                let span = track::choose(track, around, frames, draw)?;
                Some(Window { first: span.first, targets: vec![frame], second: span.second })
            }
        }
    }
}

impl Sequence {
    /// Whether it is known to be smaller than a crop.
    pub(crate) fn is_smaller(&self, crop: (usize, usize)) -> bool {
        self.size.is_some_and(|(w, h)| w < crop.0 || h < crop.1)
    }

    /// Whether the frames are those that were found when the set was opened, and of one kind.
    fn check(&self, frames: &[Arc<ifr_frame::Frame>]) -> Result<(), Unread> {
        let fault = |what: String| Err(Unread::Fault(format!("{}: {what}", self.name)));
        if frames.len() != self.range.len() {
            let (found, expected) = (frames.len(), self.range.len());
            return fault(format!("{found} frames from frame {} on; expected {expected}", self.range.start));
        }
        let Some(first) = frames.first() else { return fault("no frames".to_owned()) };
        let size = (first.width(), first.height());
        if let Some(expected) = self.size
            && size != expected
        {
            return fault(format!("{}x{}; expected {}x{}", size.0, size.1, expected.0, expected.1));
        }
        if let Some(other) = frames.iter().find(|f| !f.is_like(first)) {
            return fault(format!(
                "its pictures are not of one kind: {}x{} {} and {}x{} {}",
                size.0,
                size.1,
                first.format(),
                other.width(),
                other.height(),
                other.format()
            ));
        }
        Ok(())
    }
}
