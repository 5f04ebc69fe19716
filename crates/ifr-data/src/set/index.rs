//! What was found out about a set's files, kept from one start to the next.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::set::files::{Files, MAX_FRAMES, MAX_PIXELS};
use crate::set::track::{Step, Track};

/// Changes with what is looked for: older indices are then made anew.
const VERSION: u32 = 1;
/// The largest index read, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// The most bytes a pixel takes: three samples of 16 bits.
const PIXEL: usize = 6;

/// Size and time of change of a sequence's files: what must be the same for what is known to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    files: usize,
    bytes: u64,
    /// Latest change, in nanoseconds since 1970.
    changed: u64,
}

impl Stamp {
    /// The files' stamp; `None` when one is missing.
    pub(crate) fn of(files: &Files) -> Option<Self> {
        let paths = match files {
            Files::Video(path) => std::slice::from_ref(path),
            Files::Images(paths) => paths,
        };
        Self::of_paths(paths)
    }

    /// The stamp of any files.
    pub(crate) fn of_paths(paths: &[PathBuf]) -> Option<Self> {
        let mut stamp = Self { files: paths.len(), bytes: 0, changed: 0 };
        for path in paths {
            let data = fs::metadata(path).ok()?;
            let changed = data.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            stamp.bytes = stamp.bytes.wrapping_add(data.len());
            stamp.changed = stamp.changed.max(u64::try_from(changed.as_nanos()).unwrap_or(u64::MAX));
        }
        Some(stamp)
    }

    /// As bytes, to be stored elsewhere.
    pub(crate) fn to_bytes(self) -> [u8; 24] {
        let mut out = [0; 24];
        out[..8].copy_from_slice(&(self.files as u64).to_le_bytes());
        out[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        out[16..].copy_from_slice(&self.changed.to_le_bytes());
        out
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    stamp: Stamp,
    width: usize,
    height: usize,
    frame_bytes: usize,
    steps: String,
    change: Vec<u16>,
}

impl Record {
    /// What is recorded; `None` where it contradicts itself or goes beyond what is ever recorded.
    fn track(&self) -> Option<Track> {
        let Self { width, height, frame_bytes, .. } = *self;
        let step = |c: char| Step::ALL.iter().find(|(_, n)| *n == c).map(|(s, _)| *s);
        let steps: Vec<Step> = self.steps.chars().map(step).collect::<Option<_>>()?;
        let pixels = width.checked_mul(height)?;
        let sound = (1..=MAX_PIXELS).contains(&pixels)
            && (pixels..=PIXEL * pixels).contains(&frame_bytes)
            && (1..=MAX_FRAMES).contains(&steps.len())
            && steps.len() == self.change.len();
        sound.then(|| Track { width, height, frame_bytes, steps, change: self.change.clone() })
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u32,
    root: String,
    sequences: BTreeMap<String, Record>,
}

/// The tracks of a set by the sequences' names.
#[derive(Default)]
pub(crate) struct Index {
    path: Option<PathBuf>,
    stored: Stored,
}

impl Index {
    /// What is known of the set at `root`; nothing where `cache` is not given or holds nothing (any more) that can be read.
    pub(crate) fn open(cache: Option<&Path>, root: &Path) -> Self {
        let Some(cache) = cache else { return Self::default() };
        let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned()).to_string_lossy().into_owned();
        let path = cache.join(format!("index-{:016x}.json", fnv(root.as_bytes())));
        let stored = read(&path).filter(|s| s.version == VERSION && s.root == root);
        let fresh = Stored { version: VERSION, root, sequences: BTreeMap::new() };
        Self { path: Some(path), stored: stored.unwrap_or(fresh) }
    }

    /// The track of a sequence whose files have not changed.
    pub(crate) fn get(&self, name: &str, stamp: Option<Stamp>) -> Option<Track> {
        self.stored.sequences.get(name).filter(|r| Some(r.stamp) == stamp)?.track()
    }

    /// Replaces all that is known and writes it; what cannot be written costs the next start time only.
    pub(crate) fn store<'a>(mut self, tracks: impl Iterator<Item = (&'a str, Stamp, &'a Track)>) {
        let Some(path) = self.path else { return };
        let letter = |step: &Step| Step::ALL.iter().find(|(s, _)| s == step).map_or('b', |(_, n)| *n);
        let record = |stamp, track: &Track| Record {
            stamp,
            width: track.width,
            height: track.height,
            frame_bytes: track.frame_bytes,
            steps: track.steps.iter().map(letter).collect(),
            change: track.change.clone(),
        };
        self.stored.sequences =
            tracks.map(|(name, stamp, track)| (name.to_owned(), record(stamp, track))).collect();
        let written = serde_json::to_vec(&self.stored).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|bytes| write_whole(&path, &bytes)) {
            tracing::warn!(path = %path.display(), %error, "the index of the training data cannot be kept");
        }
    }
}

fn read(path: &Path) -> Option<Stored> {
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    let read = parse(&text);
    if let Err(error) = &read {
        tracing::warn!(path = %path.display(), %error, "an index of training data is damaged and made anew");
    }
    read.ok()
}

fn parse(text: &[u8]) -> serde_json::Result<Stored> {
    serde_json::from_slice(text)
}

