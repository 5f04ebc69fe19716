use std::fmt;
use std::str::FromStr;

use super::GraphError;

/// An exact positive ratio in lowest terms, such as 1/16 or 4/5: how large a map is beside the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    num: u32,
    den: u32,
}

impl Ratio {
    /// 1.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num`/`den`, reduced.
    ///
    /// # Errors
    /// [`GraphError::Ratio`] when a part is zero or, once reduced, above 65536.
    pub fn new(num: u32, den: u32) -> Result<Self, GraphError> {
        let divisor = gcd(num, den).max(1);
        let ratio = Self { num: num / divisor, den: den / divisor };
        if num == 0 || den == 0 || ratio.num > 1 << 16 || ratio.den > 1 << 16 {
            return Err(GraphError::Ratio(format!("{num}/{den}")));
        }
        Ok(ratio)
    }

    /// The numerator, at least 1.
    pub fn num(self) -> u32 {
        self.num
    }

    /// The denominator, at least 1.
    pub fn den(self) -> u32 {
        self.den
    }

    /// The ratio as a number.
    pub fn value(self) -> f32 {
        self.num as f32 / self.den as f32
    }

    /// Half of 1, 1/2, 1/4, …: ratios that need no reducing.
    pub(crate) const fn halved(self) -> Self {
        Self { num: self.num, den: 2 * self.den }
    }

    /// 1 over the ratio.
    pub fn inverse(self) -> Self {
        Self { num: self.den, den: self.num }
    }

    /// This ratio times `num`/`den`.
    ///
    /// # Errors
    /// [`GraphError::Ratio`] when the product has no small terms.
    pub fn times(self, num: u32, den: u32) -> Result<Self, GraphError> {
        let wide = (u64::from(self.num) * u64::from(num), u64::from(self.den) * u64::from(den));
        match (u32::try_from(wide.0), u32::try_from(wide.1)) {
            (Ok(n), Ok(d)) => Self::new(n, d),
            _ => Err(GraphError::Ratio(format!("{}/{}", wide.0, wide.1))),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.den == 1 { write!(f, "{}", self.num) } else { write!(f, "{}/{}", self.num, self.den) }
    }
}

/// Reads `1`, `0.25` or `4/5`.
impl FromStr for Ratio {
    type Err = GraphError;

    fn from_str(text: &str) -> Result<Self, GraphError> {
        let bad = || GraphError::Ratio(text.to_owned());
        let text = text.trim();
        if let Some((num, den)) = text.split_once('/') {
            return Self::new(num.parse().map_err(|_| bad())?, den.parse().map_err(|_| bad())?);
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if decimals.len() > 6 || !whole.bytes().chain(decimals.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let num = format!("{whole}{decimals}").parse().map_err(|_| bad())?;
        Self::new(num, 10_u32.pow(decimals.len() as u32))
    }
}

/// The size of a tensor, as far as a graph knows it before it has seen an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// A map whose width and height are the input's times this ratio, without remainder.
    Map(Ratio),
    /// One pixel whatever the input's size: means, the timestep.
    Point,
}

impl Extent {
    /// The size of the input itself.
    pub const FULL: Self = Self::Map(Ratio::ONE);

    /// Width and height in pixels for an input of `width` × `height`, which must be a multiple of
    /// [`Graph::multiple`](crate::Graph::multiple).
    pub fn size(self, width: usize, height: usize) -> (usize, usize) {
        match self {
            Self::Point => (1, 1),
            Self::Map(r) => {
                let at = |n: usize| n * r.num as usize / r.den as usize;
                (at(width), at(height))
            }
        }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(ratio) => write!(f, "{ratio}"),
            Self::Point => f.write_str("point"),
        }
    }
}

pub(super) fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_reduced_and_read() {
        assert_eq!(Ratio::new(4, 64).unwrap(), Ratio::new(1, 16).unwrap());
        assert_eq!("0.8".parse::<Ratio>().unwrap(), Ratio::new(4, 5).unwrap());
        assert_eq!("1".parse::<Ratio>().unwrap(), Ratio::ONE);
        assert_eq!(" 3/4".parse::<Ratio>().unwrap().value(), 0.75);
        for bad in ["", "0", "0.0", "-1", "1/0", "a", "1e3", "0.12345678", "1/", "99999999999", "1/3/4"] {
            assert!(bad.parse::<Ratio>().is_err(), "{bad}");
        }
    }

    #[test]
    fn extents_scale_sizes() {
        let sixteenth = Extent::Map(Ratio::new(1, 16).unwrap());
        assert_eq!(sixteenth.size(448, 256), (28, 16));
        assert_eq!(Extent::Point.size(448, 256), (1, 1));
        assert!(Ratio::new(1, 60_000).unwrap().times(1, 7).is_err());
    }
}
