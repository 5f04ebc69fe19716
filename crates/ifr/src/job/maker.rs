//! From planned frames to frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use ifr_frame::{FrameError, Interpolate, InterpolateError, Pair};
use ifr_timeline::overlay::Overlaid;
use ifr_timeline::{Make, Planned, Schedule};

use crate::job::fade::cross_fade;
use crate::job::worker::{Fault, State, Write, send};
use crate::job::{JobError, Progress};

/// Makes planned frames and sends them to the writer.
pub(super) struct Maker<'a> {
    pub(super) engine: &'a mut dyn Interpolate,
    pub(super) progress: &'a (dyn Fn(&Progress) + Sync),
    pub(super) expected: Option<u64>,
}

impl Maker<'_> {
    /// Makes all frames of a schedule, or only counts them where they are not `wanted`; `false` if stopped before its end.
    /// Those between one pair stand together and share its preparation.
    pub(super) fn make(
        &mut self,
        schedule: Schedule<'_, Arc<Overlaid>>,
        wanted: bool,
        out: &SyncSender<Write>,
        state: &mut State,
        stop: &AtomicBool,
    ) -> Result<bool, Fault> {
        let failed = |e| Fault::Error(JobError::Interpolate(e));
        let broken = |e: FrameError| failed(InterpolateError::Engine(Box::new(e)));
        let engine = &mut *self.engine;
        let mut prepared: Option<Box<dyn Pair + '_>> = None;
        // One schedule is about one pair, so the engine is asked once.
        let mut engine = Some(engine);
        for Planned { pts, duration, make } in schedule {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let frame = match make {
                Make::Source(frame) => {
                    state.kept += 1;
                    Arc::clone(frame.frame())
                }
                Make::Repeat(frame) => {
                    state.repeated += 1;
                    Arc::clone(frame.frame())
                }
                Make::Between { first, .. } if !wanted => {
                    state.made += 1;
                    Arc::clone(first.frame())
                }
                Make::Blend { first, .. } if !wanted => {
                    state.repeated += 1;
                    Arc::clone(first.frame())
                }
                Make::Between { first, second, t } => {
                    let begin = Instant::now();
                    if let Some(engine) = engine.take() {
                        let [a, b] = [first.covered().map_err(broken)?, second.covered().map_err(broken)?];
                        prepared = Some(engine.pair_covered(a, b).map_err(failed)?);
                    }
                    let Some(pair) = &mut prepared else { continue };
                    let made = pair.at(t).map_err(failed)?;
                    let frame = Arc::new(Overlaid::keep(made, &first, &second, t).map_err(broken)?);
                    state.interpolating += begin.elapsed();
                    state.made += 1;
                    frame
                }
                Make::Blend { first, second, t } => {
                    state.repeated += 1;
                    // Shots of different sizes or formats cannot be mixed: the nearer one stands in.
                    let (first, second) = (first.frame(), second.frame());
                    let nearer = if t > 0.5 { second } else { first };
                    cross_fade(first, second, t).map_or_else(|| Arc::clone(nearer), Arc::new)
                }
            };
            state.planned += 1;
            state.position = Some(pts);
            if wanted {
                send(out, Write::Frame(frame, pts, duration))?;
            }
            (self.progress)(&Progress {
                read: state.read,
                written: state.planned,
                made: state.made,
                expected: self.expected,
                position: pts,
            });
        }
        Ok(true)
    }
}
