//! Optimizers: one flat loop each over the parameters of a network.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use gmp_math::Scalar;
use gmp_nn::Named;

/// Changes parameters along their gradients.
pub trait Optimizer<T: Scalar> {
    /// One step at `learning_rate`. State is allocated at the first step and reused from then on.
    ///
    /// # Panics
    /// If the gradients are not those of the parameters, or the parameters are not those of the step before.
    fn step(&mut self, parameters: &mut Named<T>, gradients: &[T], learning_rate: f64);
}
