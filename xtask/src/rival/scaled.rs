//! Scaled angles: the step of every angle is divided by √(n − 1), so that a step of one length in every angle turns a boundary by
//! no more than that length, whatever the number of inputs n.

use super::hidden;
use gmp_math::Scalar;
use gmp_nn::{Element, Network, ParamStore, Slot};
use gmp_train::{Error, Optimizer, OptimizerState};

/// Scaled steps of all hidden units' angles, by the steps of `optimizer`.
#[must_use]
pub fn stepping<T: Element>(network: &Network<T>, optimizer: Box<dyn Optimizer<T>>) -> Box<dyn Optimizer<T>> {
    Box::new(Scaled { optimizer, slots: hidden(network, "angles"), before: Vec::new() })
}

struct Scaled<T> {
    optimizer: Box<dyn Optimizer<T>>,
    slots: Vec<Slot>,
    before: Vec<T>,
}

impl<T: Scalar> Optimizer<T> for Scaled<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        let values = parameters.values_mut();
        for slot in &self.slots {
            let factor = (slot.rows as f64).sqrt().recip();
            for k in slot.range() {
                let before = self.before[k].to_f64();
                values[k] = T::from_f64(before + factor * (values[k].to_f64() - before));
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

    /// By the theorem a turn is at most the norm of the step, and the first step of Adam has one length in every angle.
    #[test]
    fn the_first_turn_is_at_most_the_learning_rate() {
        for inputs in [2, 5, 40] {
            let turns = turns(method::SCALED, inputs, 0.1, |_| ());
            assert!(turns[0][0] <= 0.1 + 1e-12, "{:?}", turns[0]);
        }
    }
}
