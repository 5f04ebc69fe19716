//! GridNet: three rows of residual blocks at three scales, three columns down, then three up.

use super::IfrPlus;
use crate::graph::{
    Activation, Alignment, Builder, ConvSpec, Extent, GraphError, Ratio, Source, View, Window,
};

/// Where the grid's parameters are.
const LAYER: &str = "generator.refiner.mfsn";

impl IfrPlus {
    /// Three channels from the inputs of the three rows, plus `add`, as the tensor `name`.
    ///
    /// ```text
    ///  row 1   x1 ─ x2 ─ x3 ───────── x4 ─ x5 ─ x6 ─ out
    ///          ↓    ↓    ↓            ↑    ↑    ↑
    ///  row 2   x1 ─ x2 ─ x3 ───────── x4 ─ x5 ─ x6
    ///          ↓    ↓    ↓            ↑    ↑    ↑
    ///  row 3   x1 ─ x2 ─ x3 ─ (x4 ─ x5 ─ x6) ──────
    /// ```
    pub(super) fn grid(
        &self,
        b: &mut Builder,
        inputs: [Vec<Source>; 3],
        scale: Ratio,
        name: &str,
        add: Option<View>,
    ) -> Result<View, GraphError> {
        let mut row = 0;
        let mut x = inputs.map(|inputs| {
            row += 1;
            first(b, row, inputs, self.grid[row - 1])
        });
        let extents = [Extent::Map(scale), Extent::Map(scale.times(1, 2)?)];
        // Column by column down: what comes from above is added to what the row itself has.
        for column in 1..=3 {
            let own = if column == 1 { x } else { self.rows(b, x, column) };
            x[0] = own[0];
            x[1] = self.down(b, 1, column, x[0], own[1]);
            x[2] = self.down(b, 2, column, x[1], own[2]);
        }
        for column in 4..=6 {
            let own = self.rows(b, x, column);
            x[2] = own[2];
            x[1] = self.up(b, 2, column, x[2], own[1], extents[1]);
            x[0] = self.up(b, 1, column, x[1], own[0], extents[0]);
        }
        let layer = |i: usize| format!("{LAYER}.row_1_out.{i}");
        let y = leading(b, "grid.out", &layer(0), x[0]);
        Ok(pair(b, name, [layer(1), layer(2), layer(3)], y, 3, Window::THREE, add))
    }

    /// What each row makes of itself on the way to a column.
    fn rows(&self, b: &mut Builder, x: [View; 3], column: usize) -> [View; 3] {
        let mut row = 0;
        x.map(|x| {
            row += 1;
            let name = format!("grid.row{row}.{column}");
            let layer = |i: usize| format!("{LAYER}.row_{row}_{}.{i}", column - 1);
            let y = leading(b, &name, &layer(0), x);
            pair(b, &name, [layer(1), layer(2), layer(3)], y, x.channels, Window::THREE, Some(x))
        })
    }

    /// From row `from` to the one below.
    fn down(&self, b: &mut Builder, from: usize, column: usize, x: View, add: View) -> View {
        let name = format!("grid.down{from}.{column}");
        let layer = |i: usize| format!("{LAYER}.col_{from}_{column}.{i}");
        let y = leading(b, &name, &layer(0), x);
        pair(b, &name, [layer(1), layer(2), layer(3)], y, self.grid[from], Window::HALVE, Some(add))
    }

    /// From the row below to row `to`.
    fn up(&self, b: &mut Builder, to: usize, column: usize, x: View, add: View, extent: Extent) -> View {
        let name = format!("grid.up{to}.{column}");
        let layer = |i: usize| format!("{LAYER}.col_{to}_{column}.{i}");
        let large = format!("{name}.large");
        let y = b.resize_aligned(&large, x, extent, Alignment::Corners, 1.0, None);
        let y = leading(b, &name, &layer(1), y);
        pair(b, &name, [layer(2), layer(3), layer(4)], y, self.grid[to - 1], Window::THREE, Some(add))
    }
}

/// Into a row: two convolutions with a PReLU between.
fn first(b: &mut Builder, row: usize, inputs: Vec<Source>, width: usize) -> View {
    let name = format!("grid.row{row}.1");
    let layer = |i: usize| format!("{LAYER}.row_{row}_in.{i}");
    let activation = prelu(b, &layer(1));
    let spec = ConvSpec { activation, ..ConvSpec::new(width, Window::THREE) };
    let y = b.conv(&format!("{name}.half"), &layer(0), inputs, spec);
    b.conv(&name, &layer(2), vec![y.into()], ConvSpec::new(width, Window::THREE))
}

/// The PReLU that most blocks begin with: `{name}.in`.
fn leading(b: &mut Builder, name: &str, layer: &str, x: View) -> View {
    let activation = prelu(b, layer);
    b.activate(&format!("{name}.in"), x, activation)
}

/// A convolution, a PReLU and a convolution, to which something is added.
fn pair(
    b: &mut Builder,
    name: &str,
    [conv, slope, last]: [String; 3],
    x: View,
    width: usize,
    window: Window,
    residual: Option<View>,
) -> View {
    let activation = prelu(b, &slope);
    let spec = ConvSpec { activation, ..ConvSpec::new(width, window) };
    let y = b.conv(&format!("{name}.half"), &conv, vec![x.into()], spec);
    let spec = ConvSpec { residual, ..ConvSpec::new(width, Window::THREE) };
    b.conv(name, &last, vec![y.into()], spec)
}

/// One slope for all channels, at least 0.
fn prelu(b: &mut Builder, layer: &str) -> Activation {
    b.prelu_non_negative(&format!("{layer}.weight"), 1)
}
