//! Normalisations, means by channel, and arithmetic with constants.

use super::Builder;
use crate::graph::{Activation, Extent, Norm, Op, Source, View};

impl Builder {
    /// [`Op::LayerNorm`] with the parameters `{layer}.weight` and `{layer}.bias`.
    pub fn layer_norm(&mut self, name: &str, layer: &str, input: View, epsilon: f32) -> View {
        let norm = self.norm(layer, input, epsilon);
        self.alone(name, input, Op::LayerNorm(norm))
    }

    /// [`Op::ResponseNorm`] with the parameters `{layer}.weight` and `{layer}.bias`.
    pub fn response_norm(&mut self, name: &str, layer: &str, input: View, epsilon: f32) -> View {
        let norm = self.norm(layer, input, epsilon);
        self.alone(name, input, Op::ResponseNorm(norm))
    }

    /// [`Op::ChannelMean`]: the mean of each channel, a point tensor.
    pub fn channel_mean(&mut self, name: &str, input: View) -> View {
        self.sources(name, &[input.into()]);
        self.push(name, input.channels, Extent::Point, Op::ChannelMean { input })
    }

    /// [`Op::Affine`]: `activation(gain[c] · input + offset[c])`, a gain and an offset for each channel.
    pub fn affine(
        &mut self,
        name: &str,
        input: View,
        gain: &[f32],
        offset: &[f32],
        activation: Activation,
    ) -> View {
        if gain.len() != input.channels || offset.len() != input.channels {
            return self.refuse(name, "a gain or offset that is not one value for each channel");
        }
        let (gain, offset) = (gain.to_vec(), offset.to_vec());
        self.alone(name, input, Op::Affine { input, gain, offset, activation })
    }

    /// [`Op::Sum`]: `gain · Σ inputs`, all of one shape.
    pub fn sum(&mut self, name: &str, inputs: Vec<View>, gain: f32) -> View {
        let sources: Vec<Source> = inputs.iter().map(|&v| v.into()).collect();
        let (extent, _) = self.sources(name, &sources);
        let channels = inputs.first().map_or(1, |v| v.channels);
        for source in sources {
            self.broadcasts(name, source, channels);
        }
        self.push(name, channels, extent, Op::Sum { inputs, gain })
    }

    fn norm(&mut self, layer: &str, input: View, epsilon: f32) -> Norm {
        let weight = self.param(&format!("{layer}.weight"), vec![input.channels]);
        let bias = self.param(&format!("{layer}.bias"), vec![input.channels]);
        Norm { input, weight, bias, epsilon }
    }

    /// An operation whose result has its input's shape.
    fn alone(&mut self, name: &str, input: View, op: Op) -> View {
        self.sources(name, &[input.into()]);
        let extent = self.extent(input);
        self.push(name, input.channels, extent, op)
    }
}
