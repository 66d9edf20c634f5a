//! Geodesic steps: a direction moves along the great circle of its tangent step, and turns by the step's length exactly.
//!
//! Adam on the sphere: the first moment of a unit is a tangent vector, carried along by parallel transport; the
//! second is one number per unit, the mean square of the gradient's norm, so that no coordinate is distinguished. All
//! other parameters take the steps of the optimizer inside.
//!
//! Source: G. Bécigneul and O.-E. Ganea, "Riemannian Adaptive Optimization Methods", ICLR 2019, with the second moment of each
//! factor of the product of spheres.

use super::{gather, hidden, scatter};
use gmp_math::Scalar;
use gmp_math::tangent::{geodesic_step, project, transport};
use gmp_nn::{Element, Network, ParamStore, Slot};
use gmp_train::{Error, Optimizer, OptimizerState};

const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-7;

/// Adam on the spheres of all hidden units' directions, with `optimizer` for all other parameters.
#[must_use]
pub fn stepping<T: Element>(network: &Network<T>, optimizer: Box<dyn Optimizer<T>>) -> Box<dyn Optimizer<T>> {
    let slots = hidden(network, "direction");
    let units = slots.iter().map(|slot| slot.cols).sum();
    let numbers = slots.iter().map(|slot| slot.rows * slot.cols).sum();
    Box::new(Geodesic {
        optimizer,
        slots,
        rest: Vec::new(),
        first: vec![0.0; numbers],
        second: vec![0.0; units],
        steps: 0,
        scratch: Default::default(),
    })
}

/// Its own moments are no part of its state: runs of it are not continued.
struct Geodesic<T> {
    optimizer: Box<dyn Optimizer<T>>,
    slots: Vec<Slot>,
    /// The gradients of all but the directions.
    rest: Vec<T>,
    /// One tangent vector for each unit, one after the other.
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
    scratch: [Vec<f64>; 3],
}

impl<T: Scalar> Optimizer<T> for Geodesic<T> {
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.rest.clear();
        self.rest.extend_from_slice(gradients);
        // A parameter without a gradient stays where it is.
        self.slots.iter().for_each(|slot| self.rest[slot.range()].fill(T::ZERO));
        self.optimizer.step(parameters, &self.rest, learning_rate);
        self.steps = self.steps.saturating_add(1);
        let corrections = BETAS.map(|beta| 1.0 - beta.powi(self.steps));
        let rate = learning_rate * corrections[1].sqrt() / corrections[0];
        let [direction, gradient, step] = &mut self.scratch;
        let values = parameters.values_mut();
        let (mut first, mut second) = (&mut self.first[..], self.second.iter_mut());
        for &slot in &self.slots {
            for unit in 0..slot.cols {
                let (moment, rest) = std::mem::take(&mut first).split_at_mut(slot.rows);
                first = rest;
                gather(slot, unit, values, direction);
                gather(slot, unit, gradients, gradient);
                project(direction, gradient);
                let square = gradient.iter().map(|g| g * g).sum::<f64>();
                let Some(second) = second.next() else { return };
                *second = BETAS[1] * *second + (1.0 - BETAS[1]) * square;
                for (m, g) in moment.iter_mut().zip(&*gradient) {
                    *m = BETAS[0] * *m + (1.0 - BETAS[0]) * g;
                }
                let scale = -rate / (second.sqrt() + EPSILON);
                step.clear();
                step.extend(moment.iter().map(|m| scale * m));
                transport(direction, step, moment);
                geodesic_step(direction, step);
                // What rounding leaves of the old tangent space.
                project(direction, moment);
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
    use super::*;
    use crate::method;
    use crate::setting::Optimizing;
    use gmp_math::boundary::angle_between;

    /// The first step of Adam is as long as the learning rate: so is the first turn, whatever the number of inputs.
    #[test]
    fn the_first_turn_is_the_learning_rate_and_no_turn_is_much_longer() {
        for inputs in [2, 3, 20] {
            let turns = turns(method::GEODESIC, inputs, 0.07, |_| ());
            assert!((turns[0][0] - 0.07).abs() < 1e-4, "{:?}", turns[0]);
            assert!(turns.iter().all(|turn| turn[0] < 1.5 * 0.07), "{turns:?}");
        }
    }

    /// A gradient that always points to a pole leads there, and every step is as long as the rule says.
    #[test]
    fn a_constant_pull_leads_to_its_direction() {
        let mut network: Network<f64> = method::GEODESIC.mlp(3, &[1], 1).build(9).unwrap();
        let mut optimizer = stepping(&network, Optimizing::Adam.optimizer());
        let slot = hidden(&network, "direction")[0];
        let mut gradients = vec![0.0; network.parameters.values().len()];
        scatter(slot, 0, &[0.0, -1.0, 0.0], &mut gradients);
        let others: Vec<f64> = network.parameters.values()[slot.range().end..].to_vec();
        for _ in 0..400 {
            optimizer.step(&mut network.parameters, &gradients, 0.02);
        }
        let u = network.parameters.get("hidden1.direction").unwrap();
        assert!(angle_between(u, &[0.0, 1.0, 0.0]) < 0.2, "{u:?}");
        assert_eq!(network.parameters.values()[slot.range().end..], others);
    }
}
