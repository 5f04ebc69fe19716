use std::fmt;

use ifr_net::Ratio;

/// A scale at which a part of a network works, relative to the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scale {
    /// What suits the network and the size of the frames: see [`Network::scales_for`](ifr_net::Network::scales_for).
    #[default]
    Auto,
    /// This one whatever the size.
    Fixed(Ratio),
}

impl Scale {
    /// The ratio, where `auto` is the one that suits.
    pub fn or(self, auto: Ratio) -> Ratio {
        match self {
            Self::Auto => auto,
            Self::Fixed(ratio) => ratio,
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(ratio) => ratio.fmt(f),
        }
    }
}
