//! Bilinear sampling: warps and resizes.

use ifr_net::{Alignment, Extent, View};

use super::{Lowering, OnnxError};
use crate::onnx::body::{Attr, Value};
use crate::onnx::proto::FLOAT;
use crate::onnx::sizes::Dim;

impl Lowering<'_> {
    /// `image` sampled backwards along `flow`, with coordinates clamped to the map.
    pub(super) fn warp(&mut self, image: View, flow: View) -> Result<Value, OnnxError> {
        let extent = self.graph.tensor(flow.tensor).extent;
        let (image, flow) = (self.view(image)?, self.view(flow)?);
        let grid = self.grid(flow, extent);
        let grid = self.transpose(grid, &[0, 2, 3, 1]);
        Ok(self.sampled(image, grid, "border"))
    }

    /// Where `steps` lead, in the coordinates of GridSample: steps are … × 2 (x, y) × height × width in pixels, from each pixel.
    ///
    /// These coordinates count from −1 to 1, from edge to edge of the map rather than from centre to centre
    /// (`align_corners = 0`), so that a map of one pixel needs no exception. Pixel x lies at (2x + 1 − width) / width: a
    /// quotient of whole numbers, so that nothing but that one rounding is lost.
    pub(super) fn grid(&mut self, steps: Value, extent: Extent) -> Value {
        let [rows, columns] = self.sizes.map(extent);
        let (sizes, body) = (self.sizes, &mut self.body);
        let one = Dim::known(1);
        let (scale, bases) = if let (Some(h), Some(w)) = (rows.number(), columns.number()) {
            let base = |n: usize| -> Vec<f32> {
                (0..n).map(|i| (2.0 * i as f32 + 1.0 - n as f32) / n as f32).collect()
            };
            let scale = body.floats(&[2, 1, 1], &[2.0 / w as f32, 2.0 / h as f32]);
            (scale, [body.floats(&[1, 1, w], &base(w)), body.floats(&[1, h, 1], &base(h))])
        } else {
            let bases = [(columns, [1, 1, -1]), (rows, [1, -1, 1])].map(|(side, shape)| {
                let n = sizes.scalar(body, side);
                let (zero, step) = (body.int(0), body.int(1));
                let places = body.plain("Range", &[zero, n, step]);
                let two = body.int(2);
                let doubled = body.plain("Mul", &[places, two]);
                let less = body.plain("Sub", &[step, n]);
                let shifted = body.plain("Add", &[doubled, less]);
                let to_float = vec![("to", Attr::Int(FLOAT.into()))];
                let shifted = body.call("Cast", &[shifted], to_float.clone());
                let n = body.call("Cast", &[n], to_float);
                let base = body.plain("Div", &[shifted, n]);
                let shape = body.ints(&shape);
                body.plain("Reshape", &[base, shape])
            });
            let list = sizes.shape(body, &[columns, rows]);
            let list = body.call("Cast", &[list], vec![("to", Attr::Int(FLOAT.into()))]);
            let two = body.float(2.0);
            let scale = body.plain("Div", &[two, list]);
            let shape = body.ints(&[2, 1, 1]);
            (body.plain("Reshape", &[scale, shape]), bases)
        };
        let shape = sizes.shape(body, &[one, rows, columns]);
        let planes = bases.map(|base| body.plain("Expand", &[base, shape]));
        let base = body.call("Concat", &planes, vec![("axis", Attr::Int(0))]);
        let scaled = body.plain("Mul", &[steps, scale]);
        let grid = body.plain("Add", &[scaled, base]);
        // Outside is outside: runtimes count pixels in integers, which very long steps would overflow. At 2 even a map of one
        // pixel is left behind, so that zeros around a map are all that is sampled there.
        let (low, high) = (body.float(-3.0), body.float(3.0));
        body.plain("Clip", &[grid, low, high])
    }

    /// GridSample, bilinear.
    pub(super) fn sampled(&mut self, image: Value, grid: Value, padding: &'static str) -> Value {
        // The same under its new name.
        let mode = if self.opset >= 20 { "linear" } else { "bilinear" };
        let attrs = vec![
            ("align_corners", Attr::Int(0)),
            ("mode", Attr::Text(mode)),
            ("padding_mode", Attr::Text(padding)),
        ];
        self.body.call("GridSample", &[image, grid], attrs)
    }

    /// Bilinear resize of a view to that extent. Sizes are given, not scales, which could round to another size.
    pub(super) fn resize(
        &mut self,
        input: View,
        alignment: Alignment,
        channels: usize,
        extent: Extent,
    ) -> Result<Value, OnnxError> {
        let same = self.graph.tensor(input.tensor).extent == extent;
        let input = self.view(input)?;
        if same {
            return Ok(input);
        }
        let [rows, columns] = self.sizes.map(extent);
        let dims = [self.sizes.batch(), Dim::known(channels), rows, columns];
        let shape = self.sizes.shape(&mut self.body, &dims);
        let coordinates = match alignment {
            Alignment::HalfPixel => "half_pixel",
            Alignment::Corners => "align_corners",
        };
        let attrs =
            vec![("coordinate_transformation_mode", Attr::Text(coordinates)), ("mode", Attr::Text("linear"))];
        Ok(self.body.call("Resize", &[input, Value::ABSENT, Value::ABSENT, shape], attrs))
    }
}
