//! Options of time: rates, the part that is taken, fields and repeats.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use ifr::frame::{Rate, Time};
use ifr::job::{Speed, Stretch};
use ifr::video::{Fields, Position, Range};

use super::Failure;

/// A rate, or a multiple of the input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fps {
    Rate(Rate),
    Times(Stretch),
}

impl Fps {
    pub(crate) fn speed(self) -> Speed {
        match self {
            Self::Rate(rate) => Speed::Rate(rate),
            Self::Times(times) => match times.parts() {
                (n, 1) => Speed::Factor(n),
                _ => Speed::Times(times),
            },
        }
    }
}

impl FromStr for Fps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix(['x', 'X']) {
            Some(times) => times.parse().map(Self::Times).map_err(|_| {
                format!("'{text}' is no multiple: give one above 1x and at most 16x (2x, 2.5x or 5/2x)")
            }),
            None => text.parse().map(Self::Rate).map_err(|e: ifr::frame::FrameError| e.to_string()),
        }
    }
}

/// `48`, the first frames; `100-147`, frames by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frames {
    First(u64),
    Numbers(u64, u64),
}

impl FromStr for Frames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "found '{text}', expected a number of frames (48) or the first and last, counted from 0 (100-147)"
            )
        };
        let number = |s: &str| s.parse::<u64>().map_err(|_| bad());
        match text.split_once('-') {
            None => number(text).and_then(|n| if n > 0 { Ok(Self::First(n)) } else { Err(bad()) }),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first <= last { Ok(Self::Numbers(first, last)) } else { Err(bad()) }
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TimingArgs {
    /// Begin at this time, counted from the first frame: 90, 1:30 or 0:01:30.5. Sound, subtitles and chapters are cut
    /// alike.
    #[arg(long, value_name = "TIME")]
    start: Option<Time>,

    /// End at this time, likewise counted from the first frame of the input.
    #[arg(long, value_name = "TIME")]
    end: Option<Time>,

    /// Take so many of the input's frames (48), or those of these numbers (100-147, counted from 0).
    #[arg(long, value_name = "N|A-B")]
    frames: Option<Frames>,

    /// What becomes of interlaced video.
    #[arg(long, value_enum, default_value_t = Deinterlace::Auto, value_name = "WHICH")]
    deinterlace: Deinterlace,

    /// Make film again of film at 29.97 or 30 frames a second (telecine): fields are matched, repeats left out.
    #[arg(long, conflicts_with = "deinterlace")]
    pub(crate) decimate: bool,

    /// Leave out repeated frames (animation on twos and threes, screen recordings): each picture keeps the time at which it
    /// first shows.
    #[arg(long)]
    pub(crate) dedupe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deinterlace {
    /// Two pictures of each that is marked as interlaced, one for each field.
    Auto,
    /// Two pictures of each, marked or not.
    On,
    /// One picture of each, at half the motion that was recorded.
    Half,
    /// Pictures are taken as they are.
    Off,
}

impl TimingArgs {
    pub(crate) fn fields(&self) -> Fields {
        match self.deinterlace {
            Deinterlace::Auto => Fields::Auto,
            Deinterlace::On => Fields::Double,
            Deinterlace::Half => Fields::Merge,
            Deinterlace::Off => Fields::Keep,
        }
    }

    pub(crate) fn range(&self) -> Result<Range, Failure> {
        let start = self.start.unwrap_or(Time::ZERO);
        if self.end.is_some_and(|end| end <= start) {
            return Err(Failure::usage(
                "--end must be later than --start: both count from the input's first frame",
            ));
        }
        let (position, frames) = match self.frames {
            None => (Position::Time(start), None),
            Some(Frames::First(n)) => (Position::Time(start), Some(n)),
            Some(Frames::Numbers(..)) if self.start.is_some() || self.end.is_some() => {
                return Err(Failure::usage(
                    "--frames A-B says where to begin and end: leave --start and --end out, or give --frames N",
                ));
            }
            Some(Frames::Numbers(first, last)) => (Position::Frame(first), Some(last - first + 1)),
        };
        Ok(Range { start: position, end: self.end, frames })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_multiples() {
        let speed = |text: &str| text.parse::<Fps>().map(Fps::speed);
        assert_eq!(speed("60000/1001"), Ok(Speed::Rate("59.94".parse().unwrap())));
        assert_eq!(speed("2x"), Ok(Speed::Factor(2)));
        assert_eq!(speed("2.5x"), Ok(Speed::Times("5/2".parse().unwrap())));
        for bad in ["x", "1x", "17x", "-2x", "0", "fast"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn frames_by_number() {
        assert_eq!("48".parse(), Ok(Frames::First(48)));
        assert_eq!("100-147".parse(), Ok(Frames::Numbers(100, 147)));
        for bad in ["0", "", "-", "5-", "-5", "7-3", "1.5"] {
            assert!(bad.parse::<Frames>().is_err(), "{bad}");
        }
    }
}
