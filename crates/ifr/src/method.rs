use std::fmt;

use ifr_frame::{BisectDepth, Dyadic};
use ifr_net::{Cost, Ratio};

/// Which instants between two frames are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Any that is asked for.
    Any,
    /// Middles of middles: the nearest instant that so many halvings reach.
    Bisected(BisectDepth),
}

impl Times {
    /// The instant that is made where `t`, in (0, 1), is asked for.
    pub fn made_for(self, t: f32) -> f32 {
        match self {
            Self::Any => t,
            Self::Bisected(depth) => Dyadic::nearest(t, depth).value(),
        }
    }
}

/// How an [`Interpolator`](crate::Interpolator) makes frames of one size; [`Display`](fmt::Display) names model and scales.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    /// The model's name and, in brackets, its file.
    pub model: String,
    /// CRC-32 of the network's parameters; `None`: the model is no network.
    pub weights: Option<u32>,
    /// The scale at which a network finds motion; `None`: the model is no network.
    pub flow_scale: Option<Ratio>,
    /// The scale of its refiner; `None`: it has none.
    pub refine_scale: Option<Ratio>,
    /// Which instants are made.
    pub times: Times,
    /// How many runs each frame is the mean of: 1, or 8 where it is averaged over mirrored and time-reversed pairs.
    pub passes: u32,
    /// What one run of the network costs on a pair of such frames; `None`: the model is no network.
    pub cost: Option<Cost>,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.model)?;
        if let Some(scale) = self.flow_scale {
            write!(f, ", flow scale {scale}")?;
        }
        if let Some(scale) = self.refine_scale {
            write!(f, ", refiner's scale {scale}")?;
        }
        if self.passes > 1 {
            write!(f, ", the mean of {} runs", self.passes)?;
        }
        Ok(())
    }
}
