//! Looking through a set's folder.

use std::fs;
use std::ops::Range;
use std::path::{Component, Path};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ifr_frame::Frame;
use rayon::prelude::*;

use crate::set::files::{self, Files, Unread};
use crate::set::health::Health;
use crate::set::index::{Index, Stamp};
use crate::set::store::Store;
use crate::set::track::{Reach, Step, Track, Tracker};
use crate::set::{Entry, GOPRO, Sequence, Set, SetReport};
use crate::{DataError, SetKind, SetOptions};

/// Vimeo-90K's list of training triplets.
const LIST: &str = "tri_trainlist.txt";
/// The largest list read, in bytes.
const MAX_LIST: u64 = 256 << 20;

/// A clip or folder before it is looked into.
struct Item {
    name: String,
    files: Result<Files, Unread>,
}

/// A clip or folder once it was looked into.
struct Found {
    name: Arc<str>,
    files: Files,
    item: usize,
    stamp: Option<Stamp>,
    track: Track,
    /// Its frames, where memory allowed to keep them.
    frames: Kept,
}

pub(crate) fn open(kind: SetKind, root: &Path, options: SetOptions) -> Result<Set, DataError> {
    if !root.is_dir() {
        let found = if root.exists() { "a file" } else { "nothing" };
        return Err(DataError::layout(root, found, format!("a folder: a set of kind {}", kind.name())));
    }
    if kind == SetKind::Vimeo {
        return vimeo(root, options);
    }
    let items = items(kind, root)?;
    let health = Health::new(root.to_owned(), kind.items(), items.len(), options.tolerate);
    let found = look(kind, root, items, &options, &health)?;
    arrange(kind, root, options, health, found)
}

/// What the folder holds, in natural order.
fn items(kind: SetKind, root: &Path) -> Result<Vec<Item>, DataError> {
    let (paths, expected) = if kind == SetKind::Clips {
        (files::clips(root)?, "video clips in it or the folders in it")
    } else {
        let train = root.join("train");
        let root = if kind == SetKind::Gopro && train.is_dir() { train.as_path() } else { root };
        (files::folders(root)?, "folders in it, each with the images of a sequence")
    };
    if paths.is_empty() {
        return Err(DataError::layout(root, format!("no {}", kind.items()), expected));
    }
    let of = |path: std::path::PathBuf| Item {
        name: files::name(root, &path),
        files: if kind == SetKind::Clips { Ok(Files::Video(path)) } else { Files::folder(&path) },
    };
    Ok(paths.into_iter().map(of).collect())
}

/// Looks into every item, in parallel; those that cannot be read are left out.
fn look(
    kind: SetKind,
    root: &Path,
    items: Vec<Item>,
    options: &SetOptions,
    health: &Health,
) -> Result<Vec<Found>, DataError> {
    let index = Index::open(options.cache.as_deref(), root);
    let room = AtomicUsize::new(options.memory);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|e| DataError::Threads(e.to_string()))?;
    // More than is tolerated: the rest need not be looked at.
    let (stop, faults) = (AtomicBool::new(false), AtomicUsize::new(0));
    let looked: Vec<Result<Found, (usize, Unread)>> = pool.install(|| {
        let numbered = items.into_par_iter().enumerate();
        let one = |(number, Item { name, files }): (usize, Item)| {
            let failed = |unread| {
                if matches!(unread, Unread::Fault(_))
                    && health.too_many(faults.fetch_add(1, Ordering::Relaxed) + 1)
                {
                    stop.store(true, Ordering::Relaxed);
                }
                (number, unread)
            };
            if stop.load(Ordering::Relaxed) {
                return Err((number, Unread::Stopped));
            }
            let files = files.map_err(failed)?;
            let stamp = Stamp::of(&files);
            let known = (kind != SetKind::Gopro).then(|| index.get(&name, stamp)).flatten();
            let (track, frames) = match known {
                Some(track) => (track, None),
                None if kind == SetKind::Gopro => (outline(&files).map_err(failed)?, None),
                None => decode(&files, &name, &room, &stop).map_err(failed)?,
            };
            Ok(Found { name: name.into(), files, item: number, stamp, track, frames })
        };
        numbered.with_max_len(1).map(one).collect()
    });
    let (mut found, mut last) = (Vec::new(), String::new());
    for item in looked {
        match item {
            Ok(item) => found.push(item),
            Err((_, Unread::Stopped)) => {}
            Err((number, Unread::Fault(reason))) => {
                health.note(number, &reason);
                last = reason;
            }
        }
    }
    health.judge(&last)?;
    if kind != SetKind::Gopro {
        let stamped = |f: &Found| f.stamp.map(|stamp| (f.name.clone(), stamp));
        let known: Vec<_> = found.iter().filter_map(|f| stamped(f).map(|(n, s)| (n, s, &f.track))).collect();
        index.store(known.iter().map(|(name, stamp, track)| (&**name, *stamp, *track)));
    }
    Ok(found)
}

