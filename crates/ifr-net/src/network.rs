use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::graph::{Graph, GraphError, Ratio};
use crate::ifrnet::IfrNet;
use crate::ifrplus::IfrPlus;
use crate::parameters::Mismatch;
use crate::prior::Prior;
use crate::store::{ParameterStore, printable};
use crate::timesteps::Timesteps;

/// A network this crate describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Network {
    /// A member of the IFRNet family.
    IfrNet(IfrNet),
    /// IFR+, or a network of its kind.
    IfrPlus(IfrPlus),
}

/// At what scales a network works; see [`IfrNet::graph`] and [`IfrPlus::graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scales {
    /// The scale at which flows are found.
    pub flow: Ratio,
    /// The scale of the refiner; 1 for networks that have none.
    pub refine: Ratio,
}

impl Scales {
    /// Everything at full size.
    pub const FULL: Self = Self { flow: Ratio::ONE, refine: Ratio::ONE };
}

impl Network {
    /// Every network known.
    pub fn all() -> impl Iterator<Item = Self> {
        IfrNet::ALL.into_iter().map(Self::IfrNet).chain([Self::IfrPlus(IfrPlus::PUBLISHED)])
    }

    /// Its name, e.g. `ifrnet-s` or `ifrnet-s+flow`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IfrNet(net) => net.name,
            Self::IfrPlus(net) => net.name,
        }
    }

    /// What it is told of each instant beside the images and the timestep, if anything.
    pub fn prior(&self) -> Option<Prior> {
        match self {
            Self::IfrNet(net) => net.prior,
            Self::IfrPlus(_) => None,
        }
    }

    /// What the metadata of its weights must say: `network`, its name, and, where it has one, its
    /// [`prior`](Prior::KEY). Whoever saves weights adds their own words to these.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let name = ("network".to_owned(), self.name().to_owned());
        let prior = self.prior().map(|prior| (Prior::KEY.to_owned(), prior.name().to_owned()));
        std::iter::once(name).chain(prior).collect()
    }

    /// Whether it has a refiner, whose scale is then its own.
    pub fn has_refiner(&self) -> bool {
        match self {
            Self::IfrNet(_) => false,
            Self::IfrPlus(_) => true,
        }
    }

    /// The instants it can make. Weights may know fewer: see [`Network::timesteps_of`].
    pub fn timesteps(&self) -> Timesteps {
        match self {
            Self::IfrNet(_) => Timesteps::Any,
            Self::IfrPlus(_) => Timesteps::Midpoint,
        }
    }

    /// The scales at which it is best run on frames of that size, as published: IFRNet at full size; IFR+ by the shorter
    /// side, up to 640 at full size, up to 1200 with flows at a quarter, above that with flows at an eighth and the refiner at
    /// half.
    pub fn scales_for(&self, width: usize, height: usize) -> Scales {
        const QUARTER: Ratio = Ratio::ONE.halved().halved();
        match (self, width.min(height)) {
            (Self::IfrNet(_), _) | (Self::IfrPlus(_), 0..=640) => Scales::FULL,
            (Self::IfrPlus(_), 641..=1200) => Scales { flow: QUARTER, refine: Ratio::ONE },
            (Self::IfrPlus(_), _) => Scales { flow: QUARTER.halved(), refine: Ratio::ONE.halved() },
        }
    }

    /// Its graph, with flows at `scale` and a refiner, where it has one, at full size; see [`Network::graph_at`].
    ///
    /// # Errors
    /// [`GraphError::Scale`] when the network cannot work at that scale.
    pub fn graph(&self, scale: Ratio) -> Result<Graph, GraphError> {
        self.graph_at(Scales { flow: scale, refine: Ratio::ONE })
    }

    /// Its graph at these scales; see [`IfrNet::graph`] and [`IfrPlus::graph`].
    ///
    /// # Errors
    /// [`GraphError::Scale`] when the network cannot work at one of them, [`GraphError::Refiner`] when it has no refiner to
    /// work at a scale of its own.
    pub fn graph_at(&self, scales: Scales) -> Result<Graph, GraphError> {
        match self {
            Self::IfrNet(net) if scales.refine == Ratio::ONE => net.graph(scales.flow),
            Self::IfrNet(net) => {
                Err(GraphError::Refiner { network: net.name.to_owned(), scale: scales.refine })
            }
            Self::IfrPlus(net) => net.graph(scales.flow, scales.refine),
        }
    }

    /// Its graph with what training reads besides; see [`IfrNet::training_graph`]. That of IFR+ is its graph at full size
    /// with other outputs: `pred_unclamped`, then `flow0_1`, `flow1_1` … `flow0_4`, `flow1_4`.
    ///
    /// # Errors
    /// None for the networks of [`Network::all`].
    pub fn training_graph(&self) -> Result<Graph, GraphError> {
        match self {
            Self::IfrNet(net) => net.training_graph(),
            Self::IfrPlus(net) => net.graph(Ratio::ONE, Ratio::ONE)?.with_outputs(&[
                "pred_unclamped",
                "flow0_1",
                "flow1_1",
                "flow0_2",
                "flow1_2",
                "flow0_3",
                "flow1_3",
                "flow0_4",
                "flow1_4",
            ]),
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
