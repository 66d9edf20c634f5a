//! Standard parameterization: g(w·x + b).

use super::{EffectiveWeights, Parameterize, Unit, Weights};
use crate::{Declare, Element, Error, Forward, Role, Slot};
use gmp_autograd::Mat;

#[derive(Debug)]
pub(super) struct Standard;

impl<T: Element> Parameterize<T> for Standard {
    fn name(&self) -> &'static str {
        "SP"
    }
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let weights = declare.parameter("weights", Role::Weight, initial);
        let bias = declare.row("bias", Role::Bias, initial.cols(), T::ZERO)?;
        Ok(Box::new(Cartesian { weights, bias }))
    }
}

#[derive(Debug)]
struct Cartesian {
    weights: Slot,
    bias: Slot,
}

impl<T: Element> Weights<T> for Cartesian {
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        Unit { weight: pass.parameter(self.weights), bias: pass.parameter(self.bias), scale: None }
    }
    fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
        into.weights.extend_from_slice(self.weights.of(parameters));
        into.bias.extend_from_slice(self.bias.of(parameters));
    }
}
