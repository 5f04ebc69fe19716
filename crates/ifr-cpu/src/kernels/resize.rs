//! Bilinear resizing.

use ifr_net::Alignment;

use super::versions;

/// For each output position of an axis, the two input positions it lies between and the weight of the second.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: Vec<u32>,
    pub(crate) high: Vec<u32>,
    pub(crate) weight: Vec<f32>,
    /// One past the largest position in `low` and `high`.
    pub(crate) input: usize,
}

impl Axis {
    pub(crate) fn new(input: usize, output: usize, alignment: Alignment) -> Self {
        let at = |i: usize| match alignment {
            Alignment::HalfPixel => {
                let scale = input as f32 / output as f32;
                (scale * (i as f32 + 0.5) - 0.5).max(0.0)
            }
            Alignment::Corners if output > 1 => {
                let scale = (input - 1) as f32 / (output - 1) as f32;
                scale * i as f32
            }
            Alignment::Corners => 0.0,
        };
        let last = input - 1;
        let low = |i| (at(i) as usize).min(last);
        Self {
            low: (0..output).map(|i| low(i) as u32).collect(),
            high: (0..output).map(|i| (low(i) + 1).min(last) as u32).collect(),
            weight: (0..output).map(|i| (at(i) - low(i) as f32).clamp(0.0, 1.0)).collect(),
            input,
        }
    }
}

versions! {
    /// `out = gain · (the row between `top` and `bottom`, `weight` of the way, resized along `axis`)`.
    ///
    /// # Panics
    /// When a row is shorter than the axis says.
    fn resize_row = resize_row_body(
        top: &[f32], bottom: &[f32], weight: f32, axis: &Axis, gain: f32, out: &mut [f32],
    )
}

#[inline(always)]
fn resize_row_body(top: &[f32], bottom: &[f32], weight: f32, axis: &Axis, gain: f32, out: &mut [f32]) {
    assert!(top.len() >= axis.input && bottom.len() >= axis.input, "rows as long as the axis");
    let (upper, lower) = (1.0 - weight, weight);
    for (((o, &low), &high), &right) in out.iter_mut().zip(&axis.low).zip(&axis.high).zip(&axis.weight) {
        let (low, high, left) = (low as usize, high as usize, 1.0 - right);
        // SAFETY: an axis points below `input`, and rows are at least that long.
        let at = |row: &[f32], i: usize| unsafe { *row.get_unchecked(i) };
        let a = left * at(top, low) + right * at(top, high);
        let b = left * at(bottom, low) + right * at(bottom, high);
        *o = gain * (upper * a + lower * b);
    }
}