/// A sequence of which only size and number of frames matter.
fn outline(files: &Files) -> Result<Track, Unread> {
    let Files::Images(paths) = files else { return Err(Unread::Fault("not a folder".to_owned())) };
    let Some(first) = paths.first() else { return Err(Unread::Fault("an empty folder".to_owned())) };
    let frame = files::image(first)?;
    Ok(Track {
        width: frame.width(),
        height: frame.height(),
        frame_bytes: files::bytes(&frame),
        steps: vec![Step::On; paths.len()],
        change: vec![0; paths.len()],
    })
}

/// A sequence's frames, where memory allowed to keep them.
type Kept = Option<Vec<Arc<Frame>>>;

/// Decodes a sequence and follows it, keeping its frames where there is room.
fn decode(files: &Files, name: &str, room: &AtomicUsize, stop: &AtomicBool) -> Result<(Track, Kept), Unread> {
    let mut tracker = Tracker::default();
    let mut kept = Some(Vec::new());
    let named = |unread| match unread {
        Unread::Fault(reason) if !reason.contains(name) => Unread::Fault(format!("{name}: {reason}")),
        other => other,
    };
    let each = |frame: Arc<Frame>, time| {
        tracker.push(&frame, time)?;
        let size = files::bytes(&frame);
        let enough =
            room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(size)).is_ok();
        if !enough {
            kept = None;
        }
        if let Some(kept) = &mut kept {
            kept.push(frame);
        }
        Ok(())
    };
    files.read(0..usize::MAX, stop, each).map_err(named)?;
    let track = tracker.finish().ok_or_else(|| Unread::Fault(format!("{name}: no frames")))?;
    Ok((track, kept))
}

/// Cuts what was found into sequences that fit memory and lists their windows.
fn arrange(
    kind: SetKind,
    root: &Path,
    options: SetOptions,
    health: Health,
    found: Vec<Found>,
) -> Result<Set, DataError> {
    let mut report = SetReport { unreadable: health.bad(), ..SetReport::default() };
    let bytes = |frames: usize, track: &Track| frames.saturating_mul(track.frame_bytes);
    let total = found.iter().fold(0_usize, |sum, f| sum.saturating_add(bytes(f.track.frames(), &f.track)));
    let fits = total <= options.memory;
    let window = if kind == SetKind::Gopro { GOPRO } else { options.reach + 1 };
    let (mut sequences, mut entries, store) = (Vec::new(), Vec::new(), Store::default());
    let mut longest: (usize, Arc<str>) = (0, "".into());
    for Found { name, files, item, track, frames, .. } in found {
        // A quarter of the memory a piece: two blocks are held at a time.
        let limit = options.memory / 4 / track.frame_bytes.max(1);
        if !fits && limit < window {
            let least = (4 * window * track.frame_bytes).div_ceil(1 << 20);
            let allowed = format!(
                "at least {least} MiB are needed: {window} frames of {name} must fit a quarter of it"
            );
            return Err(DataError::option("memory", format!("{} MiB", options.memory >> 20), allowed));
        }
        let pieces = pieces(track.frames(), if fits { usize::MAX } else { limit });
        let whole = pieces.len() == 1;
        let track = Arc::new(track);
        let mut frames = frames.filter(|_| fits && whole);
        let (mut usable, mut used) = (false, 0);
        for range in pieces {
            let places = places(kind, &track, &range, options.windows());
            if places.is_empty() {
                continue;
            }
            usable = true;
            used += 1;
            let sequence = u32::try_from(sequences.len()).unwrap_or(u32::MAX);
            report.places += places.len();
            report.frames += range.len();
            report.bytes = report.bytes.saturating_add(bytes(range.len(), &track));
            entries.extend(places.into_iter().map(|(frame, weight)| Entry {
                sequence,
                frame: frame as u32,
                weight,
            }));
            if let Some(frames) = frames.take() {
                store.put(sequences.len(), frames);
            }
            sequences.push(Sequence {
                name: name.clone(),
                files: files.clone(),
                bytes: bytes(range.len(), &track),
                range,
                item,
                size: Some((track.width, track.height)),
                track: Some(track.clone()),
            });
        }
        if usable {
            report.usable += 1;
            if used > 1 && matches!(files, Files::Video(_)) {
                report.in_pieces += 1;
                longest = longest.max((used, name));
            }
        } else {
            tracing::warn!("no window in {name}: too few frames, or stills, repeats and cuts throughout");
            report.without_windows += 1;
        }
    }
    if report.in_pieces > 0 {
        let (pieces, name) = longest;
        tracing::warn!(
            "{} of {} clips are too long for {} MiB and decoded in pieces, each from its clip's start: {name} in {pieces}, which \
             takes about {} times the decoding. Cut long videos into clips, or allow more memory ({} MiB hold all)",
            report.in_pieces,
            report.usable,
            options.memory >> 20,
            pieces.div_ceil(2),
            total.div_ceil(1 << 20)
        );
    }
    if entries.is_empty() {
        let found = format!(
            "no window in {} {}: too few frames, or stills, repeats and cuts throughout",
            report.without_windows,
            kind.items()
        );
        let expected = match kind {
            SetKind::Gopro => "sequences of at least nine frames",
            _ => "sequences of at least three frames that differ",
        };
        return Err(DataError::layout(root, found, expected));
    }
    Ok(Set { kind, root: root.to_owned(), options, sequences, entries, report, store, health })
}

