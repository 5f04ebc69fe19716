use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use num_integer::Integer;
use num_rational::Ratio;

use crate::FrameError;

/// Seconds a tick: the unit in which a stream counts its timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeBase {
    num: u32,
    den: u32,
}

impl TimeBase {
    /// Milliseconds, Matroska's usual time base.
    pub const MILLIS: Self = Self { num: 1, den: 1000 };
    /// 90 kHz, MPEG's time base.
    pub const MPEG: Self = Self { num: 1, den: 90_000 };

    /// A time base of `num/den` seconds a tick, reduced.
    ///
    /// # Errors
    /// [`FrameError::TimeBase`] unless both parts are positive and fit 31 bits.
    pub fn new(num: i64, den: i64) -> Result<Self, FrameError> {
        let bad = FrameError::TimeBase { num, den };
        if num <= 0 || den <= 0 {
            return Err(bad);
        }
        let g = num.gcd(&den);
        let fit = |v: i64| u32::try_from(v / g).ok().filter(|&v| v <= i32::MAX as u32);
        match (fit(num), fit(den)) {
            (Some(num), Some(den)) => Ok(Self { num, den }),
            _ => Err(bad),
        }
    }

    /// Numerator of seconds a tick.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Denominator of seconds a tick.
    pub fn den(self) -> u32 {
        self.den
    }

    /// The length of one tick.
    pub fn tick(self) -> Time {
        Time::new(self.num.into(), self.den.into())
    }

    /// Whether `time` falls on a tick exactly.
    pub fn holds(self, time: Time) -> bool {
        (time.0 / Ratio::new(i128::from(self.num), i128::from(self.den))).is_integer()
    }
}

impl fmt::Display for TimeBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// An exact instant or duration in seconds.
///
/// The parts are 128-bit. Timestamps are limited to ±2^32 s on entry ([`Time::from_pts`]), and every denominator of one run
/// divides the product of the time base's (31 bits), a nominal rate's (20), the output rate's (24), the factor (4) and a
/// stretch's (10) and two halvings: 91 bits. Sums stay below 2^127 and cannot overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Ratio<i128>);

impl Time {
    /// Zero seconds.
    pub const ZERO: Self = Self(Ratio::new_raw(0, 1));

    /// 60 seconds.
    pub const MINUTE: Self = Self(Ratio::new_raw(60, 1));

    /// 3600 seconds.
    pub const HOUR: Self = Self(Ratio::new_raw(3600, 1));

    /// 10 seconds.
    pub const TEN_SECONDS: Self = Self(Ratio::new_raw(10, 1));

    /// `num/den` seconds, reduced. A zero `den` counts as 1.
    pub fn new(num: i64, den: i64) -> Self {
        Self(Ratio::new(num.into(), if den == 0 { 1 } else { den.into() }))
    }

    /// The instant of timestamp `pts` in `time_base`; `None` beyond ±2^32 s (136 years), which only a broken
    /// file holds.
    pub fn from_pts(pts: i64, time_base: TimeBase) -> Option<Self> {
        let ticks = i128::from(pts) * i128::from(time_base.num);
        let limit = i128::from(time_base.den) << 32;
        (ticks.abs() <= limit).then(|| Self(Ratio::new(ticks, i128::from(time_base.den))))
    }

    /// The nearest timestamp in `time_base`, halves away from zero: the one place where a time is rounded.
    pub fn to_pts(self, time_base: TimeBase) -> i64 {
        let ticks = self.0 * Ratio::new(i128::from(time_base.den), i128::from(time_base.num));
        let rounded = ticks.round().to_integer();
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN + 1 } else { i64::MAX })
    }

    /// This time multiplied by `num/den`. A zero `den` counts as 1.
    #[must_use]
    pub fn scaled(self, num: i64, den: i64) -> Self {
        Self(self.0 * Ratio::new(i128::from(num), if den == 0 { 1 } else { i128::from(den) }))
    }

    /// The instant a share `num/den` of the way from `self` to `other`.
    #[must_use]
    pub fn lerp(self, other: Self, num: i64, den: i64) -> Self {
        self + (other - self).scaled(num, den)
    }

    /// Where `self` lies between `from` (0) and `to` (1), exactly; `None` when the two coincide.
    pub fn position(self, from: Self, to: Self) -> Option<Ratio<i128>> {
        (from != to).then(|| (self.0 - from.0) / (to.0 - from.0))
    }

    /// The exact value.
    pub fn ratio(self) -> Ratio<i128> {
        self.0
    }

    /// How many whole steps of `step` fit, rounded down. Zero when `step` is zero.
    pub fn div_floor(self, step: Self) -> i64 {
        if step == Self::ZERO {
            return 0;
        }
        let steps = (self.0 / step.0).floor().to_integer();
        i64::try_from(steps).unwrap_or(if steps < 0 { i64::MIN } else { i64::MAX })
    }

    /// The absolute value.
    #[must_use]
    pub fn abs(self) -> Self {
        if self < Self::ZERO { Self::ZERO - self } else { self }
    }

    /// Seconds as floating point, for people and progress bars only.
    pub fn as_secs_f64(self) -> f64 {
        *self.0.numer() as f64 / *self.0.denom() as f64
    }
}

