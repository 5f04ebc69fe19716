use std::collections::HashMap;

use ifr_net::{Graph, Op, ParamId, Parameters};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Untrained parameters of the distribution that PyTorch's layers start from: weights and biases of a convolution uniform
/// between ±1/√fan-in, where fan-in is the product of all of the weight's dimensions but the first (for a transposed
/// convolution too, as PyTorch has it: outputs × kernel²); PReLU slopes ¼. Layer normalisation starts as the identity behind the
/// norm (1 and 0), response normalisation as the identity (0 and 0), and so do, at zero, the convolutions that make the offsets
/// and masks of deformable ones, which then read where an ordinary one would; the biases of deformable ones are zero, too.
///
/// The values depend on the seed and the graph alone: one stream of ChaCha8, seeded by `seed_from_u64`, gives the parameters in
/// the order of [`Graph::params`], each value from the upper 24 bits of one 32-bit word. No device or library has a part in it.
pub fn initial_parameters(graph: &Graph, seed: u64) -> Parameters {
    let starts = starts(graph);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Only the shapes stay of these.
    let mut parameters = Parameters::by_rule(graph);
    for id in graph.param_ids() {
        let start = starts.get(&id).copied().unwrap_or(Start::Constant(SLOPE));
        for value in parameters.get_mut(id) {
            *value = match start {
                Start::Uniform(bound) => bound * ((rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0),
                Start::Constant(value) => value,
            };
        }
    }
    parameters
}

/// PyTorch's initial slope of a PReLU.
const SLOPE: f32 = 0.25;

/// How the values of a parameter begin.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// Between minus and plus this.
    Uniform(f32),
    /// All of them this.
    Constant(f32),
}

/// How every parameter begins but slopes.
fn starts(graph: &Graph) -> HashMap<ParamId, Start> {
    let mut starts = HashMap::new();
    let writer: HashMap<_, _> = graph.nodes().iter().map(|node| (node.output, &node.op)).collect();
    for node in graph.nodes() {
        if let Some(conv) = node.op.as_conv() {
            let fan_in: usize = graph.param(conv.weight).shape.iter().skip(1).product();
            let start = Start::Uniform(1.0 / (fan_in.max(1) as f32).sqrt());
            starts.insert(conv.weight, start);
            conv.bias.map(|bias| starts.insert(bias, start));
        }
        let norm = match &node.op {
            Op::LayerNorm(norm) => Some((norm, 1.0)),
            Op::ResponseNorm(norm) => Some((norm, 0.0)),
            _ => None,
        };
        if let Some((norm, weight)) = norm {
            starts.insert(norm.weight, Start::Constant(weight));
            starts.insert(norm.bias, Start::Constant(0.0));
        }
        let Op::DeformConv(deform) = &node.op else { continue };
        deform.conv.bias.map(|bias| starts.insert(bias, Start::Constant(0.0)));
        for steering in [deform.offsets, deform.masks] {
            let mut op = writer.get(&steering.tensor);
            if let Some(Op::Activate { input, .. }) = op {
                op = writer.get(&input.tensor);
            }
            if let Some(Op::Conv(conv)) = op {
                starts.insert(conv.weight, Start::Constant(0.0));
                conv.bias.map(|bias| starts.insert(bias, Start::Constant(0.0)));
            }
        }
    }
    starts
}
