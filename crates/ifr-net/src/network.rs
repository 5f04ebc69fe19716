use std::fmt;

use thiserror::Error;

use crate::graph::{Graph, GraphError, Ratio};
use crate::ifrnet::IfrNet;
use crate::parameters::Mismatch;
use crate::store::ParameterStore;

/// A network this crate describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Network {
    /// A member of the IFRNet family.
    IfrNet(IfrNet),
}

impl Network {
    /// Every network known.
    pub fn all() -> impl Iterator<Item = Self> {
        IfrNet::ALL.into_iter().map(Self::IfrNet)
    }

    /// Its name, e.g. `ifrnet-s`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IfrNet(net) => net.name,
        }
    }

    /// Its graph; see [`IfrNet::graph`].
    ///
    /// # Errors
    /// [`GraphError::Scale`] when the network cannot work at that scale.
    pub fn graph(&self, scale: Ratio) -> Result<Graph, GraphError> {
        match self {
            Self::IfrNet(net) => net.graph(scale),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which network a file holds, by the names and shapes of its parameters.
///
/// # Errors
/// [`UnknownNetwork`] when it is none: the message names the network that comes closest and what differs.
pub fn recognise(store: &ParameterStore) -> Result<Network, UnknownNetwork> {
    let mut closest: Option<(Network, Mismatch)> = None;
    for network in Network::all() {
        // Every network has a graph at full scale; one that had none could not be recognised.
        let Ok(graph) = network.graph(Ratio::ONE) else { continue };
        let mismatch = Mismatch::between(&graph, store);
        if mismatch.is_empty() {
            return Ok(network);
        }
        if closest.as_ref().is_none_or(|(_, best)| mismatch.len() < best.len()) {
            closest = Some((network, mismatch));
        }
    }
    let known = Network::all().map(|n| n.name()).collect::<Vec<_>>().join(", ");
    let hint = closest.map_or_else(String::new, |(_, mismatch)| {
        // The three members share all names, so a stranger is one that shares few of them.
        let strange = mismatch.surplus.len() >= store.entries().len();
        if strange { "it has none of their parameters".to_owned() } else { format!("closest: {mismatch}") }
    });
    Err(UnknownNetwork { origin: store.origin().to_owned(), arrays: store.entries().len(), known, hint })
}

/// A file that holds no known network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{origin} ({arrays} arrays) holds none of the known networks ({known}); {hint}")]
pub struct UnknownNetwork {
    /// The file.
    pub origin: String,
    /// How many arrays it holds.
    pub arrays: usize,
    /// The names of the known networks.
    pub known: String,
    /// What differs from the closest.
    pub hint: String,
}
