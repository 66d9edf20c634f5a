//! Batch normalization: g(γ (w·x + b − μ)/√(σ²+ϵ) + β).

use super::Initial;
use crate::fold::EffectiveWeights;
use crate::layer::{Statistics, track};
use crate::op::{self, Activation};
use crate::{Boundaries, Element, Error, Forward, Layer, Linear, Role, Slot};
use gmp_autograd::{Var, op as basic};

/// Keras' default, which the paper's experiments use.
const EPSILON: f64 = 1e-3;

#[derive(Debug)]
struct BatchNorm {
    weights: Slot,
    bias: Slot,
    gain: Slot,
    shift: Slot,
    mean: Slot,
    variance: Slot,
    linear: Linear,
    activation: Activation,
}

pub(super) fn build<T: Element>(mut init: Initial<'_, T>) -> Result<Box<dyn Layer<T>>, Error> {
    let (zeros, ones) = (vec![T::ZERO; init.units], vec![T::ONE; init.units]);
    Ok(Box::new(BatchNorm {
        weights: init.parameter("weights", Role::Weight, init.weights, init.weight_rows),
        bias: init.row("bias", Role::Bias, T::ZERO),
        gain: init.row("gain", Role::Gain, T::ONE),
        shift: init.row("shift", Role::Shift, T::ZERO),
        mean: init.buffer("running_mean", &zeros),
        variance: init.buffer("running_variance", &ones),
        linear: init.linear,
        activation: init.activation,
    }))
}

impl<T: Element> Layer<T> for BatchNorm {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (w, b) = (pass.parameter(self.weights), pass.parameter(self.bias));
        let (gain, shift) = (pass.parameter(self.gain), pass.parameter(self.shift));
        let z = self.linear.affine(pass.tape, x, w, b, Activation::Identity);
        match &mut pass.statistics {
            Statistics::Batch(running) => {
                let (slots, epsilon) = ([self.mean, self.variance], T::from_f64(EPSILON));
                op::batch_norm(pass.tape, [z, gain, shift], epsilon, self.activation, |mean, variance| {
                    track(&mut running[slots[0].range()], mean);
                    track(&mut running[slots[1].range()], variance);
                })
            }
            Statistics::Running(running) => {
                let minus_mean = running[self.mean.range()].iter().map(|&mean| -mean);
                let inverse = running[self.variance.range()]
                    .iter()
                    .map(|&v| T::ONE / (v + T::from_f64(EPSILON)).sqrt());
                let (minus_mean, inverse): (Vec<T>, Vec<T>) = minus_mean.zip(inverse).unzip();
                let minus_mean = pass.tape.input(&minus_mean, 1, self.mean.cols);
                let inverse = pass.tape.input(&inverse, 1, self.mean.cols);
                let mut y = basic::add_row(pass.tape, z, minus_mean);
                y = basic::mul_row(pass.tape, y, inverse);
                y = basic::mul_row(pass.tape, y, gain);
                y = basic::add_row(pass.tape, y, shift);
                op::activation(pass.tape, y, self.activation)
            }
        }
    }

    fn boundaries(&self, parameters: &[T], buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        boundaries.assign(&parameters[self.weights.range()], &parameters[self.bias.range()]);
        let (gain, shift) = (&parameters[self.gain.range()], &parameters[self.shift.range()]);
        let (mean, variance) = (&buffers[self.mean.range()], &buffers[self.variance.range()]);
        for (j, offset) in boundaries.offsets.iter_mut().enumerate() {
            *offset += shift[j] * (variance[j] + T::from_f64(EPSILON)).sqrt() / gain[j] - mean[j];
        }
        true
    }

    fn plain(&self, parameters: &[T], buffers: &[T]) -> Option<EffectiveWeights<T>> {
        let mut affine = Boundaries::default();
        affine.assign(&parameters[self.weights.range()], &parameters[self.bias.range()]);
        let mut plain = EffectiveWeights::new(self.linear, affine, self.activation);
        let (gain, shift) = (&parameters[self.gain.range()], &parameters[self.shift.range()]);
        let (mean, variance) = (&buffers[self.mean.range()], &buffers[self.variance.range()]);
        for unit in 0..gain.len() {
            plain.bias[unit] -= mean[unit];
            plain.scale(unit, gain[unit] / (variance[unit] + T::from_f64(EPSILON)).sqrt());
            plain.bias[unit] += shift[unit];
        }
        Some(plain)
    }
}