/// The places for windows in a range of frames, and how often each is taken.
fn places(kind: SetKind, track: &Track, range: &Range<usize>, reach: Reach) -> Vec<(usize, f64)> {
    if kind != SetKind::Gopro {
        return track.middles(range, reach);
    }
    let firsts = (range.start..range.end).step_by(GOPRO - 1);
    firsts.take_while(|first| first + GOPRO <= range.end).map(|first| (first, 1.0)).collect()
}

/// `frames` in pieces of at most `limit`, each of which begins with the last frame of the one before; their lengths suit
/// windows of nine that share their ends.
fn pieces(frames: usize, limit: usize) -> Vec<Range<usize>> {
    let step = match limit.saturating_sub(1) / (GOPRO - 1) * (GOPRO - 1) {
        _ if frames <= limit => frames,
        0 => limit.saturating_sub(1).max(1),
        step => step,
    };
    (0..frames.saturating_sub(1)).step_by(step).map(|start| start..(start + step + 1).min(frames)).collect()
}

/// Vimeo-90K's triplets, by their list alone.
fn vimeo(root: &Path, options: SetOptions) -> Result<Set, DataError> {
    let list = root.join(LIST);
    let length = fs::metadata(&list).map_err(|e| DataError::io("open", &list, e))?.len();
    if length > MAX_LIST {
        return Err(DataError::layout(&list, format!("{length} bytes"), "a list of some megabytes"));
    }
    let text = fs::read_to_string(&list).map_err(|e| DataError::io("read", &list, e))?;
    let names: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let inside = |name: &&str| Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
    if let Some(name) = names.iter().find(|name| !inside(name)) {
        return Err(DataError::layout(
            &list,
            format!("the name {name:?}"),
            "names within the folder sequences",
        ));
    }
    if names.is_empty() {
        return Err(DataError::layout(&list, "no names", "one triplet a line, such as 00001/0001"));
    }
    let folder = root.join("sequences");
    if !folder.is_dir() {
        return Err(DataError::layout(
            root,
            "no folder sequences",
            "sequences/NAME/im1.png, im2.png, im3.png",
        ));
    }
    let sequence = |(item, name): (usize, &&str)| {
        let file = |n: u8| folder.join(name).join(format!("im{n}.png"));
        let files = Files::Images([file(1), file(2), file(3)].into());
        let name = Arc::from(*name);
        Sequence { name, files, range: 0..3, item, size: None, bytes: 0, track: None }
    };
    let sequences: Vec<Sequence> = names.iter().enumerate().map(sequence).collect();
    // Nothing else is looked at here: there are tens of thousands.
    let readable = |s: &Sequence| match &s.files {
        Files::Images(paths) => paths.first().is_some_and(|path| files::image(path).is_ok()),
        Files::Video(_) => false,
    };
    if !sequences.iter().take(64).any(readable) {
        let found = "no picture that can be read in the first 64 triplets";
        return Err(DataError::layout(
            &folder,
            found,
            "NAME/im1.png, im2.png, im3.png for every line of the list",
        ));
    }
    let count = sequences.len();
    let entries = (0..count as u32).map(|sequence| Entry { sequence, frame: 0, weight: 1.0 }).collect();
    let report = SetReport { usable: count, frames: 3 * count, places: count, ..SetReport::default() };
    let health = Health::new(root.to_owned(), SetKind::Vimeo.items(), count, options.tolerate);
    let (kind, store, root) = (SetKind::Vimeo, Store::default(), root.to_owned());
    Ok(Set { kind, root, options, sequences, entries, report, store, health })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_share_their_ends() {
        assert_eq!(pieces(10, 20), vec![0..10; 1]);
        assert_eq!(pieces(30, 20), [0..17, 16..30]);
        assert_eq!(pieces(33, 17), [0..17, 16..33]);
        assert_eq!(pieces(9, 4), [0..4, 3..7, 6..9]);
    }
}
