use std::collections::BTreeSet;
use std::str::FromStr;

use ifr_frame::Time;
use thiserror::Error;

/// The longest list taken; a cut at every frame of ten hours of 60 fps video.
const MAX_CUTS: usize = 2_160_000;

/// Cuts given by the user: the first frames of new shots, by number or by time.
///
/// A text, one cut a line: a frame number counted from 0 (`260`), or a time in seconds with a point or in
/// `[hours:]minutes:seconds` (`10.4`, `1:02:03.5`). Empty lines and everything after `#` are ignored. A time means
/// the first frame at or after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CutList {
    frames: BTreeSet<u64>,
    times: BTreeSet<Time>,
}

/// A line that is no cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CutListError {
    /// Neither a number nor a time.
    #[error(
        "line {line} of the cut list: found '{found}', expected a frame number (260) or a time (10.4, 1:02:03.5)"
    )]
    Line {
        /// Line number, from 1.
        line: usize,
        /// The line, shortened.
        found: String,
    },
    /// Far too many lines.
    #[error("the cut list holds more than {MAX_CUTS} cuts: is this the right file?")]
    TooMany,
}

impl FromStr for CutList {
    type Err = CutListError;

    fn from_str(text: &str) -> Result<Self, CutListError> {
        let mut list = Self::default();
        for (number, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let bad = || CutListError::Line { line: number + 1, found: entry.chars().take(40).collect() };
            if entry.contains(['.', ':']) {
                list.times.insert(entry.parse().map_err(|_| bad())?);
            } else {
                list.frames.insert(entry.parse().map_err(|_| bad())?);
            }
            if list.frames.len() + list.times.len() > MAX_CUTS {
                return Err(CutListError::TooMany);
            }
        }
        Ok(list)
    }
}

impl CutList {
    /// Whether a shot starts at frame `index`, at time `pts` after the start of the video, where the frame before is
    /// at `previous`.
    pub fn starts(&self, index: u64, pts: Time, previous: Time) -> bool {
        let after = (std::ops::Bound::Excluded(previous), std::ops::Bound::Included(pts));
        self.frames.contains(&index) || (previous < pts && self.times.range(after).next().is_some())
    }

    /// Number of cuts.
    pub fn len(&self) -> usize {
        self.frames.len() + self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_comments() {
        let list: CutList = "# shots\n18\n 10.4 # a time\n\n1:02:03.5\n".parse().unwrap();
        assert_eq!(list.len(), 3);
        let ms = |n| Time::new(n, 1000);
        assert!(list.starts(18, ms(720), ms(680)));
        assert!(!list.starts(17, ms(680), ms(640)));
        assert!(list.starts(260, ms(10_400), ms(10_360)), "at the time");
        assert!(list.starts(260, ms(10_410), ms(10_370)), "first frame after it");
        assert!(!list.starts(261, ms(10_450), ms(10_410)), "only the first");
        assert!(list.starts(9, ms(3_723_500), ms(3_723_460)));
    }

    #[test]
    fn nonsense_is_named() {
        let e = "18\nhello".parse::<CutList>().unwrap_err();
        assert_eq!(
            e.to_string(),
            "line 2 of the cut list: found 'hello', expected a frame number (260) or a time (10.4, 1:02:03.5)"
        );
        for bad in ["-4", "1:2:3:4", "1:", ":", ".", "1.2.3", "1e5", "99999999999999999999"] {
            assert!(bad.parse::<CutList>().is_err(), "{bad}");
        }
    }

    /// What `fuzz/fuzz_targets/cut_list.rs` does with mutations of its own.
    #[test]
    fn mutations_neither_panic_nor_swell() {
        let seed = "# shots\n18\n 10.4 # a time\n\n1:02:03.5\n260\n999999999:59.999999999\n";
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        let letters = ['0', '1', '9', '.', ':', '#', '\n', ' ', '-', 'e', 'ä'];
        let mut read = 0;
        for _ in 0..20_000 {
            let mut text: Vec<char> = seed.chars().collect();
            for _ in 0..1 + below(4) {
                let (at, letter) = (below(text.len()), letters[below(letters.len())]);
                match below(4) {
                    0 => text[at] = letter,
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, letter),
                }
            }
            let text: String = text.into_iter().collect();
            match text.parse::<CutList>() {
                Ok(list) => {
                    assert!(list.len() <= text.lines().count());
                    read += 1;
                }
                Err(error) => assert!(error.to_string().len() < 300, "{error}"),
            }
        }
        assert!(read > 1000, "{read} mutations could still be read");
    }
}
