//! Convolutions, deformable ones as an operator.

use ifr_net::{Conv, DeformConv};

use super::{Deformable, Lowering, OnnxError, window};
use crate::onnx::body::{Attr, Value};
use crate::onnx::sizes::Dim;

impl Lowering<'_> {
    pub(super) fn conv(&mut self, conv: &Conv, transposed: bool) -> Result<Value, OnnxError> {
        let graph = self.graph;
        let mut inputs = vec![self.concatenated(&conv.inputs)?];
        inputs.push(self.param(conv.weight, &graph.param(conv.weight).shape));
        inputs.extend(conv.bias.map(|id| self.param(id, &graph.param(id).shape)));
        let mut attrs = window(conv.window);
        attrs.push(("group", Attr::Int(conv.groups as i64)));
        let name = if transposed { "ConvTranspose" } else { "Conv" };
        let out = self.body.call(name, &inputs, attrs);
        self.epilogue(out, conv)
    }

    /// What follows the sums of a convolution.
    fn epilogue(&mut self, sums: Value, conv: &Conv) -> Result<Value, OnnxError> {
        let out = self.add_view(sums, conv.residual)?;
        Ok(self.activate(out, conv.activation))
    }

    pub(super) fn deform_conv(&mut self, deform: &DeformConv) -> Result<Value, OnnxError> {
        let out = match self.deformable {
            Deformable::Operator => self.deform_operator(deform)?,
            Deformable::Decomposed => self.deform_decomposed(deform)?,
        };
        self.epilogue(out, &deform.conv)
    }

    /// ONNX's own operator, whose offsets have the same order; the flow is added to them before.
    fn deform_operator(&mut self, deform: &DeformConv) -> Result<Value, OnnxError> {
        let (graph, conv) = (self.graph, &deform.conv);
        let input = self.concatenated(&conv.inputs)?;
        let mut offsets = self.view(deform.offsets)?;
        if let Some(flow) = deform.flow {
            let [rows, columns] = self.sizes.map(self.extent_of(&conv.inputs));
            let (batch, two) = (self.sizes.batch(), Dim::known(2));
            let pairs = Dim::known(deform.masks.channels);
            let flow = self.view(flow)?;
            let swap = self.body.ints(&[1, 0]);
            let flow = self.body.call("Gather", &[flow, swap], vec![("axis", Attr::Int(1))]);
            let flow = self.reshape(flow, &[batch, Dim::known(1), two, rows, columns]);
            let apart = self.reshape(offsets, &[batch, pairs, two, rows, columns]);
            let sum = self.body.plain("Add", &[apart, flow]);
            offsets = self.reshape(sum, &[batch, Dim::known(deform.offsets.channels), rows, columns]);
        }
        let weight = self.param(conv.weight, &graph.param(conv.weight).shape);
        let bias = conv.bias.map(|id| self.param(id, &graph.param(id).shape));
        let masks = self.view(deform.masks)?;
        let mut attrs = window(conv.window);
        attrs.push(("offset_group", Attr::Int(deform.groups as i64)));
        let inputs = [input, weight, offsets, bias.unwrap_or(Value::ABSENT), masks];
        Ok(self.body.call("DeformConv", &inputs, attrs))
    }
}
