//! Sets that drop frames of videos.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{Frame, RgbImage, Time};
use ifr_video::{Item, OpenOptions, Source, TimedFrame};

use crate::metrics::code;
use crate::scale::area;
use crate::sets::case::{coarse, cut, fine};
use crate::sets::folders;
use crate::{Case, EvalError, Kind, Set, Truth};

/// What becomes of a decoded frame before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// Nothing: methods see it as the decoder made it.
    #[default]
    Native,
    /// RGB rounded to 8 bits.
    Rgb,
    /// RGB at half the size.
    Half,
    /// The middle half of each side, in RGB.
    Middle,
}

/// How frames are dropped from a video.
#[derive(Debug, Clone)]
pub struct ClipOptions {
    /// Every so many frames one is kept, at least 2; those between are the truth.
    pub drop: usize,
    /// Take the first so many frames only.
    pub frames: Option<usize>,
    /// Downscale to so many lines (in RGB) where there are more.
    pub lines: Option<usize>,
}

impl Default for ClipOptions {
    /// Every second frame, all frames, as they are.
    fn default() -> Self {
        Self { drop: 2, frames: None, lines: None }
    }
}

/// A clip that is being read.
struct Open {
    source: Box<dyn Source>,
    /// Frames read so far.
    read: usize,
    /// The second input of the last case: the first of the next.
    last: Option<(Arc<Frame>, Time)>,
}

/// Videos of which every N-th frame is kept: between two that are, the dropped ones are the truth.
pub struct Clips {
    label: String,
    kind: Kind,
    clips: Vec<(String, PathBuf)>,
    options: ClipOptions,
    shape: Shape,
    notices: Vec<String>,
    next: usize,
    open: Option<Open>,
    count: Option<usize>,
}

