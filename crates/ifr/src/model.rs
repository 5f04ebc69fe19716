use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use ifr_flow::Quality;
use ifr_net::{
    GraphError, Network, ParameterError, ParameterStore, Parameters, Ratio, RecogniseError, StoreError,
    Timesteps, TimestepsError,
};
use thiserror::Error;

use crate::foreign::Foreign;

/// A method that makes in-between frames.
///
/// [`Model::default`] is the best one that needs no file; [`Model::open`] reads a network's weights.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Flow(Quality),
    Net(Arc<NetModel>),
}

/// A network with its parameters.
#[derive(Debug)]
pub(crate) struct NetModel {
    pub(crate) network: Network,
    pub(crate) parameters: Parameters,
    pub(crate) timesteps: Timesteps,
    metadata: BTreeMap<String, String>,
    /// The file; `None` where it is part of the program.
    origin: Option<String>,
}

impl Default for Model {
    /// The first of [`Model::embedded`].
    fn default() -> Self {
        match NETWORKS.first() {
            Some((_, weights)) => Self::of_program(weights).expect("the program's own weights are tested"),
            None => Self::flow(),
        }
    }
}

/// Networks whose weights are part of the program, best first: the network's name and a safetensors file, such as
/// `("ifrnet-s", include_bytes!("../models/ifrnet-s.safetensors"))`. The first is the default model; without any that is
/// classical flow.
const NETWORKS: &[(&str, &[u8])] = &[];

/// Names of the classical methods, best first.
const CLASSICAL: [&str; 2] = ["flow", "flow-fast"];

/// Names of all embedded models, best first.
static EMBEDDED: LazyLock<Vec<&str>> =
    LazyLock::new(|| NETWORKS.iter().map(|(name, _)| *name).chain(CLASSICAL).collect());

impl Model {
    /// Classical optical flow, best quality: `flow`.
    pub fn flow() -> Self {
        Self { kind: Kind::Flow(Quality::Standard) }
    }

    /// Classical optical flow, several times faster and a little softer: `flow-fast`.
    pub fn flow_fast() -> Self {
        Self { kind: Kind::Flow(Quality::Fast) }
    }

    /// A network from a safetensors file; which one is recognised by the names and shapes of its parameters.
    ///
    /// # Errors
    /// [`ModelError`] when the file cannot be read, is of another format, holds no known network or contradicts itself.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let store = ParameterStore::open(path).map_err(|error| match (&error, Foreign::of(path)) {
            (StoreError::Malformed { .. }, Some(foreign)) => ModelError::Foreign(foreign.advice(path)),
            _ => error.into(),
        })?;
        let origin = store.origin().to_owned();
        Self::of_store(&store, Some(origin))
    }

    /// A network from weights that are part of the program.
    fn of_program(weights: &'static [u8]) -> Result<Self, ModelError> {
        Self::of_store(&ParameterStore::from_bytes("embedded weights", weights)?, None)
    }

    fn of_store(store: &ParameterStore, origin: Option<String>) -> Result<Self, ModelError> {
        let network = ifr_net::recognise(store)?;
        // All scales of a network have the same parameters.
        let parameters = Parameters::read(&network.graph(Ratio::ONE)?, store)?;
        let metadata = store.metadata().clone();
        let timesteps = network
            .timesteps_of(&metadata, &parameters)
            .map_err(|error| ModelError::Timesteps { origin: store.origin().to_owned(), error })?;
        Ok(Self { kind: Kind::Net(Arc::new(NetModel { network, parameters, timesteps, metadata, origin })) })
    }

    /// The names of the models that need no file, best first; the first is the default.
    pub fn embedded() -> &'static [&'static str] {
        &EMBEDDED
    }

    /// The network, unless the model is a classical method.
    pub fn network(&self) -> Option<Network> {
        match &self.kind {
            Kind::Flow(_) => None,
            Kind::Net(net) => Some(net.network),
        }
    }

    /// The network's parameters; `None` for a classical method.
    pub fn parameters(&self) -> Option<&Parameters> {
        match &self.kind {
            Kind::Flow(_) => None,
            Kind::Net(net) => Some(&net.parameters),
        }
    }

    /// CRC-32 of the network's parameters as little-endian floats, in the order of its graph; `None` for a classical
    /// method. It tells apart weights that would make other frames.
    pub fn checksum(&self) -> Option<u32> {
        let parameters = self.parameters()?;
        let mut hasher = crc32fast::Hasher::new();
        let mut bytes = Vec::new();
        for (_, values) in parameters.iter() {
            for part in values.chunks(4096) {
                bytes.clear();
                part.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
                hasher.update(&bytes);
            }
        }
        Some(hasher.finalize())
    }

    /// The instants between two frames that it makes by itself. With [`Timesteps::Midpoint`], an
    /// [`Interpolator`](crate::Interpolator) makes the others by halving.
    pub fn timesteps(&self) -> Timesteps {
        match &self.kind {
            Kind::Flow(_) => Timesteps::Any,
            Kind::Net(net) => net.timesteps,
        }
    }

    /// What the file's header says beside the parameters; `None` for a classical method.
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        match &self.kind {
            Kind::Flow(_) => None,
            Kind::Net(net) => Some(&net.metadata),
        }
    }
}

