use std::fmt;
use std::str::FromStr;

use ifr_flow::Quality;
use thiserror::Error;

/// A method that makes in-between frames.
///
/// [`Model::default`] is the best one that needs no file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Flow(Quality),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Flow(Quality::Standard)
    }
}

/// Names of the embedded models, best first.
pub(crate) const EMBEDDED: [&str; 2] = ["flow", "flow-fast"];

impl Model {
    /// Classical optical flow, best quality: `flow`.
    pub fn flow() -> Self {
        Self { kind: Kind::Flow(Quality::Standard) }
    }

    /// Classical optical flow, several times faster and a little softer: `flow-fast`.
    pub fn flow_fast() -> Self {
        Self { kind: Kind::Flow(Quality::Fast) }
    }

    /// The names of the models that need no file, best first.
    pub fn embedded() -> &'static [&'static str] {
        &EMBEDDED
    }
}

/// No such model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no model: the embedded ones are {all}", all = EMBEDDED.join(", "))]
pub struct ModelError(String);

impl FromStr for Model {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        match name {
            "flow" => Ok(Self::flow()),
            "flow-fast" => Ok(Self::flow_fast()),
            _ => Err(ModelError(name.to_owned())),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Flow(Quality::Standard) => EMBEDDED[0],
            Kind::Flow(Quality::Fast) => EMBEDDED[1],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in Model::embedded() {
            assert_eq!(name.parse::<Model>().unwrap().to_string(), *name);
        }
        assert_eq!(Model::default(), Model::flow());
        let e = "rife".parse::<Model>().unwrap_err();
        assert_eq!(e.to_string(), "'rife' is no model: the embedded ones are flow, flow-fast");
    }
}