impl Add for Time {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Time {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl FromStr for Time {
    type Err = FrameError;

    /// Reads seconds, or `[hours:]minutes:seconds`, with up to nine decimals: `90`, `10.4`, `1:30`, `1:02:03.5`.
    fn from_str(text: &str) -> Result<Self, FrameError> {
        let bad = || FrameError::Time(text.chars().take(40).collect());
        let digits = |s: &str| !s.is_empty() && s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit());
        let number = |s: &str| if digits(s) { s.parse::<i64>().map_err(|_| bad()) } else { Err(bad()) };
        let parts: Vec<&str> = text.split(':').collect();
        let (&seconds, larger) = parts.split_last().ok_or_else(bad)?;
        if larger.len() > 2 {
            return Err(bad());
        }
        let (int, frac) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let mut whole = 0;
        for part in larger {
            whole = whole * 60 + number(part)?;
        }
        let unit = 10_i64.pow(frac.len().min(9) as u32);
        Ok(Self::new(whole * 60 + number(int)?, 1) + Self::new(number(frac)?, unit))
    }
}

impl fmt::Display for Time {
    /// Seconds with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pts_round_trip_is_exact() {
        let tb = TimeBase::new(1001, 24000).unwrap();
        for pts in [-5, 0, 1, 172_628] {
            assert_eq!(Time::from_pts(pts, tb).unwrap().to_pts(tb), pts);
        }
    }

    #[test]
    fn rounding_is_to_nearest_and_happens_once() {
        // Two hours of 24000/1001 fps: the last frame's instant, in milliseconds.
        let t = Time::from_pts(172_627, TimeBase::new(1001, 24000).unwrap()).unwrap();
        assert_eq!(t, Time::new(172_627 * 1001, 24000));
        assert_eq!(t.to_pts(TimeBase::MILLIS), 7_199_984); // 7199.98445...
        assert_eq!(Time::new(1, 2000).to_pts(TimeBase::MILLIS), 1);
        assert_eq!(Time::new(-1, 2000).to_pts(TimeBase::MILLIS), -1);
    }

    #[test]
    fn absurd_timestamps_are_refused() {
        assert_eq!(Time::from_pts(i64::MAX, TimeBase::new(1, 1).unwrap()), None);
        assert!(TimeBase::new(0, 1).is_err() && TimeBase::new(1, -3).is_err());
        assert!(TimeBase::new(1, 1 << 40).is_err());
    }

    #[test]
    fn times_are_read_exactly() {
        let read = |text: &str| text.parse::<Time>().unwrap();
        assert_eq!(read("90"), Time::new(90, 1));
        assert_eq!(read("1:30"), Time::new(90, 1));
        assert_eq!(read("1:02:03.5"), Time::new(7447, 2));
        assert_eq!(read("0.041708333"), Time::new(41_708_333, 1_000_000_000));
        for bad in ["", "-1", "x", "1:", ":1", "1:2:3:4", "1.", ".5", "1e3", "1.0000000001", "9999999999"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn lerp_and_position_are_inverse() {
        let (a, b) = (Time::new(1, 3), Time::new(5, 7));
        let t = a.lerp(b, 2, 5);
        assert_eq!(t.position(a, b), Some(Ratio::new(2, 5)));
        assert_eq!(a.position(a, a), None);
    }
}
