//! One visit to a window: its frames, its flows, its crops.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ifr_flow::{FlowField, FlowInterpolator, Prior, Quality};
use ifr_frame::{Frame, FrameError};

use crate::batch::Origin;
use crate::flows::{self, kept::Kept};
use crate::loader::stats::{Gauge, count, timed};
use crate::plan::{Place, Plan};
use crate::random::{Draw, Purpose};
use crate::sample::{Sample, Target, TargetPrior};
use crate::set::files::{Files, Unread};
use crate::set::index::{Stamp, fnv};
use crate::set::store::Frames;
use crate::set::{Entry, Sequence, Set, Window};
use crate::{DataError, Labels, LoaderOptions};

/// Places tried for one visit, in the blocks that come up next, before the set counts as hopeless.
const TRIES: usize = 200;

/// What a visit gives: as many crops as are taken of a window.
pub(crate) type Crops = Vec<(Sample, Origin)>;

/// Makes visits. Everything it does follows from the visit's number.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) set: Arc<Set>,
    pub(crate) options: LoaderOptions,
    pub(crate) plan: Plan,
    pub(crate) stop: AtomicBool,
    pub(crate) gauge: Arc<Gauge>,
    /// The folder of kept labels.
    pub(crate) kept: Option<PathBuf>,
    /// Sequences that were found unreadable, and why. A clip's or folder's other pieces may be sound: whether a window
    /// is taken must not depend on what was decoded before.
    pub(crate) unreadable: Mutex<HashMap<u32, Arc<str>>>,
}

/// Why a place gives nothing.
enum Missed {
    /// The loader is ending.
    Stopped,
    /// Its sequence is known to be unreadable.
    Known(Arc<str>),
    /// Its sequence was found unreadable.
    Fault(Arc<str>),
    /// Its pictures, of this size, are smaller than the crop.
    Small((usize, usize)),
    /// No window around it shows one scene.
    NoWindow,
}

impl From<Unread> for Missed {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Stopped => Self::Stopped,
            Unread::Fault(reason) => Self::Fault(reason.into()),
        }
    }
}

/// The places that were tried in vain.
#[derive(Default)]
struct Tries {
    unreadable: usize,
    last: Option<String>,
    small: usize,
    /// The largest of the small pictures.
    largest: (usize, usize),
    without: usize,
}

impl Tries {
    fn fault(&mut self, reason: &str) {
        self.unreadable += 1;
        self.last = Some(reason.to_owned());
    }

    /// Why there is no window.
    fn error(self, set: &Set, crop: (usize, usize)) -> DataError {
        let (path, items) = (set.root().to_owned(), set.kind().items());
        if self.unreadable + self.without == 0 {
            let found = format!("{}x{}", self.largest.0, self.largest.1);
            return DataError::Crop { path, width: crop.0, height: crop.1, items, found };
        }
        DataError::NoWindow {
            path,
            items,
            unreadable: self.unreadable,
            too_small: self.small,
            without_window: self.without,
            last: self.last,
        }
    }
}

/// A window with all that belongs to it, in full size.
struct Whole {
    frames: [Arc<Frame>; 2],
    targets: Vec<Arc<Frame>>,
    times: Vec<f32>,
    labels: Option<Vec<[FlowField; 2]>>,
    priors: Option<Vec<Prior>>,
    origin: Origin,
}

impl Visitor {
    /// The number of a process's visit among those of all.
    fn number(&self, visit: u64) -> u64 {
        visit * self.options.world as u64 + self.options.rank as u64
    }

    /// Where this process's visit goes.
    pub(crate) fn place(&self, visit: u64) -> Place {
        self.plan.locate(self.number(visit), self.options.world as u64)
    }

    /// Makes this process's visit; `None` when the loader is ending.
    ///
    /// Where a place gives no window, others are tried. Which ones follows from the visit's number, too, and whether
    /// they do from their sequences alone: what is known to be unreadable saves another try, but changes nothing.
    pub(crate) fn visit(
        &self,
        visit: u64,
        place: &Place,
        interpolator: &mut FlowInterpolator,
    ) -> Result<Option<Crops>, DataError> {
        let number = self.number(visit);
        let mut draw = Draw::new(self.options.seed, Purpose::Instead, number);
        let (mut entry, mut hold) = (place.entry, true);
        let mut tries = Tries::default();
        for attempt in 1..=TRIES {
            match self.crops_at(entry, hold, number, interpolator) {
                Ok(crops) => {
                    count(&self.gauge.counters.windows);
                    self.decode_ahead(place)?;
                    return Ok(Some(crops));
                }
                Err(Missed::Stopped) => return Ok(None),
                Err(Missed::Known(reason)) => tries.fault(&reason),
                Err(Missed::Fault(reason)) => {
                    tries.fault(&reason);
                    self.fault(entry.sequence, reason)?;
                }
                Err(Missed::Small(size)) => {
                    count(&self.gauge.counters.too_small);
                    tries.small += 1;
                    tries.largest = tries.largest.max(size);
                }
                Err(Missed::NoWindow) => {
                    count(&self.gauge.counters.without_window);
                    tries.without += 1;
                }
            }
            (entry, hold) = self.plan.instead(place.position, attempt, &mut draw);
        }
        Err(tries.error(&self.set, self.options.crop))
    }

