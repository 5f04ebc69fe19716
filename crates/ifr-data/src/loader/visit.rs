//! One visit to a window: its frames, its flows, its crops.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ifr_flow::{FlowField, FlowInterpolator, Prior, Quality};
use ifr_frame::{Frame, FrameError};

use crate::batch::Origin;
use crate::flows::{self, kept::Kept};
use crate::loader::stats::{Counters, count, timed};
use crate::plan::{Place, Plan};
use crate::random::{Draw, Purpose};
use crate::sample::{Sample, Target, TargetPrior};
use crate::set::files::{Files, Unread};
use crate::set::index::{Stamp, fnv};
use crate::set::store::Frames;
use crate::set::{Entry, Sequence, Set, Window};
use crate::{DataError, Labels, LoaderOptions};

/// Places tried for one visit before the set counts as hopeless.
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
    pub(crate) counters: Counters,
    /// The folder of kept labels.
    pub(crate) kept: Option<PathBuf>,
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
    pub(crate) fn visit(
        &self,
        visit: u64,
        place: &Place,
        interpolator: &mut FlowInterpolator,
    ) -> Result<Option<Crops>, DataError> {
        let number = self.number(visit);
        let mut draw = Draw::new(self.options.seed, Purpose::Visit, number);
        let entries = &self.plan.blocks()[place.block].entries;
        let mut entry = place.entry;
        for _ in 0..TRIES {
            let item = self.set.sequence(entry.sequence).item;
            if !self.set.health().is_bad(item) {
                match self.window(entry, &mut draw, interpolator) {
                    Ok(Some(whole)) => {
                        self.set.health().good(item);
                        count(&self.counters.windows);
                        let crops = timed(&self.counters.cropping, || self.crops(&whole, number));
                        self.decode_ahead(place)?;
                        // Cropping cannot fail for frames that are at least as large.
                        return crops.map(Some).map_err(|e| DataError::Threads(e.to_string()));
                    }
                    Ok(None) => {}
                    Err(Unread::Stopped) => return Ok(None),
                    Err(Unread::Fault(reason)) => self.set.health().fault(item, &reason)?,
                }
            }
            entry = entries[draw.below(entries.len())];
        }
        let found = format!("{TRIES} places in a row that give no window of the crop's size");
        Err(DataError::layout(
            self.set.root(),
            found,
            "pictures that move without jumps, and larger than the crop",
        ))
    }

    fn window(
        &self,
        entry: Entry,
        draw: &mut Draw,
        interpolator: &mut FlowInterpolator,
    ) -> Result<Option<Whole>, Unread> {
        let sequence = self.set.sequence(entry.sequence);
        let counters = &self.counters;
        let frames = timed(&counters.decoding, || self.set.frames(entry.sequence, &self.stop))?;
        let small = |f: &Arc<Frame>| f.width() < self.options.crop.0 || f.height() < self.options.crop.1;
        if frames.first().is_none_or(small) {
            count(&counters.too_small);
            return Ok(None);
        }
        let Some(window) = self.set.window(entry, &frames, draw) else {
            count(&counters.without_window);
            return Ok(None);
        };
        let Some((pair, targets)) = pick(&window, sequence, &frames) else {
            return Err(Unread::Fault(format!("{}: frames are missing", sequence.name)));
        };
        let times: Vec<f32> = window.targets.iter().map(|&target| window.t(target)).collect();
        let both = [&pair[0], &pair[1]];
        let labels = timed(&counters.flow, || self.labels(sequence, both, &targets))?;
        if self.stop.load(Ordering::Relaxed) {
            return Err(Unread::Stopped);
        }
        let priors = match self.options.prior {
            Some(_) => Some(timed(&counters.flow, || flows::priors(interpolator, both, &times))?),
            None => None,
        };
        let Window { first, targets: numbers, second } = window;
        let origin = Origin { name: Arc::clone(&sequence.name), first, targets: numbers, second };
        Ok(Some(Whole { frames: pair, targets, times, labels, priors, origin }))
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
            let item = self.set.sequence(sequence).item;
            if !self.set.health().is_bad(item)
                && let Err(unread) = timed(&self.counters.decoding, || self.set.frames(sequence, &self.stop))
            {
                self.set.health().unread(item, &unread)?;
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
