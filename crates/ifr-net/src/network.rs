use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::graph::{Graph, GraphError, Ratio};
use crate::ifrnet::IfrNet;
use crate::parameters::Mismatch;
use crate::prior::Prior;
use crate::store::{ParameterStore, printable};

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

    /// Its name, e.g. `ifrnet-s` or `ifrnet-s+flow`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IfrNet(net) => net.name,
        }
    }

    /// What it is told of each instant beside the images and the timestep, if anything.
    pub fn prior(&self) -> Option<Prior> {
        match self {
            Self::IfrNet(net) => net.prior,
        }
    }

    /// What the metadata of its weights must say: `network`, its name, and, where it has one, its
    /// [`prior`](Prior::KEY). Whoever saves weights adds their own words to these.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let name = ("network".to_owned(), self.name().to_owned());
        let prior = self.prior().map(|prior| (Prior::KEY.to_owned(), prior.name().to_owned()));
        std::iter::once(name).chain(prior).collect()
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

    /// Its graph with what training reads besides; see [`IfrNet::training_graph`].
    ///
    /// # Errors
    /// None for the networks of [`Network::all`].
    pub fn training_graph(&self) -> Result<Graph, GraphError> {
        match self {
            Self::IfrNet(net) => net.training_graph(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which network a file holds, by the names and shapes of its parameters. What its metadata say of a
/// [prior](Prior::KEY) must agree; where they say nothing, the shapes are enough.
///
/// # Errors
/// [`RecogniseError::Unknown`] when it is none: the message names the network that comes closest and what differs.
/// [`RecogniseError::Prior`] when the metadata name another prior than the network of those shapes has.
pub fn recognise(store: &ParameterStore) -> Result<Network, RecogniseError> {
    let mut closest: Option<(Network, Mismatch)> = None;
    for network in Network::all() {
        // Every network has a graph at full scale; one that had none could not be recognised.
        let Ok(graph) = network.graph(Ratio::ONE) else { continue };
        let mismatch = Mismatch::between(&graph, store);
        if mismatch.is_empty() {
            return check_prior(network, store);
        }
        if closest.as_ref().is_none_or(|(_, best)| mismatch.len() < best.len()) {
            closest = Some((network, mismatch));
        }
    }
    let known = Network::all().map(|n| n.name()).collect::<Vec<_>>().join(", ");
    let hint = closest.map_or_else(String::new, |(_, mismatch)| {
        // The members share all names, so a stranger is one that shares few of them.
        let strange = mismatch.surplus.len() >= store.entries().len();
        if strange { "it has none of their parameters".to_owned() } else { format!("closest: {mismatch}") }
    });
    let (origin, arrays) = (store.origin().to_owned(), store.entries().len());
    Err(RecogniseError::Unknown { origin, arrays, known, hint })
}

fn check_prior(network: Network, store: &ParameterStore) -> Result<Network, RecogniseError> {
    let expected = network.prior().map_or("none", Prior::name);
    match store.metadata().get(Prior::KEY) {
        Some(found) if found != expected => Err(RecogniseError::Prior {
            origin: store.origin().to_owned(),
            network: network.name(),
            found: printable(found, 100),
            expected,
        }),
        _ => Ok(network),
    }
}

/// A file that holds no network, or one that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecogniseError {
    /// A file that holds no known network.
    #[error("{origin} ({arrays} arrays) holds none of the known networks ({known}); {hint}")]
    Unknown {
        /// The file.
        origin: String,
        /// How many arrays it holds.
        arrays: usize,
        /// The names of the known networks.
        known: String,
        /// What differs from the closest.
        hint: String,
    },
    /// A file whose metadata name another prior than its parameters are for.
    #[error(
        "{origin} contradicts itself: its parameters are those of {network}, whose prior is '{expected}', but its metadata \
         say '{found}'; correct the entry 'prior' or take the parameters that belong to it"
    )]
    Prior {
        /// The file.
        origin: String,
        /// The network that has these parameters.
        network: &'static str,
        /// The prior that the metadata name.
        found: String,
        /// The network's own, or `none`.
        expected: &'static str,
    },
}