/// No such model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Neither an embedded model nor a file.
    #[error("'{name}' is no model: the embedded ones are {all}; anything else must be a safetensors file that is there", all = Model::embedded().join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// Weights in a format that has to be converted: what it is and how.
    #[error("{0}")]
    Foreign(String),
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file holds no known network, or contradicts itself.
    #[error(transparent)]
    Network(#[from] RecogniseError),
    /// It cannot be said which instants the weights know.
    #[error("{origin}: {error}")]
    Timesteps {
        /// The file.
        origin: String,
        /// Why.
        #[source]
        error: TimestepsError,
    },
    /// The parameters cannot be read.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The network cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl FromStr for Model {
    type Err = ModelError;

    /// An embedded model by its name, else a file.
    fn from_str(name: &str) -> Result<Self, ModelError> {
        if let Some((_, weights)) = NETWORKS.iter().find(|(known, _)| *known == name) {
            return Self::of_program(weights);
        }
        match name {
            "flow" => Ok(Self::flow()),
            "flow-fast" => Ok(Self::flow_fast()),
            file if Path::new(file).exists() => Self::open(file),
            _ => Err(ModelError::Unknown { name: name.to_owned() }),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Flow(Quality::Standard) => f.write_str(CLASSICAL[0]),
            Kind::Flow(Quality::Fast) => f.write_str(CLASSICAL[1]),
            Kind::Net(net) => match &net.origin {
                Some(file) => write!(f, "{} ({file})", net.network),
                None => write!(f, "{}", net.network),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use ifr_net::IfrNet;

    use super::*;

    #[test]
    fn names_round_trip() {
        for name in Model::embedded() {
            assert_eq!(name.parse::<Model>().unwrap().to_string(), *name);
        }
        assert_eq!(Model::default().to_string(), Model::embedded()[0]);
        let e = "rife".parse::<Model>().unwrap_err().to_string();
        let known = Model::embedded().join(", ");
        assert!(e.starts_with(&format!("'rife' is no model: the embedded ones are {known};")), "{e}");
        assert!(known.ends_with("flow, flow-fast"), "{known}");
    }

    #[test]
    fn weights_can_be_part_of_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.safetensors");
        let network = Network::IfrNet(IfrNet::S_FLOW);
        let parameters = Parameters::by_rule(&network.graph(Ratio::ONE).unwrap());
        parameters.save(&path, ifr_net::Dtype::F16, &network.metadata()).unwrap();
        let bytes: &'static [u8] = Vec::leak(std::fs::read(&path).unwrap());
        let model = Model::of_program(bytes).unwrap();
        assert_eq!((model.network(), model.to_string().as_str()), (Some(network), "ifrnet-s+flow"));
        assert_eq!(model.metadata(), Some(&network.metadata()));
        assert_eq!(Model::open(&path).unwrap().to_string(), format!("ifrnet-s+flow ({})", path.display()));
        let error = Model::of_program(&bytes[..1000]).unwrap_err().to_string();
        assert!(error.starts_with("embedded weights"), "{error}");
    }

    #[test]
    fn networks_are_recognised_and_others_refused() {
        let dir = tempfile::tempdir().unwrap();
        for network in Network::all() {
            let path = dir.path().join("net.safetensors");
            let graph = network.graph(Ratio::ONE).unwrap();
            Parameters::by_rule(&graph).save(&path, ifr_net::Dtype::F16, &BTreeMap::new()).unwrap();
            let model = Model::open(&path).unwrap();
            assert_eq!(model.network(), Some(network));
        }
        let path = dir.path().join("text.safetensors");
        std::fs::write(&path, "not a network at all").unwrap();
        assert!(matches!(Model::open(&path), Err(ModelError::Store(_))));
        let path = dir.path().join("text.pth");
        std::fs::write(&path, "not a network at all").unwrap();
        assert!(matches!(Model::open(&path), Err(ModelError::Foreign(_))));
    }

    #[test]
    fn models_know_their_instants() {
        assert_eq!(Model::flow().timesteps(), Timesteps::Any);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.safetensors");
        let network = Network::IfrNet(IfrNet::S);
        let parameters = Parameters::by_rule(&network.graph(Ratio::ONE).unwrap());
        let opened = |word: Option<&str>| {
            let words = word.map(|word| (Timesteps::KEY.to_owned(), word.to_owned()));
            parameters.save(&path, ifr_net::Dtype::F16, &words.into_iter().collect()).unwrap();
            Model::open(&path).map(|model| model.timesteps())
        };
        assert_eq!(opened(None).unwrap(), Timesteps::Any);
        assert_eq!(opened(Some("midpoint")).unwrap(), Timesteps::Midpoint);
        let error = opened(Some("some")).unwrap_err().to_string();
        assert!(error.contains("net.safetensors: timesteps 'some' are unknown"), "{error}");
    }
}
