//! Which network is trained, and the weights it begins with.

use ifr_net::{Graph, IfrPlus, Network, ParamInfo, ParameterError, ParameterStore, Parameters, Timesteps};
use ifr_torch::initial_parameters;

use crate::config::{Config, DataKind, ModelConfig, Prior};
use crate::{TrainError, encoder};

/// What joins the name of a network with the name of its prior.
const WITH: char = '+';
/// How much smaller than usual the outputs begin that a prior already gives.
const TIMID: f32 = 0.01;
/// Flow channels at the start of every decoder's output.
const FLOWS: usize = 4;
/// Channel of decoder 1's output with the gate's logit.
const GATE: usize = 8;

/// Whether it is IFR+, which has a loss of its own.
pub(crate) fn is_plus(model: &ModelConfig) -> bool {
    model.network == IfrPlus::PUBLISHED.name
}

/// The names that `model.network` may have.
pub(crate) fn names() -> Vec<&'static str> {
    Network::all().map(|n| n.name()).filter(|name| !name.contains(WITH)).collect()
}

/// The network that a configuration asks for.
pub(crate) fn find(model: &ModelConfig) -> Result<Network, TrainError> {
    let name = match model.prior {
        Prior::None => model.network.clone(),
        Prior::Flow => format!("{}{WITH}flow", model.network),
    };
    let known = || Network::all().map(|n| n.name()).collect::<Vec<_>>().join(", ");
    Network::all()
        .find(|network| network.name() == name)
        .ok_or_else(|| TrainError::Internal(format!("there is no network {name}: {} are known", known())))
}

/// The instants that weights trained so will know. Those of triplets have seen the middle alone, whatever the network could
/// learn; a prior brings them to other instants all the same.
pub(crate) fn timesteps(config: &Config) -> Result<Timesteps, TrainError> {
    let middles = config.data.kind == DataKind::Vimeo && config.model.prior == Prior::None;
    let network = find(&config.model)?.timesteps();
    Ok(if middles { Timesteps::Midpoint } else { network })
}

/// The weights that training begins with: those of `model.init`, or random ones by `seed`; the encoder's are those of
/// `model.encoder`, where that is set.
pub(crate) fn begin(graph: &Graph, model: &ModelConfig, seed: u64) -> Result<Parameters, TrainError> {
    let mut parameters = match &model.init {
        Some(path) => Parameters::read(graph, &ParameterStore::open(path).map_err(ParameterError::from)?)?,
        None => random(graph, seed, model.gate),
    };
    if let Some(path) = &model.encoder {
        encoder::read(graph, path, &mut parameters)?;
    }
    Ok(parameters)
}

/// Random weights. A network with a prior begins near it: what its decoders add to the flows, its mask and its residual are near
/// zero, and the gate gives the classical frame the share σ(`gate`).
fn random(graph: &Graph, seed: u64, gate: f64) -> Parameters {
    let mut parameters = initial_parameters(graph, seed);
    encoder::spread(graph, &mut parameters);
    if graph.inputs().iter().any(|&id| graph.tensor(id).name.starts_with("prior.")) {
        for (id, info) in graph.param_ids().zip(graph.params()) {
            let layer = info.name.rsplit_once('.').map_or("", |(layer, _)| layer);
            if let Some(level) = last_layer(layer) {
                timid(info, parameters.get_mut(id), level, gate as f32);
            }
        }
    }
    parameters
}

/// The level of the decoder whose transposed convolution it is.
fn last_layer(layer: &str) -> Option<usize> {
    layer.strip_prefix("decoder")?.strip_suffix(".convblock.2")?.parse().ok()
}

/// Makes the outputs small that a prior gives: flows, and all that decoder 1 makes.
fn timid(info: &ParamInfo, values: &mut [f32], level: usize, gate: f32) {
    let small = |channel: usize| channel < FLOWS || level == 1;
    match info.shape.as_slice() {
        // Inputs × outputs × rows × columns.
        &[_, outputs, rows, columns] => {
            let taps = rows * columns;
            for (i, v) in values.iter_mut().enumerate() {
                if small(i / taps % outputs) {
                    *v *= TIMID;
                }
            }
        }
        _ => {
            for (channel, v) in values.iter_mut().enumerate() {
                if small(channel) {
                    *v = if level == 1 && channel == GATE { gate } else { 0.0 };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timid_outputs_are_flows_and_all_of_the_last_decoder() {
        let weight = |level: usize| {
            let info = ParamInfo { name: String::new(), shape: vec![2, 9, 1, 2] };
            let mut values = vec![1.0; 36];
            timid(&info, &mut values, level, 1.5);
            values
        };
        let flows: Vec<f32> = (0..36).map(|i| if i / 2 % 9 < 4 { TIMID } else { 1.0 }).collect();
        assert_eq!(weight(3), flows);
        assert_eq!(weight(1), [TIMID; 36]);
        let bias = |level: usize| {
            let mut values = vec![1.0; 9];
            timid(&ParamInfo { name: String::new(), shape: vec![9] }, &mut values, level, 1.5);
            values
        };
        assert_eq!(bias(2), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(bias(1), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.5]);
        assert_eq!(last_layer("decoder4.convblock.2"), Some(4));
        assert_eq!(last_layer("decoder4.convblock.1.conv5"), None);
    }
}
