//! Weight normalization: g(ℓ (v/‖v‖)·x + b), initialized with ℓ = ‖v‖.

use super::{EffectiveWeights, Parameterize, Unit, Weights};
use crate::{Declare, Element, Error, Forward, Role, Slot, op};
use gmp_autograd::Mat;

#[derive(Debug)]
pub(super) struct WeightNorm;

impl<T: Element> Parameterize<T> for WeightNorm {
    fn name(&self) -> &'static str {
        "WN"
    }
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let units = initial.cols();
        let mut lengths = vec![T::ZERO; units];
        for v in initial.data().chunks_exact(units) {
            for (length, &v) in lengths.iter_mut().zip(v) {
                *length = length.hypot(v);
            }
        }
        let v = declare.parameter("v", Role::Weight, initial);
        let length = declare.parameter("length", Role::Radius, Mat::new(&lengths, 1, units));
        let bias = declare.row("bias", Role::Bias, units, T::ZERO)?;
        Ok(Box::new(Normalized { v, length, bias }))
    }
}

#[derive(Debug)]
struct Normalized {
    v: Slot,
    length: Slot,
    bias: Slot,
}

impl<T: Element> Weights<T> for Normalized {
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let (v, length, bias) =
            (pass.parameter(self.v), pass.parameter(self.length), pass.parameter(self.bias));
        Unit { weight: op::weight_norm(pass.tape, v, length), bias, scale: None }
    }
    fn effective(&self, parameters: &[T], _buffers: &[T], into: &mut EffectiveWeights<T>) {
        into.weights.extend_from_slice(self.v.of(parameters));
        into.bias.extend_from_slice(self.bias.of(parameters));
        let units = self.v.cols;
        for (j, &length) in self.length.of(parameters).iter().enumerate() {
            let column = || (j..self.v.rows * units).step_by(units);
            let norm = column().fold(T::ZERO, |norm, i| norm.hypot(into.weights[i]));
            let scale = if norm > T::ZERO { length / norm } else { T::ZERO };
            column().for_each(|i| into.weights[i] *= scale);
        }
    }
}
