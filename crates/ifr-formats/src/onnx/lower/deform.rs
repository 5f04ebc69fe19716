//! Deformable convolutions by GridSample.
//!
//! The samples of all taps are one tall map: tap below tap, each as high as the map itself. A convolution 1/1/0 of the samples is
//! then the deformable one, if channel i · kernel² + k has what tap k reads of channel i. Deformable groups follow one another, so
//! that the samples of one are all that lies in memory, and nothing has more than four dimensions, which is what small runtimes
//! can handle.

use ifr_net::{DeformConv, Extent, Window};

use super::{Lowering, OnnxError, window};
use crate::onnx::body::{Attr, Columns, Value};
use crate::onnx::sizes::Dim;

impl Lowering<'_> {
    pub(super) fn deform_decomposed(&mut self, deform: &DeformConv) -> Result<Value, OnnxError> {
        let (graph, conv) = (self.graph, &deform.conv);
        let weights = &graph.param(conv.weight).shape;
        let (outputs, channels) = (weights[0], weights[1]);
        let (groups, taps) = (deform.groups, conv.window.kernel * conv.window.kernel);
        let run = channels / groups;
        let extent = self.extent_of(&conv.inputs);
        let [rows, columns] = self.sizes.map(extent);
        let batch = self.sizes.batch();

        let input = self.concatenated(&conv.inputs)?;
        let grid = self.tall_grid(deform, extent)?;
        let masks = self.view(deform.masks)?;
        let masks = self.reshape(masks, &[batch, Dim::known(groups), rows.times(taps), columns]);
        let mut sums = Vec::new();
        for group in 0..groups {
            let (mut part, mut places, mut mask) = (input, grid, masks);
            if groups > 1 {
                part = self.slice(part, 1, [group, group + 1].map(|g| Dim::known(g * run)));
                places = self.slice(places, 2, [group, group + 1].map(|g| rows.times(g * taps)));
                mask = self.slice(mask, 1, [group, group + 1].map(Dim::known));
            }
            let places = self.transpose(places, &[0, 2, 3, 1]);
            let samples = self.sampled(part, places, "zeros");
            let samples = self.body.plain("Mul", &[samples, mask]);
            let samples = self.reshape(samples, &[batch, Dim::known(run * taps), rows, columns]);
            let seen = Columns { first: group * run * taps, count: run * taps, of: channels * taps };
            let mut inputs =
                vec![samples, self.param_columns(conv.weight, seen, &[outputs, run * taps, 1, 1])];
            if group == 0 {
                inputs.extend(conv.bias.map(|id| self.param(id, &graph.param(id).shape)));
            }
            sums.push(self.body.call("Conv", &inputs, window(Window::ONE)));
        }
        match *sums {
            [one] => Ok(one),
            _ => Ok(self.body.plain("Sum", &sums)),
        }
    }

    /// Where all taps of all groups sample: batch × 2 (x, y) × (groups · taps · height) × width, in the coordinates of GridSample.
    fn tall_grid(&mut self, deform: &DeformConv, extent: Extent) -> Result<Value, OnnxError> {
        let Window { kernel, padding, .. } = deform.conv.window;
        let [rows, columns] = self.sizes.map(extent);
        let samples = deform.masks.channels;
        // 0 keeps a side, −1 takes what is left: maps are lists of pixels here.
        let offsets = self.view(deform.offsets)?;
        let lists = self.body.ints(&[0, samples as i64, 2, -1]);
        let mut steps = self.body.plain("Reshape", &[offsets, lists]);
        if let Some(flow) = deform.flow {
            let flow = [flow.range(1, 1), flow.range(0, 1)];
            let flow = [self.view(flow[0])?, self.view(flow[1])?];
            let flow = self.body.call("Concat", &flow, vec![("axis", Attr::Int(1))]);
            let lists = self.body.ints(&[0, 1, 2, -1]);
            let flow = self.body.plain("Reshape", &[flow, lists]);
            steps = self.body.plain("Add", &[steps, flow]);
        }
        let steps = self.transpose(steps, &[0, 2, 1, 3]);
        let tall = [self.sizes.batch(), Dim::known(2), rows.times(samples), columns];
        let steps = self.reshape(steps, &tall);

        // The taps' own places, in pixels from the middle of the window.
        let tap = |at: usize| at % (kernel * kernel);
        let from_middle = |at: usize| at as f32 - padding as f32;
        let xs: Vec<f32> = (0..samples).map(|at| from_middle(tap(at) % kernel)).collect();
        let ys: Vec<f32> = (0..samples).map(|at| from_middle(tap(at) / kernel)).collect();
        let one = Dim::known(1);
        let mut sides = Vec::new();
        for (axis, side, taps) in [(1, columns, xs), (0, rows, ys)] {
            let steps = self.slice(steps, 1, [axis, axis + 1].map(Dim::known));
            let pixel = self.pixel(side);
            let mut at = self.body.plain("Mul", &[steps, pixel]);
            // One value a row: where the tap lies and, for y, the row itself.
            let taps = self.body.floats(&[samples, 1, 1], &taps);
            let taps = self.body.plain("Mul", &[taps, pixel]);
            let of_rows = if axis == 0 {
                let places = self.places(rows, [1, -1, 1]);
                self.body.plain("Add", &[taps, places])
            } else {
                let shape = self.sizes.shape(&mut self.body, &[one, rows, one]);
                let places = self.places(columns, [1, 1, -1]);
                at = self.body.plain("Add", &[at, places]);
                self.body.plain("Expand", &[taps, shape])
            };
            let column = self.body.ints(&[1, -1, 1]);
            let of_rows = self.body.plain("Reshape", &[of_rows, column]);
            sides.push(self.body.plain("Add", &[at, of_rows]));
        }
        let grid = self.body.call("Concat", &sides, vec![("axis", Attr::Int(1))]);
        Ok(self.held(grid))
    }
}
