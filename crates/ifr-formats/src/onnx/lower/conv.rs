//! Convolutions.

use ifr_net::{Conv, DeformConv, Window};

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

    /// The samples of every tap, then a convolution 1/1/0 of them: channel i · kernel² + k has what tap k reads of channel i.
    /// Deformable groups are samples of a larger batch; taps lie below one another in one tall map.
    fn deform_decomposed(&mut self, deform: &DeformConv) -> Result<Value, OnnxError> {
        let (graph, conv) = (self.graph, &deform.conv);
        let weights = &graph.param(conv.weight).shape;
        let (outputs, channels, kernel) = (weights[0], weights[1], conv.window.kernel);
        let (groups, taps) = (deform.groups, kernel * kernel);
        let extent = self.extent_of(&conv.inputs);
        let [rows, columns] = self.sizes.map(extent);
        let batch = self.sizes.batch();
        let (grouped, run) = (batch.times(groups), Dim::known(channels / groups));

        let input = self.concatenated(&conv.inputs)?;
        let input = self.reshape(input, &[grouped, run, rows, columns]);

        // Offsets in pixels, (y, x) of each tap, become (x, y); each tap's own place and the flow are added.
        let offsets = self.view(deform.offsets)?;
        let two = Dim::known(2);
        let apart = self.reshape(offsets, &[batch, Dim::known(groups * taps), two, rows, columns]);
        let swap = self.body.ints(&[1, 0]);
        let mut steps = self.body.call("Gather", &[apart, swap], vec![("axis", Attr::Int(2))]);
        let padding = conv.window.padding as f32;
        let places: Vec<f32> = (0..groups * taps)
            .map(|at| at % taps)
            .flat_map(|tap| [(tap % kernel) as f32 - padding, (tap / kernel) as f32 - padding])
            .collect();
        if taps > 1 {
            let places = self.body.floats(&[groups * taps, 2, 1, 1], &places);
            steps = self.body.plain("Add", &[steps, places]);
        }
        if let Some(flow) = deform.flow {
            let flow = self.view(flow)?;
            let flow = self.reshape(flow, &[batch, Dim::known(1), two, rows, columns]);
            steps = self.body.plain("Add", &[steps, flow]);
        }
        let grid = self.grid(steps, extent);
        let grid = self.transpose(grid, &[0, 1, 3, 4, 2]);
        let grid = self.reshape(grid, &[grouped, rows.times(taps), columns, two]);
        let samples = self.sampled(input, grid, "zeros");

        let masks = self.view(deform.masks)?;
        let masks = self.reshape(masks, &[grouped, Dim::known(1), rows.times(taps), columns]);
        let samples = self.body.plain("Mul", &[samples, masks]);
        let samples = self.reshape(samples, &[batch, Dim::known(channels * taps), rows, columns]);
        let mut inputs = vec![samples, self.param(conv.weight, &[outputs, channels * taps, 1, 1])];
        inputs.extend(conv.bias.map(|id| self.param(id, &graph.param(id).shape)));
        Ok(self.body.call("Conv", &inputs, window(Window::ONE)))
    }
}
