//! Standard parameterization: g(w·x + b).

use super::Initial;
use crate::fold::EffectiveWeights;
use crate::op::Activation;
use crate::{Boundaries, Element, Error, Forward, Layer, Linear, Role, Slot};
use gmp_autograd::Var;

#[derive(Debug)]
struct Standard {
    weights: Slot,
    bias: Slot,
    linear: Linear,
    activation: Activation,
}

pub(super) fn build<T: Element>(mut init: Initial<'_, T>) -> Result<Box<dyn Layer<T>>, Error> {
    let weights = init.parameter("weights", Role::Weight, init.weights, init.weight_rows);
    let bias = init.row("bias", Role::Bias, T::ZERO);
    Ok(Box::new(Standard { weights, bias, linear: init.linear, activation: init.activation }))
}

impl<T: Element> Layer<T> for Standard {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (w, b) = (pass.parameter(self.weights), pass.parameter(self.bias));
        self.linear.affine(pass.tape, x, w, b, self.activation)
    }
    fn boundaries(&self, parameters: &[T], _buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        boundaries.assign(&parameters[self.weights.range()], &parameters[self.bias.range()]);
        true
    }

    fn plain(&self, parameters: &[T], buffers: &[T]) -> Option<EffectiveWeights<T>> {
        let mut boundaries = Boundaries::default();
        self.boundaries(parameters, buffers, &mut boundaries);
        Some(EffectiveWeights::new(self.linear, boundaries, self.activation))
    }
}
