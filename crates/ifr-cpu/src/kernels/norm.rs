//! Layer normalisation over channels, some pixels at a time.

use super::versions;
use super::warp::CHUNK;

/// Sums over the channels of some pixels, then their mean and the factor that makes the variance one.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    channels: f32,
    mean: [f32; CHUNK],
    /// The sum of squares about the mean; in the end, one over the deviation.
    second: [f32; CHUNK],
}

impl Moments {
    pub(crate) fn new(channels: usize) -> Self {
        Self { channels: channels as f32, mean: [0.0; CHUNK], second: [0.0; CHUNK] }
    }

    /// The sums of [`first`] become means.
    pub(crate) fn centre(&mut self) {
        self.mean.iter_mut().for_each(|sum| *sum /= self.channels);
    }

    /// The sums of [`second`] become factors.
    pub(crate) fn scale(&mut self, epsilon: f32) {
        self.second.iter_mut().for_each(|sum| *sum = 1.0 / (*sum / self.channels + epsilon).sqrt());
    }
}

versions! {
    /// Adds a channel's values to the sums.
    fn first = first_body(moments: &mut Moments, row: &[f32])
}
versions! {
    /// Adds the squares of a channel's distances from the means.
    fn second = second_body(moments: &mut Moments, row: &[f32])
}
versions! {
    /// `out = (row − mean) · factor · weight + bias`.
    fn normal = normal_body(moments: &Moments, row: &[f32], weight: f32, bias: f32, out: &mut [f32])
}

#[inline(always)]
fn first_body(moments: &mut Moments, row: &[f32]) {
    for (sum, x) in moments.mean.iter_mut().zip(row) {
        *sum += x;
    }
}

#[inline(always)]
fn second_body(moments: &mut Moments, row: &[f32]) {
    for ((sum, mean), x) in moments.second.iter_mut().zip(&moments.mean).zip(row) {
        *sum += (x - mean) * (x - mean);
    }
}

#[inline(always)]
fn normal_body(moments: &Moments, row: &[f32], weight: f32, bias: f32, out: &mut [f32]) {
    for (((out, mean), factor), x) in out.iter_mut().zip(&moments.mean).zip(&moments.second).zip(row) {
        *out = (x - mean) * factor * weight + bias;
    }
}
