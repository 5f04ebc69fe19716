//! How much memory there is to work in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How much memory the process may take: as much as it likes, or so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MemoryLimit {
    /// What makes frames fastest.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(u64),
}

/// Text that is no [`MemoryLimit`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("found '{0}', expected auto, or a number of bytes with k, M or G behind it, such as 2G or 1.5G")]
pub struct MemoryLimitError(String);

impl FromStr for MemoryLimit {
    type Err = MemoryLimitError;

    /// `auto`, or a number of bytes; with `k`, `M` or `G` behind it (and `B` or `iB` behind that) of 1024, 1024² or 1024³ bytes.
    fn from_str(text: &str) -> Result<Self, MemoryLimitError> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        let fault = || MemoryLimitError(text.to_owned());
        let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let shift = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            _ => return Err(fault()),
        };
        let number: f64 = number.trim().parse().map_err(|_| fault())?;
        let bytes = number * f64::from(1_u32 << shift);
        // Beyond 2⁵³ bytes doubles are no longer exact, and machines not that large.
        if number.is_sign_negative() || !(1.0..=9e15).contains(&bytes) {
            return Err(fault());
        }
        Ok(Self::Bytes(bytes as u64))
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Bytes(bytes) => write!(f, "{}", Mebibytes(*bytes)),
        }
    }
}

/// Bytes, told in MiB, rounded up.
pub(crate) struct Mebibytes(pub(crate) u64);

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        let of = |text: &str| text.parse::<MemoryLimit>();
        for (text, bytes) in [
            ("2G", 2 << 30),
            ("1.5g", 3 << 29),
            ("512M", 512 << 20),
            ("700k", 700 << 10),
            ("4096", 4096),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(of(text), Ok(MemoryLimit::Bytes(bytes)), "{text}");
        }
        assert_eq!(of("auto"), Ok(MemoryLimit::Auto));
        for bad in ["", "G", "-1G", "0", "2T", "nan", "inf", "1e30G", "2 gigs"] {
            assert!(
                of(bad).is_err_and(|e| e.to_string().contains("expected auto, or a number of bytes")),
                "{bad}"
            );
        }
        assert_eq!(of("1.5G").unwrap().to_string(), "1536 MiB");
    }
}