    /// Notes that a sequence is unreadable.
    fn fault(&self, sequence: u32, reason: Arc<str>) -> Result<(), DataError> {
        if self.unreadable().insert(sequence, Arc::clone(&reason)).is_some() {
            return Ok(());
        }
        let health = self.set.health();
        let bad = health.note(self.set.sequence(sequence).item, &reason);
        self.gauge.counters.unreadable.fetch_max(bad as u64, Ordering::Relaxed);
        health.judge(&reason)
    }

    fn unreadable(&self) -> MutexGuard<'_, HashMap<u32, Arc<str>>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The crops of a window at a place.
    fn crops_at(
        &self,
        entry: Entry,
        hold: bool,
        number: u64,
        interpolator: &mut FlowInterpolator,
    ) -> Result<Crops, Missed> {
        if let Some(reason) = self.unreadable().get(&entry.sequence) {
            return Err(Missed::Known(Arc::clone(reason)));
        }
        // The same numbers at every place: how many of them others took must not matter.
        let mut draw = Draw::new(self.options.seed, Purpose::Visit, number);
        let whole = self.window(entry, hold, &mut draw, interpolator)?;
        Ok(timed(&self.gauge.counters.cropping, || self.crops(&whole, number)).map_err(|e| {
            // Impossible for frames that are at least as large; but if not, a fault of these frames.
            Unread::Fault(format!("{}: {e}", whole.origin.name))
        })?)
    }

    fn window(
        &self,
        entry: Entry,
        hold: bool,
        draw: &mut Draw,
        interpolator: &mut FlowInterpolator,
    ) -> Result<Whole, Missed> {
        let sequence = self.set.sequence(entry.sequence);
        let counters = &self.gauge.counters;
        let frames = timed(&counters.decoding, || self.set.frames(entry.sequence, hold, &self.stop))?;
        let size = frames.first().map_or((0, 0), |f| (f.width(), f.height()));
        if size.0 < self.options.crop.0 || size.1 < self.options.crop.1 {
            return Err(Missed::Small(size));
        }
        let window = self.set.window(entry, &frames, draw).ok_or(Missed::NoWindow)?;
        let picked = pick(&window, sequence, &frames);
        let missing = || Unread::Fault(format!("{}: frames are missing", sequence.name));
        let (pair, targets) = picked.ok_or_else(missing)?;
        let times: Vec<f32> = window.targets.iter().map(|&target| window.t(target)).collect();
        let both = [&pair[0], &pair[1]];
        let labels = timed(&counters.flow, || self.labels(sequence, both, &targets))?;
        if self.stop.load(Ordering::Relaxed) {
            return Err(Missed::Stopped);
        }
        let prior = || timed(&counters.flow, || flows::priors(interpolator, both, &times));
        let priors = self.options.prior.then(prior).transpose()?;
        let Window { first, targets: numbers, second } = window;
        let origin = Origin { name: Arc::clone(&sequence.name), first, targets: numbers, second };
        Ok(Whole { frames: pair, targets, times, labels, priors, origin })
    }

    fn labels(
        &self,
        sequence: &Sequence,
        both: [&Arc<Frame>; 2],
        targets: &[Arc<Frame>],
    ) -> Result<Option<Vec<[FlowField; 2]>>, Unread> {
        let pair = [&**both[0], &**both[1]];
        Ok(match self.options.labels {
            Labels::None => None,
            Labels::Flow(quality) => Some(flows::labels(pair, targets, quality)?),
            Labels::Cached(quality) => Some(vec![self.cached(sequence, pair, targets, quality)?]),
            Labels::Files => {
                let options = self.set.options();
                let tree = options.label_tree.clone().unwrap_or_else(|| self.set.root().join("flow"));
                Some(vec![flows::from_tree(&tree, &sequence.name, pair[0])?])
            }
        })
    }

