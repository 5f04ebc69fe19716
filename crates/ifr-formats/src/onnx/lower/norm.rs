//! Normalisations and means.
//!
//! A mean over a map is a mean of the means of its rows: short sums, which keep their precision in `f32` however a runtime makes
//! them.

use ifr_net::{Norm, View};

use super::{Lowering, OnnxError};
use crate::onnx::body::{Attr, Value};

impl Lowering<'_> {
    pub(super) fn layer_norm(&mut self, norm: &Norm) -> Result<Value, OnnxError> {
        let input = self.view(norm.input)?;
        let mean = self.reduce("ReduceMean", input, &[1]);
        let centred = self.body.plain("Sub", &[input, mean]);
        let squares = self.body.plain("Mul", &[centred, centred]);
        let variance = self.reduce("ReduceMean", squares, &[1]);
        let epsilon = self.body.float(norm.epsilon);
        let variance = self.body.plain("Add", &[variance, epsilon]);
        let divisor = self.body.plain("Sqrt", &[variance]);
        let normal = self.body.plain("Div", &[centred, divisor]);
        let (weight, bias) = (self.param_by_channel(norm.weight), self.param_by_channel(norm.bias));
        let scaled = self.body.plain("Mul", &[normal, weight]);
        Ok(self.body.plain("Add", &[scaled, bias]))
    }

    /// `x · (1 + weight · g / (mean g + ε)) + bias`: what multiplies x is one number a channel.
    pub(super) fn response_norm(&mut self, norm: &Norm) -> Result<Value, OnnxError> {
        let input = self.view(norm.input)?;
        let root = self.reduce("ReduceL2", input, &[3, 2]);
        let mean = self.reduce("ReduceMean", root, &[1]);
        let epsilon = self.body.float(norm.epsilon);
        let divisor = self.body.plain("Add", &[mean, epsilon]);
        let relative = self.body.plain("Div", &[root, divisor]);
        let (weight, bias) = (self.param_by_channel(norm.weight), self.param_by_channel(norm.bias));
        let weighted = self.body.plain("Mul", &[relative, weight]);
        let one = self.body.float(1.0);
        let gain = self.body.plain("Add", &[weighted, one]);
        let scaled = self.body.plain("Mul", &[input, gain]);
        Ok(self.body.plain("Add", &[scaled, bias]))
    }

    /// The mean over all channels and pixels of all views, each weighted by its channels.
    pub(super) fn mean(&mut self, inputs: &[View]) -> Result<Value, OnnxError> {
        let total: usize = inputs.iter().map(|v| v.channels).sum();
        let mut sum = None;
        for view in inputs {
            let value = self.view(*view)?;
            let mean = self.reduce("ReduceMean", value, &[3, 2, 1]);
            let part = self.scale(mean, view.channels as f32 / total as f32);
            sum = Some(match sum {
                None => part,
                Some(sum) => self.body.plain("Add", &[sum, part]),
            });
        }
        sum.ok_or_else(|| OnnxError::NoMap { network: self.graph.name().to_owned() })
    }

    /// One axis after another, each kept with one value.
    pub(super) fn reduce(&mut self, op: &'static str, value: Value, axes: &[i64]) -> Value {
        let mut value = value;
        for &axis in axes {
            // Since opset 18 the axes are an input.
            value = if self.opset >= 18 {
                let axes = self.body.ints(&[axis]);
                self.body.call(op, &[value, axes], vec![("keepdims", Attr::Int(1))])
            } else {
                let attrs = vec![("axes", Attr::Ints(vec![axis])), ("keepdims", Attr::Int(1))];
                self.body.call(op, &[value], attrs)
            };
        }
        value
    }
}
