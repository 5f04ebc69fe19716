use std::sync::Arc;

use ifr_frame::{Frame, Time};

use crate::{Stamped, difference};

/// Frames of which one is a repeat: four of film become five of 29.97 fps video.
const CYCLE: usize = 5;
/// The repeat differs this many times less from the frame before than any other, where coding left more than noise.
const CONTRAST: f64 = 2.5;
/// The longest interval of a cycle, in its shortest: beyond it frames are missing, and no cycle is counted.
const UNEVEN: (i64, i64) = (3, 2);

/// Takes the repeats out of film that was brought to video rate (24 to 30, or 23.976 to 29.97 frames a second), and gives
/// its frames their even times back.
///
/// Of every five frames the one that repeats the frame before is left out, and the other four share the five's time. Five
/// frames without a repeat stay as they are, and so does what is left at the end: video in between keeps its motion. Sound
/// stays in sync by construction, for every five begin when they began.
///
/// Fields must have been brought together before. Cycles are counted from the first frame: a part of a video that starts
/// at a multiple of five frames comes out as in the whole.
#[derive(Debug, Default)]
pub struct Decimate {
    cycle: Vec<Held>,
    last: Option<Arc<Frame>>,
    left_out: u64,
}

#[derive(Debug)]
struct Held {
    stamped: Stamped<Arc<Frame>>,
    /// How much it differs from the frame before.
    difference: f64,
}

impl Decimate {
    /// At the start of a video.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next frame and hands on those that are decided.
    pub fn push(&mut self, stamped: Stamped<Arc<Frame>>) -> Vec<Stamped<Arc<Frame>>> {
        let out = if self.cycle.len() == CYCLE { self.close(stamped.pts) } else { Vec::new() };
        let difference = match self.last.replace(Arc::clone(&stamped.frame)) {
            Some(last) => difference(&last, &stamped.frame),
            None => f64::INFINITY,
        };
        self.cycle.push(Held { stamped, difference });
        out
    }

    /// At the end of the video: the frames that are left.
    pub fn finish(&mut self) -> Vec<Stamped<Arc<Frame>>> {
        self.last = None;
        match self.cycle.as_slice() {
            [.., before, last] if self.cycle.len() == CYCLE => {
                let end = last.stamped.pts + (last.stamped.pts - before.stamped.pts);
                self.close(end)
            }
            _ => self.cycle.drain(..).map(|held| held.stamped).collect(),
        }
    }

    /// How many frames were left out so far.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// A full cycle, which ends when the next begins.
    fn close(&mut self, end: Time) -> Vec<Stamped<Arc<Frame>>> {
        let mut cycle: Vec<Held> = self.cycle.drain(..).collect();
        if let Some(repeat) = repeat(&cycle, end) {
            let start = cycle[0].stamped.pts;
            cycle.remove(repeat);
            self.left_out += 1;
            let parts = cycle.len() as i64;
            for (i, held) in (0..).zip(&mut cycle) {
                held.stamped.pts = start.lerp(end, i, parts);
                held.stamped.duration = Some((end - start).scaled(1, parts));
            }
        }
        cycle.into_iter().map(|held| held.stamped).collect()
    }
}

/// Which frame of a cycle repeats the one before, if one clearly does and the frames come evenly.
fn repeat(cycle: &[Held], end: Time) -> Option<usize> {
    let starts = cycle.iter().map(|held| held.stamped.pts);
    let ends = cycle.iter().skip(1).map(|held| held.stamped.pts).chain([end]);
    let steps: Vec<Time> = starts.zip(ends).map(|(a, b)| b - a).collect();
    let (shortest, longest) = (*steps.iter().min()?, *steps.iter().max()?);
    if longest > shortest.scaled(UNEVEN.0, UNEVEN.1) {
        return None;
    }
    let mut order: Vec<usize> = (0..cycle.len()).collect();
    order.sort_by(|&a, &b| cycle[a].difference.total_cmp(&cycle[b].difference));
    let (&least, &next) = (order.first()?, order.get(1)?);
    let clear = cycle[least].difference <= 1.0
        || (cycle[least].difference.is_finite()
            && cycle[least].difference * CONTRAST <= cycle[next].difference);
    clear.then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat, Rate, Samples};

    fn picture(k: u8) -> Arc<Frame> {
        let plane = Samples::U8((0..64 * 48).map(|i| ((i * (k as usize + 3)) % 251) as u8).collect());
        Arc::new(Frame::new(PixelFormat::GRAY8, 64, 48, vec![plane], ColorDescription::default()).unwrap())
    }

    fn run(pictures: &[u8], time: impl Fn(i64) -> Time) -> Vec<(u8, Time)> {
        let all: Vec<Arc<Frame>> = (0..=u8::MAX).map(picture).collect();
        let mut decimate = Decimate::new();
        let mut out = Vec::new();
        for (i, &k) in pictures.iter().enumerate() {
            let frame = Arc::clone(&all[usize::from(k)]);
            out.extend(decimate.push(Stamped { frame, pts: time(i as i64), duration: None }));
        }
        out.extend(decimate.finish());
        let number = |frame: &Arc<Frame>| all.iter().position(|p| Arc::ptr_eq(p, frame)).unwrap() as u8;
        out.iter().map(|s| (number(&s.frame), s.pts)).collect()
    }

    #[test]
    fn film_gets_its_times_back_wherever_the_repeat_lies() {
        let video: Rate = "29.97".parse().unwrap();
        let film: Rate = "23.976".parse().unwrap();
        for phase in 1..5 {
            // Twenty frames of film; every fourth is shown twice.
            let shown: Vec<u8> = (phase..25 + phase).map(|i: u8| i - i / 5).collect();
            let out = run(&shown, |i| video.time_of(i));
            assert_eq!(out.len(), 20, "phase {phase}: {out:?}");
            for (k, (_, pts)) in out.iter().enumerate() {
                assert_eq!(*pts, film.time_of(k as i64));
            }
            assert!(out.windows(2).all(|w| w[1].0 == w[0].0 + 1), "each once: {out:?}");
        }
    }

    #[test]
    fn video_in_between_and_gaps_stay() {
        let at = |i| Time::new(i, 30);
        let video: Vec<u8> = (0..15).collect();
        let out = run(&video, at);
        assert_eq!(out, (0..15).map(|k| (k, at(i64::from(k)))).collect::<Vec<_>>());
        // A frame is missing in the first cycle.
        let out = run(&[0, 1, 1, 2, 3, 4, 5, 5, 6, 7], |i| at(i + i64::from(i > 2)));
        assert_eq!(out.len(), 9);
        assert_eq!(out[4].1, at(5));
        assert_eq!(run(&[0, 1, 1], at).len(), 3, "less than a cycle");
    }
}
