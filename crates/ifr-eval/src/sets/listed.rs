//! Sets whose cases are image files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{Frame, FrameError, RgbImage};
use ifr_video::images::read_image;

use crate::sets::case::fine;
use crate::sets::folders;
use crate::{Case, EvalError, Kind, Set, Truth};

/// The files of a case.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) name: String,
    pub(crate) inputs: [PathBuf; 2],
    /// In order of time, evenly spaced.
    pub(crate) truths: Vec<PathBuf>,
}

/// How the inputs are enlarged before a method sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pad {
    /// Not at all.
    None,
    /// By zeros on the right and at the bottom, to that size.
    Zero {
        /// In pixels.
        width: usize,
        /// In pixels.
        height: usize,
    },
    /// By the border's pixels on all sides, to a multiple of that.
    Centre(usize),
}

/// A set of image files, all there when it was opened.
#[derive(Debug)]
pub struct ListedSet {
    label: String,
    kind: Kind,
    cases: Vec<Files>,
    pad: Pad,
    notices: Vec<String>,
    next: usize,
    /// The second input of the last case, which the next may share.
    last: Option<(PathBuf, Arc<Frame>)>,
}

impl ListedSet {
    /// Leaves out cases of which a file is missing, and says so; so too when there are not as many as the set should have.
    pub(crate) fn new(
        root: &Path,
        label: String,
        kind: Kind,
        cases: Vec<Files>,
        expected: Option<usize>,
        pad: Pad,
    ) -> Result<Self, EvalError> {
        let listed = cases.len();
        let mut missing: Option<PathBuf> = None;
        let mut there = |case: &Files| {
            let lost = case.inputs.iter().chain(&case.truths).find(|p| !p.is_file());
            if let (None, Some(lost)) = (&missing, lost) {
                missing = Some(lost.clone());
            }
            lost.is_none() && !case.truths.is_empty()
        };
        let cases: Vec<Files> = cases.into_iter().filter(|c| there(c)).collect();
        let first =
            missing.map(|p| format!(" (the first file missing: {})", p.display())).unwrap_or_default();
        if cases.is_empty() {
            let found = format!("none of {listed} cases is complete{first}");
            return Err(EvalError::layout(
                root,
                found,
                format!("a whole {kind} set (see docs/evaluation.md)"),
            ));
        }
        let mut notices = Vec::new();
        if cases.len() < listed {
            let gone = listed - cases.len();
            notices.push(format!("{label}: {gone} of {listed} cases are incomplete and left out{first}"));
        }
        if let Some(expected) = expected.filter(|&n| n != cases.len()) {
            let found = cases.len();
            notices.push(format!(
                "{label}: {found} cases where the published set has {expected}: figures are not those of tables"
            ));
        }
        Ok(Self { label, kind, cases, pad, notices, next: 0, last: None })
    }

    fn input(&mut self, path: &Path) -> Result<(Arc<Frame>, (usize, usize)), EvalError> {
        if let Some((known, frame)) = &self.last
            && known == path
            && self.pad == Pad::None
        {
            return Ok((Arc::clone(frame), (0, 0)));
        }
        let (image, corner) = padded(read_image(path)?.to_rgb(), self.pad)?;
        Ok((fine(&image)?, corner))
    }

    fn read(&mut self, files: &Files) -> Result<Case, EvalError> {
        let (first, corner) = self.input(&files.inputs[0])?;
        let (second, _) = self.input(&files.inputs[1])?;
        self.last = Some((files.inputs[1].clone(), Arc::clone(&second)));
        if !first.is_like(&second) {
            let size = |frame: &Frame| format!("{}x{}", frame.width(), frame.height());
            let (found, expected) = (size(&second), format!("{} as the first frame", size(&first)));
            return Err(EvalError::layout(&files.inputs[1], found, expected));
        }
        let parts = files.truths.len() + 1;
        let truths = files.truths.iter().enumerate().map(|(i, path)| {
            Ok(Truth {
                t: (i + 1) as f32 / parts as f32,
                stem: folders::stem(path),
                number: None,
                frame: Arc::new(fitting(read_image(path)?, &first, path)?),
            })
        });
        let truths = truths.collect::<Result<Vec<_>, EvalError>>()?;
        Ok(Case { name: files.name.clone(), inputs: [first, second], truths, corner })
    }
}

/// The true frame, unless it is larger than the inputs (which may be padded).
fn fitting(truth: Frame, input: &Frame, path: &Path) -> Result<Frame, EvalError> {
    let (w, h) = (truth.width(), truth.height());
    if w <= input.width() && h <= input.height() {
        return Ok(truth);
    }
    let expected = format!("{}x{} as the inputs", input.width(), input.height());
    Err(EvalError::layout(path, format!("{w}x{h}"), expected))
}

/// The padded image, and where in it the image lies.
fn padded(image: RgbImage, pad: Pad) -> Result<(RgbImage, (usize, usize)), FrameError> {
    let (w, h) = (image.width(), image.height());
    let (width, height) = match pad {
        Pad::None => (w, h),
        Pad::Zero { width, height } => (width.max(w), height.max(h)),
        Pad::Centre(multiple) => (w.next_multiple_of(multiple), h.next_multiple_of(multiple)),
    };
    if (width, height) == (w, h) {
        return Ok((image, (0, 0)));
    }
    let (x, y) = match pad {
        Pad::Centre(_) => ((width - w) / 2, (height - h) / 2),
        _ => (0, 0),
    };
    let mut out = RgbImage::black(width, height)?;
    for (c, plane) in out.channels_mut().into_iter().enumerate() {
        for (row, line) in plane.chunks_exact_mut(width).enumerate() {
            if matches!(pad, Pad::Zero { .. }) && row >= h {
                break;
            }
            let row = row.saturating_sub(y).min(h - 1);
            let source = &image.channel(c)[row * w..(row + 1) * w];
            line[x..x + w].copy_from_slice(source);
            if matches!(pad, Pad::Centre(_)) {
                line[..x].fill(source[0]);
                line[x + w..].fill(source[w - 1]);
            }
        }
    }
    Ok((out, (x, y)))
}

impl Set for ListedSet {
    fn name(&self) -> &str {
        &self.label
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn count(&self) -> Option<usize> {
        Some(self.cases.len())
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn next_case(&mut self) -> Option<Result<Case, EvalError>> {
        let files = self.cases.get(self.next)?.clone();
        self.next += 1;
        Some(self.read(&files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_where_the_reference_puts_it() {
        let image = RgbImage::new(3, 1, [1.0, 2.0, 3.0].repeat(3)).unwrap();
        let (out, corner) = padded(image.clone(), Pad::Zero { width: 4, height: 2 }).unwrap();
        assert_eq!((out.channel(1), corner), (&[1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0][..], (0, 0)));
        let (out, corner) = padded(image, Pad::Centre(5)).unwrap();
        assert_eq!((out.width(), out.height(), corner), (5, 5, (1, 2)));
        assert_eq!(out.channel(2)[20..], [1.0, 1.0, 2.0, 3.0, 3.0]);
    }
}
