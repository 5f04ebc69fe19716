use ifr_frame::{Frame, FrameError, Plane, Samples};

use super::OverlayMask;

/// Side of the blocks, in luma pixels, whose means surround what is filled.
const BLOCK: usize = 4;
/// Share of a block that must be seen for it to stand for itself.
const SEEN: f32 = 0.25;

impl OverlayMask {
    /// The frame without its overlay: what is under it is filled smoothly from around. Motion found in such frames is the
    /// background's, not a mixture of it with what stands still.
    ///
    /// # Errors
    /// [`FrameError`] as for [`Frame::new`]; never for a frame of the kind that the mask was made for.
    pub fn clean(&self, frame: &Frame) -> Result<Frame, FrameError> {
        let format = frame.format();
        let planes = frame.planes().iter().enumerate().map(|(i, plane)| {
            let (x, y) = format.log2_step(i);
            self.fill(plane, (1 << x, 1 << y), f32::from(format.max_code()))
        });
        Frame::new(format, frame.width(), frame.height(), planes.collect(), frame.color())
    }

    fn fill(&self, plane: &Plane, step: (usize, usize), most: f32) -> Samples {
        match &plane.samples {
            Samples::U8(v) => {
                let mut out = v.clone();
                self.fill_codes(
                    &mut out,
                    plane,
                    step,
                    |c| f32::from(*c),
                    |v| v.round().clamp(0.0, most) as u8,
                );
                Samples::U8(out)
            }
            Samples::U16(v) => {
                let mut out = v.clone();
                self.fill_codes(
                    &mut out,
                    plane,
                    step,
                    |c| f32::from(*c),
                    |v| v.round().clamp(0.0, most) as u16,
                );
                Samples::U16(out)
            }
        }
    }

    fn fill_codes<C>(
        &self,
        codes: &mut [C],
        plane: &Plane,
        step: (usize, usize),
        from: impl Fn(&C) -> f32,
        to: impl Fn(f32) -> C,
    ) {
        let (w, h) = (plane.width, plane.height);
        let side = [(BLOCK / step.0).max(1), (BLOCK / step.1).max(1)];
        let mut layer = Layer::new(w.div_ceil(side[0]), h.div_ceil(side[1]));
        let mut weights = vec![0.0; w];
        // Of a row of blocks all is summed, column by column, and what is not seen taken out again: sums of codes are exact.
        let mut columns = vec![0.0; w];
        for (line, rows) in codes.chunks(w * side[1]).enumerate() {
            let blocks = line * layer.width..(line + 1) * layer.width;
            let (values, seen) = (&mut layer.value[blocks.clone()], &mut layer.weight[blocks]);
            let full = side[0].min(w) * (rows.len() / w);
            seen.fill(full as f32);
            if let (Some(last), partial @ 1..) = (seen.last_mut(), w % side[0]) {
                *last = (partial * (rows.len() / w)) as f32;
            }
            columns.fill(0.0);
            for (i, row) in rows.chunks_exact(w).enumerate() {
                columns.iter_mut().zip(row).for_each(|(sum, code)| *sum += from(code));
                let span = self.filled_row(step, line * side[1] + i, &mut weights);
                for x in span.clone() {
                    // What is only half seen is half overlay.
                    if weights[x] > 0.0 {
                        columns[x] -= from(&row[x]);
                        seen[x / side[0]] -= 1.0;
                    }
                }
                weights[span].fill(0.0);
            }
            let sums = columns.chunks(side[0]).map(|block| block.iter().sum());
            values.iter_mut().zip(sums).for_each(|(value, sum): (_, f32)| *value = sum);
        }
        let full = (side[0] * side[1]) as f32;
        let filled = layer.filled(full);
        for (y, row) in codes.chunks_exact_mut(w).enumerate() {
            for x in self.filled_row(step, y, &mut weights) {
                let weight = weights[x];
                if weight > 0.0 {
                    let old = from(&row[x]);
                    row[x] = to(old + weight * (filled.at(x, y, side) - old));
                }
            }
        }
    }
}

/// Sums of what is seen and how much that is, on one layer of a pyramid; or, once filled, means.
struct Layer {
    width: usize,
    height: usize,
    value: Vec<f32>,
    weight: Vec<f32>,
}

impl Layer {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, value: vec![0.0; width * height], weight: vec![0.0; width * height] }
    }

    fn half(&self) -> Self {
        let mut out = Self::new(self.width.div_ceil(2), self.height.div_ceil(2));
        for y in 0..self.height {
            let (from, to) = (y * self.width, y / 2 * out.width);
            for x in 0..self.width {
                out.value[to + x / 2] += self.value[from + x];
                out.weight[to + x / 2] += self.weight[from + x];
            }
        }
        out
    }

    /// Means, where nothing is seen those of the layer above. `full`: the weight of a block that is seen whole.
    fn filled(mut self, full: f32) -> Self {
        let above = (self.width.max(self.height) > 1).then(|| self.half().filled(4.0 * full));
        for y in 0..self.height {
            for x in 0..self.width {
                let i = y * self.width + x;
                let weight = self.weight[i];
                let seen = (weight / (SEEN * full)).min(1.0);
                let own = if weight > 0.0 { self.value[i] / weight } else { 0.0 };
                let other = match &above {
                    Some(above) if seen < 1.0 => above.at(x, y, [2, 2]),
                    _ => own,
                };
                self.value[i] = own + (1.0 - seen) * (other - own);
            }
        }
        self
    }

    /// The mean at pixel (x, y) of a picture of which each block is `side` pixels.
    fn at(&self, x: usize, y: usize, side: [usize; 2]) -> f32 {
        let place = |i: usize, side: usize, count: usize| {
            let at = ((i as f32 + 0.5) / side as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(count - 1), at - low as f32)
        };
        let ((l, r, fx), (t, b, fy)) = (place(x, side[0], self.width), place(y, side[1], self.height));
        let line = |y: usize| {
            let (a, b) = (self.value[y * self.width + l], self.value[y * self.width + r]);
            a + fx * (b - a)
        };
        let (top, bottom) = (line(t), line(b));
        top + fy * (bottom - top)
    }
}
