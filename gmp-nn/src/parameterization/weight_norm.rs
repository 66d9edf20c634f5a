//! Weight normalization: g(ℓ (v/‖v‖)·x + b), started with ℓ = ‖v‖.

use super::Initial;
use crate::fold::EffectiveWeights;
use crate::op::{self, Activation};
use crate::{Boundaries, Element, Error, Forward, Layer, Linear, Role, Slot};
use gmp_autograd::Var;

#[derive(Debug)]
struct WeightNorm {
    v: Slot,
    length: Slot,
    bias: Slot,
    linear: Linear,
    activation: Activation,
}

pub(super) fn build<T: Element>(mut init: Initial<'_, T>) -> Result<Box<dyn Layer<T>>, Error> {
    let mut lengths = vec![T::ZERO; init.units];
    for v in init.weights.chunks_exact(init.units) {
        for (length, &v) in lengths.iter_mut().zip(v) {
            *length = length.hypot(v);
        }
    }
    let v = init.parameter("v", Role::Weight, init.weights, init.weight_rows);
    let length = init.parameter("length", Role::Radius, &lengths, 1);
    let bias = init.row("bias", Role::Bias, T::ZERO);
    Ok(Box::new(WeightNorm { v, length, bias, linear: init.linear, activation: init.activation }))
}

impl<T: Element> Layer<T> for WeightNorm {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (v, length, b) = (pass.parameter(self.v), pass.parameter(self.length), pass.parameter(self.bias));
        let w = op::weight_norm(pass.tape, v, length);
        self.linear.affine(pass.tape, x, w, b, self.activation)
    }
    fn boundaries(&self, parameters: &[T], _buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        boundaries.assign(&parameters[self.v.range()], &parameters[self.bias.range()]);
        let units = self.v.cols;
        for (j, &length) in parameters[self.length.range()].iter().enumerate() {
            let column = || (j..self.v.rows * units).step_by(units);
            let norm = column().fold(T::ZERO, |norm, i| norm.hypot(boundaries.normals[i]));
            let scale = if norm > T::ZERO { length / norm } else { T::ZERO };
            column().for_each(|i| boundaries.normals[i] *= scale);
        }
        true
    }

    fn plain(&self, parameters: &[T], buffers: &[T]) -> Option<EffectiveWeights<T>> {
        let mut boundaries = Boundaries::default();
        self.boundaries(parameters, buffers, &mut boundaries);
        Some(EffectiveWeights::new(self.linear, boundaries, self.activation))
    }
}
