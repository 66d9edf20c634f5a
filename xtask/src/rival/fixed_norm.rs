//! Fixed norms: the weights of a unit keep their initial norm, and every step turns them by the same angle.
//!
//! The direction of a step is that of the optimizer inside, projected to the tangent space; its length is the
//! learning rate times ‖w‖. So the turn is exactly arctan of the learning rate, whatever the gradient. Biases take
//! the steps of the optimizer inside.
//!
//! It is the rule that is known as Hyperball, for each unit instead of each matrix.

use super::{gather, hidden, scatter};
use gmp_math::Scalar;
use gmp_math::tangent::{normalize, project, projected_step};
use gmp_nn::{Element, Network, ParamStore, Slot};
use gmp_train::{Error, Optimizer, OptimizerState};

/// Fixed norms of all hidden units' weights, around `optimizer`.
#[must_use]
pub fn stepping<T: Element>(network: &Network<T>, optimizer: Box<dyn Optimizer<T>>) -> Box<dyn Optimizer<T>> {
    let slots = hidden(network, "weights");
    Box::new(FixedNorm { optimizer, slots, before: Vec::new(), scratch: Default::default() })
}

struct FixedNorm<T> {
    optimizer: Box<dyn Optimizer<T>>,
    slots: Vec<Slot>,
    before: Vec<T>,
    scratch: [Vec<f64>; 2],
}

impl<T: Scalar> Optimizer<T> for FixedNorm<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        let values = parameters.values_mut();
        let [direction, step] = &mut self.scratch;
        for &slot in &self.slots {
            for unit in 0..slot.cols {
                gather(slot, unit, &self.before, direction);
                gather(slot, unit, values, step);
                step.iter_mut().zip(&*direction).for_each(|(after, before)| *after -= before);
                let norm = direction.iter().map(|w| w * w).sum::<f64>().sqrt();
                normalize(direction);
                project(direction, step);
                // A step of nothing but rounding, as with one input, has no direction.
                let length = step.iter().map(|x| x * x).sum::<f64>().sqrt();
                if length > 1e-14 * norm {
                    step.iter_mut().for_each(|x| *x *= learning_rate / length);
                    projected_step(direction, step);
                }
                direction.iter_mut().for_each(|u| *u *= norm);
                scatter(slot, unit, direction, values);
            }
        }
    }
    fn state(&self) -> OptimizerState<T> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::turns;
    use crate::method;

    #[test]
    fn every_turn_is_the_arc_tangent_of_the_rate() {
        for inputs in [2, 7] {
            let turns = turns(method::FIXED_NORM, inputs, 0.2, |_| ());
            let expected = 0.2_f64.atan();
            // Units without a gradient go on by their moments, so all of them turn.
            assert!(
                turns.iter().all(|turn| turn.iter().all(|turn| (turn - expected).abs() < 1e-9)),
                "{turns:?}"
            );
        }
    }
}