/// Reads any bytes as an index: no panic, and nothing taken from it that could not have been written.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_index(bytes: &[u8]) {
    let Ok(stored) = parse(bytes) else { return };
    for track in stored.sequences.values().filter_map(Record::track) {
        assert!(track.width * track.height <= MAX_PIXELS && track.steps.len() <= MAX_FRAMES);
        assert!(track.frame_bytes <= PIXEL * MAX_PIXELS && track.steps.len() == track.change.len());
        assert!(track.steps.len() <= bytes.len());
        let (range, mut spans) = (0..track.frames().min(64), Vec::new());
        range.clone().for_each(|middle| track.spans(middle, &range, 8, &mut spans));
    }
}

/// Writes a file so that it is there whole or not at all; makes its folder.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let (temporary, mut file) = temporary(path)?;
    let written = file.write_all(bytes);
    // Closed before it is renamed: some systems insist.
    drop(file);
    written.and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The error that matters is the first one.
        let _ = fs::remove_file(&temporary);
    })
}

/// A new file beside `path`, of a name that nothing else has: several processes, on several machines, may write the same
/// file, and whoever can write to the folder may have laid a link there.
fn temporary(path: &Path) -> std::io::Result<(PathBuf, fs::File)> {
    let mut tries = 0;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.partial", RandomState::new().build_hasher().finish()));
        let temporary = path.with_file_name(name);
        match fs::File::create_new(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists && tries < 8 => tries += 1,
            Err(e) => return Err(e),
        }
    }
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(width: usize, height: usize, frame_bytes: usize, frames: usize) -> Record {
        let stamp = Stamp { files: 1, bytes: 5, changed: 7 };
        Record { stamp, width, height, frame_bytes, steps: ".".repeat(frames), change: vec![0; frames] }
    }

    #[test]
    fn numbers_beyond_what_is_recorded_are_not_believed() {
        assert!(record(4, 2, 12, 3).track().is_some());
        assert!(record(1 << 13, 1 << 13, 6 << 26, 3).track().is_some());
        assert!(record(4, 2, 12, MAX_FRAMES).track().is_some());
        for unsound in [
            record(0, 2, 12, 3),
            record(4, 2, 0, 3),
            record(4, 2, 7, 3),
            record(4, 2, 49, 3),
            record(4, 2, usize::MAX, 3),
            record(usize::MAX, 2, 12, 3),
            record((1 << 26) + 1, 1, 3 << 26, 3),
            record(4, 2, 12, 0),
            record(4, 2, 12, MAX_FRAMES + 1),
        ] {
            let words = (unsound.width, unsound.height, unsound.frame_bytes, unsound.steps.len());
            assert_eq!(unsound.track(), None, "{words:?}");
        }
    }

    /// What `fuzz/fuzz_targets/index.rs` does with mutations of its own.
    #[test]
    fn mutations_of_an_index_neither_panic_nor_swell() {
        let sequences =
            BTreeMap::from([("a".to_owned(), record(4, 2, 12, 3)), ("b/c".to_owned(), record(8, 8, 96, 5))]);
        let seed =
            serde_json::to_vec(&Stored { version: VERSION, root: "/set".to_owned(), sequences }).unwrap();
        assert!(parse(&seed).unwrap().sequences.values().all(|r| r.track().is_some()));
        let letters = b"00123456789-.cs\",";
        let cases = crate::random::mutations(&seed, letters, 4000);
        let read = cases.filter(|bytes| {
            try_index(bytes);
            parse(bytes).is_ok()
        });
        assert!(read.count() > 100, "most mutations break the whole, but not all");
    }

    #[test]
    fn files_are_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in/a.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let names: Vec<PathBuf> = (0..3).map(|_| temporary(&path).unwrap().0).collect();
        assert!(
            names[0] != names[1] && names[1] != names[2] && names.iter().all(|n| n.parent() == path.parent())
        );
        // A folder in its place: the error is told and nothing is left behind.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("b.json/full")).unwrap();
        assert!(write_whole(&taken.join("b.json"), b"x").is_err());
        assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
    }

    #[test]
    fn tracks_are_kept_while_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("a.y4m");
        fs::write(&clip, b"first").unwrap();
        let files = Files::Video(clip.clone());
        let stamp = Stamp::of(&files).unwrap();
        let track = Track {
            width: 4,
            height: 2,
            frame_bytes: 12,
            steps: vec![Step::Cut, Step::On, Step::Same, Step::Break],
            change: vec![0, 250, 1, 65535],
        };
        let cache = folder.path().join("cache");
        let open = || Index::open(Some(&cache), folder.path());
        open().store([("a", stamp, &track)].into_iter());
        assert_eq!(open().get("a", Some(stamp)), Some(track));
        fs::write(&clip, b"another").unwrap();
        assert_eq!(open().get("a", Stamp::of(&files)), None);
        assert_eq!(open().get("a", None), None);
        let other = Index::open(Some(&cache), &cache);
        assert_eq!(other.get("a", Some(stamp)), None, "another set");

        let index = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(&index).unwrap();
        for broken in
            ["", "{", &text.replace("\"cut", ""), &text.replace("c.sb", "c.s"), &text.replace("c.sb", "c.sx")]
        {
            fs::write(&index, broken).unwrap();
            let found = open().get("a", Some(stamp));
            assert!(found.is_none() || broken == text, "{broken}");
        }
    }
}
