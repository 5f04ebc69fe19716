use tch::{TchError, Tensor, no_grad};

/// A running mean of weights, which makes better frames than the weights of any one step.
///
/// average ← average + (1 − d) · (weights − average) with d = min(decay, (1 + n) / (10 + n)) at update n, so that the first,
/// untrained weights are soon forgotten.
#[derive(Debug)]
pub struct Average {
    values: Tensor,
    decay: f64,
}

impl Average {
    /// Begins with the weights as they are; a `decay` of 0 follows them exactly.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn new(weights: &Tensor, decay: f64) -> Result<Self, TchError> {
        Ok(Self { values: weights.f_detach()?.f_mul_scalar(1.0)?, decay })
    }

    /// Goes on from a mean.
    ///
    /// # Errors
    /// What libtorch reports when it has another length.
    pub fn resume(&mut self, values: &[f32]) -> Result<(), TchError> {
        no_grad(|| self.values.f_copy_(&Tensor::f_from_slice(values)?))
    }

    /// Takes in the weights after update `n`, counted from 1.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn update(&mut self, weights: &Tensor, n: u64) -> Result<(), TchError> {
        let decay = self.decay.min((1.0 + n as f64) / (10.0 + n as f64));
        no_grad(|| {
            if self.decay == 0.0 {
                self.values.f_copy_(weights)
            } else {
                self.values.f_lerp_(weights, 1.0 - decay).map(|_| ())
            }
        })
    }

    /// The mean, in the order of the weights.
    pub fn values(&self) -> &Tensor {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(average: &Average) -> f64 {
        average.values().double_value(&[0])
    }

    #[test]
    fn follows_quickly_at_first_and_slowly_later() {
        let weights = Tensor::from_slice(&[0.0_f32]);
        let mut average = Average::new(&weights, 0.999).unwrap();
        let one = Tensor::from_slice(&[1.0_f32]);
        average.update(&one, 1).unwrap();
        assert!((value(&average) - 9.0 / 11.0).abs() < 1e-6, "{}", value(&average));
        let before = value(&average);
        average.update(&Tensor::from_slice(&[2.0_f32]), 1_000_000).unwrap();
        let expected = before + 0.001 * (2.0 - before);
        assert!((value(&average) - expected).abs() < 1e-6, "{}", value(&average));
        assert_eq!(weights.double_value(&[0]), 0.0, "the weights themselves must not change");
    }

    #[test]
    fn without_decay_it_is_the_weights() {
        let mut average = Average::new(&Tensor::from_slice(&[0.5_f32, 0.25]), 0.0).unwrap();
        let weights = Tensor::from_slice(&[3.0_f32, 4.0]);
        average.update(&weights, 1).unwrap();
        assert_eq!(*average.values(), weights);
    }
}
