use super::{Optimizer, OptimizerState};
use crate::Error;
use gmp_math::Scalar;
use gmp_nn::Named;

/// Stochastic gradient descent with momentum, as Keras has it: `v ← μ v − lr g`, `p ← p + v`.
///
/// Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013, Eq. 1.
#[derive(Debug, Clone)]
pub struct Sgd<T> {
    momentum: f64,
    velocity: Vec<T>,
}

impl<T: Scalar> Sgd<T> {
    /// Descent with the given momentum, 0 for none.
    ///
    /// # Panics
    /// If the momentum is outside [0, 1).
    pub fn new(momentum: f64) -> Self {
        assert!((0.0..1.0).contains(&momentum), "momentum must be in [0, 1), got {momentum}");
        Self { momentum, velocity: Vec::new() }
    }
}

impl<T: Scalar> Optimizer<T> for Sgd<T> {
    fn step(&mut self, parameters: &mut Named<T>, gradients: &[T], learning_rate: f64) {
        let parameters = parameters.values_mut();
        assert_eq!(parameters.len(), gradients.len(), "Sgd: as many gradients as parameters");
        if self.velocity.is_empty() {
            self.velocity = vec![T::ZERO; parameters.len()];
        }
        assert_eq!(parameters.len(), self.velocity.len(), "Sgd: the parameters of the step before");
        let (momentum, rate) = (T::from_f64(self.momentum), T::from_f64(learning_rate));
        for ((p, &g), v) in parameters.iter_mut().zip(gradients).zip(&mut self.velocity) {
            *v = momentum * *v - rate * g;
            *p += *v;
        }
    }

    fn state(&self) -> OptimizerState<T> {
        OptimizerState::new("sgd", 0, &[("momentum", self.momentum)], &[("velocity", &self.velocity)])
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        let ([momentum], [velocity]) = state.expect("sgd", ["momentum"], ["velocity"])?;
        if !(0.0..1.0).contains(&momentum) {
            let problem = format!("momentum must be in [0, 1), got {momentum}");
            return Err(Error::OptimizerState { optimizer: "sgd", problem });
        }
        *self = Self { momentum, velocity };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::Role;

    #[test]
    fn two_steps_by_hand() {
        let mut parameters = Named::default();
        parameters.push("p".to_owned(), Role::Weight, &[1.0], 1, 1);
        let mut sgd = Sgd::new(0.5);
        sgd.step(&mut parameters, &[2.0], 0.1); // v = -0.2
        assert_eq!(parameters.values(), [0.8]);
        sgd.step(&mut parameters, &[4.0], 0.1); // v = -0.1 - 0.4
        assert!((parameters.values()[0] - 0.3_f64).abs() < 1e-15);
    }
}
