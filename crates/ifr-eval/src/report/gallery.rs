use std::sync::Arc;

use ifr_frame::{Frame, RgbImage};

use crate::sets::coarse;
use crate::{Case, EvalError, Row, Truth};

/// The frames of a report that came out worst and best, by PSNR.
#[derive(Debug, Clone, Default)]
pub struct Gallery {
    most: usize,
    /// Worst first.
    pub worst: Vec<Kept>,
    /// Best first; none that is among the worst too.
    pub best: Vec<Kept>,
}

/// A frame that is kept to be looked at.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its figures.
    pub row: Row,
    /// The inputs, padded where the method saw them padded.
    pub inputs: [Arc<Frame>; 2],
    /// What the method made, 8-bit RGB, of the truth's size.
    pub output: Arc<Frame>,
    /// What should have come out.
    pub truth: Arc<Frame>,
}

impl Gallery {
    /// Room for `most` frames at either end; 0 keeps nothing.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Keeps the frame if it belongs to the worst or the best so far.
    pub(crate) fn offer(
        &mut self,
        row: &Row,
        case: &Case,
        truth: &Truth,
        output: &RgbImage,
    ) -> Result<(), EvalError> {
        let place = |list: &[Kept], before: fn(f64, f64) -> bool| {
            list.iter().position(|kept| before(row.psnr, kept.row.psnr)).unwrap_or(list.len())
        };
        let worst = place(&self.worst, |a, b| a < b);
        let best = place(&self.best, |a, b| a > b);
        if worst >= self.most && best >= self.most {
            return Ok(());
        }
        let kept = Kept {
            row: row.clone(),
            inputs: case.inputs.clone(),
            output: Arc::new(coarse(output)?),
            truth: Arc::clone(&truth.frame),
        };
        self.worst.insert(worst, kept.clone());
        self.worst.truncate(self.most);
        self.best.insert(best, kept);
        self.best.truncate(self.most);
        Ok(())
    }

    /// Takes from the best what is among the worst too, as happens in small sets.
    pub(crate) fn settle(&mut self) {
        let worst = &self.worst;
        self.best.retain(|b| !worst.iter().any(|w| w.row == b.row));
    }
}
