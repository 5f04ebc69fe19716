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

    /// Where `steps` lead, in the coordinates of GridSample: steps are batch × 2 (x, y) × height × width in pixels, from each pixel.
    ///
    /// These coordinates count from −1 to 1, from edge to edge of the map rather than from centre to centre
    /// (`align_corners = 0`), so that a map of one pixel needs no exception. Pixel x lies at (2x + 1 − width) / width: a
    /// quotient of whole numbers, so that nothing but that one rounding is lost.
    fn grid(&mut self, steps: Value, extent: Extent) -> Value {
        let [rows, columns] = self.sizes.map(extent);
        let shape = self.sizes.shape(&mut self.body, &[Dim::known(1), rows, columns]);
        let planes = [self.places(columns, [1, 1, -1]), self.places(rows, [1, -1, 1])];
        let planes = planes.map(|places| self.body.plain("Expand", &[places, shape]));
        let base = self.body.call("Concat", &planes, vec![("axis", Attr::Int(0))]);
        let scale = match (columns.number(), rows.number()) {
            (Some(w), Some(h)) => self.body.floats(&[2, 1, 1], &[2.0 / w as f32, 2.0 / h as f32]),
            _ => {
                let sides = self.sizes.shape(&mut self.body, &[columns, rows]);
                let (sides, two) = (self.as_float(sides), self.body.float(2.0));
                let scale = self.body.plain("Div", &[two, sides]);
                let shape = self.body.ints(&[2, 1, 1]);
                self.body.plain("Reshape", &[scale, shape])
            }
        };
        let scaled = self.body.plain("Mul", &[steps, scale]);
        let grid = self.body.plain("Add", &[scaled, base]);
        self.held(grid)
    }

    /// Where the pixels of a side lie, as a tensor of that shape.
    pub(super) fn places(&mut self, side: Dim, shape: [i64; 3]) -> Value {
        if let Some(n) = side.number() {
            let places: Vec<f32> = (0..n).map(|i| (2.0 * i as f32 + 1.0 - n as f32) / n as f32).collect();
            let dims = shape.map(|d| usize::try_from(d).unwrap_or(n));
            return self.body.floats(&dims, &places);
        }
        let n = self.sizes.scalar(&mut self.body, side);
        let body = &mut self.body;
        let (zero, one, two) = (body.int(0), body.int(1), body.int(2));
        let pixels = body.plain("Range", &[zero, n, one]);
        let doubled = body.plain("Mul", &[pixels, two]);
        let less = body.plain("Sub", &[one, n]);
        let shifted = body.plain("Add", &[doubled, less]);
        let (shifted, n) = (self.as_float(shifted), self.as_float(n));
        let places = self.body.plain("Div", &[shifted, n]);
        let shape = self.body.ints(&shape);
        self.body.plain("Reshape", &[places, shape])
    }

    /// What a step of one pixel along a side is: 2 / side.
    pub(super) fn pixel(&mut self, side: Dim) -> Value {
        if let Some(n) = side.number() {
            return self.body.float(2.0 / n as f32);
        }
        let n = self.sizes.scalar(&mut self.body, side);
        let (n, two) = (self.as_float(n), self.body.float(2.0));
        self.body.plain("Div", &[two, n])
    }

    /// A grid whose samples do not lie farther outside than they need. Runtimes count pixels in integers, which very long steps
    /// would overflow; and beyond 2 nothing changes any more: even one pixel is left behind there, so that the zeros around a map
    /// are all that is sampled.
    pub(super) fn held(&mut self, grid: Value) -> Value {
        let (low, high) = (self.body.float(-3.0), self.body.float(3.0));
        self.body.plain("Clip", &[grid, low, high])
    }

    fn as_float(&mut self, whole: Value) -> Value {
        self.body.call("Cast", &[whole], vec![("to", Attr::Int(FLOAT.into()))])
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
