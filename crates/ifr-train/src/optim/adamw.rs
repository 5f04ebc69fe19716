use tch::{TchError, Tensor, no_grad};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019) as PyTorch computes it: betas 0.9 and 0.999, epsilon 1e-8.
///
/// All parameters are one flat tensor, so a step is a dozen operations whatever the network.
#[derive(Debug)]
pub struct AdamW {
    moment1: Tensor,
    moment2: Tensor,
    updates: u64,
    weight_decay: f64,
}

impl AdamW {
    /// For parameters of that shape and device, nothing learnt yet.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn new(parameters: &Tensor, weight_decay: f64) -> Result<Self, TchError> {
        let zeros = || parameters.detach().f_zeros_like();
        Ok(Self { moment1: zeros()?, moment2: zeros()?, updates: 0, weight_decay })
    }

    /// Goes on after `updates` steps, with the moments they left.
    ///
    /// # Errors
    /// What libtorch reports when a moment has another length.
    pub fn resume(&mut self, moment1: &[f32], moment2: &[f32], updates: u64) -> Result<(), TchError> {
        no_grad(|| {
            self.moment1.f_copy_(&Tensor::f_from_slice(moment1)?)?;
            self.moment2.f_copy_(&Tensor::f_from_slice(moment2)?)
        })?;
        self.updates = updates;
        Ok(())
    }

    /// The running mean of gradients and of their squares.
    pub fn moments(&self) -> [&Tensor; 2] {
        [&self.moment1, &self.moment2]
    }

    /// Steps taken.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Moves `parameters` (a leaf; changed in place) against `gradient`, which is of the same shape.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn step(
        &mut self,
        parameters: &Tensor,
        gradient: &Tensor,
        learning_rate: f64,
    ) -> Result<(), TchError> {
        self.updates += 1;
        let power = i32::try_from(self.updates).unwrap_or(i32::MAX);
        let (bias1, bias2) = (1.0 - BETA1.powi(power), 1.0 - BETA2.powi(power));
        no_grad(|| {
            let mut parameters = parameters.shallow_clone();
            if self.weight_decay != 0.0 {
                let _ = parameters.f_mul_scalar_(1.0 - learning_rate * self.weight_decay)?;
            }
            let _ = self.moment1.f_lerp_(gradient, 1.0 - BETA1)?;
            let _ = self.moment2.f_mul_scalar_(BETA2)?;
            let squares = gradient.f_square()?.f_mul_scalar_(1.0 - BETA2)?;
            let _ = self.moment2.f_add_(&squares)?;
            let mut scale = self.moment2.f_sqrt()?.f_div_scalar_(bias2.sqrt())?.f_add_scalar_(EPSILON)?;
            let update =
                scale.f_reciprocal_()?.f_mul_(&self.moment1)?.f_mul_scalar_(learning_rate / bias1)?;
            parameters.f_sub_(&update).map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.detach().to_device(Device::Cpu)).unwrap()
    }

    /// The published algorithm in f64, one parameter at a time.
    fn by_hand(start: f64, gradients: &[f64], rate: f64, decay: f64) -> f64 {
        let (mut p, mut m, mut v) = (start, 0.0, 0.0);
        for (i, g) in gradients.iter().enumerate() {
            let n = i as i32 + 1;
            p -= rate * decay * p;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (mean, square): (f64, f64) = (m / (1.0 - 0.9_f64.powi(n)), v / (1.0 - 0.999_f64.powi(n)));
            p -= rate * mean / (square.sqrt() + 1e-8);
        }
        p
    }

    #[test]
    fn steps_are_those_of_the_algorithm() {
        let gradients = [[0.5, -2.0, 1e-6], [0.1, 3.0, -1e-6], [-0.7, 0.0, 2e-6]];
        for decay in [0.0, 0.1] {
            let parameters = Tensor::from_slice(&[1.0_f32, -0.5, 0.25]);
            let mut adam = AdamW::new(&parameters, decay).unwrap();
            for gradient in &gradients {
                let gradient = Tensor::from_slice(gradient).to_kind(Kind::Float);
                adam.step(&parameters, &gradient, 0.01).unwrap();
            }
            for (i, (found, start)) in values(&parameters).iter().zip([1.0, -0.5, 0.25]).enumerate() {
                let column: Vec<f64> = gradients.iter().map(|g| g[i]).collect();
                let expected = by_hand(start, &column, 0.01, decay);
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{i}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate_against_the_sign() {
        let parameters = Tensor::from_slice(&[1.0_f32, 1.0]);
        let mut adam = AdamW::new(&parameters, 0.0).unwrap();
        adam.step(&parameters, &Tensor::from_slice(&[3.0_f32, -0.2]), 0.125).unwrap();
        assert_eq!(values(&parameters), [0.875, 1.125]);
    }

    #[test]
    fn resumes_where_it_was() {
        let gradient = |i: f32| Tensor::from_slice(&[0.3 * i, -0.9]);
        let (straight, broken) = (Tensor::from_slice(&[1.0_f32, 2.0]), Tensor::from_slice(&[1.0_f32, 2.0]));
        let mut first = AdamW::new(&straight, 0.01).unwrap();
        let mut second = AdamW::new(&broken, 0.01).unwrap();
        for i in 0..4 {
            first.step(&straight, &gradient(i as f32), 0.1).unwrap();
            second.step(&broken, &gradient(i as f32), 0.1).unwrap();
            let [m, v] = second.moments().map(values);
            let updates = second.updates();
            second = AdamW::new(&broken, 0.01).unwrap();
            second.resume(&m, &v, updates).unwrap();
        }
        assert_eq!(values(&straight), values(&broken));
        assert!(second.resume(&[0.0; 3], &[0.0; 3], 1).is_err());
    }
}
