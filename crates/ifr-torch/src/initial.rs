use std::collections::HashMap;

use ifr_net::{Activation, Graph, Op, ParamId, Parameters};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Untrained parameters of the distribution that PyTorch's layers start from: weights and biases of a convolution uniform
/// between ±1/√fan-in, where fan-in is the product of all of the weight's dimensions but the first (for a transposed
/// convolution too, as PyTorch has it: outputs × kernel²); PReLU slopes ¼.
///
/// The values depend on the seed and the graph alone: one stream of ChaCha8, seeded by `seed_from_u64`, gives the parameters in
/// the order of [`Graph::params`], each value from the upper 24 bits of one 32-bit word. No device or library has a part in it.
pub fn initial_parameters(graph: &Graph, seed: u64) -> Parameters {
    let bounds = bounds(graph);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Only the shapes stay of these.
    let mut parameters = Parameters::by_rule(graph);
    for id in graph.param_ids() {
        let bound = bounds.get(&id).copied();
        for value in parameters.get_mut(id) {
            *value = match bound {
                Some(bound) => bound * ((rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0),
                None => SLOPE,
            };
        }
    }
    parameters
}

/// PyTorch's initial slope of a PReLU.
const SLOPE: f32 = 0.25;

/// The bound of every parameter that is drawn; slopes are not.
fn bounds(graph: &Graph) -> HashMap<ParamId, f32> {
    let mut bounds = HashMap::new();
    for node in graph.nodes() {
        let activation = match &node.op {
            Op::Conv(conv) | Op::ConvTranspose(conv) => {
                let fan_in: usize = graph.param(conv.weight).shape.iter().skip(1).product();
                let bound = 1.0 / (fan_in.max(1) as f32).sqrt();
                bounds.insert(conv.weight, bound);
                conv.bias.map(|bias| bounds.insert(bias, bound));
                conv.activation
            }
            Op::Binary { activation, .. }
            | Op::Activate { activation, .. }
            | Op::Blend { activation, .. } => *activation,
            Op::Warp { .. } | Op::Resize { .. } | Op::Mean { .. } => Activation::None,
        };
        if let Activation::Prelu(slopes) = activation {
            bounds.remove(&slopes);
        }
    }
    bounds
}