    /// Labels of a triplet that are computed once. What is kept is rounded, and so is what was just computed: a batch is the
    /// same the first time and later.
    fn cached(
        &self,
        sequence: &Sequence,
        pair: [&Frame; 2],
        targets: &[Arc<Frame>],
        quality: Quality,
    ) -> Result<[FlowField; 2], Unread> {
        let size = (pair[0].width(), pair[0].height());
        let place = self.kept.as_ref().map(|folder| folder.join(format!("{}.labels", sequence.name)));
        let stamp = match &sequence.files {
            Files::Images(paths) => Stamp::of_paths(paths),
            Files::Video(_) => None,
        };
        let known =
            place.as_ref().zip(stamp).and_then(|(path, stamp)| Kept::read(path, quality, stamp, size));
        if let Some(fields) = known.and_then(|k| k.fields()) {
            return Ok(fields);
        }
        let labels = flows::labels(pair, targets, quality)?;
        let [one] = labels.as_slice() else { return Err(Unread::Fault("not a triplet".to_owned())) };
        let kept = Kept::new(one);
        if let Some((path, stamp)) = place.zip(stamp)
            && let Err(error) = kept.write(&path, quality, stamp)
        {
            tracing::warn!(path = %path.display(), %error, "labels cannot be kept");
        }
        kept.fields().ok_or_else(|| Unread::Fault(format!("{}: an empty picture", sequence.name)))
    }

    fn crops(&self, whole: &Whole, number: u64) -> Result<Crops, FrameError> {
        let size = (whole.frames[0].width(), whole.frames[0].height());
        let count = self.options.crops_per_window as u64;
        let crop = |k: u64| {
            let mut draw = Draw::new(self.options.seed, Purpose::Crop, number * count + k);
            let [first, second] = &whole.frames;
            let mut choice = self.options.augmentation.choose(&mut draw, size, self.options.crop);
            if self.options.crop_choices > 1 {
                let mut most = choice.cut.difference(first, second);
                for _ in 1..self.options.crop_choices {
                    let other = choice.elsewhere(&mut draw, size);
                    let difference = other.cut.difference(first, second);
                    if difference > most {
                        (choice, most) = (other, difference);
                    }
                }
            }
            let cut = choice.cut;
            let target = |(i, frame): (usize, &Arc<Frame>)| {
                let labels = whole.labels.as_ref().and_then(|all| all.get(i));
                let prior = |p: &Prior| {
                    let flows = cut.flows([&p.flows[0], &p.flows[1]]);
                    Ok(TargetPrior { flows, frame: cut.rgb(&p.frame)? })
                };
                Ok(Target {
                    t: whole.times[i],
                    image: cut.rgb(frame)?,
                    labels: labels.map(|[a, b]| cut.flows([a, b])),
                    prior: whole.priors.as_ref().and_then(|all| all.get(i)).map(prior).transpose()?,
                })
            };
            let mut sample = Sample {
                width: cut.width,
                height: cut.height,
                first: cut.rgb(first)?,
                second: cut.rgb(second)?,
                targets: whole.targets.iter().enumerate().map(target).collect::<Result<_, _>>()?,
            };
            choice.apply(&mut sample);
            Ok((sample, whole.origin.clone()))
        };
        (0..count).map(crop).collect()
    }

    /// Decodes the part of the next block that is due, so that it is there when this one ends.
    fn decode_ahead(&self, place: &Place) -> Result<(), DataError> {
        if place.ahead.is_empty() {
            return Ok(());
        }
        let next = &self.plan.blocks()[self.plan.block_at(place.position + 1)];
        for &sequence in next.sequences.get(place.ahead.clone()).unwrap_or_default() {
            if self.unreadable().contains_key(&sequence) {
                continue;
            }
            let frames = timed(&self.gauge.counters.decoding, || self.set.frames(sequence, true, &self.stop));
            match frames {
                Ok(_) => {}
                Err(Unread::Stopped) => return Ok(()),
                Err(Unread::Fault(reason)) => self.fault(sequence, reason.into())?,
            }
        }
        Ok(())
    }
}

/// The two frames of a window, and those between.
type Picked = ([Arc<Frame>; 2], Vec<Arc<Frame>>);

/// The frames of a window.
fn pick(window: &Window, sequence: &Sequence, frames: &Frames) -> Option<Picked> {
    let frame = |number: usize| frames.get(number.checked_sub(sequence.range.start)?).cloned();
    let targets = window.targets.iter().map(|&n| frame(n)).collect::<Option<_>>()?;
    Some(([frame(window.first)?, frame(window.second)?], targets))
}

/// The folder for the labels kept of the set at `root`.
pub(crate) fn kept_folder(set: &Set) -> Option<PathBuf> {
    let root = std::fs::canonicalize(set.root()).unwrap_or_else(|_| set.root().to_owned());
    let name = format!("labels-{:016x}", fnv(root.to_string_lossy().as_bytes()));
    set.options().cache.as_ref().map(|cache| cache.join(name))
}
