use std::fmt;
use std::str::FromStr;

use num_integer::Integer;

use crate::{FrameError, Time, TimeBase};

/// The highest rate taken, in frames a second.
const MAX_FPS: u64 = 100_000;

/// Frames a second, as a reduced fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    num: u32,
    den: u32,
}

impl Rate {
    /// `num/den` frames a second.
    ///
    /// # Errors
    /// [`FrameError::Rate`] when a part is zero or negative, does not fit 31 bits when reduced, or the rate is above
    /// 100,000.
    pub fn new(num: i64, den: i64) -> Result<Self, FrameError> {
        let bad = || FrameError::Rate(format!("{num}/{den}"));
        if num <= 0 || den <= 0 {
            return Err(bad());
        }
        let g = num.gcd(&den);
        let fit = |v: i64| u32::try_from(v / g).ok().filter(|&v| v <= i32::MAX as u32).ok_or_else(bad);
        let rate = Self { num: fit(num)?, den: fit(den)? };
        if u64::from(rate.num) > MAX_FPS * u64::from(rate.den) { Err(bad()) } else { Ok(rate) }
    }

    /// Numerator of frames a second.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Denominator of frames a second.
    pub fn den(self) -> u32 {
        self.den
    }

    /// The length of one frame.
    pub fn period(self) -> Time {
        Time::new(self.den.into(), self.num.into())
    }

    /// The instant of frame `index`, counted from 0 at time zero.
    pub fn time_of(self, index: i64) -> Time {
        self.period().scaled(index, 1)
    }

    /// The time base in which every frame is one tick; `None` where it does not fit 31 bits.
    pub fn time_base(self) -> Option<TimeBase> {
        TimeBase::new(self.den.into(), self.num.into()).ok()
    }

    /// This rate times `num/den`.
    ///
    /// # Errors
    /// [`FrameError::Rate`] when the product is out of range.
    pub fn scaled(self, num: u32, den: u32) -> Result<Self, FrameError> {
        let (n, d) = (u64::from(self.num) * u64::from(num), u64::from(self.den) * u64::from(den));
        let g = n.gcd(&d).max(1);
        let bad = || FrameError::Rate(format!("{n}/{d}"));
        Self::new(i64::try_from(n / g).map_err(|_| bad())?, i64::try_from(d / g).map_err(|_| bad())?)
    }

    /// Frames a second as floating point, for people only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

impl FromStr for Rate {
    type Err = FrameError;

    /// Reads `60`, `60000/1001` or a decimal. A decimal that is how an NTSC rate is commonly written, cut or rounded
    /// to two or more places (23.976, 23.98, 29.97, 59.94, 119.88), means that rate: N·1000/1001. Any other decimal
    /// is taken exactly.
    fn from_str(text: &str) -> Result<Self, FrameError> {
        let bad = || FrameError::Rate(text.to_owned());
        let whole = |s: &str| {
            // Eight digits: 24 bits and a bit, see `Time`.
            let plain = !s.is_empty() && s.len() <= 8 && s.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| s.parse::<i64>().ok()).flatten().ok_or_else(bad)
        };
        let text = text.trim();
        if let Some((num, den)) = text.split_once(['/', ':']) {
            return Self::new(whole(num.trim())?, whole(den.trim())?).map_err(|_| bad());
        }
        let Some((int, frac)) = text.split_once('.') else {
            return Self::new(whole(text)?, 1).map_err(|_| bad());
        };
        let places = u32::try_from(frac.len()).map_err(|_| bad())?;
        if places > 6 {
            return Err(bad());
        }
        let unit = 10_i64.pow(places);
        let value = whole(int)?
            .checked_mul(unit)
            .and_then(|v| v.checked_add(if frac.is_empty() { 0 } else { whole(frac).ok()? }))
            .ok_or_else(bad)?;
        if (2..=6).contains(&places) {
            // The integer rate just above, slowed by 1000/1001, printed with as many places.
            let nominal = value / unit + 1;
            let exact = i128::from(nominal) * 1000 * i128::from(unit);
            let (cut, rounded) = (exact.div_euclid(1001), (exact + 500).div_euclid(1001));
            if value % unit != 0 && (i128::from(value) == cut || i128::from(value) == rounded) {
                return Self::new(nominal * 1000, 1001).map_err(|_| bad());
            }
        }
        Self::new(value, unit).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(s: &str) -> (u32, u32) {
        let r: Rate = s.parse().unwrap();
        (r.num(), r.den())
    }

    #[test]
    fn the_usual_ways_to_write_a_rate() {
        assert_eq!(rate("60"), (60, 1));
        assert_eq!(rate("60000/1001"), (60000, 1001));
        assert_eq!(rate("50/2"), (25, 1));
        assert_eq!(rate("12.5"), (25, 2));
        assert_eq!(rate("25.00"), (25, 1));
        assert_eq!(rate("0.1"), (1, 10));
        assert_eq!(rate("30."), (30, 1));
    }

    #[test]
    fn ntsc_decimals_mean_ntsc() {
        for s in ["23.976", "23.98", "23.97", "23.976024", "23.9760"] {
            assert_eq!(rate(s), (24000, 1001), "{s}");
        }
        assert_eq!(rate("29.97"), (30000, 1001));
        assert_eq!(rate("59.94"), (60000, 1001));
        assert_eq!(rate("119.88"), (120_000, 1001));
        assert_eq!(rate("47.952"), (48000, 1001));
        // Not an NTSC rate: taken at its word.
        assert_eq!(rate("23.95"), (479, 20));
        assert_eq!(rate("29.9"), (299, 10));
    }

    #[test]
    fn nonsense_is_refused() {
        for s in [
            "",
            "0",
            "-5",
            "1/0",
            "0/5",
            "a",
            "1e3",
            "60fps",
            "inf",
            "99999999999",
            "1.1234567",
            "/",
            "100001",
        ] {
            assert!(s.parse::<Rate>().is_err(), "{s}");
        }
    }
}