impl std::fmt::Debug for Clips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clips")
            .field("clips", &self.clips)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Clips {
    /// One video (anything that `ifr_video::open` reads: a container, Y4M, an animation, a folder or a pattern of images).
    ///
    /// # Errors
    /// [`EvalError`] when it cannot be opened, or fewer than two in two frames are to be kept.
    pub fn video(path: &Path, label: String, options: &ClipOptions) -> Result<Self, EvalError> {
        drop(open(path)?);
        let clips = vec![(folders::stem(path), path.to_owned())];
        Self::new(label, Kind::Video, clips, options.clone(), Shape::Native, Vec::new())
    }

    pub(crate) fn new(
        label: String,
        kind: Kind,
        clips: Vec<(String, PathBuf)>,
        options: ClipOptions,
        shape: Shape,
        notices: Vec<String>,
    ) -> Result<Self, EvalError> {
        if options.drop < 2 {
            return Err(EvalError::layout(
                label,
                format!("one in {} frames kept", options.drop),
                "one in 2 or more: there must be dropped frames to compare with",
            ));
        }
        let windows = |path: &Path| {
            let frames = usize::try_from(open(path).ok()?.info().video.frames?).ok()?;
            Some(frames.min(options.frames.unwrap_or(frames)).saturating_sub(1) / options.drop)
        };
        let count = clips.iter().map(|(_, path)| windows(path)).sum();
        Ok(Self { label, kind, clips, options, shape, notices, next: 0, open: None, count })
    }

    /// A frame as methods see it, and as the truth.
    fn shaped(&self, frame: &Arc<Frame>) -> Result<(Arc<Frame>, Arc<Frame>), EvalError> {
        let (w, h) = (frame.width(), frame.height());
        let lines = self.options.lines.filter(|&lines| lines > 0 && lines < h);
        if self.shape == Shape::Native && lines.is_none() {
            return Ok((Arc::clone(frame), Arc::clone(frame)));
        }
        // As an image file of the frame would hold it.
        let rounded = |mut image: RgbImage| {
            image.data_mut().iter_mut().for_each(|v| *v = code(*v) / 255.0);
            image
        };
        let mut image = rounded(frame.to_rgb());
        match self.shape {
            Shape::Half if w > 1 && h > 1 => image = rounded(area(&image, w / 2, h / 2)?),
            Shape::Middle if w > 1 && h > 1 => image = cut(&image, (w / 4, h / 4), (w / 2, h / 2))?,
            _ => {}
        }
        if let Some(lines) = lines {
            let width = (w * lines).div_ceil(h).max(2) / 2 * 2;
            image = rounded(area(&image, width, lines)?);
        }
        Ok((fine(&image)?, Arc::new(coarse(&image)?)))
    }

    /// Closes the clip that is open, and keeps what its source had to say.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let skipped = match open.source.skipped() {
            0 => None,
            n => Some(format!("{n} damaged packets or frames were skipped: later frames may be misplaced")),
        };
        let said = open.source.notices().into_iter().chain(skipped);
        self.notices.extend(said.map(|notice| format!("{}: {notice}", self.label)));
    }

    /// The next frame of the clip that is open; `None` at its end.
    fn frame(&mut self) -> Result<Option<TimedFrame>, EvalError> {
        let limit = self.options.frames.unwrap_or(usize::MAX);
        let Some(open) = self.open.as_mut().filter(|open| open.read < limit) else { return Ok(None) };
        loop {
            match open.source.next()? {
                Some(Item::Frame(frame)) => {
                    open.read += 1;
                    return Ok(Some(frame));
                }
                Some(Item::Packet(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next case of the clip that is open; `None` at its end.
    fn case(&mut self) -> Result<Option<Case>, EvalError> {
        let first = match self.open.as_mut().and_then(|open| open.last.take()) {
            Some(first) => first,
            None => match self.frame()? {
                Some(timed) => (self.shaped(&timed.frame)?.0, timed.pts),
                None => return Ok(None),
            },
        };
        let start = self.open.as_ref().map_or(0, |open| open.read);
        let mut dropped = Vec::with_capacity(self.options.drop - 1);
        for _ in 1..self.options.drop {
            let Some(timed) = self.frame()? else { return Ok(None) };
            dropped.push((self.shaped(&timed.frame)?.1, timed.pts));
        }
        let Some(timed) = self.frame()? else { return Ok(None) };
        let second = (self.shaped(&timed.frame)?.0, timed.pts);
        let truths = dropped.into_iter().enumerate().map(|(i, (frame, pts))| Truth {
            t: place(first.1, pts, second.1, i + 1, self.options.drop),
            stem: String::new(),
            number: Some(start + i + 1),
            frame,
        });
        let truths = truths.collect();
        let clip = self.next.checked_sub(1).and_then(|i| self.clips.get(i));
        let name = format!("{}/{start:06}", clip.map_or("", |(name, _)| name));
        if let Some(open) = &mut self.open {
            open.last = Some(second.clone());
        }
        Ok(Some(Case { name, inputs: [first.0, second.0], truths, corner: (0, 0) }))
    }
}

fn open(path: &Path) -> Result<Box<dyn Source>, EvalError> {
    Ok(ifr_video::open(path, &OpenOptions { audio: false, extras: false, ..OpenOptions::default() })?)
}

/// How far from its even place a frame may lie before its time stamp counts: containers round, and tables are by even places.
const SLACK: f32 = 0.02;

/// Where between its neighbours the `k`-th of `parts − 1` frames lies.
fn place(first: Time, at: Time, second: Time, k: usize, parts: usize) -> f32 {
    let even = k as f32 / parts as f32;
    let span = (second - first).as_secs_f64();
    let stamped = ((at - first).as_secs_f64() / span) as f32;
    let usable = stamped > 0.0 && stamped < 1.0 && (stamped - even).abs() > SLACK;
    if usable { stamped } else { even }
}

impl Set for Clips {
    fn name(&self) -> &str {
        &self.label
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn count(&self) -> Option<usize> {
        self.count
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn next_case(&mut self) -> Option<Result<Case, EvalError>> {
        loop {
            if self.open.is_none() {
                let (_, path) = self.clips.get(self.next)?;
                self.next += 1;
                match open(path) {
                    Ok(source) => self.open = Some(Open { source, read: 0, last: None }),
                    Err(e) => return Some(Err(e)),
                }
            }
            match self.case() {
                Ok(Some(case)) => return Some(Ok(case)),
                Ok(None) => self.close(),
                Err(e) => {
                    // What follows a broken frame is not trusted.
                    self.close();
                    return Some(Err(e));
                }
            }
        }
    }
}
