use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use ifr_frame::Rate;
use ifr_timeline::Grid;
use num_integer::Integer;
use thiserror::Error;

/// The largest factor, and the longest stretch.
const MOST: u32 = 16;

/// How many times longer the output lasts, as a reduced fraction of at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    num: u32,
    den: u32,
}

impl Stretch {
    /// As long as the source.
    pub const NONE: Self = Self { num: 1, den: 1 };

    /// `num/den` times longer.
    ///
    /// # Errors
    /// [`SpeedError::Stretch`] unless above 1 and at most 16, with a denominator up to 1000.
    pub fn new(num: u32, den: u32) -> Result<Self, SpeedError> {
        let bad = || SpeedError::Stretch(format!("{num}/{den}"));
        if den == 0 || num <= den || u64::from(num) > u64::from(MOST) * u64::from(den) || den > 1000 {
            return Err(bad());
        }
        let g = num.gcd(&den);
        Ok(Self { num: num / g, den: den / g })
    }

    /// Numerator and denominator.
    pub fn parts(self) -> (u32, u32) {
        (self.num, self.den)
    }

    fn whole(self) -> Option<NonZeroU32> {
        if self.den == 1 { NonZeroU32::new(self.num) } else { None }
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

impl FromStr for Stretch {
    type Err = SpeedError;

    /// Reads `4`, `2.5` or `5/2`.
    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let bad = || SpeedError::Stretch(text.to_owned());
        let whole = |s: &str| {
            let plain = !s.is_empty() && s.len() <= 7 && s.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| s.parse::<u32>().ok()).flatten().ok_or_else(bad)
        };
        let (num, den) = if let Some((num, den)) = text.split_once('/') {
            (whole(num)?, whole(den)?)
        } else if let Some((int, frac)) = text.split_once('.') {
            let unit = 10_u32.pow(u32::try_from(frac.len().min(4)).map_err(|_| bad())?);
            if frac.len() > 3 {
                return Err(bad());
            }
            (whole(int)?.checked_mul(unit).ok_or_else(bad)? + whole(frac)?, unit)
        } else {
            (whole(text)?, 1)
        };
        Self::new(num, den).map_err(|_| bad())
    }
}

/// What the output's frames and times are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// N times as many frames in the same time, 2 to 16.
    Factor(u32),
    /// The source's nominal rate times this, constant, in the same time.
    Times(Stretch),
    /// A constant frame rate, in the same time.
    Rate(Rate),
    /// Slow motion: the output lasts longer, at the source's rate or at the one given.
    Slow {
        /// How many times longer.
        stretch: Stretch,
        /// The output's rate; the source's if `None`.
        rate: Option<Rate>,
    },
}

/// A speed that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpeedError {
    /// A factor out of range.
    #[error("a factor of {0} is not possible: 2 to 16 are")]
    Factor(u32),
    /// A stretch out of range, or no number.
    #[error("'{0}' is no slow-motion factor: give a number above 1 and at most 16 (4, 2.5 or 5/2)")]
    Stretch(String),
    /// A multiple of a nominal rate that there is not.
    #[error(
        "{0} times the source's rate needs one, and this video states none: give a rate, for example --fps 60"
    )]
    NoRateToMultiply(Stretch),
    /// The multiple is beyond the highest rate.
    #[error("{0} times the source's {1} frames a second is more than can be: 100000 are the most")]
    TooFast(Stretch, Rate),
    /// A fractional stretch of a video without a nominal rate.
    #[error("slowing down by {0} needs an output rate, for this video states none: add --fps")]
    NoRate(Stretch),
}

impl Speed {
    /// The grid of output times and the stretch of time, for a source of the given nominal rate.
    ///
    /// # Errors
    /// [`SpeedError`] when a factor is out of range, or the source's rate is needed and not known.
    pub fn grid(self, source: Option<Rate>) -> Result<(Grid, Stretch), SpeedError> {
        match self {
            Self::Factor(n @ 2..=MOST) => {
                let parts = NonZeroU32::new(n).ok_or(SpeedError::Factor(n))?;
                Ok((Grid::Divide(parts), Stretch::NONE))
            }
            Self::Factor(n) => Err(SpeedError::Factor(n)),
            Self::Times(times) => match (times.whole(), source) {
                // Divides each interval: no rate is needed, and a variable one stays so.
                (Some(parts), _) => Self::Factor(parts.get()).grid(source),
                (None, None) => Err(SpeedError::NoRateToMultiply(times)),
                (None, Some(rate)) => {
                    let (num, den) = times.parts();
                    let rate = rate.scaled(num, den).map_err(|_| SpeedError::TooFast(times, rate))?;
                    Ok((Grid::Rate(rate), Stretch::NONE))
                }
            },
            Self::Rate(rate) => Ok((Grid::Rate(rate), Stretch::NONE)),
            Self::Slow { stretch, rate: Some(rate) } => Ok((Grid::Rate(rate), stretch)),
            Self::Slow { stretch, rate: None } => match (stretch.whole(), source) {
                (Some(parts), _) => Ok((Grid::Divide(parts), stretch)),
                (None, Some(rate)) => Ok((Grid::Rate(rate), stretch)),
                (None, None) => Err(SpeedError::NoRate(stretch)),
            },
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(n) => write!(f, "{n} times as many frames"),
            Self::Times(times) => write!(f, "{times} times as many frames"),
            Self::Rate(rate) => write!(f, "{rate} frames a second"),
            Self::Slow { stretch, rate: None } => write!(f, "{stretch} times slower"),
            Self::Slow { stretch, rate: Some(rate) } => {
                write!(f, "{stretch} times slower at {rate} frames a second")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_read() {
        assert_eq!("4".parse::<Stretch>().unwrap().parts(), (4, 1));
        assert_eq!("2.5".parse::<Stretch>().unwrap().parts(), (5, 2));
        assert_eq!("10/4".parse::<Stretch>().unwrap().parts(), (5, 2));
        for bad in ["1", "0", "17", "-2", "x", "1/0", "0.5", "2.12345", "", "2.", "99999999"] {
            assert!(bad.parse::<Stretch>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slow_motion_keeps_the_rate() {
        let slow = |text: &str| Speed::Slow { stretch: text.parse().unwrap(), rate: None };
        let film = Rate::new(24, 1).unwrap();
        assert_eq!(slow("4").grid(None).unwrap().0, Grid::Divide(NonZeroU32::new(4).unwrap()));
        assert_eq!(slow("2.5").grid(Some(film)).unwrap().0, Grid::Rate(film));
        assert!(slow("2.5").grid(None).is_err());
        let times = |text: &str| Speed::Times(text.parse().unwrap());
        assert_eq!(times("2").grid(None).unwrap().0, Grid::Divide(NonZeroU32::new(2).unwrap()));
        assert_eq!(
            times("2.5").grid(Some(film)).unwrap(),
            (Grid::Rate(Rate::new(60, 1).unwrap()), Stretch::NONE)
        );
        assert_eq!(times("2.5").grid(None), Err(SpeedError::NoRateToMultiply("5/2".parse().unwrap())));
        assert_eq!(Speed::Factor(17).grid(None), Err(SpeedError::Factor(17)));
        assert_eq!(Speed::Factor(1).grid(None), Err(SpeedError::Factor(1)));
    }
}
