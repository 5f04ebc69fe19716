//! What was found out about a set's files, kept from one start to the next.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::set::files::Files;
use crate::set::track::{Step, Track};

/// Changes with what is looked for: older indices are then made anew.
const VERSION: u32 = 1;
/// The largest index read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Size and time of change of a sequence's files: what must be the same for what is known to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        let record = self.stored.sequences.get(name).filter(|r| Some(r.stamp) == stamp)?;
        let step = |c: char| Step::ALL.iter().find(|(_, n)| *n == c).map(|(s, _)| *s);
        let steps: Vec<Step> = record.steps.chars().map(step).collect::<Option<_>>()?;
        let sound = steps.len() == record.change.len()
            && !steps.is_empty()
            && record.width > 0
            && record.height > 0
            && record.frame_bytes > 0;
        sound.then(|| Track {
            width: record.width,
            height: record.height,
            frame_bytes: record.frame_bytes,
            steps,
            change: record.change.clone(),
        })
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
    let read = serde_json::from_slice(&text);
    if let Err(error) = &read {
        tracing::warn!(path = %path.display(), %error, "an index of training data is damaged and made anew");
    }
    read.ok()
}

/// Writes a file so that it is there whole or not at all; makes its folder.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Several processes may write the same file: each under a name of its own.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{:?}.partial", std::process::id(), std::thread::current().id()));
    let temporary = path.with_file_name(name);
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The error that matters is the first one.
        let _ = fs::remove_file(&temporary);
    })
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

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
